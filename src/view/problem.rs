//! What is wrong with a scenario that was to be read again, over everything.
//!
//! The text is a report in the manner of rustc, made for any width: here it is fitted into this one,
//! so that the place, the line with its marks and the fix can be read.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Problem, Scene, Theme, paint};

/// Rows around the text: the rule above it, an empty one, and the hint below.
const FRAME: u16 = 3;

pub(super) fn draw(scene: &Scene, problem: &Problem, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    for y in area.y..area.bottom() {
        paint::run(buf, area.x, y, area.width, " ", theme.text);
    }
    let top = Rect { height: 1, ..area };
    paint::rule(buf, top, &problem.heading, "any key closes it, q quits", theme.idle, theme.strong);
    let rows = usize::from(area.height.saturating_sub(FRAME));
    let lines = fit(&problem.text, area.width.saturating_sub(2));
    let first = problem.top.min(lines.len().saturating_sub(rows));
    for (y, line) in (area.y + 2..).zip(lines.iter().skip(first).take(rows)) {
        paint::put(buf, area.x + 1, y, area.width - 2, line, style(line, theme));
    }
    let hint = Rect { y: area.bottom() - 1, height: 1, ..area };
    let mut x = hint.x + 1;
    if lines.len() > rows {
        let below = lines.len().saturating_sub(first + rows);
        let more = match below {
            0 => "scroll, the end".to_owned(),
            1 => "scroll, 1 more line".to_owned(),
            more => format!("scroll, {more} more lines"),
        };
        x = paint::put(buf, x, hint.y, hint.width - 2, "↑ ↓", theme.accent) + 1;
        x = paint::put(buf, x, hint.y, hint.right().saturating_sub(x + 1), &more, theme.dim) + 2;
    }
    paint::put(buf, x, hint.y, hint.right().saturating_sub(x + 1), &problem.hint, theme.accent);
}

/// How far the text can be scrolled in a picture of this size.
pub(super) fn most(problem: &Problem, area: Rect) -> usize {
    let rows = usize::from(area.height.saturating_sub(FRAME));
    fit(&problem.text, area.width.saturating_sub(2)).len().saturating_sub(rows)
}

fn style(line: &str, theme: &Theme) -> Style {
    let inner = line.trim_start();
    if line.starts_with("error") || line.starts_with("warning") || inner.starts_with("= help") {
        theme.strong
    } else if inner.starts_with("-->") || marks(line).is_some_and(|(marks, _)| marks.contains('^')) {
        theme.accent
    } else {
        theme.text
    }
}

/// The report in lines of at most `width` cells.
fn fit(text: &str, width: u16) -> Vec<String> {
    let mut fitted = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if gutter(line).is_some() {
            let mut block = vec![line];
            while let Some(line) = lines.next_if(|line| gutter(line).is_some()) {
                block.push(line);
            }
            excerpt(&block, width, &mut fitted);
        } else if let Some((arrow, place)) = line.split_once("--> ").filter(|_| paint::width(line) > width) {
            // Of a long path the end says more, and the line and the column behind it.
            let arrow = format!("{arrow}--> ");
            let room = width.saturating_sub(paint::width(&arrow) + 1);
            let rest = skip(place, paint::width(place).saturating_sub(room));
            fitted.push(format!("{arrow}…{rest}"));
        } else if paint::width(line) > width {
            let indent = line.len() - line.trim_start().len();
            let hang = if line.trim_start().starts_with("= help: ") { indent + 8 } else { indent + 2 };
            hanging(line, indent, hang, width, &mut fitted);
        } else {
            fitted.push(line.to_owned());
        }
    }
    while fitted.last().is_some_and(String::is_empty) {
        fitted.pop();
    }
    fitted
}

/// The bytes of a line up to and with the `|` that parts its number from its text.
fn gutter(line: &str) -> Option<usize> {
    let bar = line.find('|')?;
    line[..bar].chars().all(|c| c == ' ' || c.is_ascii_digit()).then_some(bar + 1)
}

