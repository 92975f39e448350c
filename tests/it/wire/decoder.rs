//! The decoder on datagrams of the encoders in this crate, and on damaged datagrams.

use proptest::prelude::*;
use toptalk::flow::{Flow, Host, Sampling, Time};
use toptalk::wire::encode::{V5Encoder, V9Encoder};
use toptalk::wire::{
    Cause, DatagramReport, Decoder, MAX_EXPORTERS, MAX_TEMPLATE_BYTES, MAX_TEMPLATES,
};

const NOW: i64 = 1_800_000_000_000;
const BOOT: i64 = NOW - 5_000_000_000; // longer ago than the uptime counter holds

fn router() -> Host {
    Host::octets(192, 0, 2, 1)
}

fn any_flow(v6: bool) -> impl Strategy<Value = Flow> {
    let address = move |n: u128| if v6 { Host(n | 1 << 127) } else { Host::v4(n as u32 | 1) };
    (
        any::<(u128, u128, u16, u16, u8, u8, u8)>(),
        (any::<u32>(), any::<u32>(), any::<u16>(), any::<u16>()),
        (0i64..3_000_000, 0i64..3_000_000),
    )
        .prop_map(move |(a, b, (age, duration))| Flow {
            src: address(a.0),
            dst: address(a.1),
            sport: a.2,
            dport: a.3,
            proto: a.4,
            tcp_flags: a.5,
            tos: a.6,
            bytes: u64::from(b.0),
            packets: u64::from(b.1),
            input: u32::from(b.2),
            output: u32::from(b.3),
            last: Time(NOW - age),
            first: Time(NOW - age - duration),
            ..Flow::EMPTY
        })
}

/// The fields that every format carries: identity, counters, times, interfaces.
fn essence(flow: &Flow) -> impl PartialEq + std::fmt::Debug + use<> {
    let f = *flow;
    (
        (f.src, f.dst, f.sport, f.dport, f.proto, f.tcp_flags, f.tos),
        (f.bytes, f.packets),
        (f.first, f.last),
        (f.input, f.output),
    )
}

proptest! {
    #[test]
    fn v5_comes_back_as_it_was_sent(flows in prop::collection::vec(any_flow(false), 0..100)) {
        let mut encoder = V5Encoder::new(7, 100);
        let mut decoder = Decoder::new();
        let mut back = Vec::new();
        for datagram in encoder.encode(Time(NOW), Time(BOOT), &flows) {
            let report = decoder.decode(Time(NOW), router(), &datagram, &mut back);
            prop_assert_eq!(report.causes.iter().count(), 0, "{:?}", report);
        }
        prop_assert_eq!(back.len(), flows.len());
        for (sent, got) in flows.iter().zip(&back) {
            prop_assert_eq!(essence(sent), essence(got));
            prop_assert_eq!(got.sampling, Sampling::one_in(100));
        }
        prop_assert!(decoder.exporters().iter().all(|exporter| exporter.lost == 0));
    }

    #[test]
    fn v9_comes_back_as_it_was_sent(
        mut flows in prop::collection::vec(prop_oneof![any_flow(false), any_flow(true)], 0..100),
    ) {
        let mut encoder = V9Encoder::new(3).announcing(64);
        let mut decoder = Decoder::new();
        let mut back = Vec::new();
        for datagram in encoder.encode(Time(NOW), Time(BOOT), &flows, true) {
            let report = decoder.decode(Time(NOW), router(), &datagram, &mut back);
            prop_assert_eq!(report.causes.iter().count(), 0, "{:?}", report);
        }
        prop_assert_eq!(back.len(), flows.len());
        // IPv4 and IPv6 flows are in sets of their own, so the order changes.
        let key = |flow: &Flow| (flow.src, flow.dst, flow.sport, flow.dport, flow.first);
        flows.sort_by_key(key);
        back.sort_by_key(key);
        for (sent, got) in flows.iter().zip(&back) {
            prop_assert_eq!(essence(sent), essence(got));
            prop_assert_eq!(got.sampling, Sampling::one_in(64));
        }
    }

    #[test]
    fn random_bytes_never_panic(datagrams in prop::collection::vec(datagram(), 1..20)) {
        let mut decoder = Decoder::new();
        let mut flows = Vec::new();
        for bytes in &datagrams {
            let before = flows.len();
            let report = decoder.decode(Time(NOW), router(), bytes, &mut flows);
            prop_assert_eq!(flows.len() - before, report.flows as usize);
        }
    }

    #[test]
    fn cut_and_damaged_datagrams_give_no_more_than_whole_ones(
        flows in prop::collection::vec(any_flow(false), 1..25), cut in 0usize..1400,
        damage in prop::collection::vec((0usize..1400, any::<u8>()), 0..4),
    ) {
        let mut datagrams = V9Encoder::new(3).encode(Time(NOW), Time(BOOT), &flows, true);
        for datagram in &mut datagrams {
            for (at, byte) in &damage {
                if let Some(slot) = datagram.get_mut(*at) {
                    *slot = *byte;
                }
            }
        }
        let mut decoder = Decoder::new();
        let mut back = Vec::new();
        for datagram in &datagrams {
            decoder.decode(Time(NOW), router(), &datagram[..cut.min(datagram.len())], &mut back);
        }
        // Every flow has its bytes in a datagram. Damage may make a template shorter, so that
        // more records fit into the same bytes, but never more than that.
        let bytes: usize = datagrams.iter().map(Vec::len).sum();
        prop_assert!(back.len() <= bytes / 4);
    }
}

