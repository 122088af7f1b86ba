//! Screens as text: what stands in each cell, and how it is styled.

// Each test file uses a part of this.
#![allow(dead_code)]

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};

fn color(color: Option<Color>) -> String {
    match color {
        Some(Color::Rgb(r, g, b)) => format!("#{r:02x}{g:02x}{b:02x}"),
        Some(Color::Reset) | None => "-".into(),
        Some(other) => other.to_string(),
    }
}

fn name(style: Style) -> String {
    let modifiers = style.add_modifier;
    let modifiers = if modifiers.is_empty() { String::new() } else { format!(" {modifiers:?}") };
    format!("{} on {}{modifiers}", color(style.fg), color(style.bg))
}

/// The cells, then for each cell the letter of its style, then what the letters mean. Where a row is
/// blank on the ground there is nothing to show of its end.
pub fn with_styles(buffer: &Buffer) -> String {
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    let mut styles: Vec<String> = Vec::new();
    let (mut cells, mut looks) = (String::new(), String::new());
    for y in buffer.area.rows().map(|row| row.y) {
        let (mut row, mut look) = (String::new(), String::new());
        for x in buffer.area.left()..buffer.area.right() {
            let cell = &buffer[(x, y)];
            row.push_str(cell.symbol());
            let style = name(cell.style());
            let at = styles.iter().position(|known| *known == style).unwrap_or_else(|| {
                styles.push(style);
                styles.len() - 1
            });
            look.push(letters[at]);
        }
        let _ = writeln!(cells, "{}", row.trim_end());
        let _ = writeln!(looks, "{look}");
    }
    let mut text = format!("{cells}{}\n{looks}{0}\n", "=".repeat(usize::from(buffer.area.width)));
    for (letter, style) in letters.iter().zip(&styles) {
        let _ = writeln!(text, "{letter}: {style}");
    }
    text
}

/// The cells alone.
pub fn plain(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.rows().map(|row| row.y) {
        let row: String =
            (buffer.area.left()..buffer.area.right()).map(|x| buffer[(x, y)].symbol()).collect();
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

/// Relative luminance and contrast as WCAG 2 defines them.
fn contrast(a: Color, b: Color) -> f64 {
    fn luminance(color: Color) -> f64 {
        let Color::Rgb(r, g, b) = color else { panic!("not a colour of ours: {color:?}") };
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

/// Every word of it can be read from the last row.
#[track_caller]
pub fn check_contrast(buffer: &Buffer) {
    for cell in &buffer.content {
        if cell.symbol().chars().any(char::is_alphanumeric) {
            let ratio = contrast(cell.fg, cell.bg);
            let (symbol, fg, bg) = (cell.symbol(), cell.fg, cell.bg);
            assert!(ratio >= 4.5, "{symbol:?} in {fg:?} on {bg:?}: {ratio:.2}");
        }
    }
}
