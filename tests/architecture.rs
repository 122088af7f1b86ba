//! Imports run in one direction: event → places → compact → sync → live → layer → scenario → engine → channel → trace →
//! view →
//! record → app → cli. This reads the sources and says where they run back.

// Helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

const ORDER: [&str; 14] = [
    "event", "places", "compact", "sync", "live", "layer", "scenario", "engine", "channel", "trace", "view",
    "record", "app", "cli",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == module)
}

/// The modules of ours that a text names: after `crate::`, alone or in braces.
fn named(text: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, marker) in text.match_indices("crate::") {
        let rest = &text[at + marker.len()..];
        let inside = rest.strip_prefix('{').map_or(rest, |braces| &braces[..braces.find('}').unwrap()]);
        let names = if inside.len() < rest.len() { inside.split(',').collect() } else { vec![rest] };
        for name in names {
            let name = name.trim_start();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            modules.push(name[..end].to_owned());
        }
    }
    modules
}

/// The lines of a file that are code: comments may speak of what comes later.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_never_run_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut seen = 0;
    for file in files {
        let inner = file.strip_prefix(&root).unwrap();
        let module = inner.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = module.trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        let own = rank(module).unwrap_or_else(|| panic!("{} is in no module of ORDER", inner.display()));
        for name in named(&code(&file)) {
            let Some(other) = rank(&name) else { panic!("{} names crate::{name}", inner.display()) };
            assert!(other <= own, "{} ({module}) imports {name}, which comes after it", inner.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "the test no longer sees the imports");
}

#[test]
fn the_bottom_knows_no_runtime_and_no_terminal() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let without = [
        ("event.rs", &["tokio", "ratatui", "crossterm"][..]),
        ("scenario", &["tokio::runtime", "tokio::time", "tokio::spawn", "ratatui", "crossterm", "std::fs"]),
        ("trace", &["tokio", "ratatui", "crossterm", "std::fs", "std::io"]),
        ("view", &["tokio", "crossterm", "std::fs", "std::io", "std::time::Instant", "println!"]),
        ("record", &["tokio", "crossterm", "std::fs", "std::time::Instant", "std::env"]),
    ];
    for (place, foreign) in without {
        let mut files = Vec::new();
        let path = root.join(place);
        if path.is_dir() {
            sources(&path, &mut files);
        } else {
            files.push(path);
        }
        for file in files {
            let text = code(&file);
            let imports: Vec<_> = text.lines().filter(|line| line.trim_start().starts_with("use ")).collect();
            for word in foreign {
                let found = imports.iter().find(|line| line.contains(&format!("use {word}")));
                assert!(found.is_none(), "{}: {}", file.display(), found.unwrap());
            }
        }
    }
}

#[test]
fn the_locks_alone_pull_in_neither_a_terminal_nor_a_command_line() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    for name in [
        "ratatui",
        "clap",
        "crossterm",
        "jsonc-parser",
        "annotate-snippets",
        "similar",
        "tempfile",
        "tracing-subscriber",
        "fontdue",
        "gif",
        "png",
    ] {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
        assert!(line.contains("optional = true"), "{name} must be optional");
    }
}
