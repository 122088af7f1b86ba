//! From a text to a tree of JSON with positions, or to the place where it stops being JSON.
//!
//! Comments and trailing commas are welcome, since people write these files by hand; every other
//! looseness is a mistake with its place and its repair. What the parser below lets through all the
//! same (a string over two lines, control characters, deep nesting) is found by [`scan`] before it.

use jsonc_parser::ast::Value;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, parse_to_ast};

use super::limits::MAX_NESTING;
use super::report::Mistakes;
use super::source::Span;

/// Reads the text as JSON; `None` after a mistake.
pub(super) fn parse<'a>(text: &'a str, mistakes: &mut Mistakes) -> Option<Value<'a>> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let scanned = scan(text);
    // Too much nesting must not reach the parser, whose recursion is bounded by more than a small stack.
    if let Err(Trouble { kind: TroubleKind::Nesting, at }) = &scanned {
        mistakes
            .error(at.clone(), "too many brackets inside brackets")
            .label(format!("this is the {}th level", MAX_NESTING + 1))
            .help(format!("a scenario has at most {MAX_NESTING} levels"));
        return None;
    }
    match (scanned, parse_to_ast(text, &CollectOptions::default(), &options)) {
        (Ok(()), Ok(result)) => {
            if result.value.is_none() {
                mistakes.error(0..0, "this file has no scenario in it").help(
                    "the smallest is { \"scenario\": 1, \"title\": \"…\", \"locks\": {}, \"tasks\": [ … ] }",
                );
            }
            result.value
        }
        (Err(trouble), Err(error)) if error.range().start < trouble.at.start => {
            explain(text, &error, mistakes)
        }
        (Err(trouble), _) => report(&trouble, mistakes),
        (Ok(()), Err(error)) => explain(text, &error, mistakes),
    }
}

/// Something the parser would let through, or explain badly.
struct Trouble {
    kind: TroubleKind,
    at: Span,
}

enum TroubleKind {
    Nesting,
    OpenString,
    Control,
}

/// Walks over the text once, in and out of strings and comments.
fn scan(text: &str) -> Result<(), Trouble> {
    let bytes = text.as_bytes();
    let mut open = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = scan_string(bytes, at)?,
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes[at..].iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                // An open comment is for the parser to tell.
                let Some(end) = text[at + 2..].find("*/") else { return Ok(()) };
                at += 2 + end + 1;
            }
            b'{' | b'[' => {
                open += 1;
                if open > MAX_NESTING {
                    return Err(Trouble { kind: TroubleKind::Nesting, at: at..at + 1 });
                }
            }
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Finds the closing quote of a string.
fn scan_string(bytes: &[u8], start: usize) -> Result<usize, Trouble> {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at),
            Some(b'\\') if !matches!(bytes.get(at + 1), None | Some(b'\n' | b'\r')) => at += 2,
            None | Some(b'\n' | b'\r') => {
                return Err(Trouble { kind: TroubleKind::OpenString, at: start..at });
            }
            Some(byte) if byte.is_ascii_control() && *byte != 0x7f => {
                return Err(Trouble { kind: TroubleKind::Control, at: at..at + 1 });
            }
            Some(_) => at += 1,
        }
    }
}

fn report<T>(trouble: &Trouble, mistakes: &mut Mistakes) -> Option<T> {
    let (message, label, help) = match trouble.kind {
        TroubleKind::OpenString => (
            "this string has no closing quote on its line",
            "it begins here",
            "put a \" at its end; a line break inside a string is written \\n",
        ),
        TroubleKind::Control => (
            "a control character inside a string",
            "this character is invisible",
            "remove it, or write it as an escape, such as \\t for a tab",
        ),
        TroubleKind::Nesting => ("too many brackets inside brackets", "", ""),
    };
    mistakes.error(trouble.at.clone(), message).label(label).help(help);
    None
}

/// Says what the parser met, at the place where a person would look.
fn explain<T>(text: &str, error: &ParseError, mistakes: &mut Mistakes) -> Option<T> {
    use ParseErrorKind as Kind;
    // Where the text ended too early, that is the last thing it says.
    let end = text.trim_end().len();
    let start = error.range().start.min(end);
    let mut range = start..error.range().end.clamp(start, end);
    if matches!(error.kind(), Kind::UnterminatedObject | Kind::UnterminatedArray) {
        range.end = range.end.min(start + 1);
    }
    let around = (text.get(..start).unwrap_or(""), text.get(start..).unwrap_or(""));
    let (message, label, help) = words(error.kind(), around, text.get(range.clone()).unwrap_or(""));
    mistakes.error(range, message).label(label).help(help);
    None
}

