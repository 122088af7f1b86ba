//! The order as text: a sequence diagram with one row an event, and the reason of every handoff.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Write};

use super::story::{Row, Rows, Tone};
use super::{Owners, Trace, why, words};
use crate::event::{LockId, Names, Outcome, Policy, TaskId, Time};

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
    let rows = |room| Rows::new(trace, 0, trace.len()).in_columns_of(room);
    let columns = Columns::of(trace, rows(usize::MAX).take(MEASURED));
    heading(out, trace, &columns)?;
    let mut line = Line::new(columns.end(), trace.is_fine());
    let stamp = line.width();
    let mut rows = rows(columns.width).watched();
    while let Some(row) = rows.next() {
        line.clear();
        tell(&mut line, trace, &columns, &row)?;
        out.write_str(&line.text)?;
        for lasting in rows.take_lasting() {
            writeln!(out, "{:>stamp$}  ╰ {}", "", words::clean(&lasting))?;
        }
    }
    let Some(end) = trace.end() else { return Ok(()) };
    let note = end.note.as_ref().map_or_else(String::new, |note| format!(": {}", words::clean(note)));
    writeln!(out, "{:>stamp$}  {}{note}", words::stamp(end.at, line.finely), end.outcome)?;
    if end.outcome == Outcome::Deadlock {
        writeln!(out, "{:>stamp$}  ╰ {}", "", words::clean(&why::stuck(trace)))?;
    }
    let rings = why::lasting_at_the_end(trace);
    let still = why::standstills_at_the_end(trace, &rings);
    let still = why::tell_standstills(trace.names(), &trace.state(trace.len()), &still);
    for text in why::tell(trace.names(), &rings).into_iter().chain(still) {
        writeln!(out, "{:>stamp$}  ╰ {}", "", words::clean(&text))?;
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
    if trace.earlier() > 0 {
        let told = words::events(trace.earlier());
        writeln!(text, "{told} before this not kept: it begins with what held then")?;
    }
    if trace.lost() > 0 {
        let told = "not recorded; who held or waited for what at such a gap is unknown";
        writeln!(text, "{} lost: {told}", words::events(trace.lost()))?;
    }
    write!(text, "\n{:>1$}  ", "ms", stamp_width(trace.is_fine()))?;
    let names: String = columns.names.iter().map(|name| pad(name, columns.width)).collect();
    writeln!(text, "{names:<0$}owner", columns.end())
}

/// Writes a row into an empty line, with the reason in another one below it.
fn tell(line: &mut Line, trace: &Trace, columns: &Columns, row: &Row) -> fmt::Result {
    line.stamp(row.at)?;
    let room = |text: &str| text.chars().count() < columns.width;
    let words = words::clean(row.fitting(room));
    if row.tone == Tone::Caption {
        return writeln!(line.text, "— {words} —");
    }
    let column = columns.of_task(row.task);
    let mine = named(trace, columns, column, row.task, &words);
    let (at, end) = (column * columns.width, columns.end());
    if let Some((to, word)) = row.handoff {
        let target = columns.of_task(to);
        let granted = named(trace, columns, target, to, word);
        let target = target * columns.width;
        match target.cmp(&at) {
            Ordering::Greater => {
                line.put(at, target - 4, &mine);
                line.arrow(target, |shaft| format!("{shaft}▶"));
                line.put(target, end, &granted);
            }
            Ordering::Less => {
                line.put(target, at - 4, &granted);
                line.arrow(at, |shaft| format!("◀{shaft}"));
                line.put(at, end, &mine);
            }
            Ordering::Equal => line.put(at, end, &format!("{mine} ─▶ {granted}")),
        }
    } else {
        line.put(at, end, &mine);
    }
    line.pad(end);
    line.own(trace.names(), row);
    let handoff = row.handoff.and_then(|_| trace.handoffs(row.last).last());
    let handoff = handoff.filter(|handoff| handoff.seq >= row.seq);
    let note = trace.notes(row.last).last().filter(|note| note.seq >= row.seq);
    let reason = match (handoff, note) {
        // Whoever is only woken may be too late: the rows below tell.
        (Some(handoff), _) if !handoff.owns => why::explain(trace, &handoff, row.last),
        (Some(handoff), _) => why::explain(trace, &handoff, trace.len()),
        (None, Some(note)) => why::note(trace, note),
        (None, None) => return Ok(()),
    };
    let stamp = line.width();
    write!(line.text, "{:>stamp$}  ╰ ", "")?;
    line.text += &words::clean(&reason);
    line.text.push('\n');
    Ok(())
}

