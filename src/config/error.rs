//! What is wrong in a file, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::text::marked;

/// Mistakes that are told at once at most.
const MAX_TOLD: usize = 20;

/// Characters of a line that a message repeats.
const MAX_LINE: usize = 120;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// From 1, as editors count.
    pub line: usize,
    pub column: usize,
    pub what: String,
    /// The line, and how many of its characters are meant.
    text: String,
    width: usize,
}

impl Diagnostic {
    /// At these bytes of a text.
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

/// All that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    pub path: PathBuf,
    pub mistakes: Vec<Diagnostic>,
}

impl Diagnostics {
    /// In the order of the file.
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
                // Places are counted in characters.
                let byte = |nth| text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at);
                let meant = byte(column - 1)..byte((column - 1 + width).min(MAX_LINE));
                let shown = text.get(..byte(MAX_LINE)).unwrap_or(text);
                write!(f, "\n{}", marked(shown, &meant))?;
            }
        }
        match self.mistakes.len().saturating_sub(MAX_TOLD) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more mistakes"),
        }
    }
}

impl std::error::Error for Diagnostics {}
