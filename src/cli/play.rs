//! `play`: a recording in the player.

use super::args::{AxisFlag, LookFlags};
use super::{Failure, axis, in_terminal, input, is_utf8, order, show_in_terminal, theme};
use crate::app::{App, Settings, Signals, Stops};
use crate::engine::Options;
use crate::record::Recording;

/// Plays the trace file of that name.
pub fn play(name: &str, look: &LookFlags, axis: AxisFlag, ascii: bool, stops: Stops) -> Result<(), Failure> {
    show(input::recorded(name)?, look, axis, ascii, stops)
}

/// Plays a recording; without a terminal it prints its order.
pub fn show(
    recording: Recording,
    look: &LookFlags,
    along: AxisFlag,
    ascii: bool,
    stops: Stops,
) -> Result<(), Failure> {
    let ascii = ascii || !is_utf8();
    if !in_terminal() {
        return order::print_text(&recording, ascii);
    }
    let settings = Settings {
        options: Options::default(),
        speed: look.speed,
        theme: theme(look.theme),
        axis: axis(along),
        big: look.big,
        ascii,
        stops,
    };
    let signals = Signals::listen()?;
    show_in_terminal(App::play(recording, &settings), signals)
}
