//! Random scripts: batches of flows, and requests in between.

use proptest::prelude::*;
use toptalk::agg::LagRule;
use toptalk::filter::Filter;
use toptalk::flow::{Duplicate, Flow, Host, Sampling, Time};
use toptalk::snapshot::{RowOrder, SortKey, Subject, View, Window};

use super::naive::OneWay;
use crate::common::site::{START, local, remote};

#[derive(Debug)]
pub struct Script {
    pub lag: LagRule,
    pub no_dedup: bool,
    pub steps: Vec<Step>,
}

/// Flows that arrive by `now`, and the requests after that.
#[derive(Debug)]
pub struct Step {
    pub now: Time,
    pub flows: Vec<Flow>,
    pub watch: bool,
    pub questions: Vec<Question>,
}

#[derive(Clone, Debug)]
pub struct Question {
    view: View,
    /// How long before now the window ends; 0 is the live edge.
    back: i64,
    pub asks: fn(&OneWay) -> bool,
}

impl Question {
    pub fn view(&self, now: Time) -> View {
        let at = (self.back > 0).then(|| now.plus_ms(-self.back));
        View { at, ..self.view.clone() }
    }
}

fn within(host: Host, net: &str) -> bool {
    let net: toptalk::flow::Network = net.parse().unwrap();
    net.contains(host)
}

/// A filter as text, and the equivalent function.
type Asked = (&'static str, fn(&OneWay) -> bool);

const FILTERS: &[Asked] = &[
    ("proto tcp", |direction| direction.proto == 6),
    ("port 443", |direction| direction.port == 443),
    ("net 10.0.0.0/30", |direction| {
        within(direction.src, "10.0.0.0/30") || within(direction.dst, "10.0.0.0/30")
    }),
    ("src net 10.0.0.0/29", |direction| within(direction.src, "10.0.0.0/29")),
    ("dst net fd00::/16", |direction| within(direction.dst, "fd00::/16")),
    ("net 203.0.113.0/24 and not port 53", |direction| {
        let inside = |host| within(host, "203.0.113.0/24");
        (inside(direction.src) || inside(direction.dst)) && direction.port != 53
    }),
    ("proto udp and port 53 or src net 2001:db8::/32", |direction| {
        direction.proto == 17 && direction.port == 53 || within(direction.src, "2001:db8::/32")
    }),
    ("not (proto tcp or port 0)", |direction| !(direction.proto == 6 || direction.port == 0)),
];

/// Local hosts are 0 to 7, remote ones 8 to 15; two of each are IPv6.
fn host(n: u8) -> Host {
    let v6 = |text: &str| text.parse().unwrap();
    match n {
        6 => v6("fd00::6"),
        7 => v6("fd00::7"),
        0..6 => local(n),
        14 => v6("2001:db8::e"),
        15 => v6("2001:db8::f"),
        _ => remote(n),
    }
}

/// The largest counters of a flow here: the limits of a log entry.
const MAX_BYTES: u64 = (1 << 45) - 1;
const MAX_PACKETS: u64 = (1 << 32) - 1;

/// How long before their arrival flows end, in milliseconds: mostly a little, but also long ago, in
/// the future, and days off.
fn any_delay() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 0i64..5_000,
        3 => 0i64..600_000,
        1 => 0i64..8_000_000,
        1 => -30_000i64..0,
        1 => prop_oneof![Just(-172_800_000i64), 86_000_000i64..87_000_000],
    ]
}

fn any_duration() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => Just(0i64),
        3 => 0i64..20_000,
        3 => 0i64..400_000,
        1 => 0i64..20_000_000,
        1 => -500i64..0,
    ]
}

/// Raw bytes and packets for a sampling rate of one in `rate`. The rare largest ones are the limits
/// of an entry, divided by `scale`.
fn counters(kind: u8, amount: u64, rate: u64, scale: u64) -> (u64, u64) {
    let most = |limit: u64| limit / scale / rate;
    match kind {
        0 => (0, amount % 3),
        1 => (most(MAX_BYTES) - amount % 1000, most(MAX_PACKETS) - amount % 77),
        _ => (amount, amount / 700 + u64::from(kind % 2)),
    }
}

