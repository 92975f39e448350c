//! Which side of the line an address is on.

use super::{Host, Network};

/// Where a flow goes, seen from the local networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Local source, remote destination.
    Up,
    /// Remote source, local destination.
    Down,
    /// Both ends local.
    Internal,
    /// Both ends remote.
    Transit,
}

impl Class {
    /// All classes in the order totals are listed.
    pub const ALL: [Class; 4] = [Class::Up, Class::Down, Class::Internal, Class::Transit];

    /// The key used in JSON and CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Up => "up",
            Class::Down => "down",
            Class::Internal => "internal",
            Class::Transit => "transit",
        }
    }
}

/// The networks that count as "ours".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalNetworks(Vec<Network>);

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
        LocalNetworks(DEFAULTS.iter().filter_map(|text| text.parse().ok()).collect())
    }
}

impl LocalNetworks {
    /// Exactly these networks; an empty list means the defaults.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> LocalNetworks {
        if networks.is_empty() { LocalNetworks::default() } else { LocalNetworks(networks) }
    }

    /// Whether `host` is ours.
    #[must_use]
    #[inline]
    pub fn contains(&self, host: Host) -> bool {
        self.0.iter().any(|network| network.contains(host))
    }

    /// The class of a flow from `src` to `dst`.
    #[must_use]
    #[inline]
    pub fn classify(&self, src: Host, dst: Host) -> Class {
        match (self.contains(src), self.contains(dst)) {
            (true, false) => Class::Up,
            (false, true) => Class::Down,
            (true, true) => Class::Internal,
            (false, false) => Class::Transit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_cover_private_space_of_both_families() {
        let local = LocalNetworks::default();
        assert_eq!(local.0.len(), DEFAULTS.len(), "every default parses");
        let class =
            |src: &str, dst: &str| local.classify(src.parse().unwrap(), dst.parse().unwrap());
        assert_eq!(class("10.1.0.10", "203.0.113.1"), Class::Up);
        assert_eq!(class("203.0.113.1", "192.168.3.4"), Class::Down);
        assert_eq!(class("172.31.0.1", "100.127.0.1"), Class::Internal);
        assert_eq!(class("172.32.0.1", "2001:db8::1"), Class::Transit);
        assert_eq!(class("fd00::1", "2001:db8::1"), Class::Up);
    }
}
