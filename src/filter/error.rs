//! Why a text is not a filter, or not one that can be answered here.

use std::ops::Range;

/// Why a text is not a filter, or what stands in the way of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct FilterError {
    /// Byte range of the wrong part of the text; empty, at the end of the
    /// text, when something is missing there. Both ends are character bounds.
    pub at: Range<usize>,
    /// What is wrong with it.
    pub why: FilterFault,
}

/// What is wrong with a part of a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterFault {
    /// Something else could have stood there.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could have stood there.
        expected: String,
        /// What stands there, in backticks, or `the end`.
        found: String,
    },
    /// A word of the language about something that flows do not have here.
    #[error("`{word}`: {lack}")]
    Missing {
        /// The word, as written.
        word: String,
        /// What is not kept.
        lack: &'static str,
    },
    /// A word that flows answer and the rows of the live tables do not.
    #[error("`{word}`: live {lack}; {because}")]
    NotLive {
        /// The word, as written.
        word: String,
        /// What rows do not have; short enough for half a narrow screen.
        lack: &'static str,
        /// How that comes about, or what to write instead.
        because: &'static str,
        /// The command that answers the whole filter.
        command: String,
    },
}

impl FilterError {
    /// What is wrong in few words, the most telling first.
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

    /// The command that can answer what the live tables cannot.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        match &self.why {
            FilterFault::NotLive { command, .. } => Some(command),
            FilterFault::Unexpected { .. } | FilterFault::Missing { .. } => None,
        }
    }
}

/// The command that asks the archive, safe to paste into a shell.
pub(super) fn query(filter: &str) -> String {
    format!("toptalk query '{}'", filter.replace('\'', r"'\''"))
}
