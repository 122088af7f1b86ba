//! `record`, `play` and `order` as they are called.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of its own, empty at first.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("record-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn lockscope(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockscope"));
    command.args(args).current_dir(folder).env_clear().env("LANG", "C.UTF-8");
    command
}

#[track_caller]
fn run(folder: &Path, args: &[&str]) -> (String, String) {
    let output = lockscope(folder, args).output().unwrap();
    let (out, err) = said(&output);
    assert!(output.status.success(), "{args:?}: {err}");
    (out, err)
}

fn said(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into(), String::from_utf8_lossy(&output.stderr).into())
}

/// What it says of a command that does not come to its end, and its exit code.
#[track_caller]
fn fails(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = lockscope(folder, args).output().unwrap();
    let (out, err) = said(&output);
    assert_eq!(out, "", "{args:?}");
    (output.status.code().unwrap(), err)
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect()
}

/// A recording of little work, in every format there is.
const ALL: [&str; 26] = [
    "record",
    "tokio-handoff",
    "--size",
    "60x16",
    "--range",
    "900ms..1100ms",
    "-o",
    "a.jsonl",
    "-o",
    "a.lockscope",
    "-o",
    "a.perfetto-trace",
    "-o",
    "a.cast",
    "-o",
    "a.html",
    "-o",
    "a.gif",
    "-o",
    "a.svg",
    "-o",
    "a.png",
    "-o",
    "a.md",
    "-o",
    "a.txt",
];

#[test]
fn all_formats_come_from_one_run_and_are_the_same_everywhere() {
    let here = folder("here");
    assert_eq!(run(&here, &ALL), (String::new(), String::new()));
    let first = files(&here);
    assert_eq!(first.len(), 10);
    let there = folder("there");
    let mut other = lockscope(&there, &ALL);
    other
        .env("TZ", "Asia/Kathmandu")
        .env("LANG", "de_DE.ISO-8859-1")
        .env("LC_ALL", "C")
        .env("HOME", "/nowhere");
    other
        .env("NO_COLOR", "1")
        .env("COLORTERM", "truecolor")
        .env("TERM", "dumb")
        .env("TOKIO_WORKER_THREADS", "1");
    assert!(other.status().unwrap().success());
    assert!(files(&there) == first);
    for (name, begins) in [
        ("a.jsonl", &b"{\"lockscope\":1,"[..]),
        ("a.lockscope", b"\x89lockscope\r\n\x01"),
        ("a.perfetto-trace", b"\x0a"),
        ("a.cast", b"{\"version\":3,"),
        ("a.html", b"<!doctype html>"),
        ("a.gif", b"GIF89a"),
        ("a.svg", b"<svg"),
        ("a.png", b"\x89PNG"),
        ("a.md", b"# Who gets in"),
        ("a.txt", b"Who gets in"),
    ] {
        assert!(first[name].starts_with(begins), "{name}");
    }
}

