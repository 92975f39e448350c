//! What a filter means: a tree of terms, how it is evaluated and how it prints.

use std::fmt;
use std::ops::Range;

use super::Columns;
use crate::flow::service::protocol_name;
use crate::flow::{Host, Network};

/// Which end of a flow a term asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Either,
    Src,
    Dst,
}

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comp {
    Eq,
    Gt,
    Lt,
    Ge,
    Le,
}

impl Comp {
    fn holds(self, left: u16, right: u16) -> bool {
        match self {
            Comp::Eq => left == right,
            Comp::Gt => left > right,
            Comp::Lt => left < right,
            Comp::Ge => left >= right,
            Comp::Le => left <= right,
        }
    }
}

/// Where a term stood in the text. It takes no part in comparing filters: two
/// spellings of one filter are equal.
#[derive(Clone, Debug)]
pub(super) struct Place(pub Range<usize>);

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

/// A filter or a part of it.
///
/// `All` and `One` hold at least two parts and never one of their own kind
/// ([`Node::all`] and [`Node::one`] see to that), so a long chain of `and`
/// stays flat and the depth of a tree is the depth of its parentheses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Node {
    #[default]
    Any,
    /// IPv4 when true, else IPv6.
    Family {
        v4: bool,
    },
    Proto(u8),
    Net(Side, Network),
    NetIn(Side, Vec<Network>),
    Port(Side, Comp, u16, Place),
    /// Ranges, both ends included.
    PortIn(Side, Vec<(u16, u16)>, Place),
    Not(Box<Node>),
    All(Vec<Node>),
    One(Vec<Node>),
}

impl Node {
    /// All of these together.
    pub(super) fn all(parts: Vec<Node>) -> Node {
        Node::join(parts, Node::All, |part| match part {
            Node::All(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// At least one of these.
    pub(super) fn one(parts: Vec<Node>) -> Node {
        Node::join(parts, Node::One, |part| match part {
            Node::One(inner) => Ok(inner),
            other => Err(other),
        })
    }

    fn join(
        parts: Vec<Node>,
        make: fn(Vec<Node>) -> Node,
        open: fn(Node) -> Result<Vec<Node>, Node>,
    ) -> Node {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match open(part) {
                Ok(inner) => flat.extend(inner),
                Err(other) => flat.push(other),
            }
        }
        match flat.len() {
            0 | 1 => flat.pop().unwrap_or_default(),
            _ => make(flat),
        }
    }

    /// Whether a row matches.
    pub(super) fn matches(&self, row: &impl Columns) -> bool {
        match self {
            Node::Any => true,
            Node::Family { v4 } => row.src().as_v4().is_some() == *v4,
            Node::Proto(proto) => row.proto() == *proto,
            Node::Net(side, net) => ends(*side, row, |host| inside(net, host)),
            Node::NetIn(side, nets) => {
                ends(*side, row, |host| nets.iter().any(|net| inside(net, host)))
            }
            Node::Port(side, comp, port, _) => ports(*side, row, |p| comp.holds(p, *port)),
            Node::PortIn(side, ranges, _) => {
                ports(*side, row, |p| ranges.iter().any(|(low, high)| (*low..=*high).contains(&p)))
            }
            Node::Not(part) => !part.matches(row),
            Node::All(parts) => parts.iter().all(|part| part.matches(row)),
            Node::One(parts) => parts.iter().any(|part| part.matches(row)),
        }
    }

    /// The first term about the port of one end only, with its place.
    pub(super) fn one_sided_port(&self) -> Option<(Side, &Place)> {
        match self {
            Node::Port(side, _, _, place) | Node::PortIn(side, _, place) => {
                (*side != Side::Either).then_some((*side, place))
            }
            Node::Not(part) => part.one_sided_port(),
            Node::All(parts) | Node::One(parts) => parts.iter().find_map(Node::one_sided_port),
            Node::Any | Node::Family { .. } | Node::Proto(_) => None,
            Node::Net(..) | Node::NetIn(..) => None,
        }
    }

    /// Adds the single ports asked for; what stands under `not` is not asked for.
    pub(super) fn wanted_ports(&self, wanted: &mut Vec<u16>) {
        match self {
            Node::Port(_, Comp::Eq, port, _) => wanted.push(*port),
            Node::PortIn(_, ranges, _) => {
                wanted.extend(ranges.iter().filter(|(low, high)| low == high).map(|(low, _)| low));
            }
            Node::All(parts) | Node::One(parts) => {
                parts.iter().for_each(|part| part.wanted_ports(wanted));
            }
            _ => {}
        }
    }
}

/// An IPv6 network never holds an IPv4 host, not even `::/0`, although IPv4 is
/// kept mapped into IPv6.
fn inside(net: &Network, host: Host) -> bool {
    net.contains(host) && (host.as_v4().is_none() || net.base().as_v4().is_some())
}

fn ends(side: Side, row: &impl Columns, test: impl Fn(Host) -> bool) -> bool {
    match side {
        Side::Either => test(row.src()) || test(row.dst()),
        Side::Src => test(row.src()),
        Side::Dst => test(row.dst()),
    }
}

fn ports(side: Side, row: &impl Columns, test: impl Fn(u16) -> bool) -> bool {
    let (src, dst) = row.ports();
    match side {
        Side::Either => test(src) || test(dst),
        Side::Src => test(src),
        Side::Dst => test(dst),
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Either => "",
            Side::Src => "src ",
            Side::Dst => "dst ",
        })
    }
}

impl fmt::Display for Comp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comp::Eq => "",
            Comp::Gt => "> ",
            Comp::Lt => "< ",
            Comp::Ge => ">= ",
            Comp::Le => "<= ",
        })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Any => f.write_str("any"),
            Node::Family { v4 } => f.write_str(if *v4 { "ipv4" } else { "ipv6" }),
            Node::Proto(proto) => match protocol_name(*proto) {
                Some(name) => write!(f, "proto {name}"),
                None => write!(f, "proto {proto}"),
            },
            Node::Net(side, net) => match alone(net) {
                true => write!(f, "{side}ip {}", net.base()),
                false => write!(f, "{side}net {net}"),
            },
            Node::NetIn(side, nets) => {
                write!(f, "{side}ip in [")?;
                list(f, nets, |f, net| match alone(net) {
                    true => write!(f, "{}", net.base()),
                    false => write!(f, "{net}"),
                })
            }
            Node::Port(side, comp, port, _) => write!(f, "{side}port {comp}{port}"),
            Node::PortIn(side, ranges, _) => {
                write!(f, "{side}port in [")?;
                list(f, ranges, |f, (low, high)| match low == high {
                    true => write!(f, "{low}"),
                    false => write!(f, "{low}-{high}"),
                })
            }
            Node::Not(part) => match **part {
                Node::All(_) | Node::One(_) => write!(f, "not ({part})"),
                _ => write!(f, "not {part}"),
            },
            Node::All(parts) => joined(f, parts, " and "),
            Node::One(parts) => joined(f, parts, " or "),
        }
    }
}

fn alone(net: &Network) -> bool {
    *net == Network::single(net.base())
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    print: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        print(f, item)?;
    }
    f.write_str("]")
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Node], word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        match part {
            Node::One(_) => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}
