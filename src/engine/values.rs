//! Values and conditions, computed.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Number, Value as Json};

use crate::scenario::{Comparison, Condition, Value};

/// The sum of two values; what is not a number counts as 0. Whole numbers stay whole as long as they
/// fit, and are fractions beyond that.
pub(super) fn sum(left: &Json, right: &Json) -> Json {
    let whole = |value: &Json| if value.is_number() { value.as_i64() } else { Some(0) };
    if let (Some(left), Some(right)) = (whole(left), whole(right))
        && let Some(sum) = left.checked_add(right)
    {
        return sum.into();
    }
    let any = |value: &Json| value.as_f64().unwrap_or(0.0);
    // Beyond the largest fraction there is nothing.
    Number::from_f64(any(left) + any(right)).map_or(Json::Null, Json::Number)
}

/// Whether a condition holds; `read` gives what a value is, if it is there.
pub(super) fn holds(condition: &Condition, read: &dyn Fn(&Value) -> Option<Arc<Json>>) -> bool {
    match condition {
        Condition::Holds(value) => {
            read(value).is_some_and(|value| !matches!(*value, Json::Null | Json::Bool(false)))
        }
        Condition::Compare { how, sides } => {
            let [left, right] = [&sides[0], &sides[1]].map(|side| read(side).unwrap_or_default());
            compare(*how, &left, &right)
        }
        Condition::Not(condition) => !holds(condition, read),
        Condition::All(conditions) => conditions.iter().all(|condition| holds(condition, read)),
        Condition::Any(conditions) => conditions.iter().any(|condition| holds(condition, read)),
    }
}

fn compare(how: Comparison, left: &Json, right: &Json) -> bool {
    let order = order(left, right);
    let same = || order.map_or_else(|| left == right, Ordering::is_eq);
    match how {
        Comparison::Eq => same(),
        Comparison::Ne => !same(),
        Comparison::Lt => order.is_some_and(Ordering::is_lt),
        Comparison::Le => order.is_some_and(Ordering::is_le),
        Comparison::Gt => order.is_some_and(Ordering::is_gt),
        Comparison::Ge => order.is_some_and(Ordering::is_ge),
    }
}

/// How two numbers stand to each other: whole ones exactly, others as fractions.
fn order(left: &Json, right: &Json) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return Some(left.cmp(&right));
    }
    left.as_f64()?.partial_cmp(&right.as_f64()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sums_stay_whole_and_what_is_no_number_counts_as_nothing() {
        assert_eq!(sum(&json!(1), &json!(2)), json!(3));
        assert_eq!(sum(&json!(null), &json!(2)), json!(2));
        assert_eq!(sum(&json!("x"), &json!([1])), json!(0));
        assert_eq!(sum(&json!(0.5), &json!(1)), json!(1.5));
        assert_eq!(sum(&json!(i64::MAX), &json!(1)), json!(9_223_372_036_854_775_808.0));
        assert_eq!(sum(&json!(f64::MAX), &json!(f64::MAX)), json!(null));
    }

    #[test]
    fn numbers_compare_by_size_and_others_only_for_being_the_same() {
        use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
        let table = [
            (json!(1), json!(2), [false, true, true, true, false, false]),
            (json!(2), json!(2.0), [true, false, false, true, false, true]),
            (json!("a"), json!("a"), [true, false, false, false, false, false]),
            (json!("a"), json!("b"), [false, true, false, false, false, false]),
            (json!(null), json!(0), [false, true, false, false, false, false]),
        ];
        for (left, right, expected) in table {
            let seen = [Eq, Ne, Lt, Le, Gt, Ge].map(|how| compare(how, &left, &right));
            assert_eq!(seen, expected, "{left} {right}");
        }
    }

    #[test]
    fn a_value_holds_if_it_is_there_and_neither_null_nor_false() {
        let value = |json: Json| Value::Json(Arc::new(json));
        let read = |value: &Value| match value {
            Value::Json(json) if **json != "gone" => Some(json.clone()),
            _ => None,
        };
        let told = |condition: &Condition| holds(condition, &read);
        for (json, expected) in [
            (json!(0), true),
            (json!(""), true),
            (json!(true), true),
            (json!(false), false),
            (json!(null), false),
            (json!("gone"), false),
        ] {
            assert_eq!(told(&Condition::Holds(value(json.clone()))), expected, "{json}");
            assert_eq!(told(&Condition::Not(Condition::Holds(value(json)).into())), !expected);
        }
        let (yes, no) = (Condition::Holds(value(json!(1))), Condition::Holds(value(json!(null))));
        assert!(told(&Condition::Any(vec![no.clone(), yes.clone()])));
        assert!(!told(&Condition::All(vec![no, yes])));
        assert!(told(&Condition::All(vec![])));
    }
}
