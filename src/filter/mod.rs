//! The filter language, with which a user selects a part of the traffic.
//!
//! The language is nfdump's (nfdump(1), section FILTER). `token` splits the text, `cursor`
//! reads the tokens, `parse` handles `and`, `or`, `not` and parentheses, `term` and `read`
//! handle the terms according to the tables in `words`, `tree` evaluates the result, and
//! `print` prints it.

mod columns;
mod condition;
mod cursor;
mod error;
mod missing;
mod moment;
mod names;
mod parse;
mod print;
mod read;
pub mod select;
mod term;
mod times;
mod token;
mod tree;
pub mod words;

#[cfg(test)]
mod tests;

pub use columns::FilterSubject;
pub use cursor::{MAX_DEPTH, MAX_LIST, MAX_TEXT};
pub use error::{FilterError, FilterFault};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::flow::Host;
use crate::text::{self, is_hidden};
use tree::{Node, Term};

/// The longest filter, in bytes, that a suggested command line repeats; longer ones are not
/// practical to type.
const MAX_COMMAND: usize = 200;

/// A parsed filter. The default matches everything.
///
/// Printing and parsing again gives an equal filter. Two filters are equal regardless of
/// spelling and position in the text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Filter {
    root: Node,
    /// The text that was parsed.
    text: Arc<str>,
}

impl From<Filter> for String {
    fn from(filter: Filter) -> String {
        filter.to_string()
    }
}

impl TryFrom<String> for Filter {
    type Error = FilterError;

    fn try_from(text: String) -> Result<Filter, FilterError> {
        Filter::parse(&text)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        self.root == other.root
    }
}

impl Filter {
    /// Parses a filter; an empty text matches everything.
    ///
    /// # Errors
    /// Names the token that is wrong. A text that consists only of spaces or comments is an
    /// error.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        parse::parse(text).map(|root| Filter { root, text: text.into() })
    }

    /// Whether everything matches.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.root == Node::Any
    }

    /// Whether `row` matches. Flows can answer everything. Apply only filters to rows that
    /// [`Filter::check_live`] accepts: a filter whose answer depends on an unknown value does
    /// not match.
    pub fn matches(&self, row: &impl FilterSubject) -> bool {
        let answer = self.answer(row);
        debug_assert!(answer.is_some(), "`{self}` was not checked for live rows");
        answer == Some(true)
    }

    /// Whether `row` matches; `None` if that depends on a value that the row does not know.
    pub fn answer(&self, row: &impl FilterSubject) -> Option<bool> {
        self.root.answer(row)
    }

    /// Checks that the live tables can answer this filter: their rows keep addresses, the
    /// protocol, the service port, the exporter and the interfaces.
    ///
    /// # Errors
    /// Points at the first term of the text that they cannot answer, and gives the command that
    /// can.
    pub fn check_live(&self) -> Result<(), FilterError> {
        let refused = |term: &Term| term.not_live().map(|why| (term.span.0.clone(), why));
        let Some((at, (lack, because))) = self.root.find(&refused) else {
            return Ok(());
        };
        let word = self.text.get(at.clone()).unwrap_or("").split_whitespace();
        let word = text::replaced(&word.collect::<Vec<_>>().join(" "), '?');
        let command = error::query(&self.line());
        Err(FilterError { at, why: FilterFault::NotLive { word, lack, because, command } })
    }

    /// Whether anything that `exporter` reports can match.
    #[must_use]
    pub fn may_be_of(&self, exporter: Host) -> bool {
        self.root.answer_of(exporter) != Some(false)
    }

    /// Whether the filter asks for the exporter or an interface.
    #[must_use]
    pub fn needs_interfaces(&self) -> bool {
        self.root.find(&|term: &Term| term.reads_interfaces().then_some(())).is_some()
    }

    /// The largest number of tests that a row may need.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.root.cost()
    }

    /// The command that queries the archive. A filter that is too long for a line of the screen
    /// has to come from a file.
    #[must_use]
    pub fn command(&self) -> String {
        let line = self.line();
        if line.len() > MAX_COMMAND {
            return "toptalk query -f FILE, with the filter in FILE".to_owned();
        }
        error::query(&line)
    }

    /// The single ports that the filter asks for (`port N`, `port in [N ...]`, not under
    /// `not`), in ascending order.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        let mut wanted = Vec::new();
        self.root.wanted_ports(&mut wanted);
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// The text as it was typed if it is one plain line; otherwise the printed filter.
    fn line(&self) -> String {
        match self.text.trim() {
            "" => self.to_string(),
            text if text.chars().any(is_hidden) => self.to_string(),
            text => text.to_owned(),
        }
    }
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.root.fmt(f)
    }
}
