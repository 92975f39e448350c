//! The filter language: what a person types to see part of the traffic.
//!
//! It is nfdump's (its manual page, section FILTER): `token` cuts the text,
//! `cursor` hands out what it cut, `parse` reads `and`, `or`, `not` and parentheses, `term` and `read` the terms
//! between them by the tables of `words`, `tree` evaluates what was read and
//! `print` prints it.

mod columns;
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

/// A longer filter is not repeated on a command line that people are to type, in bytes.
const MAX_COMMAND: usize = 200;

/// A parsed filter. The default matches everything.
///
/// Printing and parsing again gives an equal filter; spelling and place do not
/// matter for equality.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Filter {
    root: Node,
    /// What it was parsed from.
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
    /// Names the token that does not fit; a text of spaces or comments alone is none.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        parse::parse(text).map(|root| Filter { root, text: text.into() })
    }

    /// Whether everything matches.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.root == Node::Any
    }

    /// Whether `row` matches. Flows know all there is to ask; ask rows only what
    /// [`Filter::check_live`] lets pass, for what hangs on something they do not
    /// know does not match.
    pub fn matches(&self, row: &impl FilterSubject) -> bool {
        let answer = self.answer(row);
        debug_assert!(answer.is_some(), "`{self}` was not checked for live rows");
        answer == Some(true)
    }

    /// Whether `row` matches; `None` when that hangs on what it does not know.
    pub fn answer(&self, row: &impl FilterSubject) -> Option<bool> {
        self.root.answer(row)
    }

    /// Whether the live tables can answer this: their rows keep addresses, the
    /// protocol, the service port, the exporter and the interfaces.
    ///
    /// # Errors
    /// Points at the first term of the text this was parsed from that they
    /// cannot answer, with the command that can.
    pub fn check_live(&self) -> Result<(), FilterError> {
        let refused = |term: &Term| term.not_live().map(|why| (term.place.0.clone(), why));
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

    /// Whether the exporter or an interface is asked for.
    #[must_use]
    pub fn needs_interfaces(&self) -> bool {
        self.root.find(&|term: &Term| term.reads_interfaces().then_some(())).is_some()
    }

    /// How many tests one row may need: what it costs to ask.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.root.cost()
    }

    /// The command that asks the archive for what matches; a filter too long for a line
    /// of the screen is to come from a file.
    #[must_use]
    pub fn command(&self) -> String {
        let line = self.line();
        if line.len() > MAX_COMMAND {
            return "toptalk query -f FILE, with the filter in FILE".to_owned();
        }
        error::query(&line)
    }

    /// The single ports that are asked for (`port N`, `port in [N ...]`, not
    /// under `not`), in ascending order.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        let mut wanted = Vec::new();
        self.root.wanted_ports(&mut wanted);
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// As it was typed if that is one plain line, else as it prints.
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
