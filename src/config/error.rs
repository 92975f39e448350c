//! Errors in a settings file, with their positions.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::text::marked;

/// Maximum number of errors in one message.
const MAX_TOLD: usize = 20;

/// Maximum number of characters of a line that a message quotes.
const MAX_LINE: usize = 120;

/// One error in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong: the key, what was expected and what was found.
    pub what: String,
    /// The text of the line, and the number of characters to mark.
    text: String,
    width: usize,
}

impl Diagnostic {
    /// An error at these bytes of a text.
    #[must_use]
    pub fn at(text: &str, span: &Range<usize>, what: String) -> Diagnostic {
        let start = (0..=span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        let (before, after) = text.split_at(start.unwrap_or(0));
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let (lead, rest) = (&before[begin..], after.lines().next().unwrap_or(""));
        let meant = span.end.saturating_sub(span.start).min(rest.len());
        let meant = rest.char_indices().take_while(|(at, _)| *at < meant).count();
        Diagnostic {
            line: before.matches('\n').count() + 1,
            column: lead.chars().count() + 1,
            what,
            text: format!("{lead}{rest}"),
            width: meant.max(1),
        }
    }
}

/// All errors in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// The path of the file.
    pub path: PathBuf,
    /// The errors, in the order of the file.
    pub mistakes: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorts the errors by position.
    #[must_use]
    pub fn new(path: &Path, mut mistakes: Vec<Diagnostic>) -> Diagnostics {
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        Diagnostics { path: path.to_owned(), mistakes }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, one) in self.mistakes.iter().take(MAX_TOLD).enumerate() {
            let Diagnostic { line, column, what, text, width } = one;
            let gap = if nth > 0 { "\n" } else { "" };
            write!(f, "{gap}{}:{line}:{column}: {what}", self.path.display())?;
            if *column <= MAX_LINE {
                // Positions are counted in characters.
                let byte = |nth| text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at);
                let meant = byte(column - 1)..byte((column - 1 + width).min(MAX_LINE));
                let shown = text.get(..byte(MAX_LINE)).unwrap_or(text);
                write!(f, "\n{}", marked(shown, &meant))?;
            }
        }
        match self.mistakes.len().saturating_sub(MAX_TOLD) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more errors"),
        }
    }
}

impl std::error::Error for Diagnostics {}
