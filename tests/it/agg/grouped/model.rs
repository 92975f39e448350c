//! The expected lists, from a model that stores every flow.

use std::collections::{BTreeMap, BTreeSet};

use toptalk::filter::Filter;
use toptalk::flow::service::service_port;
use toptalk::flow::{
    Flow, Host, LocalNetworks, Network, NetworkGroups, Spread, Time, TrafficClass,
};
use toptalk::snapshot::{ClassTotals, Counters, GroupKey, Grouping, TrafficPath, UpDown};

type Span = (Time, Time);

/// Host, peer, port and protocol; both directions have the same.
type Conversation = (Host, Host, u16, u8);

pub struct Model<'a> {
    pub flows: &'a [Flow],
    pub groups: &'a NetworkGroups,
}

pub struct Listed {
    pub rows: BTreeMap<GroupKey, (UpDown, u64)>,
    pub total: UpDown,
    pub through: bool,
}

pub struct Detailed {
    pub conversations: BTreeMap<(Host, u16, u8), (UpDown, Option<TrafficPath>)>,
    pub via: Option<TrafficPath>,
}

/// A flow's traffic in the window.
struct Seen<'a> {
    flow: &'a Flow,
    class: TrafficClass,
    traffic: Counters,
}

/// Cuts a flow as `agg::spread` does.
fn within(flow: &Flow, (from, to): Span) -> Counters {
    let mut sum = Counters::default();
    let last = flow.last.min(flow.arrival);
    let first = flow.first.min(last);
    let duration = last.since(first);
    if duration > 120_000 && flow.packets >= 16 {
        let spread = Spread::new(first, last);
        sum.bytes = flow.sampling.scale(spread.between(flow.bytes, from, to));
        sum.packets = flow.sampling.scale(spread.between(flow.packets, from, to));
        sum.flows = u64::from(spread.ends_between(from, to));
        return sum;
    }
    let count = ((duration + 1999) / 2000).clamp(1, flow.packets.clamp(1, 8) as i64);
    let (mut bytes, mut packets) = (0, 0);
    for index in 0..count {
        let part = |whole: u64, done: u64| whole * (index as u64 + 1) / count as u64 - done;
        let (b, p) = (part(flow.bytes, bytes), part(flow.packets, packets));
        (bytes, packets) = (bytes + b, packets + p);
        let midpoint = first.plus_ms(duration * (2 * index + 1) / (2 * count));
        if from <= midpoint && midpoint < to {
            sum.bytes += flow.sampling.scale(b);
            sum.packets += flow.sampling.scale(p);
        }
    }
    sum.flows = u64::from(from <= last && last < to);
    sum
}

fn conversation(flow: &Flow, class: TrafficClass) -> Conversation {
    let forward = match class {
        TrafficClass::Up => true,
        TrafficClass::Down => false,
        TrafficClass::Internal | TrafficClass::Transit => flow.src <= flow.dst,
    };
    let (host, peer) = if forward { (flow.src, flow.dst) } else { (flow.dst, flow.src) };
    (host, peer, service_port(flow.proto, flow.sport, flow.dport), flow.proto)
}

fn up(traffic: Counters) -> UpDown {
    UpDown { up: traffic, down: Counters::default() }
}

fn network(host: Host) -> GroupKey {
    let bits = if host.as_v4().is_some() { 24 } else { 48 };
    GroupKey::Network(Network::new(host, bits).unwrap())
}

fn busiest(paths: &BTreeMap<TrafficPath, u64>) -> Option<TrafficPath> {
    let most = paths.values().copied().max()?;
    paths.iter().find(|(_, bytes)| **bytes == most).map(|(via, _)| *via)
}

