//! How names and times are said, everywhere alike.

use std::borrow::Cow;
use std::time::Duration;

use super::Owners;
use crate::event::{Names, Time};

/// A moment in milliseconds: `1000 ms`; finer where it lies within the first ten.
pub fn moment(at: Time) -> String {
    span(Duration::from_nanos(at.nanos()))
}

/// A moment where others stand below it, in milliseconds: whole ones, or with those of the microsecond.
///
/// ```
/// use lockscope::event::Time;
/// use lockscope::trace::words;
///
/// let at = Time::from_nanos(1_240_007_900);
/// assert_eq!((words::stamp(at, false), words::stamp(at, true)), ("1240".into(), "1240.007".into()));
/// ```
pub fn stamp(at: Time, finely: bool) -> String {
    let millis = at.millis();
    if finely { format!("{millis}.{:03}", at.nanos() % 1_000_000 / 1_000) } else { millis.to_string() }
}

/// A length of time: `350 ms`, `1.25 ms`, `12 µs`.
pub fn span(span: Duration) -> String {
    let nanos = span.as_nanos();
    let millis = nanos / 1_000_000;
    if nanos == 0 || millis >= 10 || nanos.is_multiple_of(1_000_000) {
        format!("{millis} ms")
    } else if millis > 0 {
        format!("{}.{:02} ms", millis, nanos % 1_000_000 / 10_000)
    } else if nanos >= 1_000 {
        format!("{} µs", nanos / 1_000)
    } else {
        format!("{nanos} ns")
    }
}

/// A length of time as code says it: `1 s`, `350 ms`, `1.5 s`.
pub fn brief(span: Duration) -> String {
    let millis = span.as_millis();
    if millis >= 1000 && millis.is_multiple_of(100) {
        let tenths = millis % 1000 / 100;
        if tenths == 0 { format!("{} s", millis / 1000) } else { format!("{}.{tenths} s", millis / 1000) }
    } else {
        self::span(span)
    }
}

/// A length of time for people who watch it grow: `350 ms`, `12.5 s`, `57 m 28 s`, `2 h 5 m`.
pub fn growing(length: Duration) -> String {
    let (seconds, tenths) = (length.as_secs(), length.subsec_millis() / 100);
    match seconds {
        0..10 => span(length),
        10..60 => format!("{seconds}.{tenths} s"),
        60..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The time that is left until a timer, in whole milliseconds as tokio counts them: rounded up.
pub fn timer(from: Time, until: Time) -> Duration {
    Duration::from_millis(until.since(from).as_nanos().div_ceil(1_000_000) as u64)
}

/// A task's name within a sentence: `the writer`, but `T1` and `reader#2`.
pub fn the(name: &str) -> String {
    if is_word(name) { format!("the {name}") } else { name.to_owned() }
}

/// A task's name at the beginning of a sentence.
pub fn opening(name: &str) -> String {
    if is_word(name) { format!("The {name}") } else { name.to_owned() }
}

/// Several names within a sentence: `R1, R2 and 3 others`; the first is said as `opening` does, if it is
/// at the beginning of one.
pub fn list(names: &[&str], opens: bool) -> String {
    const MOST: usize = 4;
    let mut said: Vec<String> = names.iter().take(MOST).map(|name| the(name)).collect();
    if let (true, Some(first), Some(name)) = (opens, said.first_mut(), names.first()) {
        *first = opening(name);
    }
    let last = match names.len().saturating_sub(MOST) {
        0 => said.pop(),
        1 => Some("another".to_owned()),
        more => Some(format!("{more} others")),
    };
    match (said.is_empty(), last) {
        (_, None) => String::new(),
        (true, Some(only)) => only,
        (false, Some(last)) => format!("{} and {last}", said.join(", ")),
    }
}

/// The owners of a lock as a label: `R1 R2`, `R1 R2 R3 R4 +9`, in at most so many characters, of which
/// the first name may be more.
pub fn group(names: &Names, owners: &Owners, room: usize) -> String {
    let mut said = String::new();
    let all = owners.named().count();
    for (index, task) in owners.named().enumerate() {
        let name = names.task(task);
        let rest = all - index - 1 + owners.more as usize;
        let more = if rest > 0 { format!(" +{rest}") } else { String::new() };
        let length = said.chars().count() + 1 + name.chars().count() + more.len();
        if index > 0 && length > room {
            return format!("{said} +{}", rest + 1);
        }
        if index > 0 {
            said.push(' ');
        }
        said += name;
    }
    if owners.more > 0 { format!("{said} +{}", owners.more) } else { said }
}

/// `1 permit`, `2 permits`.
pub fn permits(permits: u32) -> String {
    counted(u64::from(permits), "permit")
}

/// `1 event`, `2 events`.
pub fn events(events: u64) -> String {
    counted(events, "event")
}

/// `1 message`, `2 messages`.
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Whether a name reads as a common noun: `reader`, `writer`, but not `left` or `t1`.
fn is_word(name: &str) -> bool {
    let agent = name.ends_with("er") || name.ends_with("or");
    agent && name.chars().all(|c| c.is_ascii_lowercase())
}

/// What stands for a character where only ASCII may be shown.
pub fn ascii(c: char) -> char {
    match c {
        '\0'..='\u{7f}' => c,
        '█' | '■' => '#',
        '▓' => '=',
        '░' => ':',
        '▒' => '%',
        '·' | '┈' => '.',
        '✖' => 'X',
        '×' => 'x',
        '┃' | '│' | '▌' => '|',
        '╎' => '!',
        '─' | '━' | '–' | '—' => '-',
        '┣' | '┓' | '┏' | '┗' | '┛' | '┐' | '┌' | '└' | '┘' | '┬' | '┴' | '┼' | '╰' => {
            '+'
        }
        '▶' | '→' => '>',
        '◀' | '←' => '<',
        '▼' | '↓' => 'v',
        '▲' | '↑' => '^',
        '…' => '~',
        'µ' => 'u',
        _ => '?',
    }
}

/// `text` without anything that could steer a terminal: control characters become their pictures,
/// characters that turn the writing direction or are invisible become `\u{fffd}`.
///
/// ```
/// use lockscope::trace::words::clean;
/// assert_eq!(clean("red: \u{1b}[31m"), "red: \u{241b}[31m");
/// assert_eq!(clean("plain"), "plain");
/// ```
pub fn clean(text: &str) -> Cow<'_, str> {
    // Nearly all that is said is plain: a look at all the bytes at once says so.
    let plain = text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    if plain || text.chars().all(|c| picture(c).is_none()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| picture(c).unwrap_or(c)).collect())
}

/// What stands for a character that must not reach a terminal.
fn picture(c: char) -> Option<char> {
    match c {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => Some('\u{fffd}'),
        _ => None,
    }
}
