//! Traffic grouped by a property other than the host: the [`Grouping`] of a view, and the rows of
//! the answer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::flow::service::{OTHER, has_ports, protocol_name, service_name};
use crate::flow::{Area, Host, Network, NetworkGroups};

use super::{Health, UpDown};

/// The property by which traffic is grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Grouping {
    /// Service port and protocol.
    #[default]
    Port,
    /// IP protocol.
    Protocol,
    /// Network of the remote host: /24 for IPv4, /48 for IPv6.
    PeerNetwork,
    /// Interface of an exporter.
    Interface,
    /// Named network of the local host (`--group`).
    Group,
}

impl Grouping {
    /// All groupings, in the order in which screens show them.
    pub const ALL: [Grouping; 5] = [
        Grouping::Port,
        Grouping::Protocol,
        Grouping::PeerNetwork,
        Grouping::Interface,
        Grouping::Group,
    ];

    /// The name on the command line, in JSON and in file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// The headings of a column and of a list.
    #[must_use]
    pub fn headings(self) -> (&'static str, &'static str) {
        (self.words().1, self.words().2)
    }

    /// The grouping with this name.
    #[must_use]
    pub fn named(word: &str) -> Option<Grouping> {
        Grouping::ALL.into_iter().find(|grouping| grouping.name() == word)
    }

    /// Its name and both headings.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Grouping::Port => ("port", "PORT", "PORTS"),
            Grouping::Protocol => ("proto", "PROTOCOL", "PROTOCOLS"),
            Grouping::PeerNetwork => ("peer-net", "PEER NETWORK", "PEER NETWORKS"),
            Grouping::Interface => ("interface", "INTERFACE", "INTERFACES"),
            Grouping::Group => ("group", "GROUP", "GROUPS"),
        }
    }
}

/// The common property of the traffic in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GroupKey {
    /// A service.
    Service {
        /// Service port, 0 for other.
        port: u16,
        /// IP protocol.
        proto: u8,
    },
    /// An IP protocol.
    Protocol(u8),
    /// A network of remote hosts.
    Network(Network),
    /// An interface.
    Interface {
        /// Its exporter.
        exporter: Host,
        /// SNMP index, 0 if not reported.
        index: u32,
    },
    /// A named network; `None` is all local hosts without one.
    Named(Option<Arc<str>>),
}

/// Label of local hosts without a named network.
const NAMELESS: &str = "(no group)";

impl GroupKey {
    /// The label: `443/tcp https`, `udp`, `198.51.100.0/24`, `192.0.2.1 Te1/0/1`, `Server room`.
    /// Names of interfaces are taken from `health`; they are not cleaned.
    #[must_use]
    pub fn label(&self, health: &Health) -> String {
        match self {
            GroupKey::Service { port: OTHER, proto } if !has_ports(*proto) => protocol(*proto),
            GroupKey::Service { port: OTHER, proto } => format!("other/{}", protocol(*proto)),
            GroupKey::Service { port, proto } => {
                let service = service_name(*port).unwrap_or_default();
                format!("{port}/{} {service}", protocol(*proto)).trim_end().to_owned()
            }
            GroupKey::Protocol(proto) => protocol(*proto),
            GroupKey::Network(network) => network.to_string(),
            GroupKey::Interface { exporter, index: 0 } => format!("{exporter} not reported"),
            GroupKey::Interface { exporter, index } => {
                match health.interface_name(*exporter, *index) {
                    Some(name) => format!("{exporter} {name}"),
                    None => format!("{exporter} if {index}"),
                }
            }
            GroupKey::Named(Some(name)) => name.to_string(),
            GroupKey::Named(None) => NAMELESS.to_owned(),
        }
    }

    /// A filter for this traffic, or `None` if the filter language cannot express it.
    /// `groups` has the
    /// networks of a name.
    #[must_use]
    pub fn filter(&self, groups: &NetworkGroups) -> Option<String> {
        Some(match self {
            GroupKey::Service { port: OTHER, proto } if has_ports(*proto) => return None,
            GroupKey::Service { port: OTHER, proto } | GroupKey::Protocol(proto) => {
                format!("proto {}", protocol_name(*proto).map_or(proto.to_string(), str::to_owned))
            }
            GroupKey::Service { port, proto } => {
                format!("port {port} and {}", GroupKey::Protocol(*proto).filter(groups)?)
            }
            GroupKey::Network(network) => format!("net {network}"),
            GroupKey::Interface { exporter, index } => {
                format!("exporter {exporter} and if {index}")
            }
            GroupKey::Named(name) => {
                let areas = groups.areas(name.as_deref());
                let areas: Vec<String> = areas.iter().map(area).collect();
                match areas.as_slice() {
                    [] => return None,
                    _ => areas.join(" or "),
                }
            }
        })
    }
}