/// A line below one of the file: its marks, and the words that belong to them.
fn marks(line: &str) -> Option<(&str, &str)> {
    let start = gutter(line).filter(|end| line[..end - 1].trim().is_empty())?;
    let body = &line[start..];
    let words = body.find(|c: char| !" ^-|_".contains(c)).unwrap_or(body.len());
    Some((&body[..words], &body[words..]))
}

/// Lines of the file with what is said of them: moved to the left until the marks can be seen, and the
/// words below where they do not fit beside.
fn excerpt(block: &[&str], width: u16, fitted: &mut Vec<String>) {
    let margin = block.iter().filter_map(|line| gutter(line)).max().unwrap_or(0);
    let room = width.saturating_sub(margin as u16);
    // One more, for the `…` of what does not fit behind what is marked.
    let reach = |line: &&str| marks(line).map_or(0, |(marks, _)| paint::width(marks.trim_end()) + 1);
    let away = block.iter().map(reach).max().unwrap_or(0).saturating_sub(room);
    for line in block {
        let (number, body) = line.split_at(gutter(line).unwrap_or(0));
        if let Some((marks, words)) = marks(line) {
            let marks = skip(marks, away);
            let whole = format!("{number}{marks}{words}");
            if paint::width(&whole) <= width {
                fitted.push(whole.trim_end().to_owned());
                continue;
            }
            let marks = marks.trim_end();
            let indent = paint::width(marks.trim_end_matches(['^', '-', '_'])).min(room / 2);
            if marks.contains(['^', '-', '_']) {
                fitted.push(format!("{number}{marks}"));
            }
            let gap = " ".repeat(usize::from(indent));
            let lines = paint::wrap(words, room.saturating_sub(indent));
            fitted.extend(lines.iter().map(|words| format!("{number}{gap}{words}")));
        } else if away > 0 {
            // The space behind the bar stays, and the mark of what is left out stands for a character.
            fitted.push(paint::cut(&format!("{number} …{}", skip(body, away + 2)), width));
        } else {
            fitted.push(paint::cut(line, width));
        }
    }
}

/// A paragraph whose further lines are indented by `hang`.
fn hanging(line: &str, indent: usize, hang: usize, width: u16, fitted: &mut Vec<String>) {
    let mut row = " ".repeat(indent);
    let mut begun = false;
    for word in line.split_whitespace() {
        if begun && paint::width(&row) + 1 + paint::width(word) > width {
            fitted.push(std::mem::replace(&mut row, " ".repeat(hang)));
            begun = false;
        }
        if begun {
            row.push(' ');
        }
        row.push_str(&paint::cut(word, width.saturating_sub(hang as u16)));
        begun = true;
    }
    fitted.push(row);
}

/// `text` without its first cells.
fn skip(text: &str, cells: u16) -> &str {
    let mut left = cells;
    let mut rest = text.chars();
    while left > 0 {
        let Some(c) = rest.next() else { break };
        left = left.saturating_sub(paint::width(c.encode_utf8(&mut [0; 4])));
    }
    rest.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_far_to_the_right_are_seen_under_what_they_mark() {
        let far = " ".repeat(60);
        let text = format!(
            "error: x\n --> f:3:62\n  |\n3 | {far}\"slep\": 1\n  | {far}^^^^^^ not a verb, and this is said of it\n  |\n  = help: y"
        );
        let lines = fit(&text, 40);
        let marks = lines.iter().position(|line| line.contains("^^^^^^")).unwrap();
        let at = lines[marks].find('^').unwrap();
        let marked: String = lines[marks - 1].chars().skip(at).take(6).collect();
        assert_eq!(marked, "\"slep\"", "{lines:#?}");
        assert!(lines.iter().all(|line| paint::width(line) <= 40), "{lines:#?}");
        assert!(lines.join(" ").contains("said"), "{lines:#?}");
    }

    #[test]
    fn of_a_long_path_the_place_is_seen() {
        let lines = fit(&format!(" --> {}/my.json:12:7", "d".repeat(100)), 40);
        assert_eq!(paint::width(&lines[0]), 40);
        assert!(lines[0].ends_with("d/my.json:12:7"), "{lines:?}");
    }
}