#[test]
fn a_recording_stands_wherever_a_scenario_does() {
    let folder = folder("instead");
    run(&folder, &["record", "tokio-handoff", "-o", "run.jsonl"]);
    for format in ["text", "prints", "json"] {
        let scenario = run(&folder, &["order", "tokio-handoff", "--format", format]);
        assert_eq!(run(&folder, &["order", "run.jsonl", "--format", format]), scenario);
    }
    let text = run(&folder, &["order", "tokio-handoff"]).0;
    assert_eq!(run(&folder, &["play", "run.jsonl"]).0, text);
    assert_eq!(run(&folder, &["run", "run.jsonl"]).0, text);
    for name in ["tokio-handoff", "run.jsonl"] {
        let mut again = ALL.map(|arg| if arg == "tokio-handoff" { name } else { arg });
        again[7] = if name == "run.jsonl" { "b.jsonl" } else { "a.jsonl" };
        run(&folder, &again);
        let written = files(&folder);
        for ending in ["lockscope", "perfetto-trace", "cast", "html", "gif", "svg", "png", "md", "txt"] {
            fs::rename(folder.join(format!("a.{ending}")), folder.join(format!("{name}.{ending}"))).unwrap();
        }
        assert_eq!(written["run.jsonl"], written.get("b.jsonl").unwrap_or(&written["a.jsonl"]).clone());
    }
    let written = files(&folder);
    for ending in ["lockscope", "perfetto-trace", "cast", "html", "gif", "svg", "png", "md", "txt"] {
        assert!(
            written[&format!("run.jsonl.{ending}")] == written[&format!("tokio-handoff.{ending}")],
            "{ending}"
        );
    }
    // What ran already does not run otherwise.
    let (code, err) = fails(&folder, &["order", "run.jsonl", "--until", "1s"]);
    assert_eq!(code, 2);
    assert!(err.contains("`--until` is for a run"), "{err}");
    let output = lockscope(&folder, &["check", "run.jsonl"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_compact_recording_is_what_the_one_of_lines_is() {
    let folder = folder("compact");
    run(&folder, &["record", "philosophers", "-o", "a.jsonl", "-o", "a.lockscope"]);
    run(&folder, &["record", "a.lockscope", "-o", "b.jsonl"]);
    run(&folder, &["record", "a.jsonl", "-o", "b.lockscope"]);
    let written = files(&folder);
    assert!(written["a.jsonl"] == written["b.jsonl"] && written["a.lockscope"] == written["b.lockscope"]);
    for format in ["text", "prints", "json"] {
        let lines = run(&folder, &["order", "a.jsonl", "--format", format]);
        assert_eq!(run(&folder, &["order", "a.lockscope", "--format", format]), lines);
    }
    let text = run(&folder, &["order", "a.jsonl"]).0;
    assert_eq!(run(&folder, &["play", "a.lockscope"]).0, text);
    assert_eq!(run(&folder, &["run", "a.lockscope"]).0, text);
    // Its ending does not matter when it is read, and a pipe is read too.
    fs::copy(folder.join("a.lockscope"), folder.join("other.jsonl")).unwrap();
    assert_eq!(run(&folder, &["play", "other.jsonl"]).0, text);
    let mut piped = lockscope(&folder, &["play", "/dev/stdin"]);
    let output = piped.stdin(fs::File::open(folder.join("a.lockscope")).unwrap()).output().unwrap();
    assert_eq!(said(&output), (text, String::new()));
    let (compared, _) = run(&folder, &["compare", "a.lockscope", "philosophers", "--format", "json"]);
    assert!(compared.contains("\"a.lockscope\""), "{compared}");
    let output = lockscope(&folder, &["check", "a.lockscope"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).1.contains("this is a recording"));
}

#[test]
fn a_damaged_compact_recording_says_at_which_byte_and_plays_up_to_there() {
    let folder = folder("damaged-compact");
    run(&folder, &["record", "tokio-handoff", "-o", "run.lockscope"]);
    let whole = fs::read(folder.join("run.lockscope")).unwrap();
    fs::write(folder.join("cut.lockscope"), &whole[..whole.len() - 4]).unwrap();
    let (out, err) = run(&folder, &["order", "cut.lockscope"]);
    let help = "\n  help: it plays up to there; of a program that was killed, or writes still, that is all\n";
    let (_, place) = err.strip_suffix(help).unwrap().split_once(", ").unwrap();
    assert_eq!(err.split_once(", ").unwrap().0, "warning: `cut.lockscope` is damaged");
    let byte: usize =
        place.strip_prefix("byte ").unwrap().strip_suffix(": it breaks off").unwrap().parse().unwrap();
    assert!(
        byte < whole.len() - 4 && out.contains(&format!("damaged at byte {byte}: it breaks off")),
        "{out}"
    );
    assert!(out.contains("acquires"), "{out}");
    let mut newer = whole.clone();
    newer[12] = 9;
    let mut broken = whole;
    broken[30] ^= 1;
    for (bytes, says) in [
        (
            newer,
            "newer lockscope: its format is version 9, and this one reads up to version 1\n  help: play it with that version",
        ),
        (broken, "byte 13: the checksum is wrong\n  help: record it again"),
        (b"\x89lockscope\r\n".to_vec(), "byte 0: it breaks off"),
    ] {
        fs::write(folder.join("no.lockscope"), bytes).unwrap();
        for args in [
            &["play", "no.lockscope"][..],
            &["order", "no.lockscope"],
            &["record", "no.lockscope", "-o", "a.txt"],
        ] {
            let (code, err) = fails(&folder, args);
            assert_eq!(code, 2);
            assert!(err.starts_with("error: cannot play `no.lockscope`: ") && err.contains(says), "{err}");
        }
    }
}

#[test]
fn the_standard_output_is_a_file_too() {
    let folder = folder("stdout");
    let (out, err) = run(&folder, &["record", "tokio-handoff", "-o", "-", "--format", "jsonl"]);
    run(&folder, &["record", "tokio-handoff", "-o", "a.jsonl"]);
    assert_eq!((out.as_bytes(), &*err), (&*files(&folder)["a.jsonl"], ""));
    let (code, err) = fails(&folder, &["record", "tokio-handoff", "-o", "-"]);
    assert_eq!(code, 2);
    assert!(err.contains("or `--format` with one of these"), "{err}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = folder("pipe");
    for format in ["jsonl", "cast", "gif", "html"] {
        let mut command = lockscope(&folder, &["record", "tokio-handoff", "-o", "-", "--format", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{format}: {output:?}");
    }
}

/// The system ends who writes more than may be in a file, unless it is asked not to.
#[test]
fn a_limit_of_the_system_is_an_error_like_any_other() {
    let folder = folder("limit");
    fs::write(folder.join("a.gif"), "old").unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c 0; ulimit -f 4; exec \"$0\" record tokio-handoff -o a.gif"]);
    let output = command.arg(env!("CARGO_BIN_EXE_lockscope")).current_dir(&folder).output().unwrap();
    let (out, err) = said(&output);
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("cannot write `a.gif`: File too large"), "{err}");
    let left = files(&folder);
    assert_eq!((left.len(), &*left["a.gif"]), (1, &b"old"[..]));
}

#[test]
fn what_cannot_be_written_leaves_what_is_there() {
    let folder = folder("old");
    fs::write(folder.join("a.cast"), "old").unwrap();
    let args =
        ["record", "tokio-handoff", "-o", "a.cast", "-o", "a.txt", "-o", "b.gif", "--max-bytes", "10kB"];
    let (code, err) = fails(&folder, &args);
    assert_eq!(code, 1);
    assert!(err.contains("cannot write `a.cast`: it would be larger than `--max-bytes` allows"), "{err}");
    assert!(err.contains("cannot write `b.gif`"), "{err}");
    let left = files(&folder);
    assert_eq!(left.keys().collect::<Vec<_>>(), ["a.cast", "a.txt"]);
    assert_eq!(left["a.cast"], b"old");
    // A link stays a link.
    std::os::unix::fs::symlink("a.cast", folder.join("link.cast")).unwrap();
    run(&folder, &["record", "tokio-handoff", "--range", "2s..", "-o", "link.cast"]);
    assert!(fs::symlink_metadata(folder.join("link.cast")).unwrap().is_symlink());
    assert!(files(&folder)["a.cast"].starts_with(b"{\"version\":3"));
}

/// The signal comes while the recording is under way: its first bytes are beside the file.
#[test]
fn an_interrupted_recording_leaves_no_half_file() {
    let folder = folder("interrupted");
    fs::write(folder.join("a.cast"), "old").unwrap();
    let mut child =
        lockscope(&folder, &["record", "tokio-handoff", "--until", "1h", "-o", "a.cast"]).spawn().unwrap();
    while files(&folder).len() < 2 {
        std::thread::yield_now();
        assert!(child.try_wait().unwrap().is_none(), "it is over already");
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2));
    assert_eq!(files(&folder), BTreeMap::from([("a.cast".to_owned(), b"old".to_vec())]));
}

#[test]
fn a_damaged_recording_says_where_and_plays_up_to_there() {
    let folder = folder("damaged");
    run(&folder, &["record", "tokio-handoff", "-o", "run.jsonl"]);
    let whole = fs::read_to_string(folder.join("run.jsonl")).unwrap();
    fs::write(folder.join("cut.jsonl"), &whole[..whole.len() / 2]).unwrap();
    let (out, err) = run(&folder, &["order", "cut.jsonl"]);
    assert!(err.starts_with("warning: `cut.jsonl` is damaged, line "), "{err}");
    assert!(out.contains("damaged at line "), "{out}");
    let steering = whole.replacen(
        "\"task\":\"reader\",\"event\":\"acquire\"",
        "\"task\":\"\\u001b[31m\",\"event\":\"acquire\"",
        1,
    );
    fs::write(folder.join("steering.jsonl"), steering).unwrap();
    let (out, err) = run(&folder, &["order", "steering.jsonl"]);
    assert!(err.contains("there is no task") && !(out + &err).contains('\u{1b}'), "{err}");
    fs::write(folder.join("newer.jsonl"), whole.replacen(":1,", ":9,", 1)).unwrap();
    for args in
        [&["play", "newer.jsonl"][..], &["order", "newer.jsonl"], &["record", "newer.jsonl", "-o", "a.txt"]]
    {
        let (code, err) = fails(&folder, args);
        assert_eq!(code, 2);
        assert!(err.contains("newer lockscope: its format is version 9"), "{err}");
    }
    // Some editors put a mark before it.
    fs::write(folder.join("marked.jsonl"), format!("\u{feff}{whole}")).unwrap();
    assert_eq!(run(&folder, &["order", "marked.jsonl"]), run(&folder, &["order", "run.jsonl"]));
    fs::write(folder.join("scenario.json"), "{}").unwrap();
    let (code, err) = fails(&folder, &["play", "scenario.json"]);
    assert!(code == 2 && err.contains("it is no recording"), "{err}");
}

/// It prints where it is run, and nobody tells the recorder what.
#[test]
fn of_a_program_it_is_said_that_prints_are_not_recorded() {
    let folder = folder("prints");
    let program = "{\"lockscope\":1,\"title\":\"pool\",\"tasks\":[\"a\"],\"locks\":[],\"clock\":\"real\"}\n\
                   {\"seq\":1,\"ns\":0,\"task\":\"a\",\"event\":\"spawn\"}\n\
                   {\"event\":\"end\",\"outcome\":\"completed\",\"ns\":5}\n";
    fs::write(folder.join("program.jsonl"), program).unwrap();
    let (out, err) = run(&folder, &["order", "program.jsonl", "--format", "prints"]);
    assert_eq!(out, "");
    assert_eq!(err, "lockscope: this is of a program, and what a program prints is not recorded\n");
    let (out, err) = run(&folder, &["order", "tokio-handoff", "--format", "prints"]);
    assert!(out.contains("->read-guard") && err.is_empty(), "{err}");
}

#[test]
fn what_cannot_be_recorded_is_said_at_once() {
    let folder = folder("wrong");
    let wrong = |args: &[&str]| {
        let args: Vec<_> = ["record", "tokio-handoff"].iter().chain(args).copied().collect();
        let (code, err) = fails(&folder, &args);
        assert_eq!(code, 2, "{args:?}: {err}");
        err
    };
    insta::assert_snapshot!(
        [
            wrong(&["-o", "a.mp4"]),
            wrong(&["-o", "a.txt", "-o", "a.txt"]),
            wrong(&["-o", "no/a.txt"]),
            wrong(&["-o", "a.txt", "--at", "1s"]),
            wrong(&["-o", "a.png", "--at", "marker:\u{1b}[31m"]),
            wrong(&["-o", "a.png", "--at", "event:52"]),
            wrong(&["-o", "a.png", "--at", "99s"]),
            wrong(&["-o", "a.gif", "--range", "50s..60s"]),
            wrong(&["-o", "a.cast", "--until", "365h", "--speed", "0.05"]),
        ]
        .join("\n")
    );
    for (flag, value) in [
        ("--size", "20x5"),
        ("--size", "100"),
        ("--fps", "30"),
        ("--range", "2s..1s"),
        ("--at", "noon"),
        ("--max-bytes", "1 MB"),
    ] {
        wrong(&["-o", "a.png", flag, value]);
    }
    assert_eq!(files(&folder), BTreeMap::new());
}