/// A flow that arrives up to a minute before `START`.
pub fn any_flow(scale: u64) -> impl Strategy<Value = Flow> {
    let ends = (0u8..16, 1u8..16, 0u8..4, 0u8..4);
    let times = (any_delay(), any_duration(), -60_000i64..0, 0u8..10, -40_000i64..40_000);
    let counts = (0u8..12, 0u64..1_000_000, 0usize..3, 0u32..3, 0u8..10);
    (ends, times, counts).prop_map(move |(ends, times, counts)| {
        let (from, apart, port, proto) = ends;
        let (delay, duration, early, skewed, skew) = times;
        let (kind, amount, exporter, interface, twice) = counts;
        let rate = [0u32, 100, 4096][exporter];
        let (bytes, packets) = counters(kind, amount, u64::from(rate.max(1)), scale);
        let (sport, dport) =
            [(40_000, 443), (53, 33_000), (40_000, 50_000), (7_777, 40_000)][usize::from(port)];
        let offset = if skewed == 0 { skew } else { 0 };
        let arrival = Time(START + early);
        let last = arrival.plus_ms(-delay - offset);
        Flow {
            src: host(from),
            dst: host((from + apart) % 16),
            proto: [6, 6, 17, 47][usize::from(proto)],
            sport,
            dport,
            arrival,
            last,
            first: last.plus_ms(-duration),
            clock_offset: offset,
            bytes,
            packets,
            sampling: Sampling::one_in(rate),
            input: interface,
            output: 2 - interface,
            duplicate: Duplicate::of(u8::from(twice == 0)),
            exporter: Host::octets(192, 0, 2, exporter as u8),
            ..Flow::EMPTY
        }
    })
}

/// Seconds between two batches; a batch may also be late.
fn any_gap() -> impl Strategy<Value = i64> {
    const MINUTE: i64 = 60;
    prop_oneof![
        3 => 0i64..4,
        3 => 4i64..100,
        2 => MINUTE..15 * MINUTE,
        1 => 50 * MINUTE..125 * MINUTE,
        1 => prop_oneof![Just(600i64), Just(1_090)].prop_map(|minutes| minutes * MINUTE),
        1 => -90i64..0,
    ]
}

const KEYS: &[SortKey] = &[
    SortKey::Bytes,
    SortKey::Up,
    SortKey::Down,
    SortKey::Packets,
    SortKey::Flows,
    SortKey::Address,
];

fn any_question() -> impl Strategy<Value = Question> {
    let subject = prop_oneof![
        3 => Just(Subject::Hosts),
        1 => Just(Subject::Line),
        3 => Just(Subject::Talkers),
        3 => (0u8..16).prop_map(|n| Subject::Host(host(n))),
    ];
    let order = (prop::sample::select(KEYS), any::<bool>());
    let back = prop_oneof![2 => Just(0i64), 1 => 0i64..120_000, 1 => 0i64..3_700_000];
    let asked = prop_oneof![1 => Just(usize::MAX), 1 => 0..FILTERS.len()];
    let limit = prop_oneof![1 => 0usize..8, 2 => Just(100)];
    let window = prop::sample::select(&Window::SLIDING[..]);
    (subject, window, order, back, asked, limit).prop_map(
        |(subject, window, (key, reverse), back, asked, limit)| {
            let everything: Asked = ("", |_| true);
            let (text, asks) = FILTERS.get(asked).copied().unwrap_or(everything);
            let filter = Filter::parse(text).unwrap();
            let order = RowOrder { key, reverse };
            let view = View { subject, window, order, limit, filter, at: None };
            Question { view, back, asks }
        },
    )
}

/// A script in which the largest counters are divided by `scale`.
pub fn any_script(scale: u64) -> impl Strategy<Value = Script> {
    let flows = prop_oneof![
        1 => Just(Vec::new()).boxed(),
        4 => prop::collection::vec(any_flow(scale), 0..25).boxed(),
    ];
    let questions = prop::collection::vec(any_question(), 0..6);
    let step = (any_gap(), flows, any::<bool>(), questions);
    let lag = prop_oneof![
        Just(LagRule::Auto),
        Just(LagRule::Fixed(0)),
        (0i64..=300_000).prop_map(LagRule::Fixed),
    ];
    let steps = prop::collection::vec(step, 1..14);
    (lag, any::<bool>(), steps).prop_map(|(lag, no_dedup, steps)| {
        let mut now = 0;
        let steps = steps.into_iter().map(|(gap, mut flows, watch, questions)| {
            now = (now + gap * 1000).max(0);
            for flow in &mut flows {
                for time in [&mut flow.arrival, &mut flow.first, &mut flow.last] {
                    *time = time.plus_ms(now);
                }
            }
            Step { now: Time(START + now), flows, watch, questions }
        });
        Script { lag, no_dedup, steps: steps.collect() }
    })
}
