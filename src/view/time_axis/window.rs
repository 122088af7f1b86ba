//! Which time is at which column: the zoom, and what of the run the picture shows.

use std::time::Duration;

use ratatui::layout::Rect;

use crate::event::Time;
use crate::view::{Scene, stuck};

/// No cell is shorter than this, so that one axis label's number stays readable.
const SHORTEST: u64 = 1_000;
/// Until a viewer zooms out, no cell is longer than this, so that the whole of a run of some seconds is
/// seen.
const LONGEST_WHOLE: Duration = Duration::from_millis(250);
/// A run that is longer than that moves, as fast as this.
const MOVING: Duration = Duration::from_millis(50);

/// Numbers of few digits in nanoseconds, in order: each of `digits` times each power of ten.
fn round_numbers(digits: &'static [u64]) -> impl Iterator<Item = u64> {
    (2..15).flat_map(|power| digits.iter().map(move |digit| digit * 10_u64.pow(power)))
}

/// The next length of a cell: `direction` below zero zooms in.
pub(in crate::view) fn zoom(cell: Duration, direction: i32) -> Duration {
    let nanos = u64::try_from(cell.as_nanos()).unwrap_or(u64::MAX);
    let mut all = round_numbers(&[10, 20, 50]).filter(|&length| length >= SHORTEST);
    let next = if direction < 0 {
        all.take_while(|&length| length < nanos).last()
    } else {
        all.find(|&length| length > nanos)
    };
    next.map_or(cell, Duration::from_nanos)
}

/// How much time a cell covers: what the viewer chose, or so much that the whole run fits.
pub(in crate::view) fn cell(scene: &Scene, width: u16) -> Duration {
    let whole = || whole(scene, width).filter(|cell| *cell <= LONGEST_WHOLE);
    scene.view.cell.or_else(whole).unwrap_or(MOVING)
}

/// So much time a cell that the whole run fits, where its end is known.
pub(in crate::view) fn whole(scene: &Scene, width: u16) -> Option<Duration> {
    let end = scene.trace.end().map(|end| end.at).or(scene.view.horizon)?;
    // A cell is left over behind the end, so that the playhead stays within; behind a deadlock there
    // are words.
    let width = width.saturating_sub(stuck::room(scene, width));
    let fitting = end.nanos() / u64::from(width.saturating_sub(2).max(1));
    let mut round = round_numbers(&[10, 12, 15, 20, 25, 30, 40, 50, 60, 80]);
    round.find(|&length| length >= fitting.max(SHORTEST)).map(Duration::from_nanos)
}

/// Which time is at which column.
pub(in crate::view) struct Window {
    pub(super) left: u64,
    pub(super) cell: u64,
    pub(super) x: u16,
    pub(super) width: u16,
}

/// How far the picture can be panned: back to the beginning, and on until the playhead leaves it.
pub(in crate::view) fn pan_limits(scene: &Scene, plot: Rect) -> (i32, i32) {
    let (_, follow) = follow(scene, plot);
    (i32::try_from(follow).unwrap_or(i32::MAX), i32::from(plot.width))
}

/// The length of a cell, and the first cell of a picture that follows the playhead.
fn follow(scene: &Scene, plot: Rect) -> (u64, u64) {
    let cell = u64::try_from(cell(scene, plot.width).as_nanos()).unwrap_or(u64::MAX).max(1);
    let width = u64::from(plot.width);
    // The playhead runs to three quarters of the width; then the picture runs.
    let lead = width * 3 / 4;
    let playhead = scene.view.now.nanos() / cell;
    (cell, if whole_fits(scene, cell, width) { 0 } else { playhead.saturating_sub(lead) })
}

impl Window {
    pub(in crate::view) fn of(scene: &Scene, plot: Rect) -> Self {
        let (cell, follow) = follow(scene, plot);
        let first = follow.saturating_add_signed(i64::from(scene.view.pan));
        Self { left: first.saturating_mul(cell), cell, x: plot.x, width: plot.width }
    }

    pub(super) fn right(&self) -> u64 {
        self.left.saturating_add(self.cell.saturating_mul(u64::from(self.width)))
    }

    /// The column of a moment, which may lie outside.
    pub(super) fn column(&self, at: Time) -> i64 {
        let at = (at.nanos() / self.cell) as i64;
        at - (self.left / self.cell) as i64
    }

    /// The column on the screen, if it is within.
    pub(in crate::view) fn x(&self, at: Time) -> Option<u16> {
        let column = u16::try_from(self.column(at)).ok()?;
        (column < self.width).then(|| self.x + column)
    }

    /// The columns that the time from `begin` to `end` touches, as far as they are within.
    pub(super) fn columns(&self, begin: Time, end: Time) -> std::ops::Range<u16> {
        let first = self.column(begin).clamp(0, i64::from(self.width));
        let last_nanos = end.nanos().max(begin.nanos().saturating_add(1)) - 1;
        let last = self.column(Time::from_nanos(last_nanos)) + 1;
        first as u16..last.clamp(first, i64::from(self.width)) as u16
    }
}

/// Whether the run from its beginning to its end fits: then nothing need scroll.
fn whole_fits(scene: &Scene, cell: u64, width: u64) -> bool {
    let end = scene.trace.end().map(|end| end.at).or(scene.view.horizon);
    end.is_some_and(|end| end.nanos() / cell < width)
}
