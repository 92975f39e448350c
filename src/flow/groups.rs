//! Named networks: departments, VLANs, sites.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Host, Network};

/// Named networks. A host belongs to the smallest one that contains it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Network, Arc<str>)>", into = "Vec<(Network, Arc<str>)>")]
pub struct NetworkGroups {
    /// Names by prefix length, longest first, so that a host is looked up once per length.
    lengths: Vec<(u8, HashMap<Host, Arc<str>>)>,
}

impl NetworkGroups {
    /// Creates groups from networks and names. If a network has two names, the last is
    /// used.
    #[must_use]
    pub fn new(named: impl IntoIterator<Item = (Network, Arc<str>)>) -> NetworkGroups {
        let mut groups = NetworkGroups::default();
        for (network, name) in named {
            let bits = network.bits();
            let at = match groups.lengths.binary_search_by(|(known, _)| bits.cmp(known)) {
                Ok(at) => at,
                Err(at) => {
                    groups.lengths.insert(at, (bits, HashMap::new()));
                    at
                }
            };
            groups.lengths[at].1.insert(network.base(), name);
        }
        groups
    }

    /// Whether there are no named networks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The name of the smallest network that contains `host`.
    #[must_use]
    pub fn of(&self, host: Host) -> Option<&Arc<str>> {
        self.lengths
            .iter()
            .find_map(|(bits, names)| names.get(&Network::around(host, *bits).base()))
    }

    /// All named networks by prefix length (longest first), then by address.
    #[must_use]
    pub fn networks(&self) -> Vec<(Network, &Arc<str>)> {
        let mut all = Vec::new();
        for (bits, names) in &self.lengths {
            let from = all.len();
            all.extend(names.iter().map(|(base, name)| (Network::around(*base, *bits), name)));
            all[from..].sort_by_key(|(network, _)| *network);
        }
        all
    }

    /// The hosts with a name, or those without any (`None`), as networks from which smaller
    /// networks with other names are excluded. Empty for an unknown name.
    ///
    /// Without a name: one area with everything except the largest named networks.
    #[must_use]
    pub fn areas(&self, name: Option<&str>) -> Vec<Area> {
        let all = self.networks();
        let is_own = |network: Network| {
            let of = self.lengths.iter().find(|(bits, _)| *bits == network.bits());
            let of = of.and_then(|(_, names)| names.get(&network.base()));
            name.is_some() && of.map(AsRef::as_ref) == name
        };
        let own = all.iter().map(|(network, _)| *network).filter(|network| is_own(*network));
        // A network within another one of the same name adds nothing.
        let own = own.filter(|network| !self.around(*network).is_some_and(is_own));
        let mut areas: Vec<Area> =
            own.map(|network| Area { within: Some(network), but: Vec::new() }).collect();
        if name.is_none() {
            areas.push(Area { within: None, but: Vec::new() });
        }
        let place: HashMap<Option<Network>, usize> =
            areas.iter().enumerate().map(|(at, area)| (area.within, at)).collect();
        for (network, _) in all.iter().filter(|(network, _)| !is_own(*network)) {
            let mut outer = self.around(*network);
            while let Some(further) = outer
                .and_then(|outer| self.around(outer))
                .filter(|further| outer.is_some_and(is_own) && is_own(*further))
            {
                outer = Some(further);
            }
            if let Some(at) = place.get(&outer) {
                areas[*at].but.push(*network);
            }
        }
        areas
    }

    /// The smallest named network that contains another network.
    fn around(&self, inner: Network) -> Option<Network> {
        let larger = self.lengths.iter().filter(|(bits, _)| *bits < inner.bits());
        larger
            .map(|(bits, names)| (names, Network::around(inner.base(), *bits)))
            .find(|(names, network)| names.contains_key(&network.base()))
            .map(|(_, network)| network)
    }
}

impl From<Vec<(Network, Arc<str>)>> for NetworkGroups {
    fn from(named: Vec<(Network, Arc<str>)>) -> NetworkGroups {
        NetworkGroups::new(named)
    }
}

impl From<NetworkGroups> for Vec<(Network, Arc<str>)> {
    fn from(groups: NetworkGroups) -> Vec<(Network, Arc<str>)> {
        groups.networks().into_iter().map(|(network, name)| (network, Arc::clone(name))).collect()
    }
}

/// A set of hosts: those in a network (`None`: all), except those in other networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// The network; `None` means all addresses.
    pub within: Option<Network>,
    /// Networks that are excluded.
    pub but: Vec<Network>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_network_names_a_host() {
        let named = [
            ("10.0.0.0/8", "site"),
            ("10.20.0.0/16", "office"),
            ("10.20.3.0/24", "lab"),
            ("10.20.3.17", "nas"),
            ("2001:db8::/32", "site"),
            ("10.20.3.0/24", "lab 2"),
        ];
        let groups =
            NetworkGroups::new(named.map(|(net, name)| (net.parse().unwrap(), name.into())));
        let of = |host: &str| groups.of(host.parse().unwrap()).map(ToString::to_string);
        for (host, name) in [
            ("10.20.3.17", Some("nas")),
            ("10.20.3.18", Some("lab 2")),
            ("10.20.4.1", Some("office")),
            ("10.1.1.1", Some("site")),
            ("2001:db8::1", Some("site")),
            ("192.0.2.1", None),
            ("2001:db9::1", None),
        ] {
            assert_eq!(of(host).as_deref(), name, "{host}");
        }
        assert!(NetworkGroups::default().is_empty() && !groups.is_empty());
    }

    #[test]
    fn areas_contain_exactly_the_hosts_of_a_name() {
        let named = [
            ("10.0.0.0/8", "site"),
            ("10.20.0.0/16", "site"),
            ("10.20.3.0/24", "lab"),
            ("10.20.3.128/25", "site"),
            ("10.30.0.0/16", "office"),
            ("10.30.1.0/24", "office"),
            ("2001:db8::/32", "lab"),
        ];
        let groups =
            NetworkGroups::new(named.map(|(net, name)| (net.parse().unwrap(), name.into())));
        let holds = |area: &Area, host: Host| {
            area.within.is_none_or(|network| network.contains(host))
                && !area.but.iter().any(|network| network.contains(host))
        };
        let hosts = [
            "10.1.1.1",
            "10.20.1.1",
            "10.20.3.1",
            "10.20.3.200",
            "10.30.0.1",
            "10.30.1.1",
            "2001:db8::1",
            "192.0.2.1",
            "2001:db9::1",
        ];
        for name in [None, Some("site"), Some("lab"), Some("office"), Some("nobody")] {
            let areas = groups.areas(name);
            for host in hosts {
                let host: Host = host.parse().unwrap();
                let within = areas.iter().any(|area| holds(area, host));
                assert_eq!(within, groups.of(host).map(AsRef::as_ref) == name, "{name:?} {host}");
            }
        }
        assert_eq!(groups.areas(Some("office")).len(), 1);
        assert_eq!(NetworkGroups::default().areas(None), [Area { within: None, but: Vec::new() }]);
    }
}
