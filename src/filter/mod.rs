//! The filter language: what a person types to see part of the traffic.

use crate::flow::Host;

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

/// A parsed filter. The default matches everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {}

/// Why a text is not a filter: where, and what was expected instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct FilterError {
    /// Byte range of the wrong token in the text.
    pub at: std::ops::Range<usize>,
    pub expected: String,
    pub found: String,
}

impl Filter {
    /// Parses a filter; an empty text matches everything.
    ///
    /// # Errors
    /// Names the token that does not fit.
    pub fn parse(_text: &str) -> Result<Filter, FilterError> {
        Ok(Filter {})
    }

    /// Whether everything matches.
    #[must_use]
    pub fn is_any(&self) -> bool {
        true
    }

    /// Whether `row` matches.
    pub fn matches(&self, _row: &impl Columns) -> bool {
        true
    }
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any")
    }
}
