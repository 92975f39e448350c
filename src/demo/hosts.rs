//! Tables of the site's hosts and of their traffic.

use super::generator::{TCP, UDP};

/// A subnet with the last octet of its first host and its number of hosts.
pub(super) struct Subnet {
    pub octet: u8,
    pub first: u8,
    pub hosts: u8,
    /// Name of the subnet.
    pub name: &'static str,
}

/// Name of the subnet that also uses IPv6.
pub(super) const OFFICE: &str = "Office";

/// Servers, office, the subnet of the sampled router, workshop: 60 hosts.
pub(super) const SUBNETS: [Subnet; 4] = [
    Subnet { octet: 3, first: 54, hosts: 10, name: "Servers" },
    Subnet { octet: 5, first: 101, hosts: 22, name: OFFICE },
    Subnet { octet: 7, first: 31, hosts: 12, name: "Studio" },
    Subnet { octet: 9, first: 60, hosts: 16, name: "Workshop" },
];

/// The subnet behind the sampled router.
pub(super) const SAMPLED_SUBNET: u8 = 7;

/// The subnet behind the switch that samples packets.
pub(super) const SWITCH_SUBNET: u8 = 9;

/// The other end of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RemoteHost {
    /// Any host on the Internet.
    World,
    /// Any host on the Internet, over IPv6.
    World6,
    /// The site's own servers, by their last octet in 10.20.3.0/24.
    Server(u8),
    /// A DNS server on the Internet, asked by the site's resolver.
    Resolver,
}

/// A kind of short transfer, such as a web page, a DNS query or a mail.
pub(super) struct ShortTransfer {
    /// How many begin per second at the busiest hour.
    pub per_second: f64,
    pub peer: RemoteHost,
    pub proto: u8,
    pub port: u16,
    /// Mean number of bytes sent.
    pub up: f64,
    /// Mean number of bytes received.
    pub down: f64,
    /// Minimum duration in milliseconds.
    pub ms: i64,
    /// Whether sizes have a long-tailed distribution.
    pub heavy: bool,
}

const fn short_transfer(
    per_second: f64,
    peer: RemoteHost,
    proto: u8,
    port: u16,
    sizes: (f64, f64),
) -> ShortTransfer {
    ShortTransfer {
        per_second,
        peer,
        proto,
        port,
        up: sizes.0,
        down: sizes.1,
        ms: 20,
        heavy: false,
    }
}

const fn web(
    per_second: f64,
    peer: RemoteHost,
    proto: u8,
    port: u16,
    sizes: (f64, f64),
) -> ShortTransfer {
    ShortTransfer { ms: 120, heavy: true, ..short_transfer(per_second, peer, proto, port, sizes) }
}

pub(super) const SHORT_TRANSFERS: &[ShortTransfer] = &[
    web(38.0, RemoteHost::World, TCP, 443, (5_000.0, 85_000.0)),
    web(14.0, RemoteHost::World, UDP, 443, (4_000.0, 70_000.0)),
    web(9.0, RemoteHost::World6, TCP, 443, (5_000.0, 90_000.0)),
    web(3.0, RemoteHost::World, TCP, 80, (1_500.0, 40_000.0)),
    web(2.5, RemoteHost::World, TCP, 993, (2_000.0, 30_000.0)),
    web(0.8, RemoteHost::World, TCP, 587, (60_000.0, 3_000.0)),
    short_transfer(36.0, RemoteHost::Server(53), UDP, 53, (70.0, 160.0)),
    short_transfer(14.0, RemoteHost::Resolver, UDP, 53, (80.0, 210.0)),
    short_transfer(1.5, RemoteHost::World, UDP, 123, (76.0, 76.0)),
    short_transfer(2.0, RemoteHost::Server(53), TCP, 389, (900.0, 2_500.0)),
    web(5.0, RemoteHost::Server(10), TCP, 445, (20_000.0, 160_000.0)),
    short_transfer(0.6, RemoteHost::World, 1, 8 * 256, (252.0, 252.0)),
];

/// A kind of long transfer, such as a film, an update or a call.
pub(super) struct LongTransfer {
    /// How many are active at the busiest hour.
    pub concurrent: f64,
    pub peer: RemoteHost,
    pub proto: u8,
    pub port: u16,
    pub tos: u8,
    /// Mean rate sent in bit/s.
    pub up: f64,
    /// Mean rate received in bit/s.
    pub down: f64,
    /// Mean duration in seconds.
    pub seconds: f64,
}

/// Expedited forwarding (RFC 3246) in the ToS byte.
pub(super) const VOICE: u8 = 0xb8;
/// Lower effort as class selector 1 (RFC 2474).
pub(super) const BULK: u8 = 0x20;

pub(super) const LONG_TRANSFERS: &[LongTransfer] = &[
    long_transfer(14.0, RemoteHost::World, UDP, 443, (1.2e5, 9e6), 240.0),
    long_transfer(3.0, RemoteHost::World6, TCP, 443, (1.5e5, 9e6), 200.0),
    long_transfer(5.0, RemoteHost::World, TCP, 443, (3.5e5, 2e7), 25.0),
    long_transfer(3.0, RemoteHost::World, TCP, 443, (8e6, 1.5e5), 90.0),
    LongTransfer {
        tos: VOICE,
        ..long_transfer(3.0, RemoteHost::World, UDP, 8801, (2.2e6, 2.4e6), 600.0)
    },
    long_transfer(2.0, RemoteHost::World, UDP, 51_820, (6e5, 1.4e6), 900.0),
    long_transfer(1.5, RemoteHost::World, TCP, 22, (4e4, 9e4), 300.0),
    long_transfer(2.0, RemoteHost::Server(10), TCP, 445, (4e6, 1.5e7), 40.0),
];

const fn long_transfer(
    concurrent: f64,
    peer: RemoteHost,
    proto: u8,
    port: u16,
    rates: (f64, f64),
    seconds: f64,
) -> LongTransfer {
    LongTransfer { concurrent, peer, proto, port, tos: 0, up: rates.0, down: rates.1, seconds }
}

/// Ports that the scanner tries.
pub(super) const SCANNED: [u16; 8] = [22, 23, 80, 443, 445, 3389, 5900, 8080];
/// Number of addresses tried per second.
pub(super) const SCANS: u64 = 40;
