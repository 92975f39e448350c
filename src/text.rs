//! Handles text from outside: names from exporters, names of files, user input.
//!
//! Every output of such text uses these functions. Characters that a terminal would interpret, or
//! that are invisible, are removed, replaced or escaped, so that a name cannot move the cursor,
//! change the writing direction, or look like another name.

use std::io::{self, Write};
use std::ops::Range;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};
use unicode_truncate::UnicodeTruncateStr;
use unicode_width::UnicodeWidthStr;

/// Invisible characters, besides control characters: those of the general categories Cf (format),
/// Zl and Zp (line and paragraph separator), and those with the property
/// `Default_Ignorable_Code_Point` (Unicode 16.0, `DerivedGeneralCategory.txt` and
/// `DerivedCoreProperties.txt`). A test compares them with Unicode's tables.
const HIDDEN: [(char, char); 25] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character is a control character or invisible.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    // Nearly all characters are printable ASCII.
    if (' '..='~').contains(&c) {
        return false;
    }
    c.is_control() || HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// The text without hidden characters, for names.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c)).collect()
}

/// The text with every hidden character replaced by `with`, for quoted text: positions stay the
/// same, and the reader sees that there was a character.
#[must_use]
pub fn replaced(text: &str, with: char) -> String {
    text.chars().map(|c| if is_hidden(c) { with } else { c }).collect()
}

/// As [`replaced`], for a text of several lines; line feeds stay.
#[must_use]
pub fn lines_replaced(text: &str, with: char) -> String {
    text.chars().map(|c| if c != '\n' && is_hidden(c) { with } else { c }).collect()
}

/// The text in quotes, as in Rust source code, with every hidden character escaped, for
/// values in a log.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut shown = String::new();
    // `Debug` does not escape all of them, for example U+3164.
    for c in format!("{text:?}").chars() {
        if is_hidden(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// Number of columns that a text takes on a terminal: two for a Chinese, Japanese or Korean
/// character, none for a combining accent.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.width()
}

/// The longest beginning of a text that fits into `width` columns.
#[must_use]
pub fn head(text: &str, width: usize) -> &str {
    text.unicode_truncate(width).0
}

/// The longest end of a text that fits into `width` columns. A combining accent stays with
/// its character.
#[must_use]
pub fn tail(text: &str, width: usize) -> &str {
    text.unicode_truncate_start(width).0
}

/// A line, and below it carets that mark the bytes `at`; one caret if that range is empty. Hidden
/// characters and tabs are shown as spaces, so that the carets are below the right columns.
#[must_use]
pub fn marked(line: &str, at: &Range<usize>) -> String {
    let place = |at: usize| (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at));
    let (from, to) = (place(at.start).unwrap_or(0), place(at.end).unwrap_or(0));
    let width = |part: Option<&str>| part.map_or(0, |part| columns(&replaced(part, ' ')));
    let (before, marked_width) = (width(line.get(..from)), width(line.get(from..to)).max(1));
    format!("  {}\n  {}{}", replaced(line, ' '), " ".repeat(before), "^".repeat(marked_width))
}

/// The text padded with spaces to `width` columns, after it or (`right`) before it.
#[must_use]
pub fn padded(text: &str, width: usize, right: bool) -> String {
    let spaces = " ".repeat(width.saturating_sub(columns(text)));
    if right { format!("{spaces}{text}") } else { format!("{text}{spaces}") }
}

