//! What rows are keyed by.

use crate::flow::{Class, Flow, Host, LocalNetworks, service};
use crate::snapshot::Reach;

/// A column of a row's time log: which way traffic went, seen from the row's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Lane {
    Up,
    Down,
    InternalOut,
    InternalIn,
    TransitOut,
    TransitIn,
}

impl Lane {
    /// The lane of the sending host's row, if it has one.
    pub(super) fn of_source(class: Class) -> Option<Lane> {
        match class {
            Class::Up => Some(Lane::Up),
            Class::Down => None, // strangers have no row of their own
            Class::Internal => Some(Lane::InternalOut),
            Class::Transit => Some(Lane::TransitOut),
        }
    }

    /// The lane of the receiving host's row, if it has one.
    pub(super) fn of_destination(class: Class) -> Option<Lane> {
        match class {
            Class::Up => None,
            Class::Down => Some(Lane::Down),
            Class::Internal => Some(Lane::InternalIn),
            Class::Transit => Some(Lane::TransitIn),
        }
    }

    /// Whether the host of the row sent it.
    pub(super) fn is_out(lane: u8) -> bool {
        lane & 1 == 0
    }
}

/// A conversation: two hosts, a protocol and a service port, both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConversationKey {
    /// The local host; of two local or two remote ones, the lower address.
    pub(super) host: Host,
    pub(super) peer: Host,
    pub(super) port: u16,
    pub(super) proto: u8,
    pub(super) reach: Reach,
}

/// Lanes of a conversation's log: from its host to the peer, and back.
pub(super) const OUT: u8 = Lane::Up as u8;
pub(super) const IN: u8 = Lane::Down as u8;

impl ConversationKey {
    /// The conversation of a flow and the lane its traffic is on.
    pub(super) fn of(flow: &Flow, class: Class) -> (ConversationKey, u8) {
        let (reach, forward) = match class {
            Class::Up => (Reach::Line, true),
            Class::Down => (Reach::Line, false),
            Class::Internal => (Reach::Internal, flow.src <= flow.dst),
            Class::Transit => (Reach::Transit, flow.src <= flow.dst),
        };
        let (host, peer) = if forward { (flow.src, flow.dst) } else { (flow.dst, flow.src) };
        let port = service::service_port(flow.proto, flow.sport, flow.dport);
        let key = ConversationKey { host, peer, port, proto: flow.proto, reach };
        (key, if forward { OUT } else { IN })
    }

    /// The class of its traffic on a lane.
    pub(super) fn class(&self, lane: u8) -> Class {
        match self.reach {
            Reach::Line if lane == OUT => Class::Up,
            Reach::Line => Class::Down,
            Reach::Internal => Class::Internal,
            Reach::Transit => Class::Transit,
        }
    }
}

/// The class of a flow.
pub(super) fn class_of(flow: &Flow, local: &LocalNetworks) -> Class {
    local.classify(flow.src, flow.dst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_of_a_conversation_have_one_key() {
        let local = LocalNetworks::default();
        for (a, b) in [
            ("10.0.0.1", "203.0.113.1"),
            ("10.0.0.1", "10.0.0.2"),
            ("203.0.113.1", "198.51.100.1"),
            ("fd00::1", "2001:db8::1"),
        ] {
            let (src, dst) = (a.parse().unwrap(), b.parse().unwrap());
            let there = Flow { src, dst, sport: 40_000, dport: 443, proto: 6, ..Flow::EMPTY };
            let back = Flow { src: dst, dst: src, sport: 443, dport: 40_000, ..there };
            let (key, lane) = ConversationKey::of(&there, class_of(&there, &local));
            let (same, other) = ConversationKey::of(&back, class_of(&back, &local));
            assert_eq!(key, same, "{a} {b}");
            assert_ne!(lane, other);
            assert_eq!(key.port, 443);
            assert_eq!(key.class(lane), class_of(&there, &local));
            assert_eq!(key.class(other), class_of(&back, &local));
        }
    }
}
