//! Places beside plain lists.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Place(u64, u32);

impl Placed for Place {
    fn op(&self) -> OpId {
        OpId(self.0)
    }
}

#[derive(Debug, Clone)]
enum Act {
    Push(u64),
    Pop,
    Take(u64),
    Change(u64),
    Clone,
}

/// Seldom fewer than are looked through, and often an operation that has a place already.
fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0_u64..150).prop_map(Act::Push),
        1 => Just(Act::Pop),
        4 => (0_u64..150).prop_map(Act::Take),
        1 => (0_u64..150).prop_map(Act::Change),
        1 => Just(Act::Clone),
    ];
    prop::collection::vec(act, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_are_what_a_list_would_be(acts in acts(), then in prop::collection::vec(0_u64..150, 0..200)) {
        let (mut places, mut list) = (Places::default(), Vec::new());
        for (number, act) in (0..).zip(acts.into_iter().chain(then.into_iter().map(Act::Take))) {
            let at = |op: u64, list: &[Place]| list.iter().position(|place| place.0 == op);
            match act {
                Act::Push(op) => {
                    places.push_back(Place(op, number));
                    list.push(Place(op, number));
                }
                Act::Pop => {
                    let first = (!list.is_empty()).then(|| list.remove(0));
                    prop_assert_eq!(places.front().copied(), first);
                    places.drop_front();
                }
                Act::Take(op) => {
                    let at = at(op, &list);
                    prop_assert_eq!(places.rank(OpId(op)), at);
                    let one = at.map(|at| list.remove(at));
                    prop_assert_eq!(places.get(OpId(op)).copied(), one);
                    prop_assert_eq!(places.take(OpId(op)), one);
                }
                Act::Change(op) => {
                    if let Some(place) = places.get_mut(OpId(op)) {
                        place.1 += 1;
                    }
                    if let Some(at) = at(op, &list) {
                        list[at].1 += 1;
                    }
                }
                Act::Clone => {
                    let copy = places.clone();
                    prop_assert_eq!(&copy, &places);
                    places = copy;
                }
            }
            prop_assert_eq!((places.len(), places.is_empty()), (list.len(), list.is_empty()));
            prop_assert!(places.iter().eq(&list));
            prop_assert_eq!((places.front(), places.back()), (list.first(), list.last()));
            let middle = list.len() / 2;
            prop_assert_eq!(places.nth(middle), list.get(middle));
            prop_assert_eq!(places.nth_mut(middle), list.get_mut(middle));
            prop_assert_eq!(places.only(), if let [only] = &list[..] { Some(only) } else { None });
            prop_assert!(places.all.len() <= places.len() * 4);
        }
        places.clear();
        prop_assert_eq!((places.len(), places.front()), (0, None));
    }

    /// Those who are very many, wherever some of them leave.
    #[test]
    fn very_many_are_found_and_counted_too(
        count in 0_u64..5_000,
        leave in prop::collection::vec((0_u64..5_000, 1_u64..700), 1..8),
    ) {
        let (mut places, mut list) = (Places::default(), Vec::new());
        for op in 0..count {
            places.push_back(Place(op, 0));
            list.push(op);
        }
        for (from, many) in leave {
            for op in from..from + many {
                let at = list.binary_search(&op).ok();
                prop_assert_eq!(places.rank(OpId(op)), at);
                prop_assert_eq!(places.take(OpId(op)).map(|place| place.0), at.map(|at| list.remove(at)));
            }
            prop_assert!(places.iter().map(|place| &place.0).eq(&list));
            for (at, op) in list.iter().enumerate().step_by(97) {
                prop_assert_eq!(places.rank(OpId(*op)), Some(at));
            }
        }
    }
}
