//! What is wrong with a scenario, shown the way rustc shows it: place, line, underline, fix.
//!
//! A file can come from anybody, so nothing of it, of its name or of its strings reaches the output
//! unchanged: see [`super::excerpt`]. This module prints nothing and knows nothing of scenarios.

use std::fmt;

use annotate_snippets::{Level, Renderer, Snippet};

use super::excerpt::{Excerpt, visible};
use super::source::{Source, Span};

/// How many mistakes are shown; the rest is counted.
const SHOWN: usize = 50;

/// How many mistakes are kept; the rest is counted.
const KEPT: usize = 200;

/// Characters of a message, a label or a fix.
const WORDS: usize = 400;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The scenario cannot run.
    Error,
    /// It runs, but perhaps not as it was meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub range: Span,
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// What to say at the place itself.
    pub label: String,
    /// Other places that explain it.
    pub also: Vec<(Span, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Mistake {
    /// Says something at the place itself.
    pub(super) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    /// Says what to do.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Points to another place that explains it.
    pub(super) fn also(&mut self, range: Span, label: impl Into<String>) -> &mut Self {
        self.also.push((range, label.into()));
        self
    }
}

/// Collects mistakes while a scenario is read.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    kept: Vec<Mistake>,
    /// Takes what is not kept.
    spare: Option<Mistake>,
    errors: usize,
    warnings: usize,
}

impl Mistakes {
    /// Adds an error.
    pub(super) fn error(&mut self, range: Span, message: impl Into<String>) -> &mut Mistake {
        self.errors += 1;
        let fits = self.errors <= KEPT;
        self.add(fits, Severity::Error, range, message.into())
    }

    /// Adds a warning.
    pub(super) fn warning(&mut self, range: Span, message: impl Into<String>) -> &mut Mistake {
        self.warnings += 1;
        let fits = self.warnings <= KEPT;
        self.add(fits, Severity::Warning, range, message.into())
    }

    /// Whether there is an error.
    pub(super) fn fatal(&self) -> bool {
        self.errors > 0
    }

    /// Whether another mistake would be counted only, so that it need not be explained well.
    pub(super) fn full(&self) -> bool {
        self.errors.max(self.warnings) >= KEPT
    }

    /// All of them, in the order of the file.
    pub(super) fn into_report(mut self, source: &Source) -> Report {
        self.kept.sort_by_key(|mistake| (mistake.range.start, mistake.severity));
        Report { source: source.clone(), mistakes: self.kept, errors: self.errors, warnings: self.warnings }
    }

    fn add(&mut self, fits: bool, severity: Severity, range: Span, message: String) -> &mut Mistake {
        let mistake =
            Mistake { severity, range, message, label: String::new(), also: Vec::new(), help: None };
        if fits {
            self.kept.push(mistake);
            let last = self.kept.len() - 1;
            &mut self.kept[last]
        } else {
            self.spare.insert(mistake)
        }
    }
}

/// Everything that is wrong with a scenario, with the text that shows it.
#[derive(Debug, Clone)]
pub struct Report {
    source: Source,
    mistakes: Vec<Mistake>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// The mistakes in the order of the file: all of them, or of very many the first 200 that
    /// were found of each severity.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.errors + self.warnings == 0
    }

    /// The whole report as text, with or without ANSI colours. Nothing of the file reaches it
    /// that a terminal would obey.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
        // Lines are cut here and not there, where a cut would also change the column in the message.
        let renderer = renderer.term_width(10 * WORDS);
        let shown = self.shown();
        let mut text = String::new();
        for mistake in &shown {
            text += &self.one(mistake, &renderer);
            text += "\n\n";
        }
        if self.errors + self.warnings > 1 {
            text += &self.counts(shown.len());
        } else {
            text.pop();
        }
        text
    }

    /// The last line of a report: how many mistakes there are.
    fn counts(&self, shown: usize) -> String {
        let counts: Vec<_> = [(self.errors, "error"), (self.warnings, "warning")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
            .collect();
        let all = self.errors + self.warnings;
        let rest = if shown < all { format!("; only {shown} of them are shown") } else { String::new() };
        format!("{}: {}{rest}\n", visible(self.source.name(), WORDS), counts.join(", "))
    }

    /// The mistakes to show, in the order of the file; where there are too many, errors go first.
    fn shown(&self) -> Vec<&Mistake> {
        let mut shown: Vec<_> = self.mistakes.iter().collect();
        shown.sort_by_key(|mistake| mistake.severity);
        shown.truncate(SHOWN);
        shown.sort_by_key(|mistake| (mistake.range.start, mistake.severity));
        shown
    }

    fn one(&self, mistake: &Mistake, renderer: &Renderer) -> String {
        let level = match mistake.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let name = visible(self.source.name(), WORDS);
        let (line, column) = self.source.place(mistake.range.start);
        let excerpt = Excerpt::new(&self.source, mistake);
        let mut snippet = Snippet::source(excerpt.text).path(&name).line_start(excerpt.first + 1);
        for (range, label, kind) in excerpt.places {
            let label = (!label.is_empty()).then(|| visible(&label, WORDS));
            snippet = snippet.annotation(kind.span(range).label(label));
        }
        let mut group = level.primary_title(visible(&mistake.message, WORDS)).element(snippet);
        if let Some(help) = &mistake.help {
            group = group.element(Level::HELP.message(visible(help, WORDS)));
        }
        let text = renderer.render(&[group]);
        // The renderer counts the column in the line it was given, of which the beginning may be cut.
        let (wrong, right) =
            (format!("{name}:{line}:{}\n", excerpt.column), format!("{name}:{line}:{column}\n"));
        text.replacen(&wrong, &right, 1)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}
