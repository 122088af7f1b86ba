//! The rival of our casts: what ratatui's backend writes for the same pictures.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use lockscope::record::frames::Frame;
use ratatui::backend::CrosstermBackend;
use ratatui::{Terminal, TerminalOptions, Viewport};
use serde_json::Value as Json;

/// Takes what is written, to be looked at while the writer lives.
#[derive(Clone, Default)]
struct Taken(Rc<RefCell<Vec<u8>>>);

impl Write for Taken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How large a cast is whose pictures the backend writes that draws them in a terminal.
pub fn by_crossterm(frames: &[Frame]) -> usize {
    let options = TerminalOptions { viewport: Viewport::Fixed(frames[0].buffer.area) };
    let taken = Taken::default();
    let mut terminal = Terminal::with_options(CrosstermBackend::new(taken.clone()), options).unwrap();
    let event = |frame: &Frame| {
        terminal.draw(|to| *to.buffer_mut() = frame.buffer.clone()).unwrap();
        let written = String::from_utf8(taken.0.take()).unwrap();
        format!("[0.04,\"o\",{}]\n", Json::from(written)).len()
    };
    frames.iter().map(event).sum()
}