/// `words`, with the name of the task where the column does not say whose they are.
fn named<'a>(trace: &Trace, columns: &Columns, column: usize, task: TaskId, words: &'a str) -> Cow<'a, str> {
    if columns.is_shared(column) {
        format!("{}: {words}", words::clean(trace.names().task(task))).into()
    } else {
        words.into()
    }
}

/// How wide times are, with what is left blank before them.
const fn stamp_width(finely: bool) -> usize {
    if finely { 12 } else { 8 }
}

/// A line that is written from left to right, one character a column, behind the time.
#[derive(Default)]
struct Line {
    text: String,
    /// The columns that are written.
    written: usize,
    /// As many as there are.
    blanks: String,
    /// Whether times are finer than milliseconds.
    finely: bool,
    /// What was said last of a time, and of an owner: mostly it is said again.
    stamped: (Time, String),
    owned: (Option<LockId>, Owners, String),
}

impl Line {
    fn new(width: usize, finely: bool) -> Self {
        Self { text: String::new(), written: 0, blanks: " ".repeat(width), finely, ..Self::default() }
    }

    /// How wide its time is.
    fn width(&self) -> usize {
        stamp_width(self.finely)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.written = 0;
    }

    /// Begins with the time, in milliseconds.
    fn stamp(&mut self, at: Time) -> fmt::Result {
        let stamp = self.width();
        let (last, said) = &mut self.stamped;
        if *last != at || said.is_empty() {
            *last = at;
            said.clear();
            write!(said, "{:>stamp$}  ", words::stamp(at, self.finely))?;
        }
        self.text += said;
        Ok(())
    }

    /// Ends with whose the lock is.
    fn own(&mut self, names: &Names, row: &Row) {
        let (lock, owners, said) = &mut self.owned;
        if (*lock, *owners) != (row.lock, row.owners) {
            (*lock, *owners) = (row.lock, row.owners);
            *said =
                row.owner(names, usize::MAX).map_or_else(String::new, |owner| words::clean(&owner).into());
        }
        let nobody = said.is_empty() && names.locks.len() == 1;
        self.text += if nobody { "·" } else { said };
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
    }

    /// Leaves blank what is before column `at`.
    fn pad(&mut self, at: usize) {
        let blank = at.min(self.blanks.len()).saturating_sub(self.written);
        self.text += &self.blanks[..blank];
        self.written += blank;
    }

    /// Writes `words` from column `at`, cut with `…` before column `end`.
    fn put(&mut self, at: usize, end: usize, words: &str) {
        self.pad(at);
        let words = cut(words, end.saturating_sub(at + 1));
        self.text += &words;
        self.written += words.chars().count();
    }

    /// Draws an arrow from here to column `end`, with a blank at both of its ends.
    fn arrow(&mut self, end: usize, drawn: impl Fn(String) -> String) {
        let at = self.written + 1;
        self.put(at, end, &drawn("─".repeat(end.saturating_sub(at + 2))));
    }
}

/// `words` in at most `room` characters, cut with `…`.
fn cut(words: &str, room: usize) -> Cow<'_, str> {
    if words.len() <= room || words.chars().count() <= room {
        return words.into();
    }
    words.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

fn pad(words: &str, width: usize) -> String {
    let kept = cut(words, width - 1);
    format!("{kept:<width$}")
}
