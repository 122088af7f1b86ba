//! Any event, for properties.

use std::sync::Arc;

use lockscope::event::{LockId, LockKind, Mode, OpId, Time, What};
use proptest::prelude::*;
use serde_json::Value as Json;

/// Any value.
fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

/// Locks of every family, by their ids.
pub const KINDS: [(LockKind, Option<u32>); 5] = [
    (LockKind::TokioMutex, None),
    (LockKind::StdRwLock, None),
    (LockKind::TokioSemaphore, Some(3)),
    (LockKind::TokioNotify, None),
    (LockKind::TokioMpsc, Some(2)),
];

/// Anything that can happen, to those locks.
pub fn what() -> impl Strategy<Value = What> {
    let lock = || (0..KINDS.len() as u32).prop_map(LockId);
    let op = || (0..40u64).prop_map(OpId);
    let text = || any::<String>().prop_map(Arc::<str>::from);
    let some = || prop::option::of(value().prop_map(Arc::new));
    let mode = prop_oneof![
        Just(Mode::Exclusive),
        Just(Mode::Shared),
        any::<u32>().prop_map(Mode::Permits),
        Just(Mode::Signal),
        Just(Mode::Message),
        Just(Mode::Room),
    ];
    prop_oneof![
        Just(What::Spawn),
        Just(What::Finish),
        any::<u64>().prop_map(|at| What::Sleep { until: Time::from_nanos(at) }),
        Just(What::Wake),
        (0..4, lock(), op(), mode).prop_map(|(which, lock, op, mode)| {
            // A mutex knows but one mode.
            let mode = if lock.0 == 0 { Mode::Exclusive } else { mode };
            match which {
                0 => What::Wait { lock, op, mode },
                1 => What::Grant { lock, op, mode },
                2 => What::Acquire { lock, op, mode },
                _ => What::Busy { lock, op, mode },
            }
        }),
        (lock(), op()).prop_map(|(lock, op)| What::Release { lock, op }),
        (lock(), op()).prop_map(|(lock, op)| What::Cancel { lock, op }),
        text().prop_map(|text| What::Print { text }),
        (text(), some(), any::<(u32, u32)>()).prop_map(|(name, value, place)| What::Debug {
            name,
            value,
            place
        }),
        (lock(), text(), some()).prop_map(|(lock, key, value)| What::Get { lock, key, value }),
        (lock(), text(), value()).prop_map(|(lock, key, value)| What::Insert {
            lock,
            key,
            value: Arc::new(value)
        }),
        (lock(), any::<u32>()).prop_map(|(lock, permits)| What::AddPermits { lock, permits }),
        (lock(), any::<u32>()).prop_map(|(lock, permits)| What::ForgetPermits { lock, permits }),
        (lock(), any::<bool>()).prop_map(|(lock, all)| What::Notify { lock, all }),
        (lock(), op()).prop_map(|(lock, op)| What::Heard { lock, op }),
        (lock(), op(), value()).prop_map(|(lock, op, value)| What::Sent { lock, op, value: Arc::new(value) }),
        (lock(), op(), some()).prop_map(|(lock, op, value)| What::Received { lock, op, value }),
        Just(What::Timeout),
        any::<u32>().prop_map(|arm| What::Select { arm }),
        text().prop_map(|text| What::Say { text }),
        any::<u64>().prop_map(|events| What::Lost { events }),
    ]
}
