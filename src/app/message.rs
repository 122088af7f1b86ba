//! What a viewer can ask for, and the tables of keys: of a run, and of runs beside each other. The
//! footer, the help and the key handling all come from these tables.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

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
    /// Guess that this answer is right, counted from 1.
    Guess(u8),
    /// To where runs part for the first time.
    FirstDifference,
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
    /// Select the lane so many screens further down.
    LanePage(i32),
    /// Select the lane at this cell.
    Select(u16, u16),
    /// The selected lane's details on or off.
    Details,
    /// No lane is selected any more.
    Deselect,
    /// Type what lanes must be called.
    Filter,
    /// This character of it.
    Type(char),
    /// Not the last character.
    Erase,
    /// It is typed, and stays.
    Keep,
    /// All lanes again.
    Clear,
    /// The next order of the lanes.
    Sort,
    /// Fold or unfold the selected lane's group; all groups, if no lane is selected.
    Fold,
    /// Fold or unfold all groups.
    FoldAll,
    /// Save what was seen of a program.
    Save,
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
    Binding { keys, hint: KeyHint { keys: names, word, help, crowded: false } }
}

/// Of what the footer tells only where lanes are many.
const fn crowded(mut binding: Binding) -> Binding {
    binding.hint.crowded = true;
    binding
}

const STEP: &[(KeyModifiers, KeyCode, Message)] =
    &[(NONE, KeyCode::Right, Message::Step), (NONE, KeyCode::Left, Message::Back)];
const HANDOFF: &[(KeyModifiers, KeyCode, Message)] =
    &[(NONE, KeyCode::Char('n'), Message::NextHandoff), (NONE, KeyCode::Char('p'), Message::PreviousHandoff)];
const LANES: &[(KeyModifiers, KeyCode, Message)] =
    &[(NONE, KeyCode::Up, Message::Lane(-1)), (NONE, KeyCode::Down, Message::Lane(1))];
const LANE_PAGES: &[(KeyModifiers, KeyCode, Message)] =
    &[(NONE, KeyCode::PageUp, Message::LanePage(-1)), (NONE, KeyCode::PageDown, Message::LanePage(1))];
const PLAY: &[(KeyModifiers, KeyCode, Message)] = &[(NONE, KeyCode::Char(' '), Message::Toggle)];

// Rows that both tables have.
const HELP: Binding = binding(&[(NONE, KeyCode::Char('?'), Message::Help)], "?", "help", "this page");
const QUIT: Binding = binding(
    &[
        (NONE, KeyCode::Char('q'), Message::Quit),
        (CONTROL, KeyCode::Char('c'), Message::Quit),
        (CONTROL, KeyCode::Char('z'), Message::Suspend),
    ],
    "q",
    "quit",
    "quit (Ctrl-C too)",
);
const ZOOM: Binding = binding(
    &[
        (NONE, KeyCode::Char('+'), Message::ZoomIn),
        (NONE, KeyCode::Char('='), Message::ZoomIn),
        (NONE, KeyCode::Char('-'), Message::ZoomOut),
    ],
    "+ -",
    "zoom",
    "zoom (mouse wheel too)",
);
const SPEED: Binding = binding(
    &[(NONE, KeyCode::Char(','), Message::Slower), (NONE, KeyCode::Char('.'), Message::Faster)],
    ", .",
    "speed",
    "slower / faster",
);
const BIG: Binding =
    binding(&[(NONE, KeyCode::Char('b'), Message::Big)], "b", "big", "big mode, for the hall");
const PAN: Binding = binding(
    &[
        (SHIFT, KeyCode::Left, Message::PanPage(-1)),
        (SHIFT, KeyCode::Right, Message::PanPage(1)),
        (NONE, KeyCode::Char('h'), Message::PanPage(-1)),
        (NONE, KeyCode::Char('l'), Message::PanPage(1)),
    ],
    "h l",
    "",
    "pan (drag, Shift-arrows)",
);
const FIT: Binding = binding(&[(NONE, KeyCode::Char('f'), Message::Fit)], "f", "", "fit the whole run");
const ENDS: Binding = binding(
    &[(NONE, KeyCode::Home, Message::Home), (NONE, KeyCode::End, Message::End)],
    "Home End",
    "",
    "beginning / end",
);
const THEME: Binding = binding(&[(NONE, KeyCode::Char('c'), Message::Theme)], "c", "", "other colours");