impl Model<'_> {
    fn seen(&self, filter: &Filter, span: Span) -> Vec<Seen<'_>> {
        let networks = LocalNetworks::default();
        let asked = |flow: &&Flow| {
            let port = service_port(flow.proto, flow.sport, flow.dport);
            filter.matches(&Flow { sport: port, dport: port, ..**flow })
        };
        let seen = self.flows.iter().filter(asked).map(|flow| Seen {
            flow,
            class: networks.classify(flow.src, flow.dst),
            traffic: within(flow, span),
        });
        seen.filter(|seen| !seen.traffic.is_zero()).collect()
    }

    pub fn groups(&self, filter: &Filter, span: Span, grouping: Grouping) -> Listed {
        let seen = self.seen(filter, span);
        let mut totals = ClassTotals::default();
        seen.iter().for_each(|seen| *totals.of_mut(seen.class) += seen.traffic);
        let through = totals.transit.bytes > totals.sum().bytes / 2;
        let mut rows: BTreeMap<GroupKey, (UpDown, BTreeSet<Conversation>)> = BTreeMap::new();
        for seen in &seen {
            let conversation = conversation(seen.flow, seen.class);
            for (key, both) in self.shares(seen, grouping, through) {
                let row = rows.entry(key).or_default();
                row.0 += both;
                row.1.insert(match grouping {
                    // In a named network, the host itself is the member.
                    Grouping::Group if both.up.is_zero() => (seen.flow.dst, Host(0), 0, 0),
                    Grouping::Group => (seen.flow.src, Host(0), 0, 0),
                    _ => conversation,
                });
            }
        }
        let all = totals.sum();
        let total = match (grouping, through) {
            (Grouping::Interface, _) => UpDown { up: all, down: all },
            (_, true) => UpDown { up: totals.transit, down: totals.transit },
            (_, false) => UpDown { up: totals.up, down: totals.down },
        };
        let counted =
            |(key, (both, members)): (_, (_, BTreeSet<_>))| (key, (both, members.len() as u64));
        Listed { rows: rows.into_iter().map(counted).collect(), total, through }
    }

    /// The groups to which a flow counts, with its traffic.
    fn shares(
        &self,
        seen: &Seen<'_>,
        grouping: Grouping,
        through: bool,
    ) -> Vec<(GroupKey, UpDown)> {
        let Seen { flow, class, traffic } = *seen;
        let interface = |index| GroupKey::Interface { exporter: flow.exporter, index };
        if grouping == Grouping::Interface {
            return vec![
                (interface(flow.output), up(traffic)),
                (interface(flow.input), up(traffic).swapped()),
            ];
        }
        let name = |host| GroupKey::Named(self.groups.of(host).cloned());
        let ends: fn(&dyn Fn(Host) -> GroupKey, &Flow) -> [GroupKey; 2] =
            |of, flow| [of(flow.src), of(flow.dst)];
        let [src, dst] = match grouping {
            Grouping::Port => {
                let port = service_port(flow.proto, flow.sport, flow.dport);
                ends(&|_| GroupKey::Service { port, proto: flow.proto }, flow)
            }
            Grouping::Protocol => ends(&|_| GroupKey::Protocol(flow.proto), flow),
            // The remote host is the other one.
            Grouping::PeerNetwork if class == TrafficClass::Transit => ends(&network, flow),
            Grouping::PeerNetwork => [network(flow.dst), network(flow.src)],
            Grouping::Group | Grouping::Interface => ends(&name, flow),
        };
        match (class, through) {
            (TrafficClass::Up, false) => vec![(src, up(traffic))],
            (TrafficClass::Down, false) => vec![(dst, up(traffic).swapped())],
            (TrafficClass::Transit, true) => {
                vec![(src, up(traffic)), (dst, up(traffic).swapped())]
            }
            _ => Vec::new(),
        }
    }

    /// Local hosts by link traffic.
    pub fn hosts(&self, filter: &Filter, span: Span) -> BTreeMap<Host, UpDown> {
        let mut hosts: BTreeMap<Host, UpDown> = BTreeMap::new();
        for Seen { flow, class, traffic } in self.seen(filter, span) {
            match class {
                TrafficClass::Up => *hosts.entry(flow.src).or_default() += up(traffic),
                TrafficClass::Down => *hosts.entry(flow.dst).or_default() += up(traffic).swapped(),
                TrafficClass::Internal | TrafficClass::Transit => {}
            }
        }
        hosts
    }

    /// The conversations of a host, with the paths of its sent traffic.
    pub fn detail(&self, filter: &Filter, span: Span, host: Host) -> Detailed {
        let mut paths: BTreeMap<TrafficPath, u64> = BTreeMap::new();
        let mut conversations: BTreeMap<_, (UpDown, BTreeMap<TrafficPath, u64>)> = BTreeMap::new();
        for Seen { flow, class, traffic } in self.seen(filter, span) {
            let (one, other, port, proto) = conversation(flow, class);
            if one != host && other != host {
                continue;
            }
            let peer = if one == host { other } else { one };
            let row = conversations.entry((peer, port, proto)).or_default();
            if flow.src != host {
                row.0 += up(traffic).swapped();
                continue;
            }
            row.0 += up(traffic);
            if traffic.bytes > 0 {
                let Flow { exporter, input, output, .. } = *flow;
                let via = TrafficPath { exporter, input, output };
                *paths.entry(via).or_default() += traffic.bytes;
                *row.1.entry(via).or_default() += traffic.bytes;
            }
        }
        let rows = conversations.into_iter();
        let rows = rows.map(|(key, (both, paths))| (key, (both, busiest(&paths))));
        Detailed { conversations: rows.collect(), via: busiest(&paths) }
    }
}
