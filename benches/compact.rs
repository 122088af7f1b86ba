//! What the compact form costs: ten million events of a program whose tasks hand a lock from one to the next,
//! encoded and decoded, beside a copy of the same events in memory and beside JSON lines.
//!
//! `cargo bench --bench compact`. A figure is the median of several rounds, a ratio the median of the ratios of
//! two measurements that follow one another; the A/A row is the decoder beside itself, and says how much of a
//! difference is noise.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Instant;

use lockscope::compact::{Decoder, Encoder, Head, Item};
use lockscope::event::{LockKind, Names, Packed};
use lockscope::sync::{Batch, Mutex, Outlet, Recorder};
use lockscope::trace::json_line;

const EVENTS: usize = 10_000_000;
const ROUNDS: usize = 7;

/// JSON is slow: a part of the events is enough.
const FEWER: usize = 200_000;

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Kept(Arc<StdMutex<(Names, Vec<Packed>)>>);

impl Outlet for Kept {
    fn take(&mut self, batch: &Batch<'_>) {
        let (names, events) = &mut *self.0.lock().unwrap();
        names.tasks.extend_from_slice(batch.tasks);
        names.locks.extend_from_slice(batch.locks);
        events.extend_from_slice(batch.events);
    }
}

/// What a program does whose tasks take a lock in turn.
fn handoffs(tasks: usize) -> (Names, Vec<Packed>) {
    let (kept, recorder) = (Kept::default(), Recorder::with_memory(1 << 30));
    recorder.attach(kept.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let lock = recorder.add_lock("db", LockKind::TokioMutex);
    let db = Arc::new(Mutex::recorded(&recorder, lock, 0_u64));
    runtime.block_on(async {
        // A handoff is four events.
        let rounds = EVENTS / 4 / tasks + 1;
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let db = Arc::clone(&db);
                tokio::spawn(async move {
                    for _ in 0..rounds {
                        let mut guard = db.lock().await;
                        tokio::task::yield_now().await;
                        *guard += 1;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    recorder.finish();
    let (names, mut events) = std::mem::take(&mut *kept.0.lock().unwrap());
    events.truncate(EVENTS);
    (names, events)
}

fn encode(names: &Names, events: &[Packed]) -> Vec<u8> {
    let mut encoder = Encoder::new(&Head::default());
    names.tasks.iter().for_each(|task| encoder.task(task));
    names.locks.iter().for_each(|lock| encoder.lock(lock));
    let mut bytes = Vec::with_capacity(events.len() * 4);
    for event in events {
        encoder.push(*event);
        if encoder.len() > 64 << 10 {
            bytes.extend(encoder.take());
        }
    }
    bytes.extend(encoder.take());
    bytes
}

/// As a file is read: so much at a time.
fn decode(bytes: &[u8], mut each: impl FnMut(&[Packed])) {
    let mut decoder = Decoder::new();
    for part in bytes.chunks(256 << 10) {
        decoder.feed(part);
        while let Some(item) = decoder.next_item().unwrap() {
            if let Item::Events { events, .. } = item {
                each(events);
            }
        }
    }
}

/// Nanoseconds for each of `count` events.
fn time(count: usize, work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_nanos() as f64 / count as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Both, in turn; the medians, and that of the ratios of `ours` to `rival`.
fn compare(name: &str, (rival_name, mut rival): (&str, impl FnMut() -> f64), mut ours: impl FnMut() -> f64) {
    let pairs: Vec<_> = (0..ROUNDS).map(|_| (rival(), ours())).collect();
    let mut ratios: Vec<f64> = pairs.iter().map(|(rival, ours)| ours / rival).collect();
    ratios.sort_by(f64::total_cmp);
    let (rivals, ours): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    println!(
        "{name:<28} {:>7.2} ns an event   {rival_name:<22} {:>8.2} ns   ratio {:>6.3} ({:.3} to {:.3})",
        median(ours),
        median(rivals),
        ratios[ROUNDS / 2],
        ratios[ROUNDS / 4],
        ratios[ROUNDS * 3 / 4]
    );
}

fn main() {
    for tasks in [2, 8, 1000] {
        let (names, events) = handoffs(tasks);
        let bytes = encode(&names, &events);
        let mut place = 0;
        decode(&bytes, |block| {
            assert_eq!(block, &events[place..][..block.len()]);
            place += block.len();
        });
        assert_eq!(place, events.len());
        println!(
            "{tasks} tasks, {place} events: {:.2} bytes an event, {:.1} times fewer than in memory",
            bytes.len() as f64 / place as f64,
            size_of_val(&*events) as f64 / bytes.len() as f64
        );
        let mut room = vec![Packed::from_words([0; 3]); events.len()];
        let mut copies = || {
            time(place, || {
                room.copy_from_slice(&events);
                black_box(&room);
            })
        };
        let decodes = || time(place, || decode(&bytes, |block| _ = black_box(block)));
        let encodes = || time(place, || _ = black_box(encode(&names, &events)));
        let lines: Vec<String> = events[..FEWER]
            .iter()
            .filter_map(|packed| packed.event(1))
            .map(|event| json_line(&names, &event))
            .collect();
        let writes_json = || {
            time(FEWER, || {
                for event in events[..FEWER].iter().filter_map(|packed| packed.event(1)) {
                    black_box(json_line(&names, &event));
                }
            })
        };
        let reads_json = || {
            time(lines.len(), || {
                for line in &lines {
                    black_box(serde_json::from_str::<serde_json::Value>(line).unwrap());
                }
            })
        };
        compare("decode, A/A", ("decode", decodes), decodes);
        compare("decode", ("copy of 24 bytes", &mut copies), decodes);
        compare("decode", ("serde_json, a line", reads_json), decodes);
        compare("encode", ("copy of 24 bytes", &mut copies), encodes);
        compare("encode", ("serde_json, a line", writes_json), encodes);
    }
}
