//! Two lists of lines, and where they differ: the lines between `-` and `+`, with some around them.

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// So many equal lines are shown before and after a difference.
const CONTEXT: usize = 3;
/// So many lines of each side are compared from the first difference on: the time that a comparison
/// takes grows with the square of what differs.
const COMPARED: usize = 1_000;
/// So many lines are shown.
const SHOWN: usize = 40;

/// The lines that say where `expected` and `seen` differ; none where they are the same.
pub fn lines(expected: &[String], seen: &[String]) -> Vec<String> {
    let equal = |(expected, seen): &(&String, &String)| expected == seen;
    let head = expected.iter().zip(seen).take_while(equal).count();
    let (old, new) = (&expected[head..], &seen[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(equal).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    if old.is_empty() && new.is_empty() {
        return Vec::new();
    }
    let part = |lines: &[String]| lines.len().min(COMPARED);
    let (old, old_rest) = old.split_at(part(old));
    let (new, new_rest) = new.split_at(part(new));

    let mut all: Vec<(char, &str)> = Vec::new();
    extend(&mut all, ' ', &expected[..head]);
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        if op.tag() == DiffTag::Equal {
            extend(&mut all, ' ', &old[op.old_range()]);
        } else {
            extend(&mut all, '-', &old[op.old_range()]);
            extend(&mut all, '+', &new[op.new_range()]);
        }
    }
    let cut = !old_rest.is_empty() || !new_rest.is_empty();
    if !cut {
        extend(&mut all, ' ', &expected[expected.len() - tail..]);
    }

    let mut shown = around_changes(&all);
    let hidden = shown.len().saturating_sub(SHOWN);
    if hidden > 1 {
        shown.truncate(SHOWN);
        shown.push(format!("  … {hidden} more lines of this"));
    }
    for (rest, what) in [(old_rest, "expected"), (new_rest, "seen")] {
        if !rest.is_empty() {
            shown.push(format!("  … {} more {what}", rest.len()));
        }
    }
    shown
}

fn extend<'a>(all: &mut Vec<(char, &'a str)>, mark: char, lines: &'a [String]) {
    all.extend(lines.iter().map(|line| (mark, line.as_str())));
}

/// The changes and what is near them; of the rest how much it is.
fn around_changes(all: &[(char, &str)]) -> Vec<String> {
    let mut near = vec![false; all.len()];
    for at in (0..all.len()).filter(|&at| all[at].0 != ' ') {
        let end = all.len().min(at + CONTEXT + 1);
        near[at.saturating_sub(CONTEXT)..end].fill(true);
    }
    let mut shown = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let skipped = near[at..].iter().take_while(|near| !**near).count();
        if skipped > 0 {
            shown.push(format!("  … {skipped} the same"));
            at += skipped;
        } else {
            shown.push(format!("{} {}", all[at].0, all[at].1));
            at += 1;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(expected: &str, seen: &str) -> String {
        let list = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        lines(&list(expected), &list(seen)).join("|")
    }

    #[test]
    fn what_differs_stands_among_what_does_not() {
        assert_eq!(diff("a b c", "a b c"), "");
        assert_eq!(diff("a b c", "a x c"), "  a|- b|+ x|  c");
        assert_eq!(diff("1 2 3 4 5 a", "1 2 3 4 5 b"), "  … 2 the same|  3|  4|  5|- a|+ b");
        assert_eq!(
            diff("a 1 2 3 4 5 6 7 8 b", "1 2 3 4 5 6 7 8"),
            "- a|  1|  2|  3|  … 2 the same|  6|  7|  8|- b"
        );
        assert_eq!(diff("a 8 7", "a 7 7"), "  a|- 8|+ 7|  7");
        assert_eq!(diff("x 1 2 3 4 5", "y 1 2 3 4 5"), "- x|+ y|  1|  2|  3|  … 2 the same");
        assert_eq!(lines(&[], &["a".into()]), ["+ a"]);
        assert_eq!(lines(&["a".into()], &[]), ["- a"]);
    }

    #[test]
    fn a_long_difference_is_short_and_quick() {
        let numbers = |range: std::ops::Range<u32>| range.map(|n| n.to_string()).collect::<Vec<_>>();
        let shown = lines(&numbers(0..300_000), &numbers(500_000..900_000));
        assert_eq!(shown.len(), SHOWN + 3);
        let ends = ["  … 1960 more lines of this", "  … 299000 more expected", "  … 399000 more seen"];
        assert_eq!(shown[SHOWN..], ends);
    }
}