/// Random bytes that look like NetFlow often enough to get past the header.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let noise =
        prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(4), any::<u8>()], 0..300);
    (prop_oneof![Just(1u16), Just(5), Just(7), Just(9), any::<u16>()], noise).prop_map(
        |(version, noise)| {
            let mut bytes = version.to_be_bytes().to_vec();
            bytes.extend(noise);
            bytes
        },
    )
}

#[test]
fn rates_announced_for_an_interface_stay_there() {
    let mut decoder = Decoder::new();
    // Options: scope Interface (2), interval. Data: with the input interface.
    let options = vec![260, 4, 4, 2, 4, 34, 4];
    let data = vec![256, 4, 8, 4, 12, 4, 1, 4, 10, 2];
    let announce = vec![0, 1, 0, 10, 0, 2, 0, 20]; // interface 1: 1 in 10, 2: 1 in 20
    let record = |input| vec![0x0a00, 1, 0xcb00, 1, 0, 500, input];
    let sets = [(1, options), (0, data), (260, announce), (256, record(2)), (256, record(1))];
    let (_, flows) = decode(&mut decoder, &v9(&sets));
    let rates: Vec<_> = flows.iter().map(|flow| flow.sampling.rate()).collect();
    assert_eq!(rates, [Some(20), Some(10)]);
}

/// A v9 datagram with these sets; each is an id and its content.
fn v9(sets: &[(u16, Vec<u16>)]) -> Vec<u8> {
    let mut bytes = vec![0, 9, 0, 1];
    bytes.extend([0u8; 4]);
    bytes.extend(((NOW / 1000) as u32).to_be_bytes());
    bytes.extend([0u8; 8]);
    for (id, words) in sets {
        bytes.extend(id.to_be_bytes());
        bytes.extend((4 + 2 * words.len() as u16).to_be_bytes());
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    }
    bytes
}

fn decode(decoder: &mut Decoder, bytes: &[u8]) -> (DatagramReport, Vec<Flow>) {
    let mut flows = Vec::new();
    let report = decoder.decode(Time(NOW), router(), bytes, &mut flows);
    (report, flows)
}

/// A template of source, destination and bytes, 4 bytes each.
const SHAPE: [u16; 8] = [256, 3, 8, 4, 12, 4, 1, 4];

#[test]
fn a_template_redefined_within_one_datagram_counts_from_there_on() {
    let mut decoder = Decoder::new();
    let record = vec![0x0a00, 1, 0xcb00, 1, 0, 500];
    let other = vec![256, 2, 8, 4, 1, 4]; // without a destination
    let sets = [(0, SHAPE.to_vec()), (256, record), (0, other), (256, vec![0x0a00, 2, 0, 700])];
    let (report, flows) = decode(&mut decoder, &v9(&sets));
    assert_eq!(report.causes.get(Cause::TemplateChanged), 1);
    assert_eq!(flows.iter().map(|flow| flow.bytes).collect::<Vec<_>>(), [500, 700]);
    assert_eq!(flows[1].dst, Host::UNSPECIFIED);
}

