//! Columns of flow records: many values of one [`Field`], one after the other.

use super::field::{Field, FieldKind, FieldValue};
use super::{FlowText, Host, Time};

pub use super::vector::{PAGE_ROWS, Vector};

/// The distinct values of one field in a chunk, in no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dictionary {
    Numbers(Vec<u64>),
    Addresses(Vec<Host>),
    Texts(Vec<FlowText>),
}

/// The value that these bits stand for in a column of numbers of `field`.
#[must_use]
pub fn number_value(field: Field, bits: u64) -> FieldValue {
    match field.info().kind {
        FieldKind::Time => FieldValue::Time(Time(bits.cast_signed())),
        _ => FieldValue::Number(bits),
    }
}

impl Dictionary {
    /// Of a single value, that of a field of which nothing was reported.
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
    pub fn get(&self, field: Field, place: u32) -> Option<FieldValue> {
        let place = place as usize;
        match self {
            Dictionary::Numbers(numbers) => numbers.get(place).map(|n| number_value(field, *n)),
            Dictionary::Addresses(hosts) => hosts.get(place).copied().map(FieldValue::Address),
            Dictionary::Texts(texts) => texts.get(place).copied().map(FieldValue::Text),
        }
    }
}
