//! A comparison as text: the orders in columns, with a mark where they part, and who waited how long.

use std::fmt::Write as _;

use super::{Comparison, Figures, Parting};
use crate::trace::words;

/// The orders are told in lines of about so many characters.
const WIDTH: usize = 100;
/// So many acquisitions are told before the first difference, where not all can be.
const BEFORE: usize = 3;
/// So many tasks of a run are told; of more, only that there are more.
const TASKS: usize = 24;

/// What `compare` prints for people.
pub fn text(title: &str, comparison: &Comparison) -> String {
    let mut text = format!("{}\n\n", words::clean(title));
    // Writing to a String cannot fail.
    let _ = heading(&mut text, comparison);
    for lock in comparison.locks() {
        let _ = orders(&mut text, comparison, &lock);
    }
    let _ = lost(&mut text, comparison);
    let _ = left_out(&mut text, comparison);
    let _ = differences(&mut text, comparison);
    if !comparison.locks().is_empty() {
        let _ = figures(&mut text, comparison);
    }
    text
}

/// Which runs are not told whole.
fn lost(text: &mut String, comparison: &Comparison) -> std::fmt::Result {
    for variant in comparison.variants() {
        let lost = variant.trace.lost();
        if lost > 0 {
            writeln!(text, "\n{}: {} lost: not recorded", words::clean(&variant.name), words::events(lost))?;
        }
    }
    Ok(())
}

/// What is not compared, and why.
fn left_out(text: &mut String, comparison: &Comparison) -> std::fmt::Result {
    for name in comparison.left_out() {
        writeln!(
            text,
            "\n{}: not compared, since a notifier or a channel is never acquired",
            words::clean(&name)
        )?;
    }
    if comparison.locks().is_empty() {
        writeln!(text, "\nthere is no lock to compare: only the ends are")?;
    }
    Ok(())
}

/// The width of the names' column.
fn names(comparison: &Comparison) -> usize {
    let names = comparison.variants().iter().map(|variant| words::clean(&variant.name).chars().count());
    names.max().unwrap_or(0)
}

fn heading(text: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let width = names(comparison);
    for variant in comparison.variants() {
        let clock = if variant.exact { "" } else { " · real time" };
        let outcome = variant.outcome().map_or_else(String::new, |outcome| format!(" · {outcome}"));
        let name = words::clean(&variant.name);
        writeln!(text, "  {name:<width$}  {}{clock}{outcome}", variant.policy())?;
    }
    Ok(())
}

/// Who acquired a lock when, one line a run; what differs from the first run is marked.
fn orders(text: &mut String, comparison: &Comparison, lock: &str) -> std::fmt::Result {
    let told = |index: usize| -> Vec<String> {
        let variant = &comparison.variants()[index];
        let Some((id, _)) = variant.lock(lock) else { return Vec::new() };
        let turn =
            |turn: &super::Turn| format!("{}@{}", words::clean(variant.task(turn.task)), turn.at.millis());
        comparison.order(index, id).iter().map(turn).collect()
    };
    let all: Vec<Vec<String>> = (0..comparison.variants().len()).map(told).collect();
    let parts = |index: usize| {
        let difference = comparison.difference(index)?;
        (difference.lock == lock && difference.parting != Parting::End).then_some(difference.index)
    };
    let first = (0..all.len()).filter_map(parts).min();
    let longest = all.iter().map(Vec::len).max().unwrap_or(0);
    let width = names(comparison);
    let column = |at: usize| {
        all.iter().filter_map(|order| order.get(at)).map(|turn| turn.chars().count()).max().unwrap_or(0)
    };
    // From the beginning if the difference can be seen from there.
    let reach: usize = (0..=first.unwrap_or(0).min(longest)).map(|at| column(at) + 3).sum();
    let from = if width + reach < WIDTH { 0 } else { first.map_or(0, |first| first.saturating_sub(BEFORE)) };
    let mut room = WIDTH.saturating_sub(width);
    let to = (from..longest)
        .take_while(|&at| {
            let needs = column(at) + 3;
            let fits = at == from || needs <= room;
            room = room.saturating_sub(needs);
            fits
        })
        .count()
        + from;
    writeln!(text, "\n{}: who acquired it when, in ms", words::clean(lock))?;
    for (index, (variant, order)) in comparison.variants().iter().zip(&all).enumerate() {
        write!(text, "  {:<width$} ", words::clean(&variant.name))?;
        if from > 0 {
            write!(text, " …")?;
        }
        for at in from..to {
            // The first run has the mark where another parts from it first.
            let marked = Some(at) == if index == 0 { first } else { parts(index) };
            let empty = if marked { "–" } else { "" };
            let turn = order.get(at).map_or(empty, |turn| turn);
            write!(text, " {}{turn:<1$} ", if marked { '▶' } else { ' ' }, column(at))?;
        }
        trim(text);
        match order.len().saturating_sub(to) {
            0 => {}
            more => write!(text, "  … {more} more")?,
        }
        writeln!(text)?;
    }
    Ok(())
}

