//! Many values of one field, one after the other: what a column of a page is read into.

use super::{FlowText, Host};

/// Rows that are worked on at once, and rows of a page in the archive: their
/// columns stay in the processor's cache.
pub const PAGE_ROWS: usize = 65_536;

/// Values of one field, of up to [`PAGE_ROWS`] records.
///
/// A time is kept in `Numbers` as the bits of its `i64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vector {
    /// Places in the dictionary of the chunk the page belongs to.
    Ids(Vec<u32>),
    Numbers(Vec<u64>),
    Addresses(Vec<Host>),
    Texts(Vec<FlowText>),
}

impl Default for Vector {
    fn default() -> Vector {
        Vector::Numbers(Vec::new())
    }
}

impl Vector {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Vector::Ids(ids) => ids.len(),
            Vector::Numbers(numbers) => numbers.len(),
            Vector::Addresses(hosts) => hosts.len(),
            Vector::Texts(texts) => texts.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// It as an empty list of ids; what it had allocated is used again if it can be.
    pub fn ids(&mut self) -> &mut Vec<u32> {
        if !matches!(self, Vector::Ids(_)) {
            *self = Vector::Ids(Vec::new());
        }
        match self {
            Vector::Ids(ids) => {
                ids.clear();
                ids
            }
            _ => unreachable!("made a list of ids above"),
        }
    }

    /// It as an empty list of numbers.
    pub fn numbers(&mut self) -> &mut Vec<u64> {
        if !matches!(self, Vector::Numbers(_)) {
            *self = Vector::Numbers(Vec::new());
        }
        match self {
            Vector::Numbers(numbers) => {
                numbers.clear();
                numbers
            }
            _ => unreachable!("made a list of numbers above"),
        }
    }

    /// It as an empty list of addresses.
    pub fn addresses(&mut self) -> &mut Vec<Host> {
        if !matches!(self, Vector::Addresses(_)) {
            *self = Vector::Addresses(Vec::new());
        }
        match self {
            Vector::Addresses(hosts) => {
                hosts.clear();
                hosts
            }
            _ => unreachable!("made a list of addresses above"),
        }
    }

    /// It as an empty list of texts.
    pub fn texts(&mut self) -> &mut Vec<FlowText> {
        if !matches!(self, Vector::Texts(_)) {
            *self = Vector::Texts(Vec::new());
        }
        match self {
            Vector::Texts(texts) => {
                texts.clear();
                texts
            }
            _ => unreachable!("made a list of texts above"),
        }
    }
}
