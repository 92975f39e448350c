//! Reads packet headers, complete or cut off, from the link layer to the ports.
//!
//! sFlow agents sample the first bytes of packets, and capture files hold packets; both are
//! read here. Only what is needed to find the next header is checked. Checksums are not
//! checked, since they cover bytes that a sample does not have. Tunnels (GRE, IP in IP) are
//! not entered: the outer addresses are those that the network forwards. Labels and tags
//! below IP are skipped.
//!
//! Sources: IEEE 802.3, 802.1Q and 802.1ad, RFC 1042 (SNAP), RFC 3032 and RFC 4385 (MPLS,
//! pseudowires), RFC 2516 (PPPoE), RFC 791, RFC 8200, RFC 4302 (AH); for captures the link
//! types of tcpdump.org/linktypes.html.

use core::ops::Range;

use super::bytes::{u16_at, u32_at};
use crate::flow::{Flow, Host};

/// Maximum number of tags, labels and frames within frames that are skipped to find IP.
const MAX_LAYERS: usize = 24;

/// Maximum number of IPv6 extension headers that are skipped.
const MAX_EXTENSIONS: usize = 12;

/// The lower 12 bits of a VLAN tag: the VLAN id.
const VLAN_BITS: u16 = 0x0fff;

/// From this value on, the number after the MAC addresses is an EtherType; lower values are
/// a length (IEEE 802.3).
const FIRST_ETHER_TYPE: u16 = 0x0600;

const TYPE_IPV4: u16 = 0x0800;
const TYPE_IPV6: u16 = 0x86dd;
const TYPE_PPPOE: u16 = 0x8864;

/// What the headers of one packet say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// Source IP address.
    pub src: Host,
    /// Destination IP address.
    pub dst: Host,
    /// IANA protocol number; with IPv6 extension headers, that of the last header found.
    pub proto: u8,
    /// IPv4 type of service, IPv6 traffic class.
    pub tos: u8,
    /// IPv4 time to live, IPv6 hop limit.
    pub ttl: u8,
    /// Source port.
    pub sport: u16,
    /// Destination port; for ICMP type * 256 + code.
    pub dport: u16,
    /// The lower eight TCP flags, 0 for other protocols.
    pub tcp_flags: u8,
    /// The outermost VLAN id that is not 0 (802.1Q: 0 is only a priority tag).
    pub vlan: u16,
    /// Source MAC address of the outermost frame, zeros when there is none.
    pub src_mac: [u8; 6],
    /// Destination MAC address of the outermost frame, zeros when there is none.
    pub dst_mac: [u8; 6],
    /// Bytes of the whole IP packet as its header says (IPv6: payload + 40). When the
    /// header says 0: the bytes that are there.
    pub ip_length: u32,
    /// Identification: the same in all fragments of a packet.
    pub ip_id: u32,
    /// Offset of a fragment's payload in the packet's payload, in bytes.
    pub fragment_offset: u16,
    /// Whether this is a fragment other than the first. Such fragments have no ports.
    pub fragment: bool,
    /// Whether further fragments of the packet follow.
    pub more_fragments: bool,
    /// Range of the bytes after the IP headers, limited to the IP length and to the bytes
    /// that are there. This is what a fragment adds to its packet.
    pub ip_payload: Range<usize>,
    /// Range of the bytes after the transport header, limited in the same way. Equal to
    /// `ip_payload` for protocols whose transport header is not known.
    pub payload: Range<usize>,
}

/// The header to read next.
#[derive(Clone, Copy)]
enum Layer {
    Ethernet,
    /// The header of an EtherType.
    Type(u16),
    /// The header of a PPP protocol number.
    Ppp(u16),
    Mpls,
    Ip,
}

impl Packet {
    /// Fills in the fields of this packet's flow that the headers have.
    #[inline]
    pub fn describe(&self, flow: &mut Flow) {
        (flow.src, flow.dst) = (self.src, self.dst);
        (flow.proto, flow.tos, flow.tcp_flags) = (self.proto, self.tos, self.tcp_flags);
        (flow.sport, flow.dport) = (self.sport, self.dport);
        if self.vlan != 0 {
            flow.vlan = self.vlan;
        }
    }

    /// Reads an Ethernet II or 802.3 frame. `None` when it holds no IP packet.
    #[must_use]
    pub fn ethernet(bytes: &[u8]) -> Option<Packet> {
        Packet::default().walk(bytes, 0, Layer::Ethernet)
    }

    /// Reads an IPv4 or IPv6 packet.
    #[must_use]
    pub fn ip(bytes: &[u8]) -> Option<Packet> {
        Packet::default().walk(bytes, 0, Layer::Ip)
    }

    /// Reads a stack of MPLS labels and the packet below it.
    #[must_use]
    pub fn mpls(bytes: &[u8]) -> Option<Packet> {
        Packet::default().walk(bytes, 0, Layer::Mpls)
    }

