//! Named networks: departments, VLANs, sites.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Host, Network};

/// Names of networks; a host belongs to the smallest one that contains it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// By prefix length, longest first: a host is looked up once per length.
    lengths: Vec<(u8, HashMap<Host, Arc<str>>)>,
}

impl Groups {
    /// Gives names to networks; of two names for one network the last counts.
    #[must_use]
    pub fn new(named: impl IntoIterator<Item = (Network, Arc<str>)>) -> Groups {
        let mut groups = Groups::default();
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

    /// Whether nothing has a name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The name of the smallest network with this host.
    #[must_use]
    pub fn of(&self, host: Host) -> Option<&Arc<str>> {
        self.lengths
            .iter()
            .find_map(|(bits, names)| names.get(&Network::around(host, *bits).base()))
    }
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
        let groups = Groups::new(named.map(|(net, name)| (net.parse().unwrap(), name.into())));
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
        assert!(Groups::default().is_empty() && !groups.is_empty());
    }
}
