//! What only some exporters report of a flow, and only the archive keeps.

use super::record::{Member, record};
use super::stored::Fixed;
use super::{FlowText, Host};

/// Labels of an MPLS stack that are kept.
pub const MPLS_LABELS: usize = 10;

record! {
    /// What an exporter may report of a flow besides what every [`super::Flow`] has.
    ///
    /// Kept beside flows instead of in them: live tables never ask for it, and few
    /// exporters send any of it. What was not reported is 0 or unspecified.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct FlowExtras (NONE) {
        /// IE 18/63: next hop by BGP.
        pub bgp_next_hop: Host,
        /// IE 225/281, 226/282: addresses after translation.
        pub nat_src: Host,
        pub nat_dst: Host,
        /// IE 56: source MAC as it came in; the number of its six bytes, high first,
        /// as all MAC addresses here.
        pub in_src_mac: u64,
        /// IE 57: destination MAC as it went out.
        pub out_dst_mac: u64,
        /// IE 80: destination MAC as it came in.
        pub in_dst_mac: u64,
        /// IE 81: source MAC as it went out.
        pub out_src_mac: u64,
        /// IE 70-79: the 24 bits of each stack entry: label, traffic class, bottom.
        pub mpls: [u32; MPLS_LABELS],
        /// IE 129: neighbour AS towards the source.
        pub prev_as: u32,
        /// IE 128: neighbour AS towards the destination.
        pub next_as: u32,
        /// IE 234, 235.
        pub in_vrf: u32,
        pub out_vrf: u32,
        /// IE 227, 228: ports after translation.
        pub nat_sport: u16,
        pub nat_dport: u16,
        /// IE 59: VLAN on the way out.
        pub dst_vlan: u16,
        /// IE 55: type of service on the way out.
        pub dst_tos: u8,
        /// IE 52, 53.
        pub min_ttl: u8,
        pub max_ttl: u8,
        /// IE 230 or 233: what a NAT or a firewall did.
        pub nat_event: u8,
        /// IE 89.
        pub forwarding: u8,
        /// How many flows the record stands for; see [`More::flows`].
        pub flow_count: u32; since 2,
        /// Addresses within a tunnel or before a translation, unspecified when they
        /// are as reported.
        pub src_inside: Host; since 2,
        pub dst_inside: Host; since 2,
        /// IE 95: application id, the engine in its highest byte (RFC 6759).
        pub app: u64; since 2,
        /// IE 371: name of the user.
        pub user: FlowText; since 2,
        /// Kind of the tunnel the flow was in, and its key.
        pub tunnel: u8; since 2,
        pub tunnel_key: u32; since 2,
    }
    unstored {}
}

impl FlowExtras {
    /// How many flows a record stands for. A count that is missing is 1: so it is
    /// of records whose exporter says nothing, which have 0, and of files of
    /// version 1, which have no count at all.
    #[must_use]
    pub fn flows(&self) -> u64 {
        u64::from(self.flow_count.max(1))
    }
}