/// A mistake in plain words: what is wrong, what to say at the place, what to write. `found` is the
/// text at the place, the others are before it and from it on.
fn words(
    kind: &ParseErrorKind,
    (before, after): (&str, &str),
    found: &str,
) -> (&'static str, &'static str, &'static str) {
    use ParseErrorKind as Kind;
    let pair = "in { }, a name and its value are written \"name\": value";
    let no_value = ("a value is missing", "expected a value here", pair);
    let word = found.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let last = before.trim_end().chars().next_back();
    match kind {
        _ if after.is_empty() && !matches!(kind, Kind::String(_) | Kind::ExpectedComma) => (
            "the file ends too early",
            "something is missing here",
            "close every { with } and every [ with ]",
        ),
        Kind::ExpectedComma if before.ends_with('0') && after.starts_with(|c: char| c.is_ascii_digit()) => {
            ("a number cannot begin with 0", "", "remove the zeros in front of it")
        }
        Kind::ExpectedComma => {
            ("a comma is missing", "put a comma here", "everything in { } and [ ] is separated by commas")
        }
        Kind::UnexpectedCloseBrace | Kind::UnexpectedCloseBracket | Kind::UnexpectedComma
            if last == Some(':') =>
        {
            no_value
        }
        Kind::UnexpectedCloseBrace if last.is_some() => {
            ("a list ends with ], not with }", "a [ is still open here", "write ] before this")
        }
        Kind::UnexpectedTokenInObject if found == "]" => {
            ("an object ends with }, not with ]", "a { is still open here", "write } before this")
        }
        Kind::UnexpectedComma | Kind::UnexpectedTokenInObject if found == "," => {
            ("this comma separates nothing", "", "remove it, or write something before it")
        }
        Kind::ExpectedObjectValue => no_value,
        Kind::ExpectedColonAfterObjectKey => ("a colon is missing", "expected `:` before this", pair),
        Kind::ExpectedStringObjectProperty | Kind::UnexpectedTokenInObject if word => (
            "a name needs double quotes",
            "this name has none",
            "names and strings are written in double quotes, as \"name\"",
        ),
        Kind::ExpectedStringObjectProperty | Kind::UnexpectedTokenInObject => {
            ("expected a name in double quotes", "this is not one", pair)
        }
        Kind::UnexpectedWord | Kind::NonFiniteNumbersNotAllowed => match found {
            "True" | "TRUE" => ("this is not JSON", "", "write true"),
            "False" | "FALSE" => ("this is not JSON", "", "write false"),
            "None" | "nil" | "NULL" | "Null" | "undefined" => ("this is not JSON", "", "write null"),
            "NaN" | "Infinity" | "-Infinity" | "-NaN" => {
                ("this is not a JSON number", "", "write a number such as 1000")
            }
            _ => (
                "a string needs double quotes",
                "this has none",
                "names and strings are written in double quotes, as \"name\"",
            ),
        },
        Kind::SingleQuotedStringsNotAllowed => {
            ("a string needs double quotes", "this is a single quote", "write \" instead of '")
        }
        Kind::HexadecimalNumbersNotAllowed => {
            ("a number is written in decimal digits", "", "write the same number without 0x")
        }
        Kind::UnaryPlusNumbersNotAllowed => ("a number has no plus sign", "", "remove the +"),
        Kind::BareDecimalPointNumbersNotAllowed => (
            "a number needs a digit on both sides of its point",
            "",
            "write 0.5 instead of .5, and 5.0 instead of 5.",
        ),
        Kind::ExpectedDigit
        | Kind::ExpectedDigitFollowingNegativeSign
        | Kind::ExpectedPlusMinusOrDigitInNumberLiteral => {
            ("this number is not complete", "expected a digit here", "write a number such as 1000, -1 or 2.5")
        }
        Kind::String(kind) => escape(kind),
        Kind::MultipleRootJsonValues => (
            "there is text after the end of the scenario",
            "the scenario ends before this",
            "remove it, or look for a } too many above it",
        ),
        Kind::UnexpectedCloseBrace => {
            ("this } closes nothing", "", "remove it, or look for a missing { above it")
        }
        Kind::UnexpectedCloseBracket => {
            ("this ] closes nothing", "", "remove it, or look for a missing [ above it")
        }
        Kind::UnterminatedObject => ("this { is never closed", "it begins here", "put a } where it ends"),
        Kind::UnterminatedArray => ("this [ is never closed", "it begins here", "put a ] where it ends"),
        Kind::UnterminatedCommentBlock => {
            ("this comment is never closed", "it begins here", "put */ where it ends")
        }
        _ => (
            "this is not JSON",
            "not expected here",
            "look for a missing quote, comma or bracket just before it",
        ),
    }
}

fn escape(kind: &ParseStringErrorKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        ParseStringErrorKind::UnterminatedStringLiteral => {
            ("this string has no closing quote", "it begins here", "put a \" at its end")
        }
        ParseStringErrorKind::ExpectedFourHexDigits
        | ParseStringErrorKind::InvalidUnicodeEscapeSequence(_) => (
            "this escape stands for no character",
            "",
            "write \\u and four hexadecimal digits, such as \\u00e9, or the character itself",
        ),
        _ => (
            "unknown escape in a string",
            "",
            "the escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u0000; a backslash itself is \\\\",
        ),
    }
}
