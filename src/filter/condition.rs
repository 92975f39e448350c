//! The condition that a term sets for the value of a field.

use crate::flow::field::{Field, FieldValue};
use crate::flow::{FlowText, Host, Network};

/// A comparison of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Gt,
    Lt,
    Ge,
    Le,
}

impl Comparison {
    pub(super) fn holds(self, left: i128, right: i128) -> bool {
        match self {
            Comparison::Eq => left == right,
            Comparison::Gt => left > right,
            Comparison::Lt => left < right,
            Comparison::Ge => left >= right,
            Comparison::Le => left <= right,
        }
    }
}

/// The condition on a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// No condition: the word itself is sufficient.
    Nothing,
    /// In one of these networks.
    Nets(Vec<Network>),
    /// One of these texts; case does not matter.
    Texts(Vec<FlowText>),
    Compare(Comparison, i128),
    /// In one of these ranges, both ends included.
    Among(Vec<(i128, i128)>),
    /// All of these flags are set, or any of them.
    Flags {
        mask: u8,
        any: bool,
    },
}

impl Test {
    /// The condition that a number is in one of these ranges; one number is compared.
    pub(super) fn among(ranges: Vec<(i128, i128)>) -> Test {
        match ranges.as_slice() {
            [(low, high)] if low == high => Test::Compare(Comparison::Eq, *low),
            _ => Test::Among(ranges),
        }
    }

    /// The condition that a number has this value.
    pub(super) fn is(number: u64) -> Test {
        Test::Compare(Comparison::Eq, i128::from(number))
    }

    pub(super) fn holds(&self, value: FieldValue) -> bool {
        match (self, value) {
            (Test::Nothing, _) => true,
            (Test::Nets(nets), FieldValue::Address(host)) => {
                nets.iter().any(|net| inside(net, host))
            }
            (Test::Nets(_), _) => false,
            (Test::Texts(texts), FieldValue::Text(text)) => {
                let is = |own: &FlowText| own.as_str().eq_ignore_ascii_case(text.as_str());
                texts.iter().any(is)
            }
            (Test::Texts(_), _) => false,
            (_, FieldValue::Address(_) | FieldValue::Text(_)) => false,
            (_, FieldValue::Number(number)) => self.has(i128::from(number)),
            (_, FieldValue::Time(time)) => self.has(i128::from(time.0)),
        }
    }

    /// [`Test::holds`] for an address of [`HOSTS`]: an inside address that was not reported
    /// does not match, not even `net ::/0`.
    pub(super) fn holds_host(&self, field: Field, value: FieldValue) -> bool {
        let optional = matches!(field, Field::SrcInside | Field::DstInside);
        let nothing = value == FieldValue::Address(Host::UNSPECIFIED);
        !(optional && nothing) && self.holds(value)
    }

    /// The number of comparisons: lists are searched, for up to four columns.
    pub(super) fn cost(&self) -> u64 {
        match self {
            Test::Nets(nets) => 1 + 4 * nets.len() as u64,
            Test::Texts(texts) => 1 + 2 * texts.len() as u64,
            Test::Among(ranges) => 1 + 2 * ranges.len() as u64,
            Test::Nothing | Test::Compare(..) | Test::Flags { .. } => 2,
        }
    }

    pub(super) fn has(&self, number: i128) -> bool {
        match self {
            Test::Nothing => true,
            Test::Nets(_) | Test::Texts(_) => false,
            Test::Compare(comp, limit) => comp.holds(number, *limit),
            Test::Among(ranges) => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&number))
            }
            Test::Flags { mask, any } => {
                let set = number & i128::from(*mask);
                if *any { set != 0 } else { set == i128::from(*mask) }
            }
        }
    }
}

/// An IPv6 network never contains an IPv4 host, not even `::/0`, although IPv4 addresses are
/// stored as IPv4-mapped IPv6 addresses.
fn inside(net: &Network, host: Host) -> bool {
    net.contains(host) && (host.as_v4().is_none() || net.base().as_v4().is_some())
}
