//! Fields that only some exporters report, and that only the archive stores.

use super::record::{Member, record};
use super::stored::Fixed;
use super::{FlowText, Host};

/// Number of MPLS labels that are stored.
pub const MPLS_LABELS: usize = 10;

record! {
    /// Fields of a flow besides those of [`super::Flow`].
    ///
    /// They are stored separately, because live tables do not use them and few exporters send them.
    /// A field that was not reported is 0 or unspecified. Numbers after "IE" are those of IANA's
    /// IPFIX information elements.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct FlowExtras (NONE) {
        /// IE 18/63: BGP next hop.
        pub bgp_next_hop: Host,
        /// IE 225/281: source address after translation.
        pub nat_src: Host,
        /// IE 226/282: destination address after translation.
        pub nat_dst: Host,
        /// IE 56: incoming source MAC address, as for all MAC addresses here a number of six bytes,
        /// the first byte highest.
        pub in_src_mac: u64,
        /// IE 57: outgoing destination MAC address.
        pub out_dst_mac: u64,
        /// IE 80: incoming destination MAC address.
        pub in_dst_mac: u64,
        /// IE 81: outgoing source MAC address.
        pub out_src_mac: u64,
        /// IE 70-79: the 24 bits of each stack entry: label, traffic class, bottom of
        /// stack.
        pub mpls: [u32; MPLS_LABELS],
        /// IE 129: neighbour AS towards the source.
        pub prev_as: u32,
        /// IE 128: neighbour AS towards the destination.
        pub next_as: u32,
        /// IE 234: incoming VRF.
        pub in_vrf: u32,
        /// IE 235: outgoing VRF.
        pub out_vrf: u32,
        /// IE 227: source port after translation.
        pub nat_sport: u16,
        /// IE 228: destination port after translation.
        pub nat_dport: u16,
        /// IE 59: outgoing VLAN.
        pub dst_vlan: u16,
        /// IE 55: outgoing type of service.
        pub dst_tos: u8,
        /// IE 52: lowest TTL.
        pub min_ttl: u8,
        /// IE 53: highest TTL.
        pub max_ttl: u8,
        /// IE 230 or 233: event of a NAT or a firewall.
        pub nat_event: u8,
        /// IE 89: forwarding status.
        pub forwarding: u8,
        /// Number of flows that the record stands for; see [`FlowExtras::flows`].
        pub flow_count: u32; since 2,
        /// Address of the sending host inside the network behind a NAT (or inside a tunnel);
        /// unspecified if it is the reported one. See [`FlowExtras::set_inside`].
        pub src_inside: Host; since 2,
        /// The same for the receiving host.
        pub dst_inside: Host; since 2,
        /// IE 95: application id with the engine in the highest byte and the selector in the
        /// others (RFC 6759).
        pub app: u64; since 2,
        /// IE 371: user name.
        pub user: FlowText; since 2,
        /// Kind of the tunnel that carried the flow.
        pub tunnel: u8; since 2,
        /// Key of that tunnel.
        pub tunnel_key: u32; since 2,
        /// Name of the application: what the exporter announced for its id or sent itself,
        /// otherwise `engine:selector` of the id, as in `13:80`.
        pub app_name: FlowText; since 3,
    }
    unstored {}
}

impl FlowExtras {
    /// The number of flows that a record stands for, at least 1. The count is 0 when the exporter
    /// does not report it, and it is missing in files of version 1.
    #[must_use]
    pub fn flows(&self) -> u64 {
        u64::from(self.flow_count.max(1))
    }
}
