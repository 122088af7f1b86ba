//! Who acts in a scenario: the names that markers and expectations may use for a task.

use std::collections::HashMap;

use super::json::{Spanned, twice};
use super::names::{quote, suggest};
use super::report::Mistakes;
use super::source::Span;

/// The tasks by the names in the file.
#[derive(Default)]
pub(super) struct Actors<'a> {
    tasks: HashMap<&'a str, (Numbers, Span)>,
    names: Vec<&'a str>,
}

/// How many tasks a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// One, without a number.
    One,
    /// So many, numbered from 1.
    Count(u32),
    /// The file does not say it well; every number will do.
    Unknown,
}

impl<'a> Actors<'a> {
    /// Adds a task of the file.
    pub(super) fn add(&mut self, name: &Spanned<&'a str>, numbers: Numbers, mistakes: &mut Mistakes) {
        if let Some((_, first)) = self.tasks.get(name.value) {
            twice(name, "task", first, mistakes);
        } else {
            self.tasks.insert(name.value, (numbers, name.at.clone()));
            self.names.push(name.value);
        }
    }

    /// Checks that there is a task of this name, with its number where it has one. The name may be
    /// part of a string, at whose place the mistake is shown.
    pub(super) fn check(&self, name: &Spanned<&str>, mistakes: &mut Mistakes) -> bool {
        if let Some((numbers, _)) = self.tasks.get(name.value) {
            let Numbers::Count(count) = numbers else { return true };
            mistakes
                .error(name.at.clone(), format!("{} stands for several tasks", quote(name.value)))
                .label("its number is missing")
                .help(format!("write one of \"{0}#1\" to \"{0}#{count}\"", name.value));
            return false;
        }
        if let Some((base, number)) = name.value.rsplit_once('#')
            && let Some((numbers, _)) = self.tasks.get(base)
        {
            let number = number.parse::<u32>().ok().filter(|parsed| parsed.to_string() == number);
            let help = match numbers {
                Numbers::Unknown => return true,
                Numbers::Count(count) if number.is_some_and(|number| (1..=*count).contains(&number)) => {
                    return true;
                }
                Numbers::Count(count) => format!("write one of \"{base}#1\" to \"{base}#{count}\""),
                Numbers::One => format!("write \"{base}\": without `count`, a task has no number"),
            };
            mistakes
                .error(name.at.clone(), format!("unknown task {}", quote(name.value)))
                .label("no task has this number")
                .help(help);
            return false;
        }
        let help = suggest(mistakes, name.value, "task", self.names.iter().copied());
        mistakes
            .error(name.at.clone(), format!("unknown task {}", quote(name.value)))
            .label("not among the `tasks`")
            .help(help);
        false
    }
}
