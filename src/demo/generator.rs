//! Transfers between two hosts, and the records that a router's flow cache makes of them.

use super::rng::Rng;
use crate::flow::{Flow, Host, Network, Time};

/// Active timeout in milliseconds: a flow that continues is reported after this time.
pub(super) const ACTIVE_MS: i64 = 5000;
/// Inactive timeout in milliseconds: a flow that has ended is reported after this time.
pub(super) const INACTIVE_MS: i64 = 2000;

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// TCP flags of all packets of a flow combined, as a flow cache reports them (RFC 9293,
/// 3.1).
pub(super) const SYN: u8 = 0x02;
const SYN_DATA: u8 = 0x1a;
const DATA: u8 = 0x18;
const DATA_FIN: u8 = 0x19;
const WHOLE: u8 = 0x1b;

/// Index of the router's interface to the Internet. The others have the numbers of their
/// subnets.
const WAN: u32 = 1;

/// Two hosts with ports and protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// The host at the site, which opened the connection.
    pub local: Host,
    pub peer: Host,
    pub local_port: u16,
    pub peer_port: u16,
    pub proto: u8,
    pub tos: u8,
}

/// Traffic in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Volume {
    pub bytes: u64,
    pub packets: u64,
}

/// A period of time, including both ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct DurationRange {
    pub first: Time,
    pub last: Time,
}

impl Volume {
    /// `bytes` in packets of `size` bytes, at least one packet.
    pub(super) fn of(bytes: u64, size: u64) -> Volume {
        Volume { bytes, packets: bytes.div_ceil(size.max(1)).max(1) }
    }
}

impl Pair {
    /// The record of traffic from the local host to the peer (`out`), or back.
    pub(super) fn record(self, out: bool, time: DurationRange, volume: Volume, flags: u8) -> Flow {
        let (local_as, peer_as) = (as_number(self.local), as_number(self.peer));
        let (local_if, peer_if) = (interface(self.local), interface(self.peer));
        let (local_mask, peer_mask) = (mask(self.local), mask(self.peer));
        let flow = Flow {
            src: self.local,
            dst: self.peer,
            next_hop: next_hop(self.peer),
            first: time.first,
            last: time.last,
            bytes: volume.bytes,
            packets: volume.packets,
            input: local_if,
            output: peer_if,
            src_as: local_as,
            dst_as: peer_as,
            sport: self.local_port,
            dport: self.peer_port,
            vlan: u16::try_from(local_if * 10).unwrap_or(0),
            proto: self.proto,
            tcp_flags: if self.proto == TCP { flags } else { 0 },
            tos: self.tos,
            src_mask: local_mask,
            dst_mask: peer_mask,
            direction: 0,
            ..Flow::EMPTY
        };
        if out {
            return flow;
        }
        Flow {
            src: flow.dst,
            dst: flow.src,
            next_hop: next_hop(self.local),
            input: flow.output,
            output: flow.input,
            src_as: flow.dst_as,
            dst_as: flow.src_as,
            sport: flow.dport,
            dport: flow.sport,
            vlan: u16::try_from(peer_if * 10).unwrap_or(0),
            src_mask: flow.dst_mask,
            dst_mask: flow.src_mask,
            ..flow
        }
    }
}

/// The subnet of an address in the site's IPv4 network 10.20.0.0/16, a /24 each.
pub(super) fn subnet(host: Host) -> Option<u8> {
    match host.as_v4()?.to_be_bytes() {
        [10, 20, subnet, _] => Some(subnet),
        _ => None,
    }
}

/// The site's IPv6 addresses (fd00:20::/64) are in the office's subnet.
const V6_SUBNET: u8 = 5;

/// The site's IPv6 network.
pub(super) fn v6_network() -> Option<Network> {
    Network::new(Host(0xfd00_0020 << 96), 64)
}

fn local_subnet(host: Host) -> Option<u8> {
    let in_v6 = v6_network().is_some_and(|network| network.contains(host));
    if in_v6 { Some(V6_SUBNET) } else { subnet(host) }
}

fn interface(host: Host) -> u32 {
    local_subnet(host).map_or(WAN, u32::from)
}

fn mask(host: Host) -> u8 {
    match (local_subnet(host), host.as_v4()) {
        (Some(_), None) => 64,
        (None, None) => 32,
        (_, Some(_)) => 24,
    }
}

/// AS numbers for documentation (RFC 5398), one per /24. 0 for the site.
fn as_number(host: Host) -> u32 {
    match (local_subnet(host), host.as_v4()) {
        (Some(_), _) => 0,
        (None, Some(bits)) => 64_496 + (bits >> 8) % 16,
        (None, None) => 64_510,
    }
}

