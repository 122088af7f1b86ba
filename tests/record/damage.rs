//! Trace files that are broken, foreign or hostile: what is whole plays, nothing hangs, nothing grows.

use lockscope::record::trace_file::{self, Place, Reading, Unreadable};
use lockscope::trace::text::sequence_diagram;
use serde_json::json;

use super::runs;
use super::trace_file::written;

/// A small file: a run of few events.
fn small() -> Vec<u8> {
    let text = json!({"scenario": 1, "title": "small", "locks": {"db": "tokio::sync::Mutex"}, "tasks": [
        {"name": "a", "steps": [{"lock": "db", "do": [{"insert": "k", "value": [1, "x"]}, {"sleep": "5ms"}]}]},
        {"name": "b", "steps": [{"lock": "db", "do": [{"print": "\u{1b}[31m"}]}]}
    ]});
    written(&runs::run(lockscope::scenario::Source::new("small.json", &text.to_string()), None))
}

/// What is read of bytes that are no whole file.
#[track_caller]
fn part(bytes: &[u8]) -> Reading {
    let read = trace_file::read(bytes).unwrap();
    assert!(read.damage.is_some());
    read
}

#[test]
fn a_file_cut_anywhere_plays_up_to_there() {
    let whole = small();
    let all = trace_file::read(&whole[..]).unwrap().recording;
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap();
    for length in 0..whole.len() {
        let bytes = &whole[..length];
        let Ok(Reading { recording, damage }) = trace_file::read(bytes) else {
            assert!(length < head, "{length}");
            continue;
        };
        // Only the last line's end may be missing: the version line is one by itself.
        let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
        let events = recording.trace.events();
        assert!(events.iter().eq(all.trace.events().iter().take(events.len())));
        if length + 1 < whole.len() {
            let damage = damage.unwrap();
            let complete = bytes.ends_with(b"}") || bytes.ends_with(b"\n");
            let line = lines + if complete && !bytes.ends_with(b"\n") { 2 } else { 1 };
            assert_eq!(damage.place, Place::Line(line as u64));
            let note = recording.trace.end().unwrap().note.clone().unwrap();
            assert!(note.contains("damaged at line"), "{note}");
            assert!(sequence_diagram(&recording.trace).contains("damaged at line"));
        } else {
            assert_eq!(damage, None);
        }
    }
}

#[test]
fn a_byte_that_is_wrong_anywhere_does_no_harm() {
    let whole = small();
    for at in 0..whole.len() {
        for byte in [0, b'"', b'}', b'9', 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            if let Ok(read) = trace_file::read(&bytes[..]) {
                let text = sequence_diagram(&read.recording.trace);
                assert!(!text.contains(['\u{1b}', '\0']), "{text:?}");
            }
        }
    }
}

/// The file with one thing in it replaced, and where it is said to be damaged then.
#[track_caller]
fn damaged(from: &str, to: &str) -> String {
    let text = String::from_utf8(small()).unwrap();
    assert!(text.contains(from), "{text}");
    part(text.replacen(from, to, 1).as_bytes()).damage.unwrap().to_string()
}

#[test]
fn damage_is_named_and_placed() {
    insta::assert_snapshot!(
        [
            damaged("\"seq\":3,", "\"seq\":4,"),
            damaged("{\"seq\":3,", "{\"sq\":3,"),
            damaged("\"event\":\"acquire\"", "\"event\":\"aquire\""),
            damaged("\"task\":\"a\",\"event\":\"acquire\"", "\"task\":\"c\",\"event\":\"acquire\""),
            damaged("\"lock\":\"db\"", "\"lock\":\"bd\""),
            damaged("\"op\":1", "\"op\":-1"),
            damaged("\"op\":1", "\"op\":0,\"op\":1"),
            damaged(",\"op\":1", ""),
            damaged("\"event\":\"insert\"", "\"event\":\"get\""),
            damaged("\"outcome\":\"completed\"", "\"outcome\":\"finished\""),
            damaged("\"outcome\":\"completed\"}\n", "\"outcome\":\"completed\"}\n{}\n"),
            damaged("{\"event\":\"end\"", "\n{\"event\":\"end\""),
        ]
        .join("\n")
    );
}

