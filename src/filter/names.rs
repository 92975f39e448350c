//! Names that stand for numbers in filters.

use crate::flow::service::{SERVICES, protocol_name, protocol_number};

/// Names that stand for numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    None,
    Protocols,
    Services,
    Directions,
    NatEvents,
    Forwarding,
}

impl Names {
    /// The numbers a name stands for.
    pub(super) fn numbers(self, name: &str) -> Vec<u64> {
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match self {
            Names::None => Vec::new(),
            Names::Protocols => protocol_number(name).map(u64::from).into_iter().collect(),
            Names::Services => services(name).map(u64::from).collect(),
            Names::Directions if is(&["ingress"]) => vec![0],
            Names::Directions if is(&["egress"]) => vec![1],
            Names::NatEvents if is(&["add", "create"]) => vec![1],
            Names::NatEvents if is(&["delete"]) => vec![2],
            Names::Forwarding if is(&["ukwn"]) => vec![0],
            Names::Forwarding if is(&["forw"]) => vec![64],
            Names::Forwarding if is(&["drop"]) => vec![128],
            Names::Directions | Names::NatEvents | Names::Forwarding => Vec::new(),
        }
    }

    /// The name to print for a number.
    pub(super) fn name(self, number: i128) -> Option<&'static str> {
        match (self, number) {
            (Names::Protocols, _) => u8::try_from(number).ok().and_then(protocol_name),
            (Names::Directions, 0) => Some("ingress"),
            (Names::Directions, 1) => Some("egress"),
            // Ports print as numbers, as they always have.
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
