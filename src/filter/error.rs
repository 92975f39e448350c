//! Why a text is not a filter, or a filter that cannot be answered.

use std::ops::Range;

/// Why a text is not a filter, or why it cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct FilterError {
    /// The byte range of the wrong part of the text, on character boundaries; empty at the end
    /// of the text if something is missing there.
    pub at: Range<usize>,
    /// What is wrong with it.
    pub why: FilterFault,
}

/// The error in a part of a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterFault {
    /// An unexpected token.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What would be correct.
        expected: String,
        /// The token found, in backticks, or `the end`.
        found: String,
    },
    /// A word of nfdump's language about something that toptalk does not keep.
    #[error("`{word}`: {lack}")]
    Missing {
        /// The word, as written.
        word: String,
        /// What is not kept.
        lack: &'static str,
    },
    /// A word that flows can answer, but the rows of the live tables cannot.
    #[error("`{word}`: live {lack}; {because}")]
    NotLive {
        /// The word, as written.
        word: String,
        /// What the rows lack; short enough for half of a narrow screen.
        lack: &'static str,
        /// The reason, or what to write instead.
        because: &'static str,
        /// The command that answers the whole filter.
        command: String,
    },
}

impl FilterError {
    /// A short form of the error, with the most important part first.
    #[must_use]
    pub fn brief(&self) -> String {
        match &self.why {
            FilterFault::Unexpected { expected, found } => {
                format!("found {found}, expected {expected}")
            }
            FilterFault::Missing { lack, .. } | FilterFault::NotLive { lack, .. } => {
                (*lack).to_owned()
            }
        }
    }

    /// The command that answers from the archive what the live tables cannot.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        match &self.why {
            FilterFault::NotLive { command, .. } => Some(command),
            FilterFault::Unexpected { .. } | FilterFault::Missing { .. } => None,
        }
    }
}

/// The command that queries the archive, quoted for a shell.
pub(super) fn query(filter: &str) -> String {
    format!("toptalk query '{}'", filter.replace('\'', r"'\''"))
}