/// Next hop: the provider's router. Hosts of the site are directly connected.
fn next_hop(host: Host) -> Host {
    match (local_subnet(host), host.as_v4()) {
        (Some(_), _) => Host::UNSPECIFIED,
        (None, Some(_)) => Host::octets(192, 0, 2, 254),
        (None, None) => Host((0x2001_0db8 << 96) | 0xfe),
    }
}

/// A steady stream in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct SteadyStream {
    /// Rate in bit/s.
    pub rate: f64,
    /// Bytes per packet.
    pub packet: u64,
}

/// A long transfer, whose records are cut by the active timeout.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pair: Pair,
    up: SteadyStream,
    down: SteadyStream,
    /// Maximum relative deviation of a record's rate: 0.1 is 10 %.
    variation: f64,
    start: Time,
    end: Time,
    /// Start of the next record.
    cut: Time,
    seed: u64,
}

impl Transfer {
    /// A transfer from `start` to `end`. `seed` determines the deviations of its rate.
    pub(super) fn new(
        pair: Pair,
        streams: (SteadyStream, SteadyStream),
        time: (Time, Time),
        seed: u64,
    ) -> Transfer {
        let (up, down) = streams;
        let (start, end) = time;
        Transfer { pair, up, down, variation: 0.1, start, end, cut: start, seed }
    }

    /// The same transfer with another maximum deviation than 10 %.
    pub(super) fn with_variation(self, variation: f64) -> Transfer {
        Transfer { variation, ..self }
    }

    /// Skips the records that were due at `time` or before.
    pub(super) fn skip_to(&mut self, time: Time) {
        let pieces = time.since(self.start).max(0) / ACTIVE_MS;
        self.cut = self.start.plus_ms(pieces * ACTIVE_MS);
    }

    /// Passes each record that is complete at `now` to `due`, with the time at which it is due.
    /// Returns false after the last record.
    pub(super) fn advance(&mut self, now: Time, mut due: impl FnMut(Time, Flow)) -> bool {
        while self.cut < self.end {
            let full = self.cut.plus_ms(ACTIVE_MS);
            let to = full.min(self.end);
            if to > now {
                return true;
            }
            let ends = to == self.end;
            let at = if ends { to.plus_ms(INACTIVE_MS) } else { to };
            for (out, stream) in [(true, self.up), (false, self.down)] {
                if let Some(flow) = self.piece(out, stream, to) {
                    due(at, flow);
                }
            }
            self.cut = to;
        }
        false
    }

    fn piece(&self, out: bool, stream: SteadyStream, to: Time) -> Option<Flow> {
        let moment = self.cut.0 as u64;
        let mut rng = Rng::new(self.seed ^ moment.rotate_left(17) ^ u64::from(out));
        let milliseconds = to.since(self.cut) as f64;
        let bytes = stream.rate * rng.around(self.variation) * milliseconds / 8000.0;
        if bytes < 1.0 {
            return None;
        }
        let flags = match (self.cut == self.start, to == self.end) {
            (true, true) => WHOLE,
            (true, false) => SYN_DATA,
            (false, true) => DATA_FIN,
            (false, false) => DATA,
        };
        let time = DurationRange { first: self.cut, last: to.plus_ms(-1) };
        Some(self.pair.record(out, time, Volume::of(bytes as u64, stream.packet), flags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_cut_as_by_a_flow_cache() {
        let pair = Pair {
            local: Host::octets(10, 20, 5, 4),
            peer: Host::octets(203, 0, 113, 9),
            local_port: 40_000,
            peer_port: 443,
            proto: TCP,
            tos: 0,
        };
        let stream = SteadyStream { rate: 8_000_000.0, packet: 1000 };
        let silent = SteadyStream { rate: 0.0, packet: 1 };
        let times = (Time(10_300), Time(22_300));
        let mut transfer =
            Transfer { variation: 0.0, ..Transfer::new(pair, (stream, silent), times, 1) };
        let mut records = Vec::new();
        assert!(transfer.advance(Time(15_299), |at, flow| records.push((at, flow))));
        assert!(records.is_empty());
        assert!(!transfer.advance(Time(60_000), |at, flow| records.push((at, flow))));
        let seen: Vec<_> = records
            .iter()
            .map(|(at, flow)| (at.0, flow.first.0, flow.last.0, flow.bytes, flow.tcp_flags))
            .collect();
        assert_eq!(
            seen,
            [
                (15_300, 10_300, 15_299, 5_000_000, SYN_DATA),
                (20_300, 15_300, 20_299, 5_000_000, DATA),
                (24_300, 20_300, 22_299, 2_000_000, DATA_FIN),
            ]
        );
        let back = pair.record(
            false,
            DurationRange { first: Time(1), last: Time(2) },
            Volume::default(),
            0,
        );
        assert_eq!((back.src, back.dport, back.input, back.output), (pair.peer, 40_000, WAN, 5));
        assert_eq!((back.src_as, back.dst_as, back.next_hop), (64_497, 0, Host::UNSPECIFIED));
    }
}
