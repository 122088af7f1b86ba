//! What a screen shows, and where.

use std::fmt;

use avt::{Cell, ScreenKind};

/// A screen at one moment.
#[derive(Clone, PartialEq)]
pub struct Shot {
    pub alternate: bool,
    pub cursor: bool,
    rows: Vec<Vec<Cell>>,
}

/// How a cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub fg: Option<avt::Color>,
    pub bg: Option<avt::Color>,
    pub bold: bool,
    pub inverse: bool,
}

impl Look {
    pub fn is_default(self) -> bool {
        self == Self { fg: None, bg: None, bold: false, inverse: false }
    }
}

/// A colour as `0xrrggbb`.
pub fn rgb(hex: u32) -> avt::Color {
    let [_, r, g, b] = hex.to_be_bytes();
    avt::Color::rgb(r, g, b)
}

impl Shot {
    pub fn of(terminal: &avt::Terminal) -> Self {
        Self {
            alternate: terminal.active_screen_kind() == ScreenKind::Alternate,
            cursor: terminal.cursor().visible,
            rows: terminal.screen().visible_lines().map(|line| line.cells().to_vec()).collect(),
        }
    }

    /// The row's text, a character a cell, without the blanks at its end.
    pub fn row(&self, y: usize) -> String {
        let text: String = self.rows.get(y).into_iter().flatten().map(Cell::char).collect();
        text.trim_end().to_owned()
    }

    pub fn last_row(&self) -> String {
        self.row(self.rows.len() - 1)
    }

    pub fn rows(&self) -> impl Iterator<Item = String> {
        (0..self.rows.len()).map(|y| self.row(y))
    }

    pub fn text(&self) -> String {
        self.rows().collect::<Vec<_>>().join("\n")
    }

    pub fn contains(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    /// The first place of `text`, as column and row.
    pub fn find(&self, text: &str) -> Option<(usize, usize)> {
        self.rows().enumerate().find_map(|(y, row)| Some((column(&row, text)?, y)))
    }

    pub fn char(&self, x: usize, y: usize) -> char {
        self.rows[y][x].char()
    }

    pub fn cell(&self, x: usize, y: usize) -> Look {
        let pen = self.rows[y][x].pen();
        Look { fg: pen.foreground(), bg: pen.background(), bold: pen.is_bold(), inverse: pen.is_inverse() }
    }

    pub fn help(&self) -> bool {
        self.row(0).contains("help") && self.row(0).contains("any key closes it")
    }

    /// The end of the title: what the player does.
    fn player(&self) -> Option<String> {
        let row = self.row(0);
        let at = ["▶ ", "▌▌ ", "■ "].iter().filter_map(|sign| row.rfind(sign)).max()?;
        Some(row[at..].to_owned())
    }

    pub fn playing(&self) -> bool {
        self.player().is_some_and(|player| player.starts_with('▶'))
    }

    pub fn paused(&self) -> bool {
        self.player().is_some_and(|player| player.starts_with('▌'))
    }

    pub fn ended(&self) -> bool {
        self.player().is_some_and(|player| player.starts_with("■ end"))
    }

    /// `0.25×`.
    pub fn speed(&self) -> Option<String> {
        Some(self.player()?.split_whitespace().nth(1)?.to_owned())
    }

    /// The playhead's time in milliseconds.
    pub fn millis(&self) -> Option<u64> {
        let player = self.player()?;
        let time = player.strip_suffix(" s")?.rsplit(' ').next()?;
        time.replace('.', "").parse().ok()
    }

    /// The sentence that says why.
    pub fn sentence(&self) -> String {
        self.below("why")
    }

    /// A lane's details, in place of the sentence.
    pub fn details(&self) -> String {
        self.below("details")
    }

    /// What stands at the right of the rule above the sentence: how the run ended.
    pub fn ending(&self) -> String {
        let rule = self.rows().find_map(|row| Some(row.strip_prefix("─ why ─")?.to_owned()));
        rule.expect("a sentence").trim_matches(['─', '┴', ' ']).to_owned()
    }

    /// The words between the rule with this heading and the keys.
    #[track_caller]
    fn below(&self, heading: &str) -> String {
        let heading = format!("─ {heading} ─");
        let rule = self.rows().position(|row| row.starts_with(&heading));
        let rule = rule.unwrap_or_else(|| panic!("no {heading}:\n{self}"));
        let lines = (rule + 1..self.rows.len() - 1).map(|y| self.row(y));
        lines
            .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The newest row of the order panel, without the code panel beside it.
    pub fn newest(&self) -> Option<String> {
        // A selected lane is marked too, above the panel.
        let mut panel = self.rows().skip_while(|row| !row.starts_with("─ order ─"));
        let row = panel.find(|row| row.starts_with('▶'))?;
        Some(row.split('│').next()?.trim_end().to_owned())
    }

    /// The lines of the code panel that are marked as the present ones.
    pub fn present_code(&self) -> Vec<String> {
        let panel = self.rows().skip_while(|row| !row.contains("┬ code ─")).skip(1);
        let lines = panel.take_while(|row| !row.starts_with('─')).filter_map(|row| {
            let (_, line) = row.split_once("│ ▶ ")?;
            Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
        });
        lines.collect()
    }

    /// All but the last row, which has the keys or a notice.
    pub fn picture(&self) -> String {
        self.rows().take(self.rows.len() - 1).collect::<Vec<_>>().join("\n")
    }

    /// On the order axis: the numbers of the events' columns, and where they stand.
    pub fn columns(&self) -> Vec<(u64, usize)> {
        let Some((_, y)) = self.find("one column an event") else { return Vec::new() };
        let row = self.row(y + 1);
        let starts = row.match_indices('#').map(|(at, _)| at);
        starts
            .filter_map(|at| {
                let digits: String = row[at + 1..].chars().take_while(char::is_ascii_digit).collect();
                Some((digits.parse().ok()?, row[..at].chars().count()))
            })
            .collect()
    }

    /// On the order axis: how many events have happened.
    pub fn moment(&self) -> u64 {
        self.columns().last().map_or(0, |(number, _)| *number)
    }

    /// `12 ms` of `time · 12 ms a cell`.
    pub fn zoom(&self) -> Option<String> {
        let (_, y) = self.find("time · ")?;
        let row = self.row(y);
        let (_, zoom) = row.split_once("time · ")?;
        Some(zoom.split_once(" a cell")?.0.to_owned())
    }

    /// The row of the lane with this name.
    #[track_caller]
    pub fn lane(&self, name: &str) -> usize {
        let label = format!("{name} ");
        // The strip of a lock is above the timeline.
        let from = self.find("─ timeline").unwrap_or_else(|| panic!("no timeline:\n{self}")).1;
        let mut rows = self.rows().enumerate().skip(from);
        // Before the name stands a blank, or the mark of the selected lane.
        rows.find(|(_, row)| {
            format!("{row} ").strip_prefix([' ', '▶']).is_some_and(|row| row.starts_with(&label))
        })
        .unwrap_or_else(|| panic!("no {name}:\n{self}"))
        .0
    }
}

/// The column at which `text` begins in `row`.
pub fn column(row: &str, text: &str) -> Option<usize> {
    Some(row[..row.find(text)?].chars().count())
}

impl fmt::Display for Shot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.rows() {
            writeln!(f, "|{row}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Shot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
