//! What a viewer can ask for, and the one table of keys. The footer, the help and the key handling
//! all come from this table.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::view::KeyHint;

/// Everything that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Play or pause.
    Toggle,
    /// Let the next event happen.
    Step,
    /// Go back one event.
    Back,
    /// To the next handoff.
    NextHandoff,
    /// To the previous handoff.
    PreviousHandoff,
    /// To the next marker.
    NextMarker,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Run it all again.
    Restart,
    /// Slower.
    Slower,
    /// Faster.
    Faster,
    /// See less, larger.
    ZoomIn,
    /// See more, smaller.
    ZoomOut,
    /// Move the picture by so many cells; negative looks back.
    Pan(i32),
    /// Move it by a quarter of its width: back, or on.
    PanPage(i32),
    /// See the whole run, and follow the playhead again.
    Fit,
    /// Along the other axis.
    Axis,
    /// Big mode on or off.
    Big,
    /// The next theme.
    Theme,
    /// Select the lane so much further down.
    Lane(i32),
    /// Select the lane at this cell.
    Select(u16, u16),
    /// The selected lane's details on or off.
    Details,
    /// No lane is selected any more.
    Deselect,
    /// The help on or off.
    Help,
    /// Leave for the shell, to come back later.
    Suspend,
    /// Leave.
    Quit,
}

/// One row of the table.
struct Binding {
    keys: &'static [(KeyModifiers, KeyCode, Message)],
    hint: KeyHint,
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

const fn binding(
    keys: &'static [(KeyModifiers, KeyCode, Message)],
    names: &'static str,
    word: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, hint: KeyHint { keys: names, word, help } }
}

/// The table.
const BINDINGS: [Binding; 18] = [
    binding(&[(NONE, KeyCode::Char(' '), Message::Toggle)], "space", "pause", "play / pause the tasks"),
    binding(
        &[(NONE, KeyCode::Right, Message::Step), (NONE, KeyCode::Left, Message::Back)],
        "←→",
        "step",
        "one event back / on",
    ),
    binding(
        &[
            (NONE, KeyCode::Char('n'), Message::NextHandoff),
            (NONE, KeyCode::Char('p'), Message::PreviousHandoff),
        ],
        "n p",
        "handoff",
        "next / previous handoff",
    ),
    binding(&[(NONE, KeyCode::Char('?'), Message::Help)], "?", "help", "this page"),
    binding(
        &[
            (NONE, KeyCode::Char('q'), Message::Quit),
            (CONTROL, KeyCode::Char('c'), Message::Quit),
            (CONTROL, KeyCode::Char('z'), Message::Suspend),
        ],
        "q",
        "quit",
        "quit (Ctrl-C too)",
    ),
    binding(&[(NONE, KeyCode::Char('t'), Message::Axis)], "t", "axis", "time axis / order axis"),
    binding(
        &[
            (NONE, KeyCode::Char('+'), Message::ZoomIn),
            (NONE, KeyCode::Char('='), Message::ZoomIn),
            (NONE, KeyCode::Char('-'), Message::ZoomOut),
        ],
        "+ -",
        "zoom",
        "zoom (mouse wheel too)",
    ),
    binding(
        &[(NONE, KeyCode::Char(','), Message::Slower), (NONE, KeyCode::Char('.'), Message::Faster)],
        ", .",
        "speed",
        "slower / faster",
    ),
    binding(&[(NONE, KeyCode::Char('b'), Message::Big)], "b", "big", "big mode, for the hall"),
    binding(&[(NONE, KeyCode::Char('r'), Message::Restart)], "r", "restart", "run it again"),
    binding(&[(NONE, KeyCode::Char('m'), Message::NextMarker)], "m", "", "next marker"),
    binding(
        &[
            (SHIFT, KeyCode::Left, Message::PanPage(-1)),
            (SHIFT, KeyCode::Right, Message::PanPage(1)),
            (NONE, KeyCode::Char('h'), Message::PanPage(-1)),
            (NONE, KeyCode::Char('l'), Message::PanPage(1)),
        ],
        "h l",
        "",
        "pan (drag, Shift-arrows)",
    ),
    binding(&[(NONE, KeyCode::Char('f'), Message::Fit)], "f", "", "fit the whole run"),
    binding(
        &[(NONE, KeyCode::Home, Message::Home), (NONE, KeyCode::End, Message::End)],
        "Home End",
        "",
        "beginning / end",
    ),
    binding(
        &[(NONE, KeyCode::Up, Message::Lane(-1)), (NONE, KeyCode::Down, Message::Lane(1))],
        "↑ ↓",
        "",
        "select a lane (or click)",
    ),
    binding(
        &[(NONE, KeyCode::Enter, Message::Details), (NONE, KeyCode::Esc, Message::Deselect)],
        "Enter Esc",
        "",
        "its details / unselect",
    ),
    binding(
        &[(NONE, KeyCode::PageUp, Message::Lane(-10)), (NONE, KeyCode::PageDown, Message::Lane(10))],
        "PgUp PgDn",
        "",
        "ten lanes up / down",
    ),
    binding(&[(NONE, KeyCode::Char('c'), Message::Theme)], "c", "", "other colours"),
];

/// The keys for people.
pub const HINTS: [KeyHint; BINDINGS.len()] = {
    let mut hints = [BINDINGS[0].hint; BINDINGS.len()];
    let mut index = 0;
    while index < BINDINGS.len() {
        hints[index] = BINDINGS[index].hint;
        index += 1;
    }
    hints
};

/// What a key asks for.
pub fn message(key: KeyEvent) -> Option<Message> {
    // A character already says whether Shift was held to type it.
    let modifiers = match key.code {
        KeyCode::Char(_) => key.modifiers - SHIFT,
        _ => key.modifiers,
    };
    let all = BINDINGS.iter().flat_map(|binding| binding.keys);
    all.into_iter().find(|(m, code, _)| (*m, *code) == (modifiers, key.code)).map(|(_, _, message)| *message)
}
