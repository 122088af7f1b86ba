//! What in a program's output steers a terminal.

use std::collections::BTreeMap;

/// One thing in the output that is not text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steer {
    /// `ESC [ parameters final`.
    Csi(String, char),
    /// `ESC` and another character: the beginning of a string, or a short sequence.
    Escape(char),
    /// A control character, or an invisible one that turns the writing direction.
    Control(char),
}

/// Everything in `output` that is not text, in order. Line ends are text.
pub fn scan(output: &str) -> Vec<Steer> {
    let mut found = Vec::new();
    let mut rest = output.chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' | '\n' => {}
            '\u{1b}' => match rest.next() {
                Some('[') => {
                    let mut parameters = String::new();
                    let end = loop {
                        match rest.next() {
                            Some(c @ '\u{20}'..='\u{3f}') => parameters.push(c),
                            Some(c) => break c,
                            None => break '\0',
                        }
                    };
                    found.push(Steer::Csi(parameters, end));
                }
                other => found.push(Steer::Escape(other.unwrap_or('\0'))),
            },
            c if c.is_control() || is_invisible(c) => found.push(Steer::Control(c)),
            _ => {}
        }
    }
    found
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The terminal's private modes that `output` ever touched, and how it left them.
pub fn modes(output: &str) -> BTreeMap<u16, bool> {
    let mut modes = BTreeMap::new();
    for steer in scan(output) {
        if let Steer::Csi(parameters, end @ ('h' | 'l')) = steer
            && let Some(list) = parameters.strip_prefix('?')
        {
            modes.extend(list.split(';').filter_map(|mode| Some((mode.parse().ok()?, end == 'h'))));
        }
    }
    modes
}

/// The parameters of every SGR in `output`, as numbers.
pub fn sgr(output: &str) -> impl Iterator<Item = Vec<u16>> {
    scan(output).into_iter().filter_map(|steer| match steer {
        Steer::Csi(parameters, 'm') => {
            Some(parameters.split([';', ':']).map(|number| number.parse().unwrap_or(0)).collect())
        }
        _ => None,
    })
}

/// Whether one SGR sets a colour; the default colours do not count.
pub fn is_colour(sgr: &[u16]) -> bool {
    sgr.iter().any(|code| matches!(code, 30..=38 | 40..=48 | 58 | 90..=97 | 100..=107))
}

/// What a picture may use: cursor movement, erasing, modes, and looks.
pub fn assert_draws_only(output: &str) {
    for steer in scan(output) {
        let known = match &steer {
            Steer::Csi(parameters, end) => {
                matches!(end, 'H' | 'J' | 'K' | 'm' | 'h' | 'l' | 'A'..='G')
                    && (!matches!(end, 'h' | 'l') || parameters.starts_with('?'))
            }
            _ => false,
        };
        assert!(known, "{steer:?} reached the terminal");
    }
}

/// What comes out of a pipe: text.
pub fn assert_plain(output: &str) {
    assert_eq!(scan(output), [], "in {output:?}");
}

#[test]
fn the_scanner_sees_what_steers() {
    let found = scan("a\u{1b}[1;31mb\u{1b}]0;x\u{7}\u{9b}c\u{202e}\r\n\u{7f}");
    assert_eq!(
        found,
        [
            Steer::Csi("1;31".into(), 'm'),
            Steer::Escape(']'),
            Steer::Control('\u{7}'),
            Steer::Control('\u{9b}'),
            Steer::Control('\u{202e}'),
            Steer::Control('\u{7f}'),
        ]
    );
    assert_eq!(modes("\u{1b}[?1049h\u{1b}[?25l\u{1b}[?1049l"), BTreeMap::from([(25, false), (1049, false)]));
    assert!(is_colour(&[1, 31]) && is_colour(&[38, 2, 1, 2, 3]) && !is_colour(&[0, 1, 7, 39, 49]));
}
