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

impl Columns {
    pub(super) fn of(scene: &Scene, window: &Window) -> Self {
        let edge = |column: u16| window.left.saturating_add(window.cell.saturating_mul(u64::from(column)));
        Self { before: (0..=window.width).map(|column| before(scene, edge(column))).collect() }
    }

    /// How many events lie before a column.
    pub(super) fn before(&self, column: u16) -> u64 {
        self.before.get(usize::from(column)).or(self.before.last()).copied().unwrap_or_default()
    }

    /// The parts of something with moments of its own that lie in each column: `until` tells how many of it
    /// there are up to a moment, where it is known that there are so many at least.
    pub(super) fn parts(
        &self,
        mut until: impl FnMut(usize, u64) -> usize,
    ) -> impl Iterator<Item = Range<usize>> {
        let mut known = 0;
        let mut ends = self.before.iter().map(move |moment| {
            known = until(known, *moment);
            known
        });
        let mut begin = ends.next().unwrap_or_default();
        ends.map(move |end| std::mem::replace(&mut begin, end)..end)
    }
}
