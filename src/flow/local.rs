//! Classifies traffic by local and remote addresses.

use super::{Host, Network};

/// Direction of a flow, seen from the local networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrafficClass {
    /// Local source, remote destination.
    Up,
    /// Remote source, local destination.
    Down,
    /// Both ends local.
    Internal,
    /// Both ends remote.
    Transit,
}

impl TrafficClass {
    /// All classes, in the order in which totals are listed.
    pub const ALL: [TrafficClass; 4] =
        [TrafficClass::Up, TrafficClass::Down, TrafficClass::Internal, TrafficClass::Transit];

    /// The key used in JSON and CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TrafficClass::Up => "up",
            TrafficClass::Down => "down",
            TrafficClass::Internal => "internal",
            TrafficClass::Transit => "transit",
        }
    }
}

/// The networks whose hosts are local.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalNetworks {
    all: Vec<Network>,
    /// Base and mask of IPv4 networks. Every flow is tested twice, so the test must be
    /// fast.
    v4: Vec<(u32, u32)>,
    /// All other networks.
    others: Vec<Network>,
}

/// RFC 1918, CGNAT (RFC 6598), IPv4 link-local (RFC 3927), ULA (RFC 4193) and
/// IPv6 link-local (RFC 4291).
const DEFAULTS: [&str; 7] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

impl Default for LocalNetworks {
    fn default() -> LocalNetworks {
        LocalNetworks::of(DEFAULTS.iter().filter_map(|text| text.parse().ok()).collect())
    }
}

impl LocalNetworks {
    /// Uses exactly these networks. An empty list means the defaults.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> LocalNetworks {
        if networks.is_empty() { LocalNetworks::default() } else { LocalNetworks::of(networks) }
    }

    fn of(all: Vec<Network>) -> LocalNetworks {
        let inside = |network: &Network| {
            let base = network.base().as_v4().filter(|_| network.bits() >= 96)?;
            let mask = u32::MAX.checked_shl(128 - u32::from(network.bits())).unwrap_or(0);
            Some((base, mask))
        };
        let v4 = all.iter().filter_map(inside).collect();
        let others = all.iter().filter(|network| inside(network).is_none()).copied().collect();
        LocalNetworks { all, v4, others }
    }

    /// Whether `host` is local.
    #[must_use]
    #[inline]
    pub fn contains(&self, host: Host) -> bool {
        let narrow = host
            .as_v4()
            .is_some_and(|address| self.v4.iter().any(|(base, mask)| address & mask == *base));
        narrow || self.others.iter().any(|network| network.contains(host))
    }

    /// The class of a flow from `src` to `dst`.
    #[must_use]
    #[inline]
    pub fn classify(&self, src: Host, dst: Host) -> TrafficClass {
        match (self.contains(src), self.contains(dst)) {
            (true, false) => TrafficClass::Up,
            (false, true) => TrafficClass::Down,
            (true, true) => TrafficClass::Internal,
            (false, false) => TrafficClass::Transit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_cover_private_space_of_both_families() {
        let local = LocalNetworks::default();
        assert_eq!(local.all.len(), DEFAULTS.len(), "every default parses");
        let class =
            |src: &str, dst: &str| local.classify(src.parse().unwrap(), dst.parse().unwrap());
        assert_eq!(class("10.1.0.10", "203.0.113.1"), TrafficClass::Up);
        assert_eq!(class("203.0.113.1", "192.168.3.4"), TrafficClass::Down);
        assert_eq!(class("172.31.0.1", "100.127.0.1"), TrafficClass::Internal);
        assert_eq!(class("172.32.0.1", "2001:db8::1"), TrafficClass::Transit);
        assert_eq!(class("fd00::1", "2001:db8::1"), TrafficClass::Up);
    }

    #[test]
    fn a_host_is_local_if_any_network_contains_it() {
        let texts = ["0.0.0.0/0", "::/0", "192.0.2.7", "192.0.2.0/25", "2001:db8::/32", "::/64"];
        let hosts = ["192.0.2.7", "192.0.2.127", "192.0.2.128", "2001:db8::1", "fe80::1", "::1"];
        let host = |text: &str| text.parse::<Host>().unwrap();
        for set in 1u32..1 << texts.len() {
            let chosen = texts.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
            let networks: Vec<Network> = chosen.map(|(_, text)| text.parse().unwrap()).collect();
            let local = LocalNetworks::new(networks.clone());
            for host in hosts.map(host) {
                let want = networks.iter().any(|network| network.contains(host));
                assert_eq!(local.contains(host), want, "{networks:?} {host}");
            }
        }
    }
}
