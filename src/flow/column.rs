//! Columns of flow records: many values of one [`Field`], one after the other.

use super::field::{Field, Kind, Value};
use super::{Host, Text, Time};

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
    Texts(Vec<Text>),
}

/// The distinct values of one field in a chunk, in no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dictionary {
    Numbers(Vec<u64>),
    Addresses(Vec<Host>),
    Texts(Vec<Text>),
}

/// The value that these bits stand for in a column of numbers of `field`.
#[must_use]
pub fn number_value(field: Field, bits: u64) -> Value {
    match field.info().kind {
        Kind::Time => Value::Time(Time(bits.cast_signed())),
        _ => Value::Number(bits),
    }
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
    pub fn texts(&mut self) -> &mut Vec<Text> {
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

impl Dictionary {
    /// Of a single value, that of a field of which nothing was reported.
    #[must_use]
    pub fn nothing(field: Field) -> Dictionary {
        match field.info().kind {
            Kind::Address => Dictionary::Addresses(vec![Host::UNSPECIFIED]),
            Kind::Text => Dictionary::Texts(vec![Text::EMPTY]),
            Kind::Time | Kind::Number | Kind::Signed | Kind::Mac => Dictionary::Numbers(vec![0]),
        }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Dictionary::Numbers(numbers) => numbers.len(),
            Dictionary::Addresses(hosts) => hosts.len(),
            Dictionary::Texts(texts) => texts.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a place.
    #[must_use]
    pub fn get(&self, field: Field, place: u32) -> Option<Value> {
        let place = place as usize;
        match self {
            Dictionary::Numbers(numbers) => numbers.get(place).map(|n| number_value(field, *n)),
            Dictionary::Addresses(hosts) => hosts.get(place).copied().map(Value::Address),
            Dictionary::Texts(texts) => texts.get(place).copied().map(Value::Text),
        }
    }
}
