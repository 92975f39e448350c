//! The filter language: what a person types to see part of the traffic.
//!
//! It is nfdump's (its manual page, section FILTER), of which the terms on
//! addresses, networks, ports and protocols are understood: `token` cuts the
//! text, `parse` reads `and`, `or`, `not` and parentheses, `term` the terms
//! between them, and `tree` evaluates and prints what was read.

mod parse;
mod term;
mod token;
mod tree;

#[cfg(test)]
mod tests;

pub use parse::{MAX_DEPTH, MAX_LIST, MAX_TEXT};

use crate::flow::Host;
use tree::{Node, Side};

/// What a filter can ask about one thing (a flow, or one direction of a conversation).
pub trait Columns {
    /// Source address.
    fn src(&self) -> Host;
    /// Destination address.
    fn dst(&self) -> Host;
    /// IANA protocol number.
    fn proto(&self) -> u8;
    /// Source and destination port; conversations answer with their service port twice.
    fn ports(&self) -> (u16, u16);
}

impl Columns for crate::flow::Flow {
    fn src(&self) -> Host {
        self.src
    }

    fn dst(&self) -> Host {
        self.dst
    }

    fn proto(&self) -> u8 {
        self.proto
    }

    fn ports(&self) -> (u16, u16) {
        (self.sport, self.dport)
    }
}

/// A parsed filter. The default matches everything.
///
/// Printing and parsing again gives an equal filter; spelling and place do not
/// matter for equality.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    root: Node,
}

/// Why a text is not a filter: where, and what was expected instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct FilterError {
    /// Byte range of the wrong token in the text; empty, at the end of the
    /// text, when something is missing there. Both ends are character bounds.
    pub at: std::ops::Range<usize>,
    /// What could have stood there.
    pub expected: String,
    /// What stands there, in backticks, or `the end`.
    pub found: String,
}

impl Filter {
    /// Parses a filter; an empty text matches everything.
    ///
    /// # Errors
    /// Names the token that does not fit.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        parse::parse(text).map(|root| Filter { root })
    }

    /// Whether everything matches.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.root == Node::Any
    }

    /// Whether `row` matches.
    pub fn matches(&self, row: &impl Columns) -> bool {
        self.root.matches(row)
    }

    /// Whether the live tables can answer this: they keep one service port for
    /// a conversation, so they do not know the port of one end.
    ///
    /// # Errors
    /// Points at the first `src port` or `dst port` of the text this was parsed from.
    pub fn check_live(&self) -> Result<(), FilterError> {
        let Some((side, place)) = self.root.one_sided_port() else {
            return Ok(());
        };
        let found = if side == Side::Src { "`src port`" } else { "`dst port`" };
        let expected = "`port N`: live conversations keep their service port only, without a side";
        Err(FilterError {
            at: place.0.clone(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        })
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
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.root.fmt(f)
    }
}
