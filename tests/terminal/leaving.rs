//! Every way out leaves the terminal as it was. [`Terminal::end`] looks at all of it: the screen, the
//! modes, the cursor, the looks, the settings.

use std::process::Command;
use std::time::Duration;

use super::escapes;
use super::harness::{Code, Pipe, Setup, Terminal, bare, file, lockscope};
use super::screen::Shot;

const END: &str = "\x1b[F";
const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";

/// 128 and the signal's number, which is what a shell makes of a death by signal.
const TERM: Code = 128 + 15;
const INT: Code = 128 + 2;
const HUP: Code = 128 + 1;
const QUIT: Code = 128 + 3;

type Arrive = fn(&mut Terminal);

/// The moments at which a program may be ended, and how to get there.
fn moments() -> Vec<(&'static str, Setup, Arrive)> {
    let long = || lockscope(["--until", "1h"]);
    let real = || lockscope(["--clock", "real", "--until", "1h"]);
    vec![
        ("before the first frame", bare(), |_| {}),
        ("taking the terminal", bare(), |terminal| {
            terminal.read_until("the alternate screen", |terminal| terminal.raw().contains("\x1b[?1049h"));
        }),
        ("playing", long(), |terminal| {
            terminal.wait("it plays", |shot| shot.playing() && shot.millis() > Some(0));
        }),
        ("paused in the gate", long(), |terminal| {
            terminal.first_frame();
            terminal.press(" ", "the pause", Shot::paused);
        }),
        ("seeking the far end", long(), |terminal| {
            terminal.first_frame();
            let shot = terminal.press(END, "under way", |shot| shot.millis() > Some(5_000));
            assert!(!shot.ended(), "{shot}");
        }),
        ("in the help", long(), |terminal| {
            terminal.first_frame();
            terminal.press("?", "the help", Shot::help);
        }),
        ("ended", bare(), |terminal| {
            terminal.first_frame();
            terminal.press(END, "the end", Shot::ended);
        }),
        ("playing in real time", real(), |terminal| {
            terminal.wait("it plays", |shot| shot.playing() && shot.millis() > Some(0));
        }),
        ("following a real run to its end", real(), |terminal| {
            terminal.first_frame();
            terminal.press(END, "it follows", Shot::playing);
        }),
        ("paused in real time", real(), |terminal| {
            terminal.first_frame();
            terminal.press(" ", "the pause", Shot::paused);
        }),
        ("too small to draw", bare().size(20, 5), |terminal| {
            terminal.wait("the message", |shot| shot.contains("lockscope"));
        }),
        ("tasks that compute", computing(), |terminal| {
            terminal.first_frame();
        }),
    ]
}

/// A scenario whose first task never lets the others run: the engine itself is busy for long.
fn computing() -> Setup {
    let steps = r#"{ "yield": 1000000 }"#;
    let scenario = file(
        "leaving-computing.json",
        format!(
            r#"{{ "scenario": 1, "title": "Busy", "until": "1s",
                 "tasks": [ {{ "name": "t", "steps": [ {{ "times": 9, "loop": [ {steps} ] }} ] }} ] }}"#
        ),
    );
    lockscope(["run".as_ref(), scenario.as_os_str()])
}

#[track_caller]
fn at_every_moment(leave: fn(&mut Terminal), expected: &[Code]) {
    for (name, setup, arrive) in moments() {
        let mut terminal = setup.start();
        arrive(&mut terminal);
        leave(&mut terminal);
        let code = terminal.end();
        assert!(expected.contains(&code), "{name}: {code}");
    }
}

#[test]
fn sigterm_at_every_moment() {
    at_every_moment(|terminal| terminal.signal("TERM"), &[TERM]);
}

#[test]
fn sigint_sighup_and_sigquit_at_every_moment() {
    at_every_moment(|terminal| terminal.signal("INT"), &[INT]);
    at_every_moment(|terminal| terminal.signal("HUP"), &[HUP]);
    at_every_moment(|terminal| terminal.signal("QUIT"), &[QUIT]);
}

