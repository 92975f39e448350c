//! Where the parts of an address lie among the values of a record.

use super::element::Aux;
use super::plan::Values;
use super::template::Template;
use crate::flow::Host;
use crate::flow::field::Field;

/// Where an address comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    None,
    V4,
    V6,
    /// Where a record carries both families, the one in use is not zero.
    Either,
}

impl Address {
    pub(super) fn of(template: &Template, v4: Aux, high: Aux) -> Address {
        match (template.has_aux(v4), template.has_aux(high)) {
            (false, false) => Address::None,
            (true, false) => Address::V4,
            (false, true) => Address::V6,
            (true, true) => Address::Either,
        }
    }

    #[inline]
    pub(super) fn load<V: Values>(self, values: &V, v4: Aux, high: Aux, low: Field) -> Host {
        let bits = || values.get32(v4 as usize);
        let v6 = || {
            let (high, low) = (values.get(high as usize), values.get(low as usize));
            Host(u128::from(high) << 64 | u128::from(low))
        };
        match self {
            Address::V4 => Host::v4(bits()),
            Address::V6 => v6(),
            Address::Either if bits() != 0 => Host::v4(bits()),
            Address::Either => v6(),
            Address::None => Host::UNSPECIFIED,
        }
    }
}
