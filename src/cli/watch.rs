//! Files of scenarios: reading them, and seeing when they were saved.
//!
//! Watching is looking, a few times a second: a scenario is small, and a look sees every way in which an
//! editor saves (a new file under the old name, the old one written anew, deleted and made again) on
//! every kind of disk.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::app::{Reload, Reloaded};
use crate::scenario::{self, Checked, Report, Source, Swap};
use crate::trace::words;

/// What a file holds, and when it was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    pub bytes: Vec<u8>,
    modified: Option<SystemTime>,
    /// Whether it can be read again: a pipe cannot.
    pub is_file: bool,
}

/// Reads a file, which may be anything: no more of it than a scenario may have, and a byte to see
/// that there was more.
pub fn read(path: &str) -> io::Result<Content> {
    read_on(Vec::new(), File::open(path)?)
}

/// Reads what is left of a file that begins with `bytes`.
pub fn read_on(mut bytes: Vec<u8>, file: File) -> io::Result<Content> {
    let metadata = file.metadata()?;
    file.take((scenario::MAX_BYTES + 1 - bytes.len()) as u64).read_to_end(&mut bytes)?;
    Ok(Content { bytes, modified: metadata.modified().ok(), is_file: metadata.is_file() })
}

/// Checks what was read, with other locks if that is asked for.
pub fn check(path: &str, content: &Content, swaps: &[Swap]) -> Result<Checked, Report> {
    scenario::parse_with(&Source::from_bytes(path, &content.bytes)?, swaps)
}

/// So many looks must find the same before it counts as saved: between two of them half a file becomes
/// a whole one.
const SETTLED: u32 = 2;

/// The same for a file that is gone or empty. Some editors leave it so for a while.
const SETTLED_WITHOUT: u32 = 5;

type Seen = Result<Content, String>;

/// A file that is read again.
pub struct Watched {
    path: String,
    /// The locks that it runs with in place of its own.
    swaps: Vec<Swap>,
    state: Mutex<State>,
}

struct State {
    /// What was given on last.
    taken: Seen,
    /// What is there instead, and how many looks have found it.
    pending: Option<(Seen, u32)>,
}

impl Watched {
    /// The file at `path`, which held `content` when it was read, and what its locks are swapped for.
    pub fn new(path: &str, content: Content, swaps: Vec<Swap>) -> Self {
        let state = Mutex::new(State { taken: Ok(content), pending: None });
        Self { path: path.to_owned(), swaps, state }
    }

    fn seen(&self) -> Seen {
        // Whatever has taken the file's place must not be waited for.
        let file = fs::metadata(&self.path).and_then(|metadata| {
            if metadata.is_file() { read(&self.path) } else { Err(io::Error::other("it is no file")) }
        });
        file.map_err(|error| error.to_string())
    }

    fn reloaded(&self, seen: &Seen) -> Reloaded {
        let checked = match seen {
            Ok(content) => check(&self.path, content, &self.swaps).map_err(|report| report.render(false)),
            Err(error) => Err(format!(
                "error: cannot read `{}`: {error}\n  = help: save it again under this name\n",
                words::clean(&self.path)
            )),
        };
        match checked {
            Ok(Checked { plan, warnings }) => {
                Reloaded::Plan { plan: Arc::new(plan), warnings: warnings.warnings() }
            }
            Err(text) => Reloaded::Mistakes(text),
        }
    }
}

impl Reload for Watched {
    fn name(&self) -> &str {
        // Of a path the end: the whole of it may be longer than a row of the screen.
        Path::new(&self.path).file_name().and_then(OsStr::to_str).unwrap_or(&self.path)
    }

    fn read(&self) -> Reloaded {
        let seen = self.seen();
        let reloaded = self.reloaded(&seen);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { taken: seen, pending: None };
        reloaded
    }

    fn look(&self) -> Option<Reloaded> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.seen();
        if seen == state.taken {
            state.pending = None;
            return None;
        }
        let before = state.pending.take().filter(|(before, _)| *before == seen).map_or(0, |(_, looks)| looks);
        let something = seen.as_ref().is_ok_and(|content| !content.bytes.is_empty());
        if before + 1 < if something { SETTLED } else { SETTLED_WITHOUT } {
            state.pending = Some((seen, before + 1));
            return None;
        }
        let reloaded = self.reloaded(&seen);
        state.taken = seen;
        Some(reloaded)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const GOOD: &str =
        r#"{ "scenario": 1, "title": "t", "locks": {}, "tasks": [ { "name": "t", "steps": [] } ] }"#;

