//! Addresses and networks of both families in one 128-bit form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bits 32..48 of an IPv4-mapped address (RFC 4291, 2.5.5.2): `::ffff:0:0`.
const MAPPED: u128 = 0xffff_0000_0000;

/// An IPv4 or IPv6 address. IPv4 is stored in its mapped form `::ffff:a.b.c.d`.
///
/// The order is numeric, so IPv4 addresses sort together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(pub u128);

impl Host {
    /// `::`, which means "not reported".
    pub const UNSPECIFIED: Host = Host(0);

    /// The host of an IPv4 address given as its 32 bits.
    #[must_use]
    pub const fn v4(bits: u32) -> Host {
        Host(MAPPED | bits as u128)
    }

    /// The host of four octets, for tests and tables.
    #[must_use]
    pub const fn octets(a: u8, b: u8, c: u8, d: u8) -> Host {
        Host::v4(u32::from_be_bytes([a, b, c, d]))
    }

    /// The 32 bits if this is an IPv4 address.
    #[must_use]
    pub fn as_v4(self) -> Option<u32> {
        (self.0 >> 32 == MAPPED >> 32).then_some(self.0 as u32)
    }

    /// The address in the standard library's form, with IPv4 unmapped.
    #[must_use]
    pub fn to_ip(self) -> IpAddr {
        match self.as_v4() {
            Some(bits) => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            None => IpAddr::V6(Ipv6Addr::from_bits(self.0)),
        }
    }

    /// Whether no address was reported (`::` or `0.0.0.0`).
    #[must_use]
    pub fn is_unspecified(self) -> bool {
        self.0 == 0 || self.0 == MAPPED
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Host {
        match ip {
            IpAddr::V4(v4) => Host::v4(v4.to_bits()),
            IpAddr::V6(v6) => Host(v6.to_bits()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(f)
    }
}

impl FromStr for Host {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Host, Self::Err> {
        text.parse::<IpAddr>().map(Host::from)
    }
}

/// Text in human-readable formats, otherwise a number.
impl Serialize for Host {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Host, D::Error> {
        if !deserializer.is_human_readable() {
            return u128::deserialize(deserializer).map(Host);
        }
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A network: an address and a prefix length. Host bits are cleared, so that two spellings of the
/// same network are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Host, u8)", into = "(Host, u8)")]
pub struct Network {
    base: Host,
    /// Prefix length of the 128-bit form; for IPv4 it is 96 longer.
    bits: u8,
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a network such as 10.0.0.0/8 or 2001:db8::/32, found `{0}`")]
pub struct NetworkError(pub String);

impl Network {
    /// The network of `host` with a prefix length in the host's own family
    /// (0..=32 or 0..=128).
    #[must_use]
    pub fn new(host: Host, prefix: u8) -> Option<Network> {
        let bits = match host.as_v4() {
            Some(_) if prefix <= 32 => prefix + 96,
            None if prefix <= 128 => prefix,
            _ => return None,
        };
        Some(Network { base: Host(host.0 & mask(bits)), bits })
    }

    /// The network with this address only.
    #[must_use]
    pub fn single(host: Host) -> Network {
        Network { base: host, bits: 128 }
    }

    /// Whether it contains one address only.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.bits == 128
    }

    /// Whether the network contains `host`.
    #[must_use]
    #[inline]
    pub fn contains(&self, host: Host) -> bool {
        (host.0 ^ self.base.0) & mask(self.bits) == 0
    }

    /// The network of `host` with a prefix of this many bits of the 128-bit form, at most
    /// 128.
    #[must_use]
    pub(super) fn around(host: Host, bits: u8) -> Network {
        let bits = bits.min(128);
        Network { base: Host(host.0 & mask(bits)), bits }
    }

    /// Prefix length of the 128-bit form.
    #[must_use]
    pub(super) fn bits(&self) -> u8 {
        self.bits
    }

    /// The lowest address.
    #[must_use]
    pub fn base(&self) -> Host {
        self.base
    }

    /// Prefix length in the family of the address.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        if self.base.as_v4().is_some() && self.bits >= 96 { self.bits - 96 } else { self.bits }
    }
}

const fn mask(bits: u8) -> u128 {
    if bits == 0 { 0 } else { u128::MAX << (128 - bits as u32) }
}

impl From<Network> for (Host, u8) {
    fn from(network: Network) -> (Host, u8) {
        (network.base, network.bits)
    }
}

/// Host bits are cleared. A prefix longer than 128 bits is taken as 128.
impl From<(Host, u8)> for Network {
    fn from((base, bits): (Host, u8)) -> Network {
        Network::around(base, bits)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let wrong = || NetworkError(text.to_owned());
        match text.split_once('/') {
            None => text.parse().map(Network::single).map_err(|_| wrong()),
            Some((address, prefix)) => {
                let host = address.parse().map_err(|_| wrong())?;
                let prefix = prefix.parse().map_err(|_| wrong())?;
                Network::new(host, prefix).ok_or_else(wrong)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_the_hosts_of_their_prefix() {
        for (net, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.168.1.0/24", "192.168.1.255", "192.168.2.0"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("fe80::/10", "febf::1", "10.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ] {
            let network: Network = net.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{inside} in {net}");
            assert!(!network.contains(outside.parse().unwrap()), "{outside} not in {net}");
        }
    }

    #[test]
    fn networks_print_as_they_are_written_and_refuse_nonsense() {
        for net in ["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "192.0.2.7/32", "::/0"] {
            assert_eq!(net.parse::<Network>().unwrap().to_string(), net);
        }
        assert_eq!("10.9.8.7/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
        for bad in ["10.0.0.0/33", "10.0.0/8", "x", "2001:db8::/129", "10.0.0.0/-1", ""] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ipv4_hosts_print_unmapped_and_sort_together() {
        let host: Host = "192.0.2.1".parse().unwrap();
        assert_eq!(host.to_string(), "192.0.2.1");
        assert_eq!("::ffff:192.0.2.1".parse::<Host>().unwrap(), host);
        assert!(Host::octets(9, 0, 0, 0) < Host::octets(10, 0, 0, 0));
        assert!(Host::octets(0, 0, 0, 0).is_unspecified() && Host(0).is_unspecified());
    }
}