#[test]
fn a_flood_of_templates_is_bounded_and_counted() {
    let mut decoder = Decoder::new();
    let mut refused = 0;
    for domain in 0..4u32 {
        for id in 256..=u16::MAX {
            let mut shape = SHAPE;
            shape[0] = id;
            let mut bytes = v9(&[(0, shape.to_vec())]);
            bytes[16..20].copy_from_slice(&domain.to_be_bytes());
            refused += decode(&mut decoder, &bytes).0.causes.get(Cause::TemplateLimit);
        }
    }
    let kept = decoder.exporters()[0].templates;
    assert_eq!(kept, MAX_TEMPLATES);
    assert_eq!(refused as usize, 4 * (65536 - 256) - MAX_TEMPLATES);
    // What was known before the flood still works.
    let record = vec![0x0a00, 1, 0xcb00, 1, 0, 500];
    assert_eq!(decode(&mut decoder, &v9(&[(256, record)])).1.len(), 1);
}

#[test]
fn a_flood_of_large_templates_from_many_senders_is_bounded_and_lets_others_in() {
    let mut decoder = Decoder::new();
    // 500 fields and an id: about 6 kB of memory, 2 kB to send, 16 templates in a datagram.
    let template = |id: u16| {
        let fields: Vec<u16> = (0..500u16).flat_map(|n| [n % 250, 4]).collect();
        [vec![id, 500], fields].concat()
    };
    let mut limited = 0;
    for sender in 0..900u32 {
        for block in 0..4u16 {
            let sets: Vec<(u16, Vec<u16>)> =
                (0..16).map(|n| (0, template(256 + block * 16 + n + sender as u16 % 7))).collect();
            let mut flows = Vec::new();
            let from = Host::v4(0x0a00_0000 + sender);
            let report = decoder.decode(Time(NOW), from, &v9(&sets), &mut flows);
            limited += report.causes.get(Cause::TemplateLimit);
            assert!(decoder.template_bytes() <= MAX_TEMPLATE_BYTES);
        }
    }
    assert!(decoder.template_bytes() > MAX_TEMPLATE_BYTES / 2);
    // A router that comes late still gets a place: senders without flows lose theirs.
    let flow = Flow { src: router(), ..Flow::EMPTY };
    let datagrams = V9Encoder::new(1).encode(Time(NOW), Time(BOOT), &[flow; 3], true);
    let mut flows = Vec::new();
    for datagram in &datagrams {
        decoder.decode(Time(NOW), router(), datagram, &mut flows);
    }
    assert_eq!(flows.len(), 3, "{limited} templates were refused before");
}

#[test]
fn a_flood_of_exporters_does_not_lock_a_router_out() {
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    for n in 0..5000u32 {
        for bytes in [vec![0, 9], v9(&[(0, SHAPE.to_vec())])] {
            decoder.decode(Time(NOW + i64::from(n)), Host::v4(n), &bytes, &mut flows);
        }
    }
    assert_eq!(decoder.exporters().len(), MAX_EXPORTERS);
    let bytes = v9(&[(0, SHAPE.to_vec()), (256, vec![0x0a00, 1, 0xcb00, 1, 0, 500])]);
    assert_eq!(decoder.decode(Time(NOW + 6000), router(), &bytes, &mut flows).flows, 1);
    // Once known, the exporter keeps its place, whatever other senders do.
    for n in 0..5000u32 {
        decoder.decode(Time(NOW + 6000), Host::v4(n), &v9(&[]), &mut flows);
    }
    assert!(decoder.exporters().iter().any(|exporter| exporter.address == router()));
}

#[test]
fn a_broken_set_costs_nothing_else() {
    let mut decoder = Decoder::new();
    let record = vec![0x0a00, 1, 0xcb00, 1, 0, 500];
    let sets = [
        (0, vec![300, 900, 8, 4]), // a template that is cut off
        (77, vec![1, 2, 3]),       // a reserved set
        (0, SHAPE.to_vec()),
        (999, record.clone()), // no such template
        (256, record),
    ];
    let (report, flows) = decode(&mut decoder, &v9(&sets));
    assert_eq!(flows.len(), 1);
    for cause in [Cause::BadTemplate, Cause::ReservedSet, Cause::NoTemplate] {
        assert_eq!(report.causes.get(cause), 1, "{}", cause.name());
    }
}