    /// A file of its own in a folder of its own, gone afterwards.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("lockscope-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn path(&self) -> String {
            self.0.join("my.json").to_str().unwrap().to_owned()
        }

        fn write(&self, text: &str) {
            fs::write(self.path(), text).unwrap();
        }

        fn watched(&self) -> Watched {
            self.write(GOOD);
            Watched::new(&self.path(), read(&self.path()).unwrap(), Vec::new())
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn title(reloaded: Option<Reloaded>) -> String {
        match reloaded {
            None => "-".into(),
            Some(Reloaded::Plan { plan, .. }) => plan.title.clone(),
            Some(Reloaded::Mistakes(text)) => text,
        }
    }

    fn titled(title: &str) -> String {
        GOOD.replace("\"t\", \"locks\"", &format!("\"{title}\", \"locks\""))
    }

    #[test]
    fn half_a_file_is_no_mistake_yet() {
        let scratch = Scratch::new("half");
        let watched = scratch.watched();
        assert_eq!(title(watched.look()), "-");
        scratch.write("");
        assert_eq!(title(watched.look()), "-");
        scratch.write(&GOOD[..20]);
        assert_eq!(title(watched.look()), "-");
        scratch.write(&titled("two"));
        assert_eq!(title(watched.look()), "-");
        assert_eq!(title(watched.look()), "two");
        assert_eq!(title(watched.look()), "-");
    }

    #[test]
    fn a_mistake_that_stays_is_told_once() {
        let scratch = Scratch::new("mistake");
        let watched = scratch.watched();
        scratch.write(&GOOD[..20]);
        assert_eq!(title(watched.look()), "-");
        assert!(title(watched.look()).contains("my.json:1:"));
        assert_eq!(title(watched.look()), "-");
        scratch.write(GOOD);
        assert_eq!(title(watched.look()), "-");
        assert_eq!(title(watched.look()), "t");
    }

    #[test]
    fn a_new_file_under_the_old_name_is_seen_and_a_gap_is_not() {
        let scratch = Scratch::new("rename");
        let watched = scratch.watched();
        let other = scratch.0.join("other");
        fs::write(&other, titled("two")).unwrap();
        fs::rename(&other, scratch.path()).unwrap();
        assert_eq!([title(watched.look()), title(watched.look())], ["-", "two"]);
        fs::remove_file(scratch.path()).unwrap();
        assert_eq!([title(watched.look()), title(watched.look())], ["-", "-"]);
        scratch.write(&titled("three"));
        assert_eq!([title(watched.look()), title(watched.look())], ["-", "three"]);
        fs::remove_file(scratch.path()).unwrap();
        let told: Vec<_> = (0..SETTLED_WITHOUT).map(|_| title(watched.look())).collect();
        assert!(told[..told.len() - 1].iter().all(|told| told == "-"));
        assert!(told[told.len() - 1].starts_with("error: cannot read"), "{told:?}");
    }

    #[test]
    fn what_was_read_on_request_is_not_told_again() {
        let scratch = Scratch::new("request");
        let watched = scratch.watched();
        scratch.write(&titled("two"));
        assert_eq!(title(watched.look()), "-");
        assert_eq!(title(Some(watched.read())), "two");
        assert_eq!([title(watched.look()), title(watched.look())], ["-", "-"]);
    }

    #[test]
    fn a_file_that_becomes_too_large_or_a_folder_is_a_mistake() {
        let scratch = Scratch::new("folder");
        let watched = scratch.watched();
        scratch.write(&" ".repeat(scenario::MAX_BYTES + 1));
        assert!(title(Some(watched.read())).contains("too large"));
        fs::remove_file(scratch.path()).unwrap();
        fs::create_dir(scratch.path()).unwrap();
        assert!(title(Some(watched.read())).contains("it is no file"));
    }
}
