//! What a block owns: the guards bound in it and the futures kept in it, dropped as Rust drops them.
//!
//! A frame lives in the future of its block. So it also goes, last bound first, when that future is
//! dropped in the middle: by a timeout, or by an arm of a `select!` that was quicker.

use super::interpreter::{Block, Interpreter, Over};
use crate::event::StepId;

/// The variables of a block that is under way.
pub(super) struct Frame<'s, 'a> {
    task: &'s Interpreter<'a>,
    bound: Vec<Bound<'s>>,
}

enum Bound<'s> {
    /// A guard, by its slot, and the step that bound it.
    Guard(usize, StepId),
    /// A future that is not polled any more.
    Kept(Block<'s>),
}

impl<'s, 'a> Frame<'s, 'a> {
    pub(super) fn new(task: &'s Interpreter<'a>) -> Self {
        Self { task, bound: Vec::new() }
    }

    pub(super) fn bind(&mut self, slot: usize, step: StepId) {
        self.bound.push(Bound::Guard(slot, step));
    }

    pub(super) fn keep(&mut self, future: Block<'s>) {
        self.bound.push(Bound::Kept(future));
    }

    /// The end of the block: what is bound goes, last first, and between two of them the run may be over.
    pub(super) fn close(&mut self) -> Result<(), Over> {
        while let Some(bound) = self.bound.pop() {
            match bound {
                // What `drop` took is gone already.
                Bound::Guard(slot, step) => {
                    if self.task.release(slot, step) {
                        self.task.go_on(step)?;
                    }
                }
                Bound::Kept(future) => drop(future),
            }
        }
        Ok(())
    }
}

impl Drop for Frame<'_, '_> {
    fn drop(&mut self) {
        while let Some(bound) = self.bound.pop() {
            if let Bound::Guard(slot, step) = bound {
                self.task.release(slot, step);
            }
        }
    }
}