/// The table of a run.
const BINDINGS: [Binding; 22] = [
    binding(PLAY, "space", "pause|play|replay", "play / pause"),
    binding(STEP, "←→", "step", "one event back / on"),
    binding(HANDOFF, "n p", "handoff", "next / previous handoff"),
    HELP,
    QUIT,
    crowded(binding(
        &[(NONE, KeyCode::Char('/'), Message::Filter)],
        "/",
        "filter",
        "filter by name, or reader#*",
    )),
    crowded(binding(&[(NONE, KeyCode::Char('s'), Message::Sort)], "s", "sort", "sort by wait, hold, name")),
    crowded(binding(
        &[(NONE, KeyCode::Char('g'), Message::Fold), (NONE, KeyCode::Char('G'), Message::FoldAll)],
        "g G",
        "fold",
        "fold the lane's group / all",
    )),
    binding(&[(NONE, KeyCode::Char('t'), Message::Axis)], "t", "axis", "time axis / order axis"),
    ZOOM,
    SPEED,
    BIG,
    binding(&[(NONE, KeyCode::Char('r'), Message::Restart)], "r", "restart", "run it, or see it, again"),
    binding(
        &[
            (NONE, KeyCode::Char('m'), Message::NextMarker),
            (NONE, KeyCode::Char('1'), Message::Guess(1)),
            (NONE, KeyCode::Char('2'), Message::Guess(2)),
            (NONE, KeyCode::Char('3'), Message::Guess(3)),
            (NONE, KeyCode::Char('4'), Message::Guess(4)),
            (NONE, KeyCode::Char('5'), Message::Guess(5)),
            (NONE, KeyCode::Char('6'), Message::Guess(6)),
            (NONE, KeyCode::Char('7'), Message::Guess(7)),
            (NONE, KeyCode::Char('8'), Message::Guess(8)),
            (NONE, KeyCode::Char('9'), Message::Guess(9)),
        ],
        "m 1-9",
        "",
        "next marker / a guess",
    ),
    PAN,
    FIT,
    ENDS,
    binding(LANES, "↑ ↓", "", "select a lane (or click)"),
    binding(
        &[(NONE, KeyCode::Enter, Message::Details), (NONE, KeyCode::Esc, Message::Deselect)],
        "Enter Esc",
        "",
        "its details / unselect",
    ),
    binding(LANE_PAGES, "PgUp PgDn", "", "a page of lanes up / down"),
    THEME,
    binding(&[(NONE, KeyCode::Char('w'), Message::Save)], "w", "", "save what a program did"),
];

/// The table of runs beside each other. They have run already: what plays is the playhead.
const COMPARE_BINDINGS: [Binding; 14] = [
    binding(PLAY, "space", "pause|play|replay", "play / pause"),
    binding(STEP, "←→", "step", "one event of any back / on"),
    binding(
        &[(NONE, KeyCode::Char('d'), Message::FirstDifference)],
        "d",
        "difference",
        "the first difference",
    ),
    binding(HANDOFF, "n p", "handoff", "to handoffs and differences"),
    HELP,
    QUIT,
    ZOOM,
    SPEED,
    BIG,
    PAN,
    FIT,
    ENDS,
    binding(LANES, "↑ ↓", "", "more tasks, more variants"),
    THEME,
];

/// The keys for people.
pub const HINTS: [KeyHint; BINDINGS.len()] = hints(&BINDINGS);

/// The keys for people who compare.
pub const COMPARE_HINTS: [KeyHint; COMPARE_BINDINGS.len()] = hints(&COMPARE_BINDINGS);

const fn hints<const N: usize>(bindings: &[Binding; N]) -> [KeyHint; N] {
    let mut hints = [bindings[0].hint; N];
    let mut index = 0;
    while index < N {
        hints[index] = bindings[index].hint;
        index += 1;
    }
    hints
}

/// What a key asks for.
pub fn message(key: KeyEvent) -> Option<Message> {
    find(&BINDINGS, key)
}

/// What a key asks for while a filter is typed; `None` if it means what it always does.
pub(super) fn typed(key: KeyEvent) -> Option<Message> {
    match (key.modifiers - SHIFT, key.code) {
        (NONE, KeyCode::Char(c)) => Some(Message::Type(c)),
        (NONE, KeyCode::Backspace) => Some(Message::Erase),
        (NONE, KeyCode::Enter) => Some(Message::Keep),
        (NONE, KeyCode::Esc) => Some(Message::Clear),
        _ => None,
    }
}

/// What a key asks for of runs beside each other.
pub fn compare_message(key: KeyEvent) -> Option<Message> {
    find(&COMPARE_BINDINGS, key)
}

fn find(bindings: &[Binding], key: KeyEvent) -> Option<Message> {
    // A character already says whether Shift was held to type it.
    let modifiers = match key.code {
        KeyCode::Char(_) => key.modifiers - SHIFT,
        _ => key.modifiers,
    };
    let all = bindings.iter().flat_map(|binding| binding.keys);
    all.into_iter().find(|(m, code, _)| (*m, *code) == (modifiers, key.code)).map(|(_, _, message)| *message)
}

/// What the mouse asks for; `drag` is where a drag was last.
pub(super) fn of_mouse(mouse: MouseEvent, drag: &mut Option<u16>) -> Option<Message> {
    match mouse.kind {
        MouseEventKind::ScrollUp => Some(Message::ZoomIn),
        MouseEventKind::ScrollDown => Some(Message::ZoomOut),
        MouseEventKind::Down(MouseButton::Left) => {
            *drag = Some(mouse.column);
            Some(Message::Select(mouse.column, mouse.row))
        }
        MouseEventKind::Drag(MouseButton::Left) => {
            let before = drag.replace(mouse.column)?;
            Some(Message::Pan(i32::from(before) - i32::from(mouse.column)))
        }
        MouseEventKind::Up(MouseButton::Left) => {
            *drag = None;
            None
        }
        _ => None,
    }
}
