//! Histories that need not make sense, for property tests: no engine would report them, a damaged
//! recording might.

// Each test file uses a part of this.
#![allow(dead_code)]

use std::sync::Arc;

use lockscope::event::{Actor, Event, LockId, LockKind, LockName, Mode, Names, OpId, TaskId, Time, What};
use proptest::prelude::*;

/// Three tasks, and two locks of any kind.
pub fn names() -> impl Strategy<Value = Names> {
    let lock = (0..LockKind::ALL.len(), prop::option::of(0u32..4)).prop_map(|(kind, permits)| LockName {
        name: "x".into(),
        kind: LockKind::ALL[kind],
        permits,
    });
    prop::collection::vec(lock, 2)
        .prop_map(|locks| Names { tasks: vec!["a".into(), "b".into(), "c".into()], locks })
}

/// Events that need not make sense: unknown ids, releases of what nobody holds, time that runs back.
pub fn event() -> impl Strategy<Value = Event> {
    let mode = prop_oneof![
        Just(Mode::Exclusive),
        Just(Mode::Shared),
        prop_oneof![0u32..3, Just(u32::MAX)].prop_map(Mode::Permits),
        Just(Mode::Signal),
        Just(Mode::Message),
        Just(Mode::Room),
    ];
    let what = (0u8..24, 0u32..4, 0u64..6, mode).prop_map(|(kind, lock, op, mode)| {
        let (number, even) = (op as u32, op % 2 == 0);
        let (lock, op) = (LockId(if lock == 3 { u32::MAX } else { lock }), OpId(op));
        match kind {
            0..=2 => What::Wait { lock, op, mode },
            3 | 4 => What::Grant { lock, op, mode },
            5 | 6 => What::Acquire { lock, op, mode },
            7 | 8 => What::Release { lock, op },
            9 => What::Cancel { lock, op },
            10 => What::Busy { lock, op, mode },
            11 => What::Sleep { until: Time::from_nanos(op.0) },
            12 => What::Wake,
            13 => What::AddPermits { lock, permits: if even { u32::MAX } else { number } },
            14 => What::Notify { lock, all: even },
            15 => What::Heard { lock, op },
            16 => What::Sent { lock, op, value: Arc::new(number.into()) },
            17 => What::Received { lock, op, value: even.then(|| Arc::new(number.into())) },
            18 => What::Timeout,
            19 => What::Select { arm: number },
            20 => What::ForgetPermits { lock, permits: if even { u32::MAX } else { number } },
            21 => What::Spawn,
            22 => What::Lost { events: op.0 },
            _ => What::Finish,
        }
    });
    (what, 0u32..5, any::<u64>()).prop_map(|(what, task, nanos)| {
        let task = TaskId(if task == 4 { u32::MAX } else { task });
        Event { seq: nanos, at: Time::from_nanos(nanos), actor: Actor { task, step: None }, what }
    })
}
