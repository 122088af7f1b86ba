//! Which events lie in which column, of a picture with more events than are worth a look each.

use super::Window;
use crate::event::Time;
use crate::view::Scene;

/// Where columns begin, counted in events.
pub(super) struct Edges {
    /// How many events lie before each column, and before the end of the last.
    before: Vec<u64>,
}

impl Edges {
    /// So many events in a picture are looked at one by one.
    const FEW: u64 = 2048;

    /// Those of this picture; `None` if there are few events in it.
    pub(super) fn of(scene: &Scene, window: &Window) -> Option<Self> {
        let (trace, moment) = (scene.trace, scene.view.moment);
        let before = |nanos: u64| trace.moment_before(Time::from_nanos(nanos)).min(moment);
        if before(window.right()) - before(window.left) <= Self::FEW {
            return None;
        }
        let edge = |column: u16| window.left.saturating_add(window.cell.saturating_mul(u64::from(column)));
        Some(Self { before: (0..=window.width).map(|column| before(edge(column))).collect() })
    }

    /// How many events lie before a column.
    pub(super) fn before(&self, column: u16) -> u64 {
        self.before.get(usize::from(column)).or(self.before.last()).copied().unwrap_or_default()
    }

    /// How many lie before each, and before the end of the last.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.before.iter().copied()
    }

    /// The parts of something with moments of its own that lie in each column: `until` tells how many of it
    /// there are up to a moment, where it is known that there are so many at least.
    pub(super) fn parts(
        &self,
        mut until: impl FnMut(usize, u64) -> usize,
    ) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut known = 0;
        let mut ends = self.iter().map(move |moment| {
            known = until(known, moment);
            known
        });
        let mut begin = ends.next().unwrap_or_default();
        ends.map(move |end| std::mem::replace(&mut begin, end)..end)
    }
}