fn trim(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
}

fn differences(text: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let variants = comparison.variants();
    writeln!(text)?;
    for (index, variant) in variants.iter().enumerate().skip(1) {
        let against = if variants.len() > 2 {
            format!("{} and {}: ", words::clean(comparison.short(0)), words::clean(comparison.short(index)))
        } else {
            String::new()
        };
        let exact = variant.exact && variants[0].exact;
        match comparison.difference(index) {
            Some(difference) if difference.parting == Parting::End => {
                writeln!(text, "{against}first difference: the end")?;
            }
            Some(difference) => {
                let (lock, at) = (words::clean(&difference.lock), words::moment(difference.at));
                let which = difference.index + 1;
                writeln!(text, "{against}first difference: acquisition {which} of {lock}, at {at}")?;
            }
            None if comparison.locks().is_empty() => writeln!(text, "{against}no difference: the same end")?,
            None if exact => writeln!(text, "{against}no difference: the same order at the same times")?,
            None => {
                writeln!(text, "{against}no difference: the same order (real time: times are not compared)")?;
            }
        }
        if let Some(difference) = comparison.difference(index) {
            writeln!(text, "  ╰ {}", words::clean(&difference.why))?;
        }
    }
    Ok(())
}

fn figures(text: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let variants = comparison.variants();
    let totals: Vec<Vec<Figures>> = (0..variants.len()).map(|index| comparison.totals(index)).collect();
    let task = |name: &str| words::clean(name).chars().count();
    let longest = variants.iter().flat_map(|variant| &variant.trace.names().tasks).map(|name| task(name));
    let (width, tasks) = (names(comparison), longest.max().unwrap_or(0).max(4));
    writeln!(
        text,
        "\n  {:<width$}  {:<tasks$}  {:>8}  {:>12}  {:>10}  {:>10}  {:>10}  fairness",
        "", "task", "acquired", "longest wait", "mean wait", "all waits", "held"
    )?;
    for ((index, variant), figures) in variants.iter().enumerate().zip(&totals) {
        let mut name = words::clean(&variant.name).into_owned();
        let mut fairness =
            comparison.fairness(index).map_or_else(|| "–".to_owned(), |fairness| format!("{fairness:.2}"));
        let asked: Vec<_> =
            variant.trace.names().tasks.iter().zip(figures).filter(|(_, figures)| figures.asked()).collect();
        for (task, figures) in asked.iter().take(TASKS) {
            let waits = &figures.waits;
            let [longest, mean, all, held] =
                [waits.longest, waits.mean(), waits.total, figures.holds.total].map(words::span);
            let still = match figures.waiting {
                Some(_) if variant.is_deadlock() => "  waits for ever".to_owned(),
                Some(waiting) => format!("  waits at the end, for {}", words::span(waiting)),
                None => String::new(),
            };
            write!(
                text,
                "  {name:<width$}  {:<tasks$}  {:>8}  {longest:>12}  {mean:>10}  {all:>10}  {held:>10}  {fairness:<8}{still}",
                words::clean(task),
                figures.acquired
            )?;
            trim(text);
            writeln!(text)?;
            // Both are said once for all the tasks.
            (name, fairness) = (String::new(), String::new());
        }
        match asked.len().saturating_sub(TASKS) {
            0 => {}
            more => writeln!(text, "  {:<width$}  … {more} more tasks", "")?,
        }
    }
    writeln!(
        text,
        "\nfairness: Jain's index of the acquisitions; 1.00 is all who asked got it equally often, 1/n one of n \
         got all"
    )
}
