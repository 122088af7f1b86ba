//! The fields of tokio's spans and events, by name. A field that is missing, or of another type, is none.

use std::fmt::{Debug, Write};

use tracing::field::{Field, Visit};

/// No text of tokio's is longer than this; of a task's name so many bytes are kept.
const LONGEST: usize = 256;

/// What a span or an event says, as far as anybody here asks.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) kind: Option<String>,
    pub(super) task_name: Option<String>,
    pub(super) task_id: Option<u64>,
    pub(super) concrete_type: Option<String>,
    pub(super) is_internal: Option<bool>,
    pub(super) file: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) source: Option<String>,
    pub(super) op_name: Option<String>,
    pub(super) is_ready: Option<bool>,
    pub(super) locked: Option<bool>,
    pub(super) write_locked: Option<bool>,
    pub(super) current_readers: Option<u64>,
    pub(super) readers_op: Option<String>,
    pub(super) permits: Option<u64>,
    pub(super) permits_op: Option<String>,
    pub(super) requested: Option<u64>,
    pub(super) obtained: Option<u64>,
}

impl Fields {
    fn text(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name {
            "kind" => &mut self.kind,
            "task.name" => &mut self.task_name,
            "concrete_type" => &mut self.concrete_type,
            "loc.file" => &mut self.file,
            "source" => &mut self.source,
            "op_name" => &mut self.op_name,
            "current_readers.op" => &mut self.readers_op,
            "permits.op" => &mut self.permits_op,
            _ => return None,
        })
    }
}

/// A text that stops growing.
struct Clipped<'a>(&'a mut String);

impl Write for Clipped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let mut room = LONGEST.saturating_sub(self.0.len()).min(text.len());
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        self.0.push_str(&text[..room]);
        Ok(())
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "is_internal" => self.is_internal = Some(value),
            "is_ready" => self.is_ready = Some(value),
            "locked" => self.locked = Some(value),
            "write_locked" => self.write_locked = Some(value),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "task.id" => self.task_id = Some(value),
            "loc.line" => self.line = Some(value),
            "current_readers" => self.current_readers = Some(value),
            "permits" => self.permits = Some(value),
            "permits_requested" => self.requested = Some(value),
            "permits_obtained" => self.obtained = Some(value),
            _ => {}
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            self.record_u64(field, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(text) = self.text(field.name()) {
            let mut clipped = String::new();
            // Neither clipping nor a `String` fails; a value that does is as short as it came.
            let _ = write!(Clipped(&mut clipped), "{value:?}");
            *text = Some(clipped);
        }
    }
}
