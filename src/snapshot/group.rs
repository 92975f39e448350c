//! Traffic grouped by something else than host: what a [`Grouping`] asks for and
//! the rows that answer.

use std::sync::Arc;

use crate::flow::{Host, Network};

use super::Both;

/// What traffic is grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Grouping {
    /// Service port and protocol.
    #[default]
    Port,
    /// IP protocol.
    Protocol,
    /// The network of the remote end: /24 of IPv4, /48 of IPv6.
    PeerNetwork,
    /// Interface of an exporter.
    Interface,
    /// Named networks of local hosts (`--group`).
    Group,
}

impl Grouping {
    /// All of them, in the order screens go through them.
    pub const ALL: [Grouping; 5] = [
        Grouping::Port,
        Grouping::Protocol,
        Grouping::PeerNetwork,
        Grouping::Interface,
        Grouping::Group,
    ];

    /// The word on the command line, in JSON and in file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Grouping::Port => "port",
            Grouping::Protocol => "proto",
            Grouping::PeerNetwork => "peer-net",
            Grouping::Interface => "interface",
            Grouping::Group => "group",
        }
    }
}

/// What the traffic of one row has in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupKey {
    /// Service port, 0 = other.
    Service {
        port: u16,
        proto: u8,
    },
    Protocol(u8),
    Network(Network),
    /// SNMP interface index at an exporter, 0 = not reported.
    Interface {
        exporter: Host,
        index: u32,
    },
    /// A name given by `--group`; `None` is every local host without one.
    Named(Option<Arc<str>>),
}

/// One group.
///
/// `up` is what local hosts sent across the line, `down` what they received; of
/// an interface, what left through it and what came in. Where most of the
/// traffic is transit: what sources sent and what destinations received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    pub key: GroupKey,
    pub traffic: Both,
    /// Conversations in it; hosts, in a named group without a filter.
    pub members: u64,
}
