//! The two ends of a flow behind a NAT: the inside addresses of its hosts.

use super::service::has_ports;
use super::{Flow, FlowExtras, Host, extras_of};

/// The two ends of a flow as its own hosts know them: addresses and ports on the inside of a
/// NAT where one was reported, otherwise those of the flow.
///
/// A router with NAT reports packets before it has translated them: the source of a packet to
/// the Internet is still the inside host, but the destination of the answer is the router's
/// outside address. The inside host of the answer is in elements 226 and 282 (IANA
/// postNATDestinationIPv4Address and postNATDestinationIPv6Address), its port in 228.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowEnds {
    /// The sending host.
    pub src: Host,
    /// The receiving host.
    pub dst: Host,
    /// Port of the sending host.
    pub sport: u16,
    /// Port of the receiving host.
    pub dport: u16,
}

impl Flow {
    /// The ends of the flow; `batch` has the extra fields of its batch.
    #[inline]
    #[must_use]
    pub fn ends(&self, batch: &[FlowExtras]) -> FlowEnds {
        if self.translated {
            return self.inside_ends(extras_of(self, batch));
        }
        FlowEnds { src: self.src, dst: self.dst, sport: self.sport, dport: self.dport }
    }

    /// The ends of a flow with these extra fields.
    fn inside_ends(&self, more: &FlowExtras) -> FlowEnds {
        let ports = has_ports(self.proto);
        let end = |inside: Host, host: Host, translated: u16, port: u16| {
            if inside.is_unspecified() {
                return (host, port);
            }
            (inside, if ports && translated != 0 { translated } else { port })
        };
        let (src, sport) = end(more.src_inside, self.src, more.nat_sport, self.sport);
        let (dst, dport) = end(more.dst_inside, self.dst, more.nat_dport, self.dport);
        FlowEnds { src, dst, sport, dport }
    }
}

impl FlowExtras {
    /// Sets the inside addresses of a flow from the addresses after translation.
    ///
    /// The source before translation is the inside one, and it is the reported one. The
    /// destination after translation is the inside one; it counts unless it is zero or the
    /// reported one, as most routers fill the element in for all packets.
    #[inline]
    pub fn set_inside(&mut self, flow: &Flow) {
        if !self.nat_dst.is_unspecified() && self.nat_dst != flow.dst {
            self.dst_inside = self.nat_dst;
        }
    }

    /// Whether an end has an inside address that is not the reported one.
    #[inline]
    #[must_use]
    pub fn has_inside(&self) -> bool {
        !self.src_inside.is_unspecified() || !self.dst_inside.is_unspecified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: Host = Host::octets(203, 0, 113, 1);
    const SERVER: Host = Host::octets(198, 51, 100, 7);
    const INSIDE: Host = Host::octets(192, 168, 88, 5);

    /// The ends of an answer to the router's port 61000 with this destination after translation.
    fn answer(proto: u8, nat_dst: Host, nat_dport: u16) -> FlowEnds {
        let flow =
            Flow { src: SERVER, dst: ROUTER, sport: 443, dport: 61_000, proto, ..Flow::EMPTY };
        let mut more = FlowExtras { nat_src: SERVER, nat_dst, nat_dport, ..FlowExtras::NONE };
        more.set_inside(&flow);
        let flow = Flow { more: 1, translated: more.has_inside(), ..flow };
        flow.ends(&[more])
    }

    #[test]
    fn the_destination_after_translation_is_the_host() {
        let reported = FlowEnds { src: SERVER, dst: ROUTER, sport: 443, dport: 61_000 };
        let inside = FlowEnds { dst: INSIDE, dport: 50_000, ..reported };
        assert_eq!(answer(6, INSIDE, 50_000), inside);
        // The port belongs to the address; without one, the reported port stays.
        assert_eq!(answer(6, INSIDE, 0), FlowEnds { dport: 61_000, ..inside });
        // ICMP has type and code instead of a port.
        assert_eq!(answer(1, INSIDE, 50_000), FlowEnds { dport: 61_000, ..inside });
        for nothing in [Host::UNSPECIFIED, Host::octets(0, 0, 0, 0), ROUTER] {
            assert_eq!(answer(6, nothing, 50_000), reported, "{nothing}");
        }
    }

    #[test]
    fn flows_with_their_flag_do_not_grow() {
        assert_eq!(size_of::<Flow>(), 160, "every waiting flow takes this");
    }
}
