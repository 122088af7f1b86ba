//! Durations as people write them: `350ms`, `1s`, `1.5s`, `2m`, `1h`.
//!
//! A duration is a whole number of milliseconds, because tokio's timers are; nothing is rounded.

use std::time::Duration;

use super::limits::MAX_SPAN;

/// The units, with their milliseconds and the spellings that people try.
const UNITS: [(&str, u64, &[&str]); 4] = [
    ("ms", 1, &["msec", "msecs", "milli", "millis", "millisecond", "milliseconds"]),
    ("s", 1_000, &["sec", "secs", "second", "seconds"]),
    ("m", 60_000, &["min", "mins", "minute", "minutes"]),
    ("h", 3_600_000, &["hr", "hrs", "hour", "hours"]),
];

/// What is wrong with a duration, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) problem: String,
    pub(super) fix: String,
}

/// Reads a duration.
pub(super) fn parse(text: &str) -> Result<Duration, Wrong> {
    if text.contains(char::is_whitespace) {
        let tight: String = text.split_whitespace().collect();
        return Err(match parse(&tight) {
            Ok(_) => wrong("a duration has no spaces", format!("write \"{tight}\"")),
            Err(wrong) => wrong,
        });
    }
    if text.starts_with(['-', '−']) {
        let rest = text.trim_start_matches(['-', '−']);
        let fix = parse(rest).map_or_else(|_| form(), |_| format!("write \"{rest}\""));
        return Err(wrong("a duration cannot be negative", fix));
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(wrong("this is not a duration", form()));
    }
    let Some((_, factor, _)) = UNITS.iter().find(|(name, ..)| *name == unit) else {
        return Err(unknown_unit(number, unit));
    };
    millis(whole, fraction, *factor, number, unit)
}

/// Reads a duration from a command line: what is wrong with it and the fix are one sentence.
pub(super) fn from_flag(text: &str) -> Result<Duration, String> {
    parse(text).map_err(|wrong| format!("{}; {}", wrong.problem, wrong.fix))
}

/// What to write, where there is nothing to repair.
pub(super) fn form() -> String {
    "write a number and its unit, such as \"350ms\", \"1s\", \"1.5s\" or \"2m\"".to_owned()
}

fn wrong(problem: impl Into<String>, fix: impl Into<String>) -> Wrong {
    Wrong { problem: problem.into(), fix: fix.into() }
}

fn unknown_unit(number: &str, unit: &str) -> Wrong {
    if unit.is_empty() {
        return wrong("a duration needs its unit", format!("write \"{number}ms\" or \"{number}s\""));
    }
    let lower = unit.to_lowercase();
    let meant = UNITS.iter().find(|(name, _, others)| *name == lower || others.contains(&lower.as_str()));
    let fix = match meant {
        Some((name, ..)) => format!("write \"{number}{name}\""),
        None if ["us", "µs", "μs", "ns"].contains(&lower.as_str()) => {
            "the smallest unit is ms: tokio's timers are no finer".to_owned()
        }
        None => "the units are ms, s, m and h, and a duration has one of them, such as \"1500ms\"".to_owned(),
    };
    wrong("this duration has an unknown unit", fix)
}

fn millis(whole: &str, fraction: &str, factor: u64, number: &str, unit: &str) -> Result<Duration, Wrong> {
    let max = MAX_SPAN.as_millis();
    let too_long = || wrong("this duration is longer than a year", "a duration has at most \"8760h\"");
    let whole = whole.trim_start_matches('0');
    // Eighteen digits always fit, and more than that is far beyond the bound.
    if whole.len() > 18 {
        return Err(too_long());
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_long())? };
    let ms = whole * u128::from(factor);
    // Seven digits: a millisecond is 1/3,600,000 of an hour, and only seven twos divide that.
    let fraction = fraction.trim_end_matches('0');
    let scale = 10_u128.pow(fraction.len().min(7) as u32);
    let digits: u128 =
        if fraction.is_empty() { 0 } else { fraction[..fraction.len().min(7)].parse().unwrap_or(0) };
    let part = digits * u128::from(factor);
    let ms = ms + part / scale;
    let rest = fraction.len() > 7 || !part.is_multiple_of(scale);
    if ms > max || (ms == max && rest) {
        return Err(too_long());
    }
    if rest {
        let is = if unit == "ms" { String::new() } else { format!("; {number}{unit} is not one") };
        let fix = format!("write \"{ms}ms\" or \"{}ms\"", ms + 1);
        return Err(wrong(format!("a duration is a whole number of milliseconds{is}"), fix));
    }
    Ok(Duration::from_millis(ms as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_write_is_read_exactly() {
        for (text, ms) in [
            ("0ms", 0),
            ("350ms", 350),
            ("1s", 1_000),
            ("1.5s", 1_500),
            ("0.001s", 1),
            ("2m", 120_000),
            ("1.0ms", 1),
            ("007ms", 7),
            ("0.0000025h", 9),
            ("8760h", 31_536_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_repaired() {
        for (text, problem, fix) in [
            ("350", "needs its unit", "\"350ms\" or \"350s\""),
            ("1.5", "needs its unit", "\"1.5ms\" or \"1.5s\""),
            ("-1s", "negative", "\"1s\""),
            ("1.5ms", "whole number of milliseconds", "\"1ms\" or \"2ms\""),
            ("0.0005s", "whole number of milliseconds; 0.0005s", "\"0ms\" or \"1ms\""),
            ("0.00000025h", "whole number of milliseconds", "\"0ms\" or \"1ms\""),
            ("5 s", "no spaces", "\"5s\""),
            ("5sec", "unknown unit", "\"5s\""),
            ("5MS", "unknown unit", "\"5ms\""),
            ("5us", "unknown unit", "smallest unit"),
            ("1s500ms", "unknown unit", "one of them"),
            ("8760.1h", "longer than a year", "8760h"),
            ("31536000000.5ms", "longer than a year", "8760h"),
            ("99999999999999999999999999999999999999999s", "longer than a year", "8760h"),
            ("", "not a duration", "number and its unit"),
            ("s", "not a duration", "number and its unit"),
            (".5s", "not a duration", "number and its unit"),
            ("5.s", "not a duration", "number and its unit"),
            ("1.2.3s", "not a duration", "number and its unit"),
            ("+1s", "not a duration", "number and its unit"),
            ("soon", "not a duration", "number and its unit"),
            ("---1s", "negative", "\"1s\""),
            ("-x", "negative", "number and its unit"),
        ] {
            let wrong = parse(text).unwrap_err();
            assert!(wrong.problem.contains(problem) && wrong.fix.contains(fix), "{text}: {wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "\\PC*", number in "[0-9.]{0,60}", unit in "(ms|s|m|h|x)?") {
            let _ = parse(&text);
            let _ = parse(&"-".repeat(100_000));
            let _ = parse(&format!("{number}{unit}"));
        }

        #[test]
        fn whole_milliseconds_survive_every_unit(ms in 0..=31_536_000_000_u64) {
            prop_assert_eq!(parse(&format!("{ms}ms")), Ok(Duration::from_millis(ms)));
            let seconds = format!("{}.{:03}s", ms / 1000, ms % 1000);
            prop_assert_eq!(parse(&seconds), Ok(Duration::from_millis(ms)));
        }
    }
}