/// The filter for the hosts of an area.
fn area(Area { within, but }: &Area) -> String {
    let but: Vec<String> = but.iter().map(|network| format!("net {network}")).collect();
    let but = match but.len() {
        0 => String::new(),
        1 => format!("not {}", but.concat()),
        _ => format!("not ({})", but.join(" or ")),
    };
    match (within, but.as_str()) {
        (Some(network), "") => format!("net {network}"),
        (Some(network), but) => format!("(net {network} and {but})"),
        (None, "") => "any".to_owned(),
        (None, but) => but.to_owned(),
    }
}

/// The name of a protocol. A bare number would be read as a port.
fn protocol(proto: u8) -> String {
    protocol_name(proto).map_or_else(|| format!("proto {proto}"), str::to_owned)
}

/// The traffic of one group.
///
/// `up` is what local hosts sent over the link, `down` what they received. For an
/// interface, `up` is
/// what left through it and `down` what came in. If most traffic is transit, `up` is what
/// sources
/// sent and `down` what destinations received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRow {
    /// The group.
    pub key: GroupKey,
    /// Its traffic.
    pub traffic: UpDown,
    /// Number of conversations; for named networks, number of hosts.
    pub members: u64,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc as Shared;

    use super::*;
    use crate::filter::Filter;
    use crate::snapshot::{ExporterDetail, ExporterHealth, InterfaceHealth};

    fn service(port: u16, proto: u8) -> GroupKey {
        GroupKey::Service { port, proto }
    }

    #[test]
    fn labels_and_filters_say_the_same() {
        let exporter = Host::octets(192, 0, 2, 1);
        let interface =
            InterfaceHealth { index: 7, name: "Te1/0/1".to_owned(), ..InterfaceHealth::default() };
        let detail = ExporterDetail { interfaces: vec![interface], ..ExporterDetail::default() };
        let health = Health {
            exporters: vec![ExporterHealth {
                address: exporter,
                detail: Shared::new(detail),
                ..ExporterHealth::default()
            }],
            ..Health::default()
        };
        let named =
            [("10.20.3.0/24", "lab"), ("10.20.0.0/16", "office"), ("10.9.0.0/16", "office")];
        let groups =
            NetworkGroups::new(named.map(|(net, name)| (net.parse().unwrap(), name.into())));
        let office = "net 10.9.0.0/16 or (net 10.20.0.0/16 and not net 10.20.3.0/24)";
        let others = "not (net 10.9.0.0/16 or net 10.20.0.0/16)";
        let network = "198.51.100.0/24".parse().unwrap();
        for (key, label, filter) in [
            (service(443, 6), "443/tcp https", Some("port 443 and proto tcp")),
            (service(4444, 200), "4444/proto 200", Some("port 4444 and proto 200")),
            (service(0, 17), "other/udp", None),
            (service(0, 1), "icmp", Some("proto icmp")),
            (GroupKey::Protocol(47), "gre", Some("proto gre")),
            (GroupKey::Network(network), "198.51.100.0/24", Some("net 198.51.100.0/24")),
            (GroupKey::Named(Some("lab".into())), "lab", Some("net 10.20.3.0/24")),
            (GroupKey::Named(Some("office".into())), "office", Some(office)),
            (GroupKey::Named(Some("gone".into())), "gone", None),
            (GroupKey::Named(None), "(no group)", Some(others)),
        ] {
            assert_eq!(key.label(&health), label);
            assert_eq!(key.filter(&groups).as_deref(), filter, "{label}");
            assert!(filter.is_none_or(|text| Filter::parse(text).is_ok()), "{filter:?}");
        }
        let interface = |index| GroupKey::Interface { exporter, index };
        let labels = [0, 7, 8].map(|index| interface(index).label(&health));
        assert_eq!(labels, ["192.0.2.1 not reported", "192.0.2.1 Te1/0/1", "192.0.2.1 if 8"]);
        assert_eq!(interface(8).filter(&groups).unwrap(), "exporter 192.0.2.1 and if 8");
    }

    #[test]
    fn names_are_read_back() {
        for grouping in Grouping::ALL {
            assert_eq!(Grouping::named(grouping.name()), Some(grouping));
        }
        assert_eq!(Grouping::named("host"), None);
    }
}
