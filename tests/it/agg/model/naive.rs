//! The model: every piece of every flow is stored, and summed on request.

use std::collections::HashMap;

use toptalk::flow::{Flow, Host, LocalNetworks, Time, TrafficClass, service};
use toptalk::snapshot::{ClassTotals, Counters, Reach, UpDown};

/// A conversation, seen from its local host, or from the lower address if both are of one
/// kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub host: Host,
    pub peer: Host,
    pub proto: u8,
    pub port: u16,
    pub reach: Reach,
}

/// One direction of a conversation, as filters see it.
#[derive(Clone, Copy, Debug)]
pub struct OneWay {
    pub src: Host,
    pub dst: Host,
    pub proto: u8,
    pub port: u16,
}

/// Traffic counted at a moment.
struct Booked {
    at: Time,
    class: TrafficClass,
    way: OneWay,
    counters: Counters,
}

pub struct Naive {
    local: LocalNetworks,
    no_dedup: bool,
    all_time: bool,
    booked: Vec<Booked>,
}

/// The expected rows and totals of a span.
#[derive(Default)]
pub struct Truth {
    pub totals: ClassTotals,
    /// By host: link traffic, and transit traffic.
    pub line: HashMap<Host, UpDown>,
    pub transit: HashMap<Host, UpDown>,
    pub conversations: HashMap<Key, UpDown>,
}

impl Naive {
    pub fn new(no_dedup: bool) -> Naive {
        Naive { local: LocalNetworks::default(), no_dedup, all_time: false, booked: Vec::new() }
    }

    /// A model in which every span is all time.
    pub fn of_all_time(no_dedup: bool) -> Naive {
        Naive { all_time: true, ..Naive::new(no_dedup) }
    }

    pub fn record(&mut self, flows: &[Flow]) {
        for flow in flows.iter().filter(|flow| self.no_dedup || !flow.duplicate.is_set()) {
            let class = self.local.classify(flow.src, flow.dst);
            let port = service::service_port(flow.proto, flow.sport, flow.dport);
            let way = OneWay { src: flow.src, dst: flow.dst, proto: flow.proto, port };
            let pieces = pieces(flow);
            self.booked.extend(pieces.into_iter().map(|(at, counters)| Booked {
                at,
                class,
                way,
                counters,
            }));
        }
    }

    /// Sums over `[from, to)` of the directions for which `asks` returns true.
    pub fn truth(&self, from: Time, to: Time, asks: fn(&OneWay) -> bool) -> Truth {
        let mut truth = Truth::default();
        let inside = |booked: &&Booked| self.all_time || (from <= booked.at && booked.at < to);
        for Booked { class, way, counters, .. } in self.booked.iter().filter(inside) {
            if !asks(way) {
                continue;
            }
            *truth.totals.of_mut(*class) += *counters;
            let (table, source, target) = match class {
                TrafficClass::Up => (&mut truth.line, true, false),
                TrafficClass::Down => (&mut truth.line, false, true),
                TrafficClass::Transit => (&mut truth.transit, true, true),
                TrafficClass::Internal => (&mut truth.line, false, false),
            };
            if source {
                table.entry(way.src).or_default().up += *counters;
            }
            if target {
                table.entry(way.dst).or_default().down += *counters;
            }
            let (reach, forward) = match class {
                TrafficClass::Up => (Reach::Line, true),
                TrafficClass::Down => (Reach::Line, false),
                TrafficClass::Internal => (Reach::Internal, way.src < way.dst),
                TrafficClass::Transit => (Reach::Transit, way.src < way.dst),
            };
            let (host, peer) = if forward { (way.src, way.dst) } else { (way.dst, way.src) };
            let key = Key { host, peer, proto: way.proto, port: way.port, reach };
            let both = truth.conversations.entry(key).or_default();
            *(if forward { &mut both.up } else { &mut both.down }) += *counters;
        }
        truth.line.retain(|_, both| *both != UpDown::default());
        truth.transit.retain(|_, both| *both != UpDown::default());
        truth.conversations.retain(|_, both| *both != UpDown::default());
        truth
    }
}

/// The documented rule: at most eight equal integer pieces of the raw counters, one per 2 s and one
/// per packet, each scaled separately and counted at its midpoint; the flow is counted where it
/// ends. Flows of more than two minutes, with 16 packets or more, have their exact share in every 2
/// s; what is older than any window is one piece.
fn pieces(flow: &Flow) -> Vec<(Time, Counters)> {
    let mut last = flow.last.0 + flow.clock_offset;
    let mut first = flow.first.0 + flow.clock_offset;
    if (flow.arrival.0 - last).abs() > 24 * 3_600_000 {
        let length = (last - first).max(0);
        last = flow.arrival.0;
        first = last - length;
    }
    last = last.min(flow.arrival.0);
    first = first.min(last);
    let length = last - first;
    let count = ((length + 1999) / 2000).clamp(1, 8).min(flow.packets.max(1) as i64);
    let rate = u64::from(flow.sampling.rate().unwrap_or(1));
    let share = |whole: u64, index: i64| {
        let upto = |index: i64| u128::from(whole) * index as u128 / count as u128;
        (upto(index + 1) - upto(index)) as u64
    };
    let mut all = Vec::new();
    if length > 120_000 && flow.packets >= 16 {
        let share = |whole: u64, at: i64| match at > last {
            true => whole,
            false => (u128::from(whole) * (at - first).max(0) as u128 / length as u128) as u64,
        };
        let (mut from, mut at) = ((0, 0), first);
        let mut next = (last - 5_000_000).max(first).div_euclid(2000) * 2000;
        while at <= last {
            next += 2000;
            let upto = (share(flow.bytes, next), share(flow.packets, next));
            let (bytes, packets) = (upto.0 - from.0, (upto.1 - from.1) * rate);
            let counters = Counters { bytes: bytes * rate, raw_bytes: bytes, packets, flows: 0 };
            all.push((Time(at), counters));
            (from, at) = (upto, next);
        }
        all.push((Time(last), Counters { flows: 1, ..Counters::default() }));
        return all;
    }
    for index in 0..count {
        let (bytes, packets) = (share(flow.bytes, index), share(flow.packets, index));
        let at = Time(first + length * (2 * index + 1) / (2 * count));
        let (raw_bytes, packets) = (bytes, packets * rate);
        all.push((at, Counters { bytes: bytes * rate, raw_bytes, packets, flows: 0 }));
    }
    all.push((Time(last), Counters { flows: 1, ..Counters::default() }));
    all
}
