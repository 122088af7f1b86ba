//! The scenarios that are part of the program: the files in `scenarios/`, found by their ids, in the
//! order of a course.

use super::source::Source;

/// A scenario that is part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundled {
    /// What to call it: its file's name without the ending.
    pub id: &'static str,
    /// Where its file is in the repository.
    pub path: &'static str,
    /// The chapter of the course that it belongs to.
    pub chapter: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Bundled {
    /// Its text as a source, whose name is its path.
    pub fn source(&self) -> Source {
        Source::new(self.path, self.text)
    }
}

/// The chapters, each with its files in `scenarios/`.
macro_rules! course {
    ($($chapter:literal: $($id:literal),+;)+) => {
        &[$($(Bundled {
            id: $id,
            path: concat!("scenarios/", $id, ".json"),
            chapter: $chapter,
            text: include_str!(concat!("../../scenarios/", $id, ".json")),
        }),+),+]
    };
}

const ALL: &[Bundled] = course! {
    "Who goes next": "tokio-handoff", "unfair-mutex", "released-not-available", "uncontended-no-yield",
        "lock-convoy";
    "What a lock is held for": "short-critical-section", "lost-update";
    "Whose thread it is": "std-across-await", "blocked-executor";
    "Giving up": "cancel-loses-place", "retry-starves", "pinned-future", "cancelled-in-the-middle",
        "futurelock", "futurelock-fixed";
    "Readers and writers": "rwlock-writer-preference", "rwlock-recursive-read", "cancelled-writer";
    "Nobody moves": "abba", "abba-ordered", "philosophers", "philosophers-ordered";
    "Not only mutexes": "semaphore-head-of-line", "semaphore-turnstile", "missed-notification",
        "notify-one", "actor";
};

/// The id of the one that runs when nothing else is asked for: the lecture's program.
pub const DEFAULT: &str = "tokio-handoff";

/// A commented scenario to begin with, which teaches the language.
pub const STARTER: &str = include_str!("../../assets/starter.json");

/// All of them in the order of the course, the lecture's own first.
pub fn all() -> &'static [Bundled] {
    ALL
}

/// One of them by its id.
pub fn find(id: &str) -> Option<&'static Bundled> {
    ALL.iter().find(|bundled| bundled.id == id)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use std::iter::once;

    use super::super::keys::names;
    use super::super::value::{COMPARISONS, COMPUTED, JOINTS};
    use super::super::verbs::{self, VERBS};
    use super::super::{expect, file, locks, markers, parse, tasks};
    use super::*;

    #[test]
    fn the_table_and_the_files_agree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let mut files: Vec<_> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
            .collect();
        files.sort();
        let mut ids: Vec<_> = all().iter().map(|bundled| bundled.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, files.iter().map(|(stem, _)| stem).collect::<Vec<_>>());
        for (id, path) in files {
            assert_eq!(path.extension().unwrap(), "json");
            assert!(path.ends_with(find(&id).unwrap().path));
        }
    }

    #[test]
    fn every_bundled_scenario_is_without_mistakes() {
        for bundled in all() {
            match parse(&bundled.source()) {
                Ok(checked) => assert!(checked.warnings.is_empty(), "{}", checked.warnings),
                Err(report) => panic!("{report}"),
            }
        }
    }

    #[test]
    fn the_starter_is_without_mistakes_and_names_all_of_the_language() {
        let checked =
            parse(&Source::new("starter.json", STARTER)).unwrap_or_else(|report| panic!("{report}"));
        assert!(checked.warnings.is_empty(), "{}", checked.warnings);
        // In a step or in a comment: whoever adds a word to the language says there what it means.
        let verbs = VERBS.iter().flat_map(|word| once(word.name).chain(names(word.modifiers)));
        let tables = [
            file::FIELDS,
            locks::FIELDS,
            tasks::FIELDS,
            markers::FIELDS,
            markers::ON,
            expect::FIELDS,
            verbs::ARM,
        ];
        let fields = tables.into_iter().flat_map(names).filter(|field| *field != "$schema");
        let values = names(COMPUTED).chain(names(JOINTS));
        let comparisons = COMPARISONS.iter().map(|(key, _)| key.name);
        for word in verbs.chain(fields).chain(values).chain(comparisons) {
            assert!(
                STARTER.contains(&format!("\"{word}\"")),
                "assets/starter.json does not explain `{word}`"
            );
        }
    }

    #[test]
    fn an_unknown_id_finds_nothing() {
        assert_eq!(find("tokio"), None);
    }
}
