//! Which spans this thread is in. It is kept here because a layer is told of a grant in the middle of
//! somebody else's release, and needs the whole stack then, not only the span on top.

use std::cell::{Cell, RefCell};

/// A span is left in the order of entering; what is deeper than this was never left, and is forgotten.
const DEEPEST: usize = 1024;

/// What tokio is about to tell on this thread, although it is known already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// That this lock is acquired.
    Acquired(u64),
    /// That this lock is no longer locked to write, and then that it has a reader.
    Downgraded(u64),
}

thread_local! {
    /// The layer, which may be one of several, and the span.
    static ENTERED: RefCell<Vec<(usize, u64)>> = const { RefCell::new(Vec::new()) };
    static EXPECTED: Cell<Option<(usize, Expected)>> = const { Cell::new(None) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A layer's part of this thread's stack. A thread that ends has none.
#[derive(Clone, Copy)]
pub(super) struct Stack(pub(super) usize);

impl Stack {
    pub(super) fn enter(self, span: u64) {
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            if entered.len() == DEEPEST {
                entered.remove(0);
            }
            entered.push((self.0, span));
        });
    }

    pub(super) fn exit(self, span: u64) {
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            if let Some(at) = entered.iter().rposition(|&on| on == (self.0, span)) {
                entered.remove(at);
            }
        });
    }

    /// The first that `find` finds something in, from the top.
    pub(super) fn find<T>(self, mut find: impl FnMut(u64) -> Option<T>) -> Option<T> {
        ENTERED
            .try_with(|entered| {
                let entered = entered.borrow();
                entered.iter().rev().filter(|(layer, _)| *layer == self.0).find_map(|&(_, span)| find(span))
            })
            .ok()
            .flatten()
    }

    pub(super) fn top(self) -> Option<u64> {
        self.find(Some)
    }

    /// How often the span was entered and not yet left.
    pub(super) fn count(self, span: u64) -> usize {
        let mut count = 0;
        self.find(|on| {
            count += usize::from(on == span);
            None::<()>
        });
        count
    }

    pub(super) fn expect(self, expected: Option<Expected>) {
        let _ = EXPECTED.try_with(|cell| cell.set(expected.map(|expected| (self.0, expected))));
    }

    pub(super) fn expects(self, expected: Expected) -> bool {
        EXPECTED.try_with(|cell| cell.get() == Some((self.0, expected))).unwrap_or(false)
    }
}

/// Runs `work`, unless it is running on this thread already: what a sink causes is not recorded.
pub(super) fn once(work: impl FnOnce()) {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            let _ = INSIDE.try_with(|inside| inside.set(false));
        }
    }
    if let Ok(false) = INSIDE.try_with(|inside| inside.replace(true)) {
        let _leave = Leave;
        work();
    }
}
