//! Colours by what they mean, and the glyph of each state. Every state is glyph *and* colour, so that
//! projectors and colour-blind viewers lose nothing; the mono theme has the glyphs alone.

use ratatui::style::{Color, Modifier, Style};

use crate::trace::{Look, story::Tone};

/// What each thing on the screen looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Words.
    pub text: Style,
    /// Words that matter now.
    pub strong: Style,
    /// Words in the background, rules, axes.
    pub dim: Style,
    /// Keys, the playhead.
    pub accent: Style,
    /// The title's line.
    pub bar: Style,
    /// The product's name in it.
    pub badge: Style,
    /// Handoff lines, and what happens now.
    pub now: Style,
    /// In the critical section.
    pub holding: Style,
    /// A guard held across an `.await`.
    pub suspended: Style,
    /// In the queue.
    pub waiting: Style,
    /// Owns the lock, has not run.
    pub granted: Style,
    /// Errors, and what stands still.
    pub blocked: Style,
    /// Not involved.
    pub idle: Style,
    /// Where words stand on a state's colour: the style for the words on it.
    on_light: Color,
    on_dark: Color,
    mono: bool,
}

/// Which theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThemeName {
    /// Light words on a dark ground.
    Dark,
    /// Dark words on a light ground: for a bright room.
    Light,
    /// No colour at all.
    Mono,
    /// The terminal's own 16 colours.
    Ansi,
}

const fn rgb(hex: u32) -> Color {
    Color::Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

impl ThemeName {
    /// The one that a viewer sees who asks for another.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Mono,
            Self::Mono | Self::Ansi => Self::Dark,
        }
    }

    /// The theme of that name.
    pub fn theme(self) -> Theme {
        match self {
            Self::Dark => Theme::of(&Palette {
                ground: rgb(0x0f_1419),
                bar: rgb(0x16_1d26),
                text: rgb(0xc9_d1d9),
                strong: rgb(0xf5_f7fa),
                dim: rgb(0x84_8f9c),
                rule: rgb(0x4a_5563),
                accent: rgb(0x56_b4e9),
                holding: rgb(0x2f_b98a),
                suspended: rgb(0x1d_7a5c),
                waiting: rgb(0xe6_a23c),
                granted: rgb(0xcc_79a7),
                blocked: rgb(0xe5_533d),
                on_light: rgb(0x0f_1419),
                on_dark: rgb(0xf5_f7fa),
            }),
            Self::Light => Theme::of(&Palette {
                ground: rgb(0xff_ffff),
                bar: rgb(0xe8_edf2),
                text: rgb(0x24_2c36),
                strong: rgb(0x00_0000),
                dim: rgb(0x5b_6673),
                rule: rgb(0x9a_a5b1),
                accent: rgb(0x00_62a3),
                holding: rgb(0x0a_7f58),
                suspended: rgb(0x0a_6b4b),
                waiting: rgb(0xa8_6200),
                granted: rgb(0xa0_3f78),
                blocked: rgb(0xb8_2a16),
                on_light: rgb(0xff_ffff),
                on_dark: rgb(0xff_ffff),
            }),
            Self::Ansi => Theme::of(&Palette {
                ground: Color::Reset,
                bar: Color::Reset,
                text: Color::Reset,
                strong: Color::Reset,
                dim: Color::DarkGray,
                rule: Color::DarkGray,
                accent: Color::Cyan,
                holding: Color::LightGreen,
                suspended: Color::Green,
                waiting: Color::Yellow,
                granted: Color::Magenta,
                blocked: Color::Red,
                on_light: Color::Black,
                on_dark: Color::Black,
            }),
            Self::Mono => {
                let plain = Style::reset();
                let bold = plain.add_modifier(Modifier::BOLD);
                Theme {
                    text: plain,
                    strong: bold,
                    dim: plain,
                    accent: bold,
                    bar: plain,
                    badge: bold.add_modifier(Modifier::REVERSED),
                    now: bold,
                    holding: plain,
                    suspended: plain,
                    waiting: plain,
                    granted: bold,
                    blocked: bold,
                    idle: plain,
                    on_light: Color::Reset,
                    on_dark: Color::Reset,
                    mono: true,
                }
            }
        }
    }
}

struct Palette {
    ground: Color,
    bar: Color,
    text: Color,
    strong: Color,
    dim: Color,
    rule: Color,
    accent: Color,
    holding: Color,
    suspended: Color,
    waiting: Color,
    granted: Color,
    blocked: Color,
    on_light: Color,
    on_dark: Color,
}

impl Theme {
    fn of(palette: &Palette) -> Self {
        let on = |color| Style::reset().fg(color).bg(palette.ground);
        Self {
            text: on(palette.text),
            strong: on(palette.strong).add_modifier(Modifier::BOLD),
            dim: on(palette.dim),
            accent: on(palette.accent).add_modifier(Modifier::BOLD),
            bar: on(palette.text).bg(palette.bar),
            badge: Style::reset().fg(palette.on_light).bg(palette.accent).add_modifier(Modifier::BOLD),
            now: on(palette.strong).add_modifier(Modifier::BOLD),
            holding: on(palette.holding),
            suspended: on(palette.suspended),
            waiting: on(palette.waiting),
            granted: on(palette.granted),
            blocked: on(palette.blocked),
            idle: on(palette.rule),
            on_light: palette.on_light,
            on_dark: palette.on_dark,
            mono: false,
        }
    }

    /// The glyph and the style of a state.
    pub fn look(&self, look: Look) -> (&'static str, Style) {
        match look {
            Look::Absent => (" ", self.text),
            Look::Idle | Look::Asleep => ("·", self.idle),
            Look::Suspended => ("▓", self.suspended),
            Look::Holding => ("█", self.holding),
            Look::Waiting => ("░", self.waiting),
            Look::Granted => ("▒", self.granted),
            Look::Blocked => ("✖", self.blocked),
        }
    }

    /// The style of words that stand on a state's colour.
    pub fn words_on(&self, look: Look) -> Style {
        let (_, style) = self.look(look);
        if self.mono {
            return style.add_modifier(Modifier::BOLD);
        }
        match look {
            Look::Absent | Look::Idle | Look::Asleep => self.dim,
            Look::Suspended => chip(style, self.on_dark),
            Look::Holding | Look::Waiting | Look::Granted | Look::Blocked => chip(style, self.on_light),
        }
    }

    /// A name on the colour of its state: black on white where there is no colour.
    pub fn chip(&self, look: Look) -> Style {
        if self.mono {
            return Style::reset().add_modifier(Modifier::REVERSED);
        }
        self.words_on(look)
    }

    /// The style of a row of the story.
    pub fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Life | Tone::Data => self.dim,
            Tone::Print | Tone::Caption => self.text,
            Tone::Wait => self.waiting,
            Tone::Grant => self.granted,
            Tone::Acquire => self.holding,
            Tone::Release => self.strong,
            Tone::Cancel => self.blocked,
        }
    }
}

/// Words in `words` on a ground of the colour that `style` writes in.
fn chip(style: Style, words: Color) -> Style {
    Style::reset().fg(words).bg(style.fg.unwrap_or(Color::Reset))
}
