//! Captions, and the question that a marker asks the room: what is said about the program and is no part
//! of it.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Layout, Scene, paint};
use crate::event::{Time, What};
use crate::scenario::{Markers, Plan};
use crate::trace::{Trace, words};

/// How long a caption stays, unless another one comes.
pub const CAPTION: Duration = Duration::from_secs(3);

/// So many events are looked through for a caption: more of them in so little time nobody can follow.
const LOOK_BACK: u64 = 4_096;

/// A question and the answers to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quiz {
    /// The question.
    pub question: String,
    /// The answers.
    pub answers: Vec<String>,
    /// Whether the answer is told, and then which one was guessed.
    pub told: Option<Option<usize>>,
    /// What there is to say of the answer.
    pub say: Option<String>,
}

impl Quiz {
    /// Whether it must not be seen yet what comes.
    pub fn is_open(&self) -> bool {
        self.told.is_none()
    }
}

/// The caption at a moment, the playhead being at `now`: what a `say` or a marker said last, or what
/// the marker is called, for a while.
pub fn caption(plan: &Plan, markers: &Markers, trace: &Trace, moment: u64, now: Time) -> Option<String> {
    let fresh = |seq| trace.event(seq).is_some_and(|event| seq == moment || now.since(event.at) < CAPTION);
    let said = (moment.saturating_sub(LOOK_BACK) + 1..=moment).rev().take_while(|&seq| fresh(seq));
    let said = said.filter_map(|seq| Some((seq, trace.event(seq)?)));
    let said = said.filter_map(|(seq, event)| match &event.what {
        What::Say { text } => Some((seq, text.to_string())),
        _ => None,
    });
    let marked = markers.until(moment).iter().rev().take_while(|(seq, _)| fresh(*seq));
    let marked = marked.filter_map(|(seq, index)| {
        let marker = plan.markers.get(*index)?;
        Some((*seq, marker.say.clone().or_else(|| marker.label.clone())?))
    });
    said.take(1).chain(marked.take(1)).max_by_key(|(seq, _)| *seq).map(|(_, text)| text)
}

/// Whether a picture keeps to itself who is next, because the room is being asked.
pub(super) fn hides(scene: &Scene) -> bool {
    scene.view.quiz.as_ref().is_some_and(Quiz::is_open)
}

/// The caption: in the row between title and locks where that is free, or else in the place of the keys
/// and as much above them as it needs.
pub(super) fn draw_caption(scene: &Scene, layout: &Layout, buf: &mut Buffer) {
    let Some(text) = scene.view.caption.as_ref().filter(|_| scene.view.quiz.is_none()) else { return };
    let area = layout.keys;
    let lines = paint::wrap(text, area.width.saturating_sub(4)).len().clamp(1, 2) as u16;
    let free = layout.strip.y > layout.title.bottom();
    let above = free && lines == 1;
    if !above && scene.view.notice.is_some() {
        return;
    }
    let y = if above { layout.title.bottom() } else { area.bottom() - lines };
    let bar = Rect { y, height: lines, ..area };
    for y in bar.y..bar.bottom() {
        paint::run(buf, bar.x, y, bar.width, " ", scene.theme.badge);
    }
    let words = Rect { x: bar.x + 2, width: bar.width.saturating_sub(4), ..bar };
    paint::paragraph(buf, words, text, scene.theme.badge);
}

/// The question above the sentence, over what stands there.
pub(super) fn draw(scene: &Scene, layout: &Layout, buf: &mut Buffer) {
    let Some(quiz) = &scene.view.quiz else { return };
    let theme = scene.theme;
    let bottom = layout.sentence.y - 1;
    let width = layout.sentence.width.saturating_sub(4);
    let mut lines: Vec<(String, _)> = Vec::new();
    let mut add =
        |text: &str, style| lines.extend(paint::wrap(text, width).into_iter().map(|line| (line, style)));
    add(&quiz.question, theme.strong);
    for (index, answer) in quiz.answers.iter().enumerate() {
        let guessed = quiz.told == Some(Some(index));
        let style = if guessed || quiz.is_open() { theme.accent } else { theme.dim };
        add(&format!("{} {}  {answer}", if guessed { "▶" } else { " " }, index + 1), style);
    }
    if let Some(say) = quiz.say.as_ref().filter(|_| !quiz.is_open()) {
        add(say, theme.strong);
    }
    // A blank below; the first rows matter most where there is little room.
    let room = bottom.saturating_sub(layout.title.bottom() + 1);
    let height = (lines.len() as u16 + 2).min(room);
    let top = bottom - height;
    for y in top..bottom {
        paint::run(buf, layout.sentence.x, y, layout.sentence.width, " ", theme.text);
    }
    let head = Rect { y: top, height: 1, ..layout.sentence };
    let heading = if quiz.is_open() { "your guess?" } else { "what happened" };
    paint::rule(buf, head, heading, &words::moment(scene.view.now), theme.accent, theme.strong);
    for (row, (line, style)) in lines.iter().take(usize::from(height.saturating_sub(1))).enumerate() {
        paint::put(buf, layout.sentence.x + 2, top + 1 + row as u16, width, line, *style);
    }
}
