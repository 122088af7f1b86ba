//! A handout in Markdown: the question, the lesson, the timeline, the order, and what to ask oneself.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Recording;
use super::frames::{Look, Place, Viewer};
use crate::scenario::Marker;
use crate::trace::text::sequence_diagram;
use crate::trace::words::{ascii, clean};
use crate::view::Scene;

/// The handout of a recording; `look` is how its timeline is drawn.
pub fn handout(recording: &Recording, look: &Look) -> String {
    let plan = &recording.plan;
    let mut text = format!("# {}\n", prose(&plan.title));
    if let Some(lesson) = &plan.lesson {
        text += &format!("\n{}\n", prose(lesson));
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "\n## Timeline\n\n{}", block(&timeline(recording, look)));
    let _ = write!(text, "\n## Order\n\n{}", block(&sequence_diagram(&recording.trace)));
    let asked: Vec<&Marker> = plan.markers.iter().filter(|marker| marker.ask.is_some()).collect();
    if !asked.is_empty() {
        text += "\n## Questions\n";
        for (number, marker) in (1..).zip(&asked) {
            let _ = write!(text, "\n{number}. {}\n", prose(marker.ask.as_deref().unwrap_or_default()));
            for answer in &marker.answers {
                let _ = writeln!(text, "   - {}", prose(answer));
            }
        }
        text += "\n## Answers\n\n";
        for (number, marker) in (1..).zip(&asked) {
            let answer = marker.say.as_deref().or(plan.lesson.as_deref()).unwrap_or("See the order above.");
            let _ = writeln!(text, "{number}. {}", prose(answer));
        }
    }
    if look.ascii { text.chars().map(|c| if c == '\n' { c } else { ascii(c) }).collect() } else { text }
}

/// The timeline of the whole run, as plain text.
fn timeline(recording: &Recording, look: &Look) -> String {
    let viewer = Viewer::new(recording, look, 1.0);
    let place = Place { moment: recording.trace.len(), now: recording.end() };
    let picture = viewer.picture(place);
    let area = viewer.show(place, |scene: Scene| scene.layout(picture.area).map(|layout| layout.timeline));
    rows(&picture, area.unwrap_or(picture.area))
}

fn rows(picture: &Buffer, area: Rect) -> String {
    let row = |y| {
        let cells: String = (area.left()..area.right()).map(|x| picture[(x, y)].symbol()).collect();
        format!("{}\n", cells.trim_end())
    };
    (area.top()..area.bottom()).map(row).collect()
}

/// Words that are nothing but words: Markdown sees nothing in them.
fn prose(text: &str) -> String {
    let mut escaped = String::new();
    for (at, c) in clean(text).char_indices() {
        let means = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '&' | '|' | '~');
        // At the beginning more of them do.
        if means || at == 0 && matches!(c, '-' | '+' | '=' | ':') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Text as it is, between fences longer than any in it.
fn block(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}{fence}\n")
}
