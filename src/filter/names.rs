//! Names that stand for numbers in filters.

use crate::flow::service::{SERVICES, protocol_name, protocol_number};

/// The kind of names that a number can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberNames {
    /// No names.
    None,
    /// Protocols, such as `tcp`.
    Protocols,
    /// Services, such as `https`.
    Services,
    /// Flow directions: `ingress`, `egress`.
    Directions,
    /// NAT events: `add`, `delete`.
    NatEvents,
    /// Forwarding states: `forw`, `drop`.
    Forwarding,
}

impl NumberNames {
    /// The numbers that a name stands for.
    pub(super) fn numbers(self, name: &str) -> Vec<u64> {
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match self {
            NumberNames::None => Vec::new(),
            NumberNames::Protocols => protocol_number(name).map(u64::from).into_iter().collect(),
            NumberNames::Services => services(name).map(u64::from).collect(),
            NumberNames::Directions if is(&["ingress"]) => vec![0],
            NumberNames::Directions if is(&["egress"]) => vec![1],
            NumberNames::NatEvents if is(&["add", "create"]) => vec![1],
            NumberNames::NatEvents if is(&["delete"]) => vec![2],
            NumberNames::Forwarding if is(&["ukwn"]) => vec![0],
            NumberNames::Forwarding if is(&["forw"]) => vec![64],
            NumberNames::Forwarding if is(&["drop"]) => vec![128],
            NumberNames::Directions | NumberNames::NatEvents | NumberNames::Forwarding => {
                Vec::new()
            }
        }
    }

    /// The name with which a number is printed.
    pub(super) fn name(self, number: i128) -> Option<&'static str> {
        match (self, number) {
            (NumberNames::Protocols, _) => u8::try_from(number).ok().and_then(protocol_name),
            (NumberNames::Directions, 0) => Some("ingress"),
            (NumberNames::Directions, 1) => Some("egress"),
            // Ports are printed as numbers.
            (_, _) => None,
        }
    }
}

/// The ports of a service.
pub(super) fn services(name: &str) -> impl Iterator<Item = u16> + '_ {
    SERVICES
        .iter()
        .filter(move |(_, known)| known.eq_ignore_ascii_case(name))
        .map(|(port, _)| *port)
}
