//! What tokio's open spans stand for, and what is told in them. Closed spans are forgotten: ids come again.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::Fields;
use super::lock::{Lock, Pen};
use super::stack::{Expected, Stack};
use crate::event::{Actor, LockKind, Mode, OpId, TaskId};
use crate::sync::{Recorder, actor};

enum Span {
    /// A task, registered when a lock first sees it.
    Task { name: Arc<str>, task: Option<TaskId> },
    /// A lock of the program's.
    Lock(Box<Lock>),
    /// The semaphore inside of the lock that has this span.
    Inside(u64),
    /// Somebody asks an `RwLock`, to write or to read.
    Asks { writes: bool },
    /// Somebody asks the semaphore inside of a lock.
    Operation { lock: u64, op: OpId },
}

pub(super) struct Spans {
    recorder: Recorder,
    stack: Stack,
    open: HashMap<u64, Span>,
}

impl Spans {
    pub(super) fn new(recorder: Recorder, stack: Stack) -> Self {
        Self { recorder, stack, open: HashMap::new() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// A span begins.
    pub(super) fn begin(&mut self, name: &str, id: u64, fields: &Fields) {
        let span = match name {
            "runtime.spawn" => Self::task(fields),
            "runtime.resource" => self.resource(fields),
            _ => self.operation(fields),
        };
        if let Some(span) = span {
            self.open.insert(id, span);
        }
    }

    fn task(fields: &Fields) -> Option<Span> {
        if fields.kind.as_deref() == Some("block_on") {
            return None;
        }
        let name = match (fields.task_name.as_deref(), fields.task_id) {
            (Some(name), _) if !name.is_empty() => name.into(),
            (_, Some(id)) => format!("task {id}").into(),
            _ => return None,
        };
        Some(Span::Task { name, task: None })
    }

    fn resource(&self, fields: &Fields) -> Option<Span> {
        if fields.is_internal == Some(true) {
            let outside = self.stack.top()?;
            return matches!(self.open.get(&outside), Some(Span::Lock(_))).then_some(Span::Inside(outside));
        }
        let kind = match fields.concrete_type.as_deref()? {
            "Mutex" => LockKind::TokioMutex,
            "RwLock" => LockKind::TokioRwLock,
            "Semaphore" => LockKind::TokioSemaphore,
            _ => return None,
        };
        let (file, line) = (fields.file.as_deref()?, fields.line?);
        if is_of_tokio(file) {
            return None;
        }
        let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
        Some(Span::Lock(Box::new(Lock::new(kind, format!("{file}:{line}").into()))))
    }

    fn operation(&mut self, fields: &Fields) -> Option<Span> {
        let source = fields.source.as_deref()?;
        if source.starts_with("RwLock::") {
            return Some(Span::Asks { writes: source.starts_with("RwLock::write") });
        }
        if source != "Acquire::new" {
            return None;
        }
        let Span::Inside(lock) = *self.open.get(&self.stack.top()?)? else { return None };
        let writes = self.stack.find(|span| match self.open.get(&span) {
            Some(Span::Asks { writes }) => Some(*writes),
            _ => None,
        });
        let op = self.recorder.next_op();
        let me = self.me();
        let Some(Span::Lock(asked)) = self.open.get_mut(&lock) else { return None };
        asked.asks(op, me, writes == Some(true));
        Some(Span::Operation { lock, op })
    }

    /// Who acts on this thread.
    fn me(&mut self) -> Actor {
        if let Some(named) = actor::current() {
            return named;
        }
        let Self { recorder, stack, open } = self;
        let task = stack.find(|span| match open.get_mut(&span) {
            Some(Span::Task { name, task }) => {
                Some(*task.get_or_insert_with(|| recorder.add_task(Arc::clone(name))))
            }
            _ => None,
        });
        task.map_or_else(|| recorder.actor(), |task| Actor { task, step: None })
    }

    /// The innermost operation that this thread is in: its span, its lock's span, and it.
    fn innermost(&self) -> Option<(u64, u64, OpId)> {
        self.stack.find(|span| match self.open.get(&span) {
            Some(Span::Operation { lock, op }) => Some((span, *lock, *op)),
            _ => None,
        })
    }

    /// Calls `tell` with the lock of that span.
    fn with<R>(&mut self, span: u64, tell: impl FnOnce(&mut Lock, Pen<'_>) -> R) -> Option<R> {
        if self.recorder.is_closed() {
            return None;
        }
        let me = self.me();
        match self.open.get_mut(&span) {
            Some(Span::Lock(lock)) => Some(tell(lock, Pen { recorder: &self.recorder, me })),
            _ => None,
        }
    }

    /// An operation was polled.
    pub(super) fn polled(&mut self, fields: &Fields) {
        let (Some("poll_acquire"), Some(ready)) = (fields.op_name.as_deref(), fields.is_ready) else {
            return;
        };
        let Some((_, lock, op)) = self.innermost() else { return };
        if self.with(lock, |told, pen| told.polled(pen, op, ready)) == Some(true) {
            self.stack.expect(Some(Expected::Acquired(lock)));
        }
    }

    /// An operation says how many permits it wants, or is given some: by itself, or by a release that
    /// hands them over.
    pub(super) fn assigned(&mut self, fields: &Fields) {
        let Some((span, lock, op)) = self.innermost() else { return };
        if let Some(wanted) = fields.requested {
            self.with(lock, |told, _| told.wants(op, wanted));
        }
        if let (Some(permits), Some("add")) = (fields.obtained, fields.permits_op.as_deref()) {
            // While it is polled itself, its span is on the stack of the poll already.
            let own = self.stack.count(span) > 1;
            if self.with(lock, |told, pen| told.assigned(pen, op, permits, own)) == Some(true) {
                self.stack.expect(Some(Expected::Downgraded(lock)));
            }
        }
    }

    /// The state of a lock, or of the semaphore inside of one, changed.
    pub(super) fn changed(&mut self, fields: &Fields) {
        let Some(span) = self.stack.top() else { return };
        if let Some(&Span::Inside(lock)) = self.open.get(&span) {
            let Some(permits) = fields.permits else { return };
            match fields.permits_op.as_deref() {
                Some("override") => _ = self.with(lock, |told, _| told.has_permits(permits)),
                Some("add") if self.with(lock, |told, pen| told.freed(pen, permits)) == Some(true) => {
                    self.stack.expect(Some(Expected::Downgraded(lock)));
                }
                _ => {}
            }
        }
        let readers = fields.current_readers.and(fields.readers_op.as_deref());
        match (fields.locked.or(fields.write_locked), readers) {
            (Some(true), _) => self.acquired(span, Mode::Exclusive),
            (_, Some("add")) => self.acquired(span, Mode::Shared),
            (Some(false), _) => self.released(span, Mode::Exclusive),
            (_, Some("sub")) => self.released(span, Mode::Shared),
            _ => {}
        }
    }

    /// A guard was made: by an operation, which has said so, or by one that did not wait.
    fn acquired(&mut self, lock: u64, mode: Mode) {
        let known = [Expected::Acquired(lock), Expected::Downgraded(lock)];
        if known.into_iter().any(|known| self.stack.expects(known)) {
            self.stack.expect(None);
        } else {
            self.with(lock, |told, pen| told.tried(pen, mode));
        }
    }

    fn released(&mut self, lock: u64, mode: Mode) {
        if !self.stack.expects(Expected::Downgraded(lock)) {
            self.with(lock, |told, pen| told.released(pen, mode));
        }
    }

    /// A span is no more.
    pub(super) fn close(&mut self, id: u64) {
        if let Some(Span::Operation { lock, op }) = self.open.remove(&id) {
            self.with(lock, |told, pen| told.dropped(pen, op));
        }
    }
}

/// Whether a source file is one of tokio's: `…/tokio-1.54.1/src/sync/once_cell.rs`.
fn is_of_tokio(file: &str) -> bool {
    let mut parts = file.split(['/', '\\']).rev().skip_while(|part| *part != "src");
    let package = parts.nth(1).unwrap_or_default();
    package == "tokio"
        || package.strip_prefix("tokio-").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}
