//! Values of one field for many flows, into which a column of a page is read.

use super::{FlowText, Host};

/// Number of rows that are processed at once, and of rows in a page of the archive. Their columns
/// fit into the processor's cache.
pub const PAGE_ROWS: usize = 65_536;

/// Values of one field for up to [`PAGE_ROWS`] records. A time is stored in `Numbers` as
/// the bits of its
/// `i64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vector {
    /// Indexes into the dictionary of the page's chunk.
    Ids(Vec<u32>),
    /// Numbers.
    Numbers(Vec<u64>),
    /// Addresses.
    Addresses(Vec<Host>),
    /// Texts.
    Texts(Vec<FlowText>),
}

impl Default for Vector {
    fn default() -> Vector {
        Vector::Numbers(Vec::new())
    }
}

impl Vector {
    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Vector::Ids(ids) => ids.len(),
            Vector::Numbers(numbers) => numbers.len(),
            Vector::Addresses(hosts) => hosts.len(),
            Vector::Texts(texts) => texts.len(),
        }
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes this an empty list of ids. Reuses the memory if it was one before.
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

    /// Makes this an empty list of numbers.
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

    /// Makes this an empty list of addresses.
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

    /// Makes this an empty list of texts.
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