#[test]
fn templates_belong_to_their_exporter_and_domain() {
    let mut decoder = Decoder::new();
    decode(&mut decoder, &v9(&[(0, SHAPE.to_vec())]));
    let data = v9(&[(256, vec![0x0a00, 1, 0xcb00, 1, 0, 500])]);
    let mut other_domain = data.clone();
    other_domain[19] = 9;
    let mut flows = Vec::new();
    let stranger = Host::octets(192, 0, 2, 2);
    assert_eq!(decoder.decode(Time(NOW), stranger, &data, &mut flows).flows, 0);
    assert_eq!(decoder.decode(Time(NOW), router(), &other_domain, &mut flows).flows, 0);
    assert_eq!(decoder.decode(Time(NOW), router(), &data, &mut flows).flows, 1);
    // An IPv4 exporter that is received on a dual-stack socket is the same exporter.
    let mapped: std::net::Ipv6Addr = "::ffff:192.0.2.1".parse().unwrap();
    let mapped = Host::from(std::net::IpAddr::V6(mapped));
    assert_eq!(decoder.decode(Time(NOW), mapped, &data, &mut flows).flows, 1);
}

#[test]
fn samplers_are_found_by_id_and_by_default() {
    let mut decoder = Decoder::new();
    // Options: scope System (1), sampler id, mode, random interval. Data: with a sampler id.
    let options = vec![260, 4, 12, 1, 0, 48, 1, 49, 1, 50, 4];
    let data = vec![256, 4, 8, 4, 12, 4, 1, 4, 48, 2];
    decode(&mut decoder, &v9(&[(1, options), (0, data)]));
    let announce = vec![0x0502, 0, 0x03e8]; // sampler 5, random, 1 in 1000
    let record = |sampler| vec![0x0a00, 1, 0xcb00, 1, 0, 500, sampler];
    let (report, flows) =
        decode(&mut decoder, &v9(&[(260, announce), (256, record(5)), (256, record(6))]));
    assert_eq!((report.options, flows.len()), (1, 2));
    assert_eq!(flows[0].sampling.rate(), Some(1000));
    assert_eq!(flows[1].sampling.rate(), None, "sampler 6 was never announced");
}

#[test]
fn times_of_any_year_are_counted_and_harmless() {
    for seconds in [0u32, 1, 2_085_978_496, u32::MAX] {
        let mut decoder = Decoder::new();
        let shape = vec![256, 4, 8, 4, 12, 4, 22, 4, 21, 4];
        let mut bytes = v9(&[(0, shape), (256, vec![0x0a00, 1, 0xcb00, 1, 0xffff, 0xffff, 0, 5])]);
        bytes[8..12].copy_from_slice(&seconds.to_be_bytes());
        let (_, flows) = decode(&mut decoder, &bytes);
        let corrected = flows[0].last.plus_ms(flows[0].clock_offset);
        assert!(corrected.since(Time(NOW)).abs() < 60_000, "the exporter's clock is corrected");
    }
    let mut decoder = Decoder::new();
    // Absolute milliseconds of the year 2036 in a datagram of today; the end is before the
    // start.
    let shape = vec![256, 4, 8, 4, 12, 4, 152, 8, 153, 8];
    let record = vec![0x0a00, 1, 0xcb00, 1, 0, 0x01e5, 0xb3a0, 0, 0, 0x01e5, 0xb000, 0];
    let (report, flows) = decode(&mut decoder, &v9(&[(0, shape), (256, record)]));
    assert_eq!(flows.len(), 1);
    assert_eq!(report.causes.get(Cause::FirstAfterLast), 1);
    assert_eq!(report.causes.get(Cause::FarOffTimes), 1);
}

#[test]
fn gaps_are_counted_in_flows_for_v5_and_in_datagrams_for_v9() {
    let flow =
        Flow { src: router(), dst: router(), last: Time(NOW), first: Time(NOW), ..Flow::EMPTY };
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    let mut v5 = V5Encoder::new(0, 0);
    let mut v9 = V9Encoder::new(1);
    for round in 0..3 {
        for datagram in v5.encode(Time(NOW), Time(BOOT), &[flow; 30]) {
            if round != 1 {
                decoder.decode(Time(NOW), Host::v4(5), &datagram, &mut flows);
            }
        }
        for datagram in v9.encode(Time(NOW), Time(BOOT), &[flow; 5], true) {
            if round != 1 {
                decoder.decode(Time(NOW), Host::v4(9), &datagram, &mut flows);
            }
        }
    }
    let lost = |host| decoder.exporters().iter().find(|e| e.address == host).unwrap().lost;
    assert_eq!((lost(Host::v4(5)), lost(Host::v4(9))), (30, 1));
}
