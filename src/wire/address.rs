//! Finds the parts of an address among the values of a record.

use super::element::Aux;
use super::record_view::RecordValues;
use super::template::Template;
use crate::flow::Host;
use crate::flow::field::Field;

/// Which fields of a record hold an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressSource {
    None,
    V4,
    V6,
    /// Fields of both families: the IPv4 address counts unless it is zero.
    Either,
}

impl AddressSource {
    pub(super) fn of(template: &Template, v4: Aux, high: Aux) -> AddressSource {
        match (template.has_aux(v4), template.has_aux(high)) {
            (false, false) => AddressSource::None,
            (true, false) => AddressSource::V4,
            (false, true) => AddressSource::V6,
            (true, true) => AddressSource::Either,
        }
    }

    #[inline]
    pub(super) fn load<V: RecordValues>(self, values: &V, v4: Aux, high: Aux, low: Field) -> Host {
        let bits = || values.get32(v4 as usize);
        let v6 = || {
            let (high, low) = (values.get(high as usize), values.get(low as usize));
            Host(u128::from(high) << 64 | u128::from(low))
        };
        match self {
            AddressSource::V4 => Host::v4(bits()),
            AddressSource::V6 => v6(),
            AddressSource::Either if bits() != 0 => Host::v4(bits()),
            AddressSource::Either => v6(),
            AddressSource::None => Host::UNSPECIFIED,
        }
    }
}