    /// Reads a PPP frame, with or without address and control bytes (RFC 1662), and with a
    /// protocol number of two bytes or, compressed, of one.
    #[must_use]
    pub fn ppp(bytes: &[u8]) -> Option<Packet> {
        let at = if bytes.starts_with(&[0xff, 0x03]) { 2 } else { 0 };
        let first = *bytes.get(at)?;
        let (protocol, length) = match first & 1 {
            1 => (u16::from(first), 1),
            _ => (u16_at(bytes, at)?, 2),
        };
        Packet::default().walk(bytes, at + length, Layer::Ppp(protocol))
    }

    /// Reads the "cooked" capture header of Linux (link type 113) and the packet after it.
    #[must_use]
    pub fn linux_cooked(bytes: &[u8]) -> Option<Packet> {
        let mut packet = Packet::default();
        if u16_at(bytes, 4)? == 6 {
            packet.src_mac = mac_at(bytes, 6)?;
        }
        packet.walk(bytes, 16, Layer::Type(u16_at(bytes, 14)?))
    }

    /// Reads version 2 of the "cooked" capture header (link type 276) and the packet after
    /// it.
    #[must_use]
    pub fn linux_cooked2(bytes: &[u8]) -> Option<Packet> {
        let mut packet = Packet::default();
        if *bytes.get(11)? == 6 {
            packet.src_mac = mac_at(bytes, 12)?;
        }
        packet.walk(bytes, 20, Layer::Type(u16_at(bytes, 0)?))
    }

    /// Reads the loopback header of BSD (link types 0 and 108): an address family in four
    /// bytes, in either byte order.
    #[must_use]
    pub fn null_loopback(bytes: &[u8]) -> Option<Packet> {
        let family = u32_at(bytes, 0)?;
        // AF_INET is 2 everywhere; AF_INET6 differs between systems.
        match family.min(family.swap_bytes()) {
            2 | 10 | 23 | 24 | 28 | 30 => Packet::default().walk(bytes, 4, Layer::Ip),
            _ => None,
        }
    }

    fn walk(mut self, bytes: &[u8], mut at: usize, mut layer: Layer) -> Option<Packet> {
        for _ in 0..MAX_LAYERS {
            (layer, at) = match layer {
                Layer::Ethernet => self.addresses(bytes, at)?,
                Layer::Type(kind) => self.ether_type(bytes, at, kind)?,
                Layer::Ppp(protocol) => (ppp_protocol(protocol)?, at),
                Layer::Mpls => label(bytes, at)?,
                Layer::Ip => {
                    return match bytes.get(at)? >> 4 {
                        4 => self.ipv4(bytes, at),
                        6 => self.ipv6(bytes, at),
                        _ => None,
                    };
                }
            };
        }
        None
    }

    /// Reads the MAC addresses of an Ethernet frame and the type after them.
    fn addresses(&mut self, bytes: &[u8], at: usize) -> Option<(Layer, usize)> {
        let (dst, src) = (mac_at(bytes, at)?, mac_at(bytes, at + 6)?);
        if self.src_mac == [0; 6] && self.dst_mac == [0; 6] {
            (self.src_mac, self.dst_mac) = (src, dst);
        }
        Some((Layer::Type(u16_at(bytes, at + 12)?), at + 14))
    }

