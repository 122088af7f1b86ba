//! The recordings in `assets/` are what the program records now. Where they are stale,
//! `LOCKSCOPE_ASSETS=write cargo test --test assets` makes them anew.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Each scenario that the README shows, and how fast.
const SHOWN: [(&str, &str); 4] = [
    ("tokio-handoff", "0.5"),
    ("unfair-mutex", "0.5"),
    ("rwlock-writer-preference", "0.5"),
    ("futurelock", "2"),
];

#[test]
fn the_recordings_show_what_the_program_shows_now() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let readme = fs::read_to_string(assets.join("../README.md")).unwrap();
    for (id, speed) in SHOWN {
        let file = assets.join(format!("{id}.gif"));
        let made = Command::new(env!("CARGO_BIN_EXE_lockscope"))
            .args(["record", id, "--speed", speed, "--fps", "20", "--format", "gif", "-o", "-"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if std::env::var_os("LOCKSCOPE_ASSETS").is_some_and(|what| what == "write") {
            fs::write(&file, &made.stdout).unwrap();
        }
        let kept = fs::read(&file).unwrap();
        assert!(
            kept == made.stdout,
            "assets/{id}.gif is stale: LOCKSCOPE_ASSETS=write cargo test --test assets"
        );
        assert!(readme.contains(&format!("assets/{id}.gif")), "the README does not show assets/{id}.gif");
    }
}
