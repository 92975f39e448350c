//! Columns of flow records: the values of one [`Field`] for many flows.

use super::field::{Field, FieldKind, FieldValue};
use super::{FlowText, Host, Time};

pub use super::vector::{PAGE_ROWS, Vector};

/// The distinct values of one field in a chunk, unordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dictionary {
    /// Numbers; a time is the bits of its `i64`.
    Numbers(Vec<u64>),
    /// Addresses.
    Addresses(Vec<Host>),
    /// Texts.
    Texts(Vec<FlowText>),
}

/// The value with these bits in a column of numbers of `field`.
#[must_use]
pub fn number_value(field: Field, bits: u64) -> FieldValue {
    match field.info().kind {
        FieldKind::Time => FieldValue::Time(Time(bits.cast_signed())),
        _ => FieldValue::Number(bits),
    }
}

impl Dictionary {
    /// A dictionary with one value: the value of `field` when it was not reported.
    #[must_use]
    pub fn nothing(field: Field) -> Dictionary {
        match field.info().kind {
            FieldKind::Address => Dictionary::Addresses(vec![Host::UNSPECIFIED]),
            FieldKind::Text => Dictionary::Texts(vec![FlowText::EMPTY]),
            FieldKind::Time | FieldKind::Number | FieldKind::Signed | FieldKind::Mac => {
                Dictionary::Numbers(vec![0])
            }
        }
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Dictionary::Numbers(numbers) => numbers.len(),
            Dictionary::Addresses(hosts) => hosts.len(),
            Dictionary::Texts(texts) => texts.len(),
        }
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at an index, or `None` beyond the end.
    #[must_use]
    pub fn get(&self, field: Field, place: u32) -> Option<FieldValue> {
        let place = place as usize;
        match self {
            Dictionary::Numbers(numbers) => numbers.get(place).map(|n| number_value(field, *n)),
            Dictionary::Addresses(hosts) => hosts.get(place).copied().map(FieldValue::Address),
            Dictionary::Texts(texts) => texts.get(place).copied().map(FieldValue::Text),
        }
    }
}
