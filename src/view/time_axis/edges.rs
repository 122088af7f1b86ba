//! Which events lie in the picture, and where there are more of them than are worth a look each, in which
//! column.

use std::ops::Range;

use super::Window;
use crate::event::Time;
use crate::view::Scene;

/// So many events in a picture are looked at one by one.
const FEW: u64 = 2048;

/// Where the picture begins and ends, counted in events.
pub(super) struct Edges {
    left: u64,
    right: u64,
    columns: Option<Columns>,
}

/// Where columns begin, counted in events.
pub(super) struct Columns {
    /// How many events lie before each column, and before the end of the last.
    before: Vec<u64>,
    /// The same with those at its very beginning.
    until: Vec<u64>,
}

impl Edges {
    pub(super) fn of(scene: &Scene, window: &Window) -> Self {
        let (left, right) = (before(scene, window.left), before(scene, window.right()));
        Self { left, right, columns: (right - left > FEW).then(|| Columns::of(scene, window)) }
    }

    /// How many events lie before the picture.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// How many lie before its end.
    pub(super) fn right(&self) -> u64 {
        self.right
    }

    /// The columns, where there are many events.
    pub(super) fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }
}

/// How many events lie before a time.
fn before(scene: &Scene, nanos: u64) -> u64 {
    scene.trace.moment_before(Time::from_nanos(nanos)).min(scene.view.moment)
}

/// That of a column, or of the end of all.
fn at(edges: &[u64], column: usize) -> u64 {
    edges.get(column).or(edges.last()).copied().unwrap_or_default()
}

impl Columns {
    pub(super) fn of(scene: &Scene, window: &Window) -> Self {
        let edge = |column: u16| window.left.saturating_add(window.cell.saturating_mul(u64::from(column)));
        let before: Vec<u64> = (0..=window.width).map(|column| before(scene, edge(column))).collect();
        let until = |(column, before): (u16, &u64)| {
            let at = Time::from_nanos(edge(column));
            let more = *before < scene.view.moment && scene.trace.at(before + 1) == at;
            if more { scene.trace.moment_at(at).min(scene.view.moment) } else { *before }
        };
        Self { until: (0..).zip(&before).map(until).collect(), before }
    }

    /// How many events lie before a column.
    pub(super) fn before(&self, column: u16) -> u64 {
        at(&self.before, usize::from(column))
    }

    /// How many lie before it, or at its very beginning.
    pub(super) fn until(&self, column: usize) -> u64 {
        at(&self.until, column)
    }

    /// The parts of something with moments of its own that lie in each column: `until` tells how many of it
    /// there are up to a moment, where it is known that there are so many at least, and how many more are
    /// likely.
    pub(super) fn parts(
        &self,
        mut until: impl FnMut(usize, usize, u64) -> usize,
    ) -> impl Iterator<Item = Range<usize>> {
        let (mut known, mut likely) = (0, 0);
        let mut ends = self.before.iter().map(move |moment| {
            let end = until(known, likely, *moment);
            likely = end - known;
            known = end;
            known
        });
        let mut begin = ends.next().unwrap_or_default();
        ends.map(move |end| std::mem::replace(&mut begin, end)..end)
    }
}
