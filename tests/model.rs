//! Every window against a model that keeps every flow.

mod common;

use common::site::{START, check_law, local, remote};
use proptest::prelude::*;
use toptalk::agg::{Config, Windows};
use toptalk::flow::{Flow, Host, LocalNetworks, Time};
use toptalk::snapshot::{Counters, Health, Subject, Totals, View, Window};

/// Everything the windows should hold, by keeping every flow.
fn naive(flows: &[Flow], from: Time, to: Time) -> Totals {
    let mut totals = Totals::default();
    let networks = LocalNetworks::default();
    for flow in flows {
        let class = networks.classify(flow.src, flow.dst);
        let sum = totals.of_mut(class);
        let last = flow.last.min(flow.arrival);
        let first = flow.first.min(last);
        let duration = last.since(first);
        let count = ((duration + 1999) / 2000).clamp(1, flow.packets.clamp(1, 8) as i64);
        let (mut bytes, mut packets) = (0, 0);
        for index in 0..count {
            let part = |whole: u64, done: u64| whole * (index as u64 + 1) / count as u64 - done;
            let (b, p) = (part(flow.bytes, bytes), part(flow.packets, packets));
            bytes += b;
            packets += p;
            let midpoint = first.plus_ms(duration * (2 * index + 1) / (2 * count));
            if from <= midpoint && midpoint < to {
                *sum += Counters { bytes: b, raw_bytes: b, packets: p, flows: 0 };
            }
        }
        if from <= last && last < to {
            sum.flows += 1;
        }
    }
    totals
}

fn any_flow() -> impl Strategy<Value = Flow> {
    (
        0u8..8,
        0u8..8,
        0i64..900_000,
        -20_000i64..700_000,
        -500i64..400_000,
        0u64..1_000_000,
        any::<bool>(),
    )
        .prop_map(|(a, b, arrival, delay, duration, bytes, up)| {
            let (src, dst) = match (up, b % 3) {
                (true, 0) => (local(a), local(b)),
                (false, 0) => (remote(a), remote(b)),
                (true, _) => (local(a), remote(b)),
                (false, _) => (remote(a), local(b)),
            };
            let at = |ms: i64| Time(START + ms);
            Flow {
                src,
                dst,
                proto: 6 + b,
                dport: u16::from(a),
                arrival: at(arrival),
                last: at(arrival - delay),
                first: at(arrival - delay - duration),
                bytes,
                packets: bytes / 7,
                exporter: Host::octets(192, 0, 2, 1),
                ..Flow::EMPTY
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_window_equals_a_model_that_keeps_every_flow(
        mut flows in prop::collection::vec(any_flow(), 1..120),
        limit in 0usize..12,
        asked in 0i64..1000,
    ) {
        flows.sort_by_key(|flow| flow.arrival);
        let config = Config { max_hosts: 6, max_conversations: 20, ..Config::default() };
        let windows = Windows::new(Config { started: Time(START), ..config });
        let mut done = 0;
        for second in (0..=900).step_by(30).chain([900 + asked]) {
            let now = Time(START + second * 1000);
            let arrived = flows[done..].iter().take_while(|flow| flow.arrival <= now).count();
            windows.record(&flows[done..done + arrived]);
            done += arrived;
            for window in Window::SLIDING {
                for subject in [Subject::Hosts, Subject::Talkers, Subject::Host(local(1))] {
                    let view = View { limit, subject, window, ..View::default() };
                    let snapshot = windows.snapshot(&view, now, Health::default());
                    check_law(&snapshot);
                    let want = naive(&flows[..done], snapshot.span.start, snapshot.span.end);
                    prop_assert_eq!(snapshot.totals, want, "{:?} {:?}", window, snapshot.span);
                }
            }
        }
    }
}
