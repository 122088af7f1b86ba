//! The order as text: a sequence diagram with one row an event, and the reason of every handoff.

use std::cmp::Ordering;
use std::fmt::{self, Write};

use super::story::{Row, Rows, Tone};
use super::{Trace, why, words};
use crate::event::{Outcome, Policy, TaskId};

/// The narrowest and the widest that a task's column gets.
const COLUMN: std::ops::RangeInclusive<usize> = 14..=26;
/// So many columns are drawn at most; the tasks beyond share the last one, with their names.
const MOST_COLUMNS: usize = 6;

/// So many of the first rows say how wide the columns are; what is longer further on is told in fewer words,
/// or cut.
const MEASURED: usize = 4096;

/// What `order` prints for people: who did what when, who owned the lock after it, and why.
pub fn sequence_diagram(trace: &Trace) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_sequence_diagram(&mut text, trace);
    text
}

/// The same, written row by row: it need not be in memory as a whole.
///
/// # Errors
///
/// What `out` says.
pub fn write_sequence_diagram(out: &mut impl Write, trace: &Trace) -> fmt::Result {
    let rows = || Rows::new(trace, 0, trace.len());
    let columns = Columns::of(trace, rows().take(MEASURED));
    heading(out, trace, &columns)?;
    for row in rows() {
        line(out, trace, &columns, &row)?;
    }
    let Some(end) = trace.end() else { return Ok(()) };
    let note = end.note.as_ref().map_or_else(String::new, |note| format!(": {}", words::clean(note)));
    writeln!(out, "{:>8}  {}{note}", end.at.millis(), end.outcome)?;
    if end.outcome == Outcome::Deadlock {
        writeln!(out, "{:>8}  ╰ {}", "", words::clean(&why::stuck(trace)))?;
    }
    Ok(())
}

struct Columns {
    names: Vec<String>,
    width: usize,
    shared: bool,
}

impl Columns {
    fn of(trace: &Trace, rows: impl Iterator<Item = Row>) -> Self {
        let tasks = &trace.names().tasks;
        let shared = tasks.len() > MOST_COLUMNS;
        let longest = rows.filter(|row| row.tone != Tone::Caption).map(|row| row.text.chars().count());
        let longest = longest.chain(tasks.iter().map(|name| name.chars().count())).max().unwrap_or(0);
        let mut names: Vec<String> =
            tasks.iter().take(MOST_COLUMNS).map(|name| words::clean(name).into()).collect();
        if shared {
            names.truncate(MOST_COLUMNS - 1);
            names.push("the others".into());
        }
        Self { names, width: (longest + 2).clamp(*COLUMN.start(), *COLUMN.end()), shared }
    }

    fn of_task(&self, task: TaskId) -> usize {
        (task.0 as usize).min(self.names.len().saturating_sub(1))
    }

    /// The column after the last; the others' column is wide enough for two of them and an arrow.
    fn end(&self) -> usize {
        self.names.len() * self.width + if self.shared { 2 * self.width } else { 0 }
    }

    /// Whether the column is that of several tasks, so that a name has to say whose a row is.
    fn is_shared(&self, column: usize) -> bool {
        self.shared && column + 1 == self.names.len()
    }
}

fn heading(text: &mut impl Write, trace: &Trace, columns: &Columns) -> fmt::Result {
    for lock in &trace.names().locks {
        let (name, policy) = (words::clean(&lock.name), lock.kind.policy());
        let legal = if policy == Policy::Fifo { "" } else { ", one legal order" };
        writeln!(text, "{name}: {}, {policy}{legal}", lock.kind.path())?;
    }
    if trace.lost() > 0 {
        let told = "not recorded; who held or waited for what at such a gap is unknown";
        writeln!(text, "{} lost: {told}", words::events(trace.lost()))?;
    }
    write!(text, "\n{:>8}  ", "ms")?;
    let names: String = columns.names.iter().map(|name| pad(name, columns.width)).collect();
    writeln!(text, "{names:<0$}owner", columns.end())
}

fn line(text: &mut impl Write, trace: &Trace, columns: &Columns, row: &Row) -> fmt::Result {
    let name = |task| words::clean(trace.names().task(task));
    let column = columns.of_task(row.task);
    write!(text, "{:>8}  ", row.at.millis())?;
    let fits = |text: &str| text.chars().count() < columns.width;
    let words = words::clean(row.fitting(fits));
    if row.tone == Tone::Caption {
        return writeln!(text, "— {words} —");
    }
    let mine =
        if columns.is_shared(column) { format!("{}: {words}", name(row.task)) } else { words.into_owned() };
    let at = column * columns.width;
    let mut body = Line::new(columns.end());
    if let Some((to, word)) = row.handoff {
        let target = columns.of_task(to);
        let granted =
            if columns.is_shared(target) { format!("{}: {word}", name(to)) } else { word.to_owned() };
        let target = target * columns.width;
        match target.cmp(&at) {
            Ordering::Greater => {
                body.put(target, columns.end(), &granted);
                let end = body.put(at, target - 4, &mine) + 1;
                body.put(end, target, &format!("{}▶", "─".repeat(target.saturating_sub(end + 2))));
            }
            Ordering::Less => {
                body.put(at, columns.end(), &mine);
                let end = body.put(target, at - 4, &granted) + 1;
                body.put(end, at, &format!("◀{}", "─".repeat(at.saturating_sub(end + 2))));
            }
            Ordering::Equal => _ = body.put(at, columns.end(), &format!("{mine} ─▶ {granted}")),
        }
    } else {
        body.put(at, columns.end(), &mine);
    }
    let body: String = body.cells.into_iter().collect();
    let nobody = if trace.names().locks.len() == 1 { "·" } else { "" };
    let owner = row.owner(trace.names(), usize::MAX).unwrap_or_else(|| nobody.to_owned());
    writeln!(text, "{}", format!("{body}{}", words::clean(&owner)).trim_end())?;
    let handoff =
        trace.handoffs(row.last).last().filter(|handoff| row.handoff.is_some() && handoff.seq >= row.seq);
    let note = trace.notes(row.last).last().filter(|note| note.seq >= row.seq);
    let reason = match (handoff, note) {
        // Whoever is only woken may be too late: the rows below tell.
        (Some(handoff), _) if !handoff.owns => why::explain(trace, &handoff, row.last),
        (Some(handoff), _) => why::explain(trace, &handoff, trace.len()),
        (None, Some(note)) => why::note(trace, note),
        (None, None) => return Ok(()),
    };
    writeln!(text, "{:>8}  ╰ {}", "", words::clean(&reason))
}

/// A line of cells, one a character.
struct Line {
    cells: Vec<char>,
}

impl Line {
    fn new(width: usize) -> Self {
        Self { cells: vec![' '; width] }
    }

    /// Writes `words` from column `at`, cut with `…` before column `end`; gives the column after them.
    fn put(&mut self, at: usize, end: usize, words: &str) -> usize {
        let room = end.min(self.cells.len()).saturating_sub(at + 1);
        let words = cut(words, room);
        for (cell, c) in self.cells.iter_mut().skip(at).zip(words.chars()) {
            *cell = c;
        }
        at + words.chars().count()
    }
}

/// `words` in at most `room` characters, cut with `…`.
fn cut(words: &str, room: usize) -> String {
    if words.chars().count() <= room {
        return words.to_owned();
    }
    words.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

fn pad(words: &str, width: usize) -> String {
    let kept = cut(words, width - 1);
    format!("{kept:<width$}")
}