    fn ether_type(&mut self, bytes: &[u8], at: usize, kind: u16) -> Option<(Layer, usize)> {
        match kind {
            TYPE_IPV4 | TYPE_IPV6 => Some((Layer::Ip, at)),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                if self.vlan == 0 {
                    self.vlan = u16_at(bytes, at)? & VLAN_BITS;
                }
                Some((Layer::Type(u16_at(bytes, at + 2)?), at + 4))
            }
            0x8847 | 0x8848 => Some((Layer::Mpls, at)),
            // Version and type 1, code 0, session, length; then PPP.
            TYPE_PPPOE => Some((Layer::Ppp(u16_at(bytes, at + 6)?), at + 8)),
            ..FIRST_ETHER_TYPE => logical_link(bytes, at),
            _ => None,
        }
    }

    fn ipv4(mut self, bytes: &[u8], at: usize) -> Option<Packet> {
        let header = bytes.get(at..at + 20)?;
        let header_length = usize::from(header[0] & 0x0f) * 4;
        if header_length < 20 {
            return None;
        }
        self.tos = header[1];
        self.ttl = header[8];
        self.proto = header[9];
        self.src = Host::v4(u32_at(header, 12)?);
        self.dst = Host::v4(u32_at(header, 16)?);
        self.ip_id = u32::from(u16_at(header, 4)?);
        let fragment = u16_at(header, 6)?;
        self.more_fragments = fragment & 0x2000 != 0;
        self.fragment_offset = (fragment & 0x1fff) << 3;
        self.fragment = self.fragment_offset != 0;
        // With segmentation offload (TSO), captures show a length of 0.
        let end = match usize::from(u16_at(header, 2)?) {
            0 => bytes.len(),
            length => at + length,
        };
        self.ip_length = u32::try_from(end - at).unwrap_or(u32::MAX);
        self.transport(bytes, at + header_length, end);
        Some(self)
    }

    fn ipv6(mut self, bytes: &[u8], at: usize) -> Option<Packet> {
        let header = bytes.get(at..at + 40)?;
        self.tos = (u16_at(header, 0)? >> 4) as u8;
        self.ttl = header[7];
        self.src = host_at(header, 8)?;
        self.dst = host_at(header, 24)?;
        // A length of 0 is a jumbogram (RFC 2675).
        let end = match usize::from(u16_at(header, 4)?) {
            0 => bytes.len(),
            length => at + 40 + length,
        };
        self.ip_length = u32::try_from(end - at).unwrap_or(u32::MAX);
        self.proto = header[6];
        let start = self.extensions(bytes, at + 40);
        self.transport(bytes, start, end);
        Some(self)
    }

    /// Skips IPv6 extension headers. Returns the offset of the first byte after them.
    fn extensions(&mut self, bytes: &[u8], mut at: usize) -> usize {
        for _ in 0..MAX_EXTENSIONS {
            let Some((next, length)) = bytes.get(at).zip(bytes.get(at + 1)) else {
                return at;
            };
            let length = usize::from(*length);
            at += match self.proto {
                0 | 43 | 60 => 8 * (length + 1),
                51 => 4 * (length + 2),
                44 => {
                    let Some((word, id)) = u16_at(bytes, at + 2).zip(u32_at(bytes, at + 4)) else {
                        return at;
                    };
                    self.fragment_offset = word & 0xfff8;
                    self.fragment = self.fragment_offset != 0;
                    self.more_fragments = word & 1 != 0;
                    self.ip_id = id;
                    8
                }
                _ => return at,
            };
            self.proto = *next;
            if self.fragment {
                return at;
            }
        }
        at
    }

    /// Reads ports, flags and payload. The IP payload is `bytes[start..end]`, as far as it
    /// is there.
    fn transport(&mut self, bytes: &[u8], start: usize, end: usize) {
        let end = end.min(bytes.len()).max(start.min(bytes.len()));
        let start = start.min(end);
        self.ip_payload = start..end;
        self.payload = start..end;
        let Some(segment) = bytes.get(start..end).filter(|_| !self.fragment) else {
            return;
        };
        let half = |at| u16_at(segment, at).unwrap_or(0);
        let byte = |at: usize| segment.get(at).copied().unwrap_or(0);
        let (mut header, mut whole) = (0, segment.len());
        match self.proto {
            6 => {
                self.tcp_flags = byte(13);
                header = usize::from(byte(12) >> 4).max(5) * 4;
            }
            17 => {
                header = 8;
                // A length of 0 is that of a jumbogram.
                whole = whole.min(usize::from(half(4)).max(8));
                if half(4) == 0 {
                    whole = segment.len();
                }
            }
            136 => header = 8,
            132 => header = 12,
            33 => header = usize::from(byte(4)) * 4,
            1 | 58 => {
                self.dport = half(0);
                header = 8;
            }
            _ => {}
        }
        if matches!(self.proto, 6 | 17 | 33 | 132 | 136) {
            (self.sport, self.dport) = (half(0), half(2));
        }
        let whole = whole.min(segment.len());
        self.payload = start + header.min(whole)..start + whole;
    }
}

/// Reads an IEEE 802.2 header: SNAP with an EtherType, or IP itself.
fn logical_link(bytes: &[u8], at: usize) -> Option<(Layer, usize)> {
    match bytes.get(at..at + 3)? {
        [0xaa, 0xaa, 0x03] if matches!(bytes.get(at + 3..at + 6)?, [0, 0, 0 | 0xf8]) => {
            let kind = u16_at(bytes, at + 6)?;
            (kind >= FIRST_ETHER_TYPE).then_some((Layer::Type(kind), at + 8))
        }
        [0x06, 0x06, 0x03] => Some((Layer::Ip, at + 3)),
        _ => None,
    }
}

/// Skips one MPLS label. Below the last label, the first four bits decide what follows:
/// they are 0 in the control word of a pseudowire (RFC 4385, 3), which a frame follows.
fn label(bytes: &[u8], at: usize) -> Option<(Layer, usize)> {
    let bottom = u32_at(bytes, at)? & 0x100 != 0;
    if !bottom {
        return Some((Layer::Mpls, at + 4));
    }
    match bytes.get(at + 4)? >> 4 {
        0 => Some((Layer::Ethernet, at + 8)),
        _ => Some((Layer::Ip, at + 4)),
    }
}

fn ppp_protocol(protocol: u16) -> Option<Layer> {
    match protocol {
        0x0021 | 0x0057 => Some(Layer::Ip),
        0x0281 | 0x0283 => Some(Layer::Mpls),
        _ => None,
    }
}

fn mac_at(bytes: &[u8], at: usize) -> Option<[u8; 6]> {
    bytes.get(at..at + 6)?.try_into().ok()
}

/// The IPv6 address at offset `at`.
fn host_at(bytes: &[u8], at: usize) -> Option<Host> {
    let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(Host(u128::from_be_bytes(octets)))
}

#[cfg(test)]
mod tests;