#[test]
fn ctrl_c_at_every_moment() {
    // Until the terminal is taken its own line discipline makes a signal of the key.
    at_every_moment(|terminal| terminal.send(CTRL_C), &[0, INT]);
}

#[test]
fn ctrl_c_is_a_key_once_there_is_a_picture() {
    let mut terminal = bare().start();
    terminal.first_frame();
    terminal.send(CTRL_C);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn signals_at_many_moments_of_the_start() {
    // The delays only choose moments to look at. The outcome has to be right at every one of them.
    for delay in 0..24 {
        for signal in ["TERM", "INT"] {
            let mut terminal = bare().start();
            std::thread::sleep(Duration::from_millis(delay));
            terminal.signal(signal);
            let expected = if signal == "TERM" { TERM } else { INT };
            assert_eq!(terminal.end(), expected, "{signal} after {delay} ms");
        }
    }
}

#[test]
fn the_parent_sees_a_death_by_the_signal() {
    for (signal, name) in [("TERM", "Terminated"), ("INT", "Interrupt"), ("HUP", "Hangup")] {
        let mut terminal = bare().start_alone();
        terminal.first_frame();
        terminal.signal(signal);
        assert_eq!(terminal.status().signal(), Some(name));
    }
}

#[test]
fn a_closed_window_ends_it() {
    // While it plays, while it is paused, and when it has ended.
    for keys in ["", " ", END] {
        let mut terminal = bare().start_alone();
        terminal.first_frame();
        terminal.after(keys);
        terminal.close();
        let status = terminal.status();
        // It dies of the signal, unless it notices first that nobody is there; it never panics.
        assert!(status.signal() == Some("Hangup") || status.exit_code() <= 1, "{keys:?}: {status:?}");
    }
}

#[test]
fn what_is_taken_is_what_is_given_back() {
    let mut terminal = bare().start();
    terminal.first_frame();
    assert!(!terminal.is_untouched(), "raw mode");
    let taken = escapes::modes(&terminal.raw());
    let on: Vec<u16> = taken.iter().filter(|(_, on)| **on).map(|(mode, _)| *mode).collect();
    // Mouse buttons, drags and their SGR form; the alternate screen.
    for mode in [1000, 1002, 1006, 1049] {
        assert!(on.contains(&mode), "{mode} is not in {on:?}");
    }
    assert_eq!(taken.get(&25), Some(&false), "the cursor is hidden");
    // The shell's words are not lost behind the picture.
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    let shot = terminal.shot();
    assert!(shot.row(0).starts_with("pid="), "{shot}");
    assert!(shot.row(1).starts_with("exit="), "the cursor is where it was: {shot}");
}

#[test]
fn keys_typed_before_the_picture_count() {
    let mut terminal = bare().start();
    terminal.send("q");
    // As a line discipline would have it, or as a key: the program reads it, whichever it was.
    assert_eq!(terminal.end(), 0);
}

/// A shell with jobs, as a user has it: it says when the program stops, and resumes it at Enter.
const JOBS: &str = r#"
    set -m
    sh -c "echo pid=\$\$.; exec \"\$@\"" sh "$@"
    echo "stopped=$?."
    read -r _
    fg >/dev/null
    exit $?
"#;

/// The program has the terminal, as at its beginning.
#[track_caller]
fn assert_taken(terminal: &Terminal) {
    assert!(!terminal.is_untouched(), "raw mode");
    let modes = escapes::modes(&terminal.raw());
    for (mode, on) in [(1000, true), (1002, true), (1006, true), (1049, true), (25, false)] {
        assert_eq!(modes.get(&mode), Some(&on), "mode {mode}");
    }
    let shot = terminal.shot();
    assert!(shot.alternate && !shot.cursor, "{shot}");
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_the_shell_wants_the_program_again() {
    let suspend: [fn(&mut Terminal); 2] =
        [|terminal| terminal.send(CTRL_Z), |terminal| terminal.signal("TSTP")];
    for suspend in suspend {
        for (name, keys, so) in [
            ("paused", " ", Shot::paused as fn(&Shot) -> bool),
            ("ended", END, Shot::ended),
            ("in the help", "?", Shot::help),
        ] {
            let mut terminal = lockscope(["--speed", "0.05"]).start_in(JOBS);
            terminal.first_frame();
            let before = terminal.press(keys, name, so);
            suspend(&mut terminal);
            assert!(terminal.stopped() > 128, "{name}: it stops, and does not end");
            terminal.send("\n");
            terminal.wait("the same picture", |shot| *shot == before);
            assert_taken(&terminal);
            // The keys are its own again.
            terminal.press("c", "another picture", |shot| *shot != before);
            terminal.send("q");
            assert_eq!(terminal.end(), 0, "{name}");
        }
    }
}

#[test]
fn a_suspended_program_comes_back_to_a_terminal_of_another_size() {
    let mut terminal = bare().start_in(JOBS);
    terminal.first_frame();
    terminal.press(END, "the end", Shot::ended);
    terminal.resize(120, 40);
    let expected = terminal.wait("the other size", |shot| shot.row(0).chars().count() == 119);
    terminal.resize(100, 30);
    terminal.wait("the first size", |shot| shot.row(0).chars().count() == 99);
    terminal.send(CTRL_Z);
    assert!(terminal.stopped() > 128);
    terminal.resize(120, 40);
    terminal.send("\n");
    terminal.wait(&format!("as if it had been there\n{expected}"), |shot| *shot == expected);
    assert_taken(&terminal);
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn time_in_which_it_is_suspended_does_not_pass() {
    let mut terminal = lockscope(["--speed", "50", "--until", "1h"]).start_in(JOBS);
    let before = terminal.wait("it plays", |shot| shot.playing() && shot.millis() > Some(0));
    terminal.send(CTRL_Z);
    assert!(terminal.stopped() > 128);
    // It would be a hundred seconds of the picture's time.
    std::thread::sleep(Duration::from_secs(2));
    terminal.send("\n");
    let after = terminal.wait("it plays on", |shot| shot.playing() && shot.millis() > before.millis());
    let passed = after.millis().unwrap() - before.millis().unwrap();
    assert!(passed < 60_000, "{passed} ms");
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_signal_to_a_suspended_program_ends_it_when_it_comes_back() {
    let mut terminal = bare().start_in(JOBS);
    terminal.first_frame();
    terminal.send(CTRL_Z);
    assert!(terminal.stopped() > 128);
    terminal.signal("TERM");
    terminal.send("\n");
    assert_eq!(terminal.end(), TERM);
}

/// A program that pauses, and draws nothing, while its terminal takes no output; and the pipe on which its
/// shell tells of its end, which it cannot tell the terminal.
fn deaf(name: &str) -> (Terminal, Pipe) {
    let pipe = Pipe::new(name);
    let log = pipe.path.to_str().unwrap().to_owned();
    let setup = lockscope(["--speed", "50", "--until", "1h", "--log", &log]);
    let mut terminal = setup.start_in(&format!(
        r#"
            exec 3>"{log}" 2>/dev/null
            sh -c "echo pid=\$\$.; exec \"\$@\" 3>&-" sh "$@"
            code=$?
            echo "exited=$code" >&3
            exit $code
        "#
    ));
    terminal.first_frame();
    terminal.press(" ", "the pause", Shot::paused);
    terminal.wait_for(&pipe, "the pause", |line| line.contains("Toggle"));
    terminal.stop_output();
    (terminal, pipe)
}

/// One that is stuck in a write by that, or is about to be.
fn stuck(name: &str) -> (Terminal, Pipe) {
    let (mut terminal, pipe) = deaf(name);
    // The key comes behind what stops the output. Once it is obeyed there is a picture to be drawn,
    // and nobody takes it.
    terminal.send(" ");
    terminal.wait_for(&pipe, "it plays", |line| line.contains("Toggle"));
    (terminal, pipe)
}

#[track_caller]
fn assert_abandoned(terminal: &mut Terminal, pipe: &Pipe, codes: &[Code]) {
    let ended = terminal.wait_for(pipe, "its end", |line| line.starts_with("exited="));
    let code = codes.iter().find(|code| ended == format!("exited={code}"));
    let Some(code) = code else { panic!("{ended}, not one of {codes:?}") };
    assert!(terminal.is_untouched(), "the terminal's settings are as they were");
    terminal.resume_output();
    terminal.read_until("the shell", |terminal| terminal.raw().contains(&format!("exit={code}.")));
    // It was stuck indeed, and could not say that it leaves.
    assert!(!terminal.raw().contains("\x1b[?1049l"));
}

#[test]
fn two_signals_end_a_program_whose_terminal_takes_no_output() {
    // It dies of one of them; which is found first is the system's business.
    for (first, second, codes) in [
        ("TERM", "TERM", [TERM, TERM]),
        ("HUP", "TERM", [HUP, TERM]),
        ("INT", "TERM", [INT, TERM]),
        ("INT", "QUIT", [INT, QUIT]),
        ("HUP", "INT", [HUP, INT]),
    ] {
        let (mut terminal, pipe) = stuck(&format!("leaving-{first}-{second}"));
        terminal.signal(first);
        terminal.signal(second);
        assert_abandoned(&mut terminal, &pipe, &codes);
    }
}

/// It draws nothing, so it hears the signal at once; and then it cannot give the screen back.
#[test]
fn one_signal_ends_a_program_that_cannot_give_its_screen_back() {
    let all = [("TERM", TERM), ("INT", INT), ("HUP", HUP), ("QUIT", QUIT)];
    let mut deaf = all.map(|(signal, code)| (deaf(&format!("leaving-deaf-{signal}")), signal, code));
    for ((terminal, _), signal, _) in &mut deaf {
        terminal.signal(signal);
    }
    for ((terminal, pipe), _, code) in &mut deaf {
        assert_abandoned(terminal, pipe, &[*code]);
    }
}

#[test]
fn one_signal_ends_a_program_whose_terminal_takes_no_output() {
    let all = [("TERM", TERM), ("INT", INT), ("HUP", HUP), ("QUIT", QUIT)];
    let mut stuck = all.map(|(signal, code)| (stuck(&format!("leaving-one-{signal}")), signal, code));
    for ((terminal, _), signal, _) in &stuck {
        terminal.signal(signal);
    }
    for ((terminal, pipe), _, code) in &mut stuck {
        assert_abandoned(terminal, pipe, &[*code]);
    }
}

#[test]
fn a_stuck_program_goes_on_when_its_terminal_does() {
    let (mut terminal, _pipe) = stuck("leaving-unstuck");
    let before = terminal.shot();
    terminal.resume_output();
    terminal.wait("it plays", |shot| shot.playing() && shot.millis() > before.millis());
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_terminal_that_goes_away_without_a_signal_ends_it() {
    let pipe = Pipe::new("leaving-gone");
    // In a session of its own, the terminal's end sends it nothing; and it is paused: it draws nothing.
    let has_setsid = Command::new("sh").args(["-c", "command -v setsid"]).output();
    if !has_setsid.expect("a shell").status.success() {
        return;
    }
    let inner = r#"
        sh -c 'echo "pid=$$."; exec "$@"' sh "$@" 3>&-
        echo "exited=$?" >&3
    "#;
    let inner = file("leaving-gone.sh", inner);
    let script = format!(r#"setsid sh "{}" "$@" 3>"{}""#, inner.display(), pipe.path.display());
    let mut terminal = lockscope(["--until", "1h"]).start_in(&script);
    terminal.first_frame();
    terminal.press(" ", "the pause", Shot::paused);
    terminal.close();
    let ended = terminal.wait_for(&pipe, "its end", |line| line.starts_with("exited="));
    // As where a window is closed: it never panics.
    assert!(matches!(&*ended, "exited=0" | "exited=1"), "{ended}");
}