#[test]
fn what_is_no_recording_is_refused() {
    let text = String::from_utf8(small()).unwrap();
    let refused = |text: &str| trace_file::read(text.as_bytes()).unwrap_err();
    assert!(matches!(refused(""), Unreadable::NotARecording));
    assert!(matches!(refused("{\"scenario\":1}"), Unreadable::NotARecording));
    let newer = refused(&text.replacen("{\"lockscope\":1,", "{\"lockscope\":2,\"new\":{},", 1));
    assert!(
        matches!(newer, Unreadable::Newer { version: 2, newest: 1 })
            && newer.to_string().contains("newer lockscope"),
        "{newer}"
    );
    let head = |from: &str, to: &str| refused(&text.replacen(from, to, 1)).to_string();
    insta::assert_snapshot!(
        [
            head("\"tasks\":[\"a\",\"b\"]", "\"tasks\":[\"a\",\"a\"]"),
            head("\"kind\":\"tokio::sync::Mutex\"", "\"kind\":\"spin::Mutex\""),
            head("\"clock\":\"virtual\"", "\"clock\":\"lunar\""),
            head(",\"clock\"", ",\"clack\""),
            head("{\"lockscope\":1,", "{\"lockscope\":0,"),
            head("{\"lockscope\":1,", "{\"lockscope\":\"one\","),
            head("{\"lockscope\":1,", "{\"lockscope\":1\n,"),
        ]
        .join("\n")
    );
}

/// Fields that are not known yet do no harm.
#[test]
fn what_a_later_version_adds_is_left_aside() {
    let text = String::from_utf8(small()).unwrap();
    let more = text
        .replace("{\"seq\":", "{\"mood\":{\"good\":[]},\"seq\":")
        .replace("{\"lockscope\":1,", "{\"lockscope\":1,\"x\":0,");
    let read = trace_file::read(more.as_bytes()).unwrap();
    assert_eq!(read.damage, None);
    assert_eq!(written(&read.recording), text.as_bytes());
}

/// A head and lines that somebody thought up.
fn thought_up(tasks: usize, lines: impl Iterator<Item = String>) -> String {
    let tasks: Vec<_> = (0..tasks).map(|task| format!("\"t{task}\"")).collect();
    let head = format!(
        "{{\"lockscope\":1,\"title\":\"x\",\"tasks\":[{}],\"locks\":[{{\"name\":\"l\",\"kind\":\"tokio::sync::Mutex\"}}],\"clock\":\"virtual\"}}\n",
        tasks.join(",")
    );
    lines.fold(head, |text, line| text + &line + "\n")
}

fn event(seq: usize, rest: &str) -> String {
    format!("{{\"seq\":{seq},\"ns\":0,\"task\":\"t0\",{rest}}}")
}

#[test]
fn what_would_need_too_much_memory_is_not_read() {
    let waits = thought_up(
        1,
        (1..20_000).map(|seq| event(seq, &format!("\"event\":\"wait\",\"lock\":\"l\",\"op\":{seq}"))),
    );
    assert_eq!(
        part(waits.as_bytes()).damage.unwrap().to_string(),
        "line 16386: one task has more than 16384 operations under way at once"
    );

    let values = format!("[{}0]", "0,".repeat(100_000));
    let inserts = thought_up(
        1,
        (1..30).map(|seq| {
            event(seq, &format!("\"event\":\"insert\",\"lock\":\"l\",\"key\":\"k\",\"value\":{values}"))
        }),
    );
    let damage = part(inserts.as_bytes()).damage.unwrap().to_string();
    assert_eq!(damage, "line 12: values and words need more than 64 MiB");

    let long = thought_up(
        1,
        std::iter::once(event(1, &format!("\"event\":\"print\",\"text\":\"{}\"", "x".repeat(9 << 20)))),
    );
    assert_eq!(part(long.as_bytes()).damage.unwrap().to_string(), "line 2: it is too long");

    let deep = thought_up(
        1,
        std::iter::once(event(
            1,
            &format!("\"event\":\"sent\",\"lock\":\"l\",\"op\":1,\"value\":{}", "[".repeat(100_000)),
        )),
    );
    assert!(part(deep.as_bytes()).damage.unwrap().to_string().starts_with("line 2: recursion limit"));

    let tasks = thought_up(100_001, std::iter::empty());
    assert!(trace_file::read(tasks.as_bytes()).unwrap_err().to_string().contains("100000 tasks"));
    let endless = std::io::BufReader::new(std::io::repeat(b'{'));
    assert!(trace_file::read(endless).is_err());
}

#[test]
fn times_beyond_all_bounds_are_drawn() {
    use lockscope::record::frames::{Cut, Pace, Viewer};
    let last = u64::MAX;
    let text = thought_up(
        1,
        std::iter::once(format!(
            "{{\"seq\":1,\"ns\":{last},\"task\":\"t0\",\"event\":\"sleep\",\"until_ns\":{last}}}\n{{\"event\":\"end\",\"ns\":{last},\"outcome\":\"stopped\"}}"
        )),
    );
    let recording = trace_file::read(text.as_bytes()).unwrap().recording;
    let (look, cut) = (runs::look(), runs::cut(Pace::Events));
    let viewer = Viewer::new(&recording, &look, 1.0);
    assert_eq!(viewer.frames(&cut).unwrap().count(), 2);
    let many = viewer.frames(&Cut { pace: runs::grid(25), ..cut });
    assert!(many.err().unwrap().to_string().contains("1000000 are the most"));
}
