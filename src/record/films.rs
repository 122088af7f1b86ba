//! Films as sinks: they need of a frame only its picture and its length.

use std::io::{self, Write};

use super::picture::{FilmSvg, Gif};
use super::{Frame, Sink};

impl<W: Write> Sink for Gif<W> {
    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        Self::frame(self, &frame.buffer, frame.length)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Self::finish(*self)?.flush()
    }
}

impl<W: Write> Sink for FilmSvg<W> {
    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        Self::frame(self, &frame.buffer, frame.length)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Self::finish(*self)?.flush()
    }
}
