use proptest::prelude::*;

use super::*;
use crate::flow::{Duplicate, Flow, Host, Sampling, Time};
use crate::wire::Decoder;

const NOW: Time = Time(1_700_000_000_000);

fn flow() -> Flow {
    Flow {
        src: Host::octets(10, 0, 0, 1),
        dst: Host::octets(192, 0, 2, 9),
        exporter: Host::octets(192, 0, 2, 1),
        domain: 7,
        first: NOW.plus_ms(-5_432),
        last: NOW.plus_ms(-321),
        bytes: 1500,
        packets: 3,
        proto: 6,
        sport: 40_000,
        dport: 443,
        direction: 0,
        ..Flow::EMPTY
    }
}

/// The flows that a collector decodes from datagrams.
fn decode(datagrams: &[Vec<u8>]) -> Vec<Flow> {
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    for datagram in datagrams {
        decoder.decode(NOW, Host::octets(127, 0, 0, 1), datagram, &mut flows);
    }
    flows
}

#[test]
fn due_times_follow_the_recording_and_never_go_back() {
    let mut schedule = Schedule::new(Pace::Recorded { speed: 10.0 });
    let at = |ms| Some(NOW.plus_ms(ms));
    assert_eq!(schedule.due(at(0)), 0);
    assert_eq!(schedule.due(at(5_000)), 500);
    assert_eq!(schedule.due(at(4_000)), 500, "out of order");
    assert_eq!(schedule.due(None), 500, "without a time");
    assert_eq!(schedule.due(at(60_000)), 6_000);
    assert!(schedule.due(Some(Time(i64::MAX))) > 6_000, "never wraps");
}

#[test]
fn a_rate_spaces_evenly_and_fast_does_not_wait() {
    let mut schedule = Schedule::new(Pace::Rate(4));
    let due: Vec<i64> = (0..5).map(|_| schedule.due(Some(NOW))).collect();
    assert_eq!(due, [0, 250, 500, 750, 1000]);
    let mut schedule = Schedule::new(Pace::Fast);
    assert_eq!((schedule.due(Some(NOW)), schedule.due(Some(NOW.plus_ms(9)))), (0, 0));
}

#[test]
fn flows_that_v5_cannot_express_are_split_or_counted() {
    let mut encoder = FlowEncoder::new(ReplayProtocol::V5);
    let large = Flow { bytes: (5 << 32) + 7, packets: 400_000, ..flow() };
    let six = Flow { src: "2001:db8::1".parse().unwrap(), ..flow() };
    let endless = Flow { packets: u64::MAX, ..flow() };
    let numbers = Flow { output: 70_000, ..flow() };
    let flows = decode(&encoder.encode(NOW, &[flow(), large, six, endless, numbers]));
    let tally = encoder.tally();
    let lost = UnsupportedFields::ALL.map(|what| tally.lost(what));
    assert_eq!(lost, [1, 1, 1, 1, 0, 0]);
    assert_eq!((tally.flows, tally.records, flows.len()), (3, 8, 8));
    assert_eq!(flows.iter().map(|flow| flow.bytes).sum::<u64>(), large.bytes + 3000);
    assert_eq!(flows.iter().map(|flow| flow.packets).sum::<u64>(), 400_000 + 6);
    assert_eq!((tally.bytes, tally.packets), (large.bytes + 3000, 400_006));
}

#[test]
fn sources_keep_their_domains_and_rates_and_are_kept_apart() {
    let other = Flow { exporter: Host::octets(192, 0, 2, 2), ..flow() };
    let sampled = Flow { domain: 9, sampling: Sampling::one_in(100), ..flow() };
    for what in [ReplayProtocol::V9, ReplayProtocol::Ipfix] {
        let mut encoder = FlowEncoder::new(what);
        let flows = decode(&encoder.encode(NOW, &[flow(), other, sampled, flow()]));
        let seen: Vec<_> = flows.iter().map(|flow| (flow.domain, flow.sampling.rate())).collect();
        assert_eq!(seen, [(7, None), (7, None), (8, None), (9, Some(100))], "{what:?}");
    }
}

#[test]
fn templates_come_again() {
    let mut encoder = FlowEncoder::new(ReplayProtocol::Ipfix);
    let with_templates = (0..200)
        .filter(|_| {
            let sent = encoder.encode(NOW, &[flow()]);
            sent[0][16..18] == [0, 2]
        })
        .count();
    assert_eq!(with_templates, 4);
    assert_eq!(encoder.tally().datagrams, 200);
}

prop_compose! {
    fn any_flow()(
        hosts in any::<(u32, u32, bool)>(),
        counters in (1u64..200_000_000_000, 1u64..1 << 40),
        times in (0i64..10_000_000, 0i64..10_000_000),
        ports in any::<(u16, u16, u8, u8, u8)>(),
        numbers in any::<(u32, u32, u32, u32)>(),
        domain in 0u32..3,
    ) -> Flow {
        let host = |bits: u32| match hosts.2 {
            true => Host::v4(bits),
            false => Host(0x2001_0db8 << 96 | u128::from(bits)),
        };
        Flow {
            src: host(hosts.0),
            dst: host(hosts.1),
            next_hop: host(1),
            domain,
            first: NOW.plus_ms(-times.0 - times.1),
            last: NOW.plus_ms(-times.1),
            bytes: counters.0,
            // What no packets could hold is not decoded.
            packets: counters.1.max(counters.0.div_ceil(65_535)),
            sport: ports.0,
            dport: ports.1,
            // The type of ICMP may be in either port.
            proto: if matches!(ports.2, 1 | 58) { 17 } else { ports.2 },
            tcp_flags: ports.3,
            tos: ports.4,
            input: numbers.0,
            output: numbers.1,
            src_as: numbers.2,
            dst_as: numbers.3,
            direction: ports.3 & 1,
            ..flow()
        }
    }
}

proptest! {
    #[test]
    fn what_is_sent_is_what_was_recorded(flows in proptest::collection::vec(any_flow(), 1..120)) {
        for what in [ReplayProtocol::V9, ReplayProtocol::Ipfix] {
            let mut encoder = FlowEncoder::new(what);
            let mut got = decode(&encoder.encode(NOW, &flows));
            let mut want = flows.clone();
            for flow in got.iter_mut().chain(&mut want) {
                // The sender's address and the arrival time are those of the test's collector.
                (flow.exporter, flow.arrival) = (Host::UNSPECIFIED, NOW);
                (flow.clock_offset, flow.duplicate) = (0, Duplicate::No);
                // It is not stored in files.
                flow.coarse_clock = false;
            }
            let key = |flow: &Flow| format!("{flow:?}");
            got.sort_by_key(key);
            want.sort_by_key(key);
            prop_assert_eq!(got, want);
        }
    }
}
