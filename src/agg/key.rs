//! Keys of rows.

use std::hash::{Hash, Hasher};

use crate::flow::{FlowEnds, Host, TrafficClass, service};
use crate::snapshot::Reach;

/// An address as a key, with half the alignment of [`Host`], so that rows have no padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CompactHost([u64; 2]);

impl From<Host> for CompactHost {
    fn from(host: Host) -> CompactHost {
        CompactHost([(host.0 >> 64) as u64, host.0 as u64])
    }
}

impl CompactHost {
    pub(super) fn host(self) -> Host {
        Host(u128::from(self.0[0]) << 64 | u128::from(self.0[1]))
    }
}

impl Hash for CompactHost {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
        state.write_u64(self.0[1]);
    }
}

/// A column of a row's time log: the class and direction of traffic, seen from the row's
/// host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum LogLane {
    Up,
    Down,
    InternalOut,
    InternalIn,
    TransitOut,
    TransitIn,
}

impl LogLane {
    /// A lane for bytes that the row may have missed. It holds no traffic.
    pub(super) const MISSING: u8 = 6;

    /// The lane in the sending host's row, or `None` if that host gets no row.
    pub(super) fn of_source(class: TrafficClass) -> Option<LogLane> {
        match class {
            TrafficClass::Up => Some(LogLane::Up),
            TrafficClass::Down => None, // remote hosts have no row
            TrafficClass::Internal => Some(LogLane::InternalOut),
            TrafficClass::Transit => Some(LogLane::TransitOut),
        }
    }

    /// The lane in the receiving host's row, or `None` if that host gets no row.
    pub(super) fn of_destination(class: TrafficClass) -> Option<LogLane> {
        match class {
            TrafficClass::Up => None,
            TrafficClass::Down => Some(LogLane::Down),
            TrafficClass::Internal => Some(LogLane::InternalIn),
            TrafficClass::Transit => Some(LogLane::TransitIn),
        }
    }

    /// Whether the host of the row is the sender.
    pub(super) fn is_out(lane: u8) -> bool {
        lane & 1 == 0
    }
}

/// A conversation: two hosts, a protocol and a service port, both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConversationKey {
    host: CompactHost,
    peer: CompactHost,
    pub(super) port: u16,
    pub(super) proto: u8,
    pub(super) reach: Reach,
}

impl Hash for ConversationKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.hash(state);
        self.peer.hash(state);
        let reach = self.reach as u64;
        state.write_u64(reach << 32 | u64::from(self.proto) << 16 | u64::from(self.port));
    }
}

/// Lane of a conversation's log for traffic from its host to the peer.
pub(super) const OUT: u8 = LogLane::Up as u8;
/// Lane for traffic from the peer to the host.
pub(super) const IN: u8 = LogLane::Down as u8;

impl ConversationKey {
    /// The local host. If both are local or both remote, the lower address.
    pub(super) fn host(&self) -> Host {
        self.host.host()
    }

    pub(super) fn peer(&self) -> Host {
        self.peer.host()
    }

    /// Whether `host` is one of the two hosts.
    pub(super) fn has(&self, host: CompactHost) -> bool {
        self.host == host || self.peer == host
    }

    /// The conversation of a flow, and the lane for its traffic.
    pub(super) fn of(proto: u8, ends: &FlowEnds, class: TrafficClass) -> (ConversationKey, u8) {
        let (reach, forward) = match class {
            TrafficClass::Up => (Reach::Line, true),
            TrafficClass::Down => (Reach::Line, false),
            TrafficClass::Internal => (Reach::Internal, ends.src <= ends.dst),
            TrafficClass::Transit => (Reach::Transit, ends.src <= ends.dst),
        };
        let (host, peer) = if forward { (ends.src, ends.dst) } else { (ends.dst, ends.src) };
        let port = service::service_port(proto, ends.sport, ends.dport);
        let (host, peer) = (host.into(), peer.into());
        let key = ConversationKey { host, peer, port, proto, reach };
        (key, if forward { OUT } else { IN })
    }

    /// The class of traffic on a lane.
    pub(super) fn class(&self, lane: u8) -> TrafficClass {
        match self.reach {
            Reach::Line if lane == OUT => TrafficClass::Up,
            Reach::Line => TrafficClass::Down,
            Reach::Internal => TrafficClass::Internal,
            Reach::Transit => TrafficClass::Transit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Flow, LocalNetworks};

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
            let of = |flow: Flow| {
                ConversationKey::of(6, &flow.ends(&[]), local.classify(flow.src, flow.dst))
            };
            let ((key, lane), (same, other)) = (of(there), of(back));
            assert_eq!(key, same, "{a} {b}");
            assert_ne!(lane, other);
            assert_eq!(key.port, 443);
            assert_eq!(key.class(lane), local.classify(there.src, there.dst));
            assert_eq!(key.class(other), local.classify(back.src, back.dst));
        }
    }
}
