//! A reader and a writer that can be looked at: `lockscope attach -- target/debug/examples/live_demo`.
//!
//! Started by itself, it serves on the address that is its argument.

use std::error::Error;

use lockscope::event::{Actor, Event, LockId, LockKind, LockName, Mode, OpId, Packed, TaskId, Time, What};
use lockscope::live::{report_from_env, serve};
use lockscope::sync::{Batch, Outlet};

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7007".into());
    let (mut feed, serving) = match report_from_env()? {
        Some(reporting) => reporting,
        None => serve(addr)?,
    };
    // Whoever wants to see it all comes first.
    while serving.viewers() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    println!("the demo begins");
    let tasks = ["reader".into(), "writer".into()];
    let locks = [LockName { name: "db".into(), kind: LockKind::TokioMutex, permits: None }];
    feed.take(&Batch { tasks: &tasks, locks: &locks, ..Batch::default() });
    let (lock, mode) = (LockId(0), Mode::Exclusive);
    for round in 0..3 {
        let (mine, theirs) = (OpId(2 * round), OpId(2 * round + 1));
        let story = [
            (0, What::Acquire { lock, op: mine, mode }),
            (1, What::Wait { lock, op: theirs, mode }),
            (0, What::Release { lock, op: mine }),
            (1, What::Grant { lock, op: theirs, mode }),
            (1, What::Acquire { lock, op: theirs, mode }),
            (1, What::Release { lock, op: theirs }),
        ];
        let events = (0..).zip(story).filter_map(|(step, (task, what))| {
            let at = Time::from_millis(100 * (6 * round + step));
            Packed::of(&Event { seq: 0, at, actor: Actor { task: TaskId(task), step: None }, what })
        });
        feed.take(&Batch { events: &events.collect::<Vec<_>>(), ..Batch::default() });
    }
    feed.finish(Time::from_millis(1800));
    Ok(())
}