/// Writes a value as JSON with every hidden character escaped (`\u009b`). Programs read the same
/// text, and a terminal does not interpret it.
///
/// # Errors
/// When writing to `out` fails, or the value has keys that are not text.
pub fn json(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer =
        Serializer::with_formatter(out, Escaped(serde_json::ser::CompactFormatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// As [`json`], on several lines with indentation.
///
/// # Errors
/// As [`json`].
pub fn json_pretty(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Escaped(PrettyFormatter::new()));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Formats as another formatter does, with hidden characters escaped.
struct Escaped<F>(F);

impl<F: Formatter> Formatter for Escaped<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_hidden(*c)) {
            let (before, after) = rest.split_at(at);
            self.0.write_string_fragment(out, before)?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = after.get(c.len_utf8()..).unwrap_or("");
        }
        self.0.write_string_fragment(out, rest)
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(out, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All characters.
    fn all() -> impl Iterator<Item = char> {
        (0..=u32::from(char::MAX)).filter_map(char::from_u32)
    }

    /// Unicode's tables, from another crate.
    fn of_unicode(class: &str) -> regex_syntax::hir::ClassUnicode {
        let hir = regex_syntax::parse(class).unwrap();
        match hir.kind() {
            regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
                class.clone()
            }
            other => panic!("{class}: {other:?}"),
        }
    }

    #[test]
    fn hidden_characters_are_those_of_unicodes_tables() {
        let hidden = of_unicode(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]");
        let is_one = |c: char| {
            let at = hidden.ranges().partition_point(|range| range.end() < c);
            hidden.ranges().get(at).is_some_and(|range| range.start() <= c)
        };
        let wrong: Vec<String> = all()
            .filter(|c| is_hidden(*c) != is_one(*c))
            .map(|c| format!("U+{:04X}", u32::from(c)))
            .collect();
        assert_eq!(wrong, [""; 0]);
        assert!(all().filter(|c| is_hidden(*c)).count() > 4_000, "the test has found characters");
    }

    #[test]
    fn no_hidden_character_is_left_by_any_function() {
        for c in all() {
            let text = format!("a{c}b");
            let (clean, replaced) = (clean(&text), replaced(&text, '?'));
            assert!(!clean.chars().chain(replaced.chars()).any(is_hidden), "{c:?}");
            assert_eq!(clean == text, !is_hidden(c), "{c:?}");
            assert_eq!(replaced.chars().count(), 3, "{c:?}");
            assert!(!escaped(&text).chars().any(is_hidden), "{c:?}");
            let mut written = Vec::new();
            json(&mut written, &text).unwrap();
            let written = String::from_utf8(written).unwrap();
            assert!(!written.chars().any(is_hidden), "{c:?}: {written}");
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text, "{c:?}");
        }
        assert_eq!(lines_replaced("a\nb\u{9b}\r\n", '?'), "a\nb??\n");
    }

    #[test]
    fn json_without_hidden_characters_is_that_of_serde() {
        let value = serde_json::json!({"a": [1, "x\"\\\n", null], "b": {"c": true}, "d": []});
        let mut written = Vec::new();
        json(&mut written, &value).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), value.to_string());
        let mut written = Vec::new();
        json_pretty(&mut written, &value).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), pretty);
        let mut written = Vec::new();
        json(&mut written, &"\u{9b}\u{e0041}\u{202e}é界").unwrap();
        let want = "\"\\u009b\\udb40\\udc41\\u202eé界\"";
        assert_eq!(String::from_utf8(written).unwrap(), want);
    }

    #[test]
    fn carets_are_below_the_marked_columns() {
        for (line, at, want) in [
            ("a bad c", 2..5, "  a bad c\n    ^^^"),
            ("界 bad", 4..7, "  界 bad\n     ^^^"),
            ("a界b", 1..4, "  a界b\n   ^^"),
            ("\tbad\u{9b}", 1..6, "   bad \n   ^^^^"),
            ("ab", 2..2, "  ab\n    ^"),
            ("", 7..9, "  \n  ^"),
            ("界", 1..9, "  界\n  ^^"),
        ] {
            assert_eq!(marked(line, &at), want, "{line:?} {at:?}");
        }
    }

    #[test]
    fn texts_are_cut_and_filled_by_columns() {
        for (text, width, start, end) in [
            ("abcdef", 3, "abc", "def"),
            ("界面の名", 3, "界", "名"),
            ("界面の名", 4, "界面", "の名"),
            ("a界b", 2, "a", "b"),
            ("e\u{301}a\u{301}", 1, "e\u{301}", "a\u{301}"),
            ("abc", 9, "abc", "abc"),
            ("abc", 0, "", ""),
            ("", 2, "", ""),
        ] {
            assert_eq!((head(text, width), tail(text, width)), (start, end), "{text} in {width}");
        }
        assert_eq!(columns("界a"), 3);
        assert_eq!(padded("界", 4, false), "界  ");
        assert_eq!(padded("界", 4, true), "  界");
        assert_eq!(padded("界面", 3, true), "界面");
    }
}
