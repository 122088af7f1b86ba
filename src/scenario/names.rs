//! Names: which are allowed, how a message quotes one, and which existing one was probably meant.

use std::collections::HashSet;

use super::excerpt::is_invisible;
use super::json::Spanned;
use super::limits::MAX_NAME;
use super::report::Mistakes;

/// Characters of a name in a message.
const QUOTED: usize = 40;

/// Beyond this many names the nearest one is not searched for: a file can have very many mistakes.
const SEARCHED: usize = 200;

/// Names of a list in a message: all verbs fit.
const LISTED: usize = 30;

/// A name as a message shows it, cut if it is long.
pub(super) fn quote(name: &str) -> String {
    match name.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("`{}…`", &name[..end]),
        None => format!("`{name}`"),
    }
}

/// Some names, as a message lists them: each once.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut seen = HashSet::new();
    let once = names.into_iter().take(SEARCHED).filter(|name| seen.insert(*name));
    let mut names: Vec<_> = once.map(quote).collect();
    if names.len() > LISTED {
        names.truncate(LISTED - 1);
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// The candidate that is spelt most like the name, if one is near enough to have been meant.
pub(super) fn nearest<'n>(name: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let length = name.chars().count();
    if length > QUOTED {
        return None;
    }
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .take(SEARCHED)
        .filter(|candidate| candidate.chars().nth(QUOTED).is_none())
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= length.max(candidate.chars().count()).div_ceil(3))
        // A name of one letter is near to every other, which says nothing.
        .filter(|(distance, _)| *distance == 0 || length > 1)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to do about a name that does not exist: the nearest one, or else all that do.
pub(super) fn suggest<'n>(
    mistakes: &Mistakes,
    name: &str,
    what: &str,
    candidates: impl Iterator<Item = &'n str> + Clone,
) -> String {
    if mistakes.full() {
        return String::new();
    }
    match nearest(name, candidates.clone()) {
        Some(near) => format!("did you mean {}?", quote(near)),
        None if candidates.clone().next().is_none() => format!("there is no {what} here"),
        None => format!("known: {}", list(candidates)),
    }
}

/// Whether a name can be shown wherever names are shown; `what` says whose it is.
pub(super) fn check(name: &Spanned<&str>, what: &str, mistakes: &mut Mistakes) -> bool {
    let (message, help) = if name.value.trim().is_empty() {
        (format!("the name of {what} is empty"), "write at least one letter".to_owned())
    } else if name.value.contains(is_invisible) {
        (
            format!("the name of {what} has a control character in it"),
            "use visible characters only".to_owned(),
        )
    } else if name.value.chars().nth(MAX_NAME).is_some() {
        (format!("the name of {what} is too long"), format!("a name has at most {MAX_NAME} characters"))
    } else {
        return true;
    };
    mistakes.error(name.at.clone(), message).help(help);
    false
}

/// What Rust keeps for itself.
pub(super) const KEYWORDS: &[&str] = &[
    "_", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "Self",
    "static", "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Whether a name, moreover, is one in Rust: guards, values and locks are drawn in the code.
pub(super) fn check_identifier(name: &Spanned<&str>, what: &str, mistakes: &mut Mistakes) -> bool {
    if !check(name, what, mistakes) {
        return false;
    }
    let keyword = KEYWORDS.contains(&name.value);
    let label = if keyword { "Rust keeps it for itself" } else { "not a name in Rust" };
    let fits = identifier(name.value);
    if fits == name.value {
        return true;
    }
    mistakes
        .error(name.at.clone(), format!("{} cannot be the name of {what}", quote(name.value)))
        .label(label)
        .help(format!("write letters, digits and _, such as {}", quote(&fits)));
    false
}

/// The name itself if Rust allows it, else one like it that Rust allows.
fn identifier(name: &str) -> String {
    let mut fits: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    if fits.starts_with(char::is_numeric) {
        fits.insert(0, '_');
    }
    if KEYWORDS.contains(&fits.as_str()) {
        fits = if fits == "_" { "guard".to_owned() } else { fits + "_" };
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_rust_allows_stay() {
        for name in ["g", "_g", "g_1", "größe", "union", "Await"] {
            assert_eq!(identifier(name), name);
        }
        let changed = [
            ("g-1", "g_1"),
            ("x y", "x_y"),
            ("1a", "_1a"),
            ("let", "let_"),
            ("r#let", "r_let"),
            ("_", "guard"),
        ];
        for (name, fits) in changed {
            assert_eq!(identifier(name), fits);
        }
    }

    #[test]
    fn the_nearest_name_is_one_that_was_meant() {
        let verbs = ["lock", "drop", "sleep", "insert"];
        assert_eq!(nearest("lok", verbs), Some("lock"));
        assert_eq!(nearest("Insert", verbs), Some("insert"));
        assert_eq!(nearest("slepe", verbs), Some("sleep"));
        assert_eq!(nearest("teleport", verbs), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("A", ["a"]), Some("a"));
        assert_eq!(nearest(&"x".repeat(1_000_000), verbs), None);
    }
}
