//! IPFIX: the decoder reads what the encoder sends, and what the RFC allows in addition.

use crate::common::sets::{Datagram, Spec, VARIABLE, counted, iana, of};
use proptest::prelude::*;
use toptalk::flow::{Flow, Host, Network, Sampling, Time};
use toptalk::wire::encode::{IpfixEncoder, MAX_MESSAGE};
use toptalk::wire::policy::{GivenRate, Policy};
use toptalk::wire::{Cause, DatagramReport, Decoder};

const NOW: i64 = 1_800_000_000_000;
const SECONDS: u32 = (NOW / 1000) as u32;

fn router() -> Host {
    Host::octets(192, 0, 2, 1)
}

fn decode(decoder: &mut Decoder, bytes: &[u8]) -> (DatagramReport, Vec<Flow>) {
    let mut flows = Vec::new();
    let report = decoder.decode(Time(NOW), router(), bytes, &mut flows);
    assert_eq!(flows.len(), report.flows as usize);
    (report, flows)
}

fn causes(report: &DatagramReport) -> Vec<(Cause, u32)> {
    report.causes.iter().collect()
}

fn any_flow() -> impl Strategy<Value = Flow> {
    let address = |v6: bool, n: u128| if v6 { Host(n | 1 << 127) } else { Host::v4(n as u32 | 1) };
    (
        any::<(bool, u128, u128, u128)>(),
        any::<(u16, u16, u16, u8, u8, u8, u8, u8, bool)>(),
        any::<(u64, u64, u32, u32, u32, u32)>(),
        (0i64..80_000_000, 0i64..3_000_000),
    )
        // Counters that packets can have: others are not used.
        .prop_map(move |(hosts, b, c, times)| {
            (hosts, b, (c.0 % (1 << 30), c.1 | 1 << 20, c.2, c.3, c.4, c.5), times)
        })
        .prop_map(move |((v6, src, dst, hop), b, c, (age, duration))| Flow {
            src: address(v6, src),
            dst: address(v6, dst),
            next_hop: address(v6, hop),
            sport: b.0,
            dport: b.1,
            vlan: b.2,
            proto: b.3,
            tcp_flags: b.4,
            tos: b.5,
            src_mask: b.6,
            dst_mask: b.7,
            direction: u8::from(b.8),
            bytes: c.0,
            packets: c.1,
            input: c.2,
            output: c.3,
            src_as: c.4,
            dst_as: c.5,
            last: Time(NOW - age),
            first: Time(NOW - age - duration),
            exporter: router(),
            domain: 3,
            arrival: Time(NOW),
            sampling: Sampling::one_in(64),
            ..Flow::EMPTY
        })
}

/// Sorts flows: IPv4 and IPv6 flows are in sets of their own, so the order changes.
fn sorted(mut flows: Vec<Flow>) -> Vec<Flow> {
    flows.sort_by_key(|flow| (flow.src, flow.dst, flow.sport, flow.dport, flow.first, flow.bytes));
    flows
}

/// The flows of these messages, which must not cause any problem.
fn clean(decoder: &mut Decoder, messages: &[Vec<u8>]) -> Vec<Flow> {
    let mut flows = Vec::new();
    for message in messages {
        assert!(message.len() <= MAX_MESSAGE);
        let (report, more) = decode(decoder, message);
        assert_eq!(causes(&report), [], "{report:?}");
        flows.extend(more);
    }
    flows
}

proptest! {
    #[test]
    fn every_field_comes_back(flows in prop::collection::vec(any_flow(), 0..100)) {
        let mut decoder = Decoder::new();
        let sent = IpfixEncoder::new(3).announcing(64).encode(Time(NOW), &flows, true);
        prop_assert_eq!(sorted(clean(&mut decoder, &sent)), sorted(flows));
        prop_assert!(decoder.exporters().iter().all(|exporter| exporter.lost == 0));
    }

    #[test]
    fn uptimes_are_placed_by_the_start(
        flows in prop::collection::vec(any_flow(), 1..50), up in 100_000_000i64..(1 << 32),
    ) {
        let mut decoder = Decoder::new();
        let mut encoder = IpfixEncoder::new(3).announcing(64).uptime(Time(NOW - up));
        let sent = encoder.encode(Time(NOW), &flows, true);
        prop_assert_eq!(sorted(clean(&mut decoder, &sent)), sorted(flows));
    }

    #[test]
    fn strings_may_stand_between(
        values in prop::collection::vec((any::<[u32; 3]>(), ".{0,300}", ".{0,80}", any::<bool>()), 1..20),
    ) {
        let fields = [
            iana(8, 4), iana(82, VARIABLE), iana(12, 4), of(9, 12_235, VARIABLE), iana(1, 4),
        ];
        let mut datagram = Datagram::ipfix(3, SECONDS, 0).template(256, &fields);
        for ([src, dst, bytes], one, other, long) in &values {
            let word = |n: &u32| n.to_be_bytes().to_vec();
            let parts = [
                word(src), counted(one.as_bytes(), *long),
                word(dst), counted(other.as_bytes(), *long), word(bytes),
            ];
            datagram = datagram.set(256, &parts.concat());
        }
        let (report, flows) = decode(&mut Decoder::new(), &datagram.bytes());
        prop_assert_eq!(causes(&report), [(Cause::NoTimes, values.len() as u32)]);
        for (flow, ([src, dst, bytes], ..)) in flows.iter().zip(&values) {
            prop_assert_eq!((flow.src, flow.dst), (Host::v4(*src), Host::v4(*dst)));
            prop_assert_eq!(flow.bytes, u64::from(*bytes));
        }
    }

    #[test]
    fn any_order_of_templates_and_data_gives_the_same_flows(
        flows in prop::collection::vec(any_flow(), 1..120), late in 0usize..20,
    ) {
        let mut encoder = IpfixEncoder::new(3);
        let mut sent = encoder.encode(Time(NOW), &flows, false);
        let templates = encoder.encode(Time(NOW), &[], true);
        let late = late.min(sent.len());
        sent.splice(late..late, templates);
        let mut decoder = Decoder::new();
        let mut back = Vec::new();
        for message in &sent {
            back.extend(decode(&mut decoder, message).1);
        }
        let plain = flows.iter().map(|f| Flow { sampling: Sampling::UNKNOWN, ..*f }).collect();
        prop_assert_eq!(sorted(back), sorted(plain));
        prop_assert_eq!(decoder.exporters()[0].held, 0);
    }
}

/// A template of source, destination and bytes, 4 bytes each.
const SHAPE: [Spec; 3] = [iana(8, 4), iana(12, 4), iana(1, 4)];

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn message(sequence: u32) -> Datagram {
    Datagram::ipfix(3, SECONDS, sequence)
}

#[test]
fn a_biflow_is_two_flows() {
    let reverse = |id| of(29305, id, 4);
    let fields = [iana(8, 4), iana(12, 4), iana(7, 2), iana(11, 2), iana(4, 1), iana(1, 4)];
    let fields = [&fields[..], &[iana(2, 4), reverse(1), reverse(2)]].concat();
    let mut record = words(&[0x0a00_0001, 0xc633_6401, 0xc350_01bb]);
    record.push(6);
    record.extend(words(&[500, 5, 70_000, 60]));
    let (report, flows) =
        decode(&mut Decoder::new(), &message(0).template(256, &fields).set(256, &record).bytes());
    assert_eq!((report.flows, report.reversed), (2, 1));
    let ends = |flow: &Flow| (flow.src, flow.sport, flow.dst, flow.dport, flow.bytes, flow.packets);
    let (client, server) = (Host::v4(0x0a00_0001), Host::v4(0xc633_6401));
    assert_eq!(ends(&flows[0]), (client, 50_000, server, 443, 500, 5));
    assert_eq!(ends(&flows[1]), (server, 443, client, 50_000, 70_000, 60));
}

#[test]
fn uptimes_without_a_start_end_when_they_are_sent() {
    let fields = [iana(8, 4), iana(12, 4), iana(22, 4), iana(21, 4)];
    let record = words(&[1, 2, 40_000, 50_000]);
    let mut decoder = Decoder::new();
    let sent = message(0).template(256, &fields).set(256, &record).bytes();
    let (report, flows) = decode(&mut decoder, &sent);
    assert_eq!(causes(&report), [(Cause::GuessedTimes, 1)]);
    assert_eq!((flows[0].first, flows[0].last), (Time(NOW - 10_000), Time(NOW)));
    // The start of the exporter is announced later: from then on times are exact.
    let start = [0u32.to_be_bytes().to_vec(), (NOW - 60_000).to_be_bytes().to_vec()].concat();
    let init = message(1).options(300, 1, &[iana(149, 4), iana(160, 8)]).set(300, &start);
    decode(&mut decoder, &init.bytes());
    let (report, flows) = decode(&mut decoder, &message(2).set(256, &record).bytes());
    assert_eq!(causes(&report), []);
    assert_eq!((flows[0].first, flows[0].last), (Time(NOW - 20_000), Time(NOW - 10_000)));
}

#[test]
fn fields_of_enterprises_are_no_fields_of_ours() {
    let fields =
        [of(9, 8, 4), iana(8, 4), of(35632, 12, 4), iana(12, 4), of(4242, 1, 8), iana(1, 4)];
    let record = words(&[9, 0x0a00_0001, 9, 0x0a00_0002, 9, 9, 500]);
    let (_, flows) =
        decode(&mut Decoder::new(), &message(0).template(256, &fields).set(256, &record).bytes());
    assert_eq!((flows[0].src, flows[0].dst), (Host::v4(0x0a00_0001), Host::v4(0x0a00_0002)));
    assert_eq!(flows[0].bytes, 500);
}

#[test]
fn a_withdrawn_template_is_gone_and_data_waits_again() {
    let mut decoder = Decoder::new();
    let data = words(&[1, 2, 500]);
    decode(&mut decoder, &message(0).template(256, &SHAPE).template(257, &SHAPE).bytes());
    let (report, _) = decode(&mut decoder, &message(0).template(256, &[]).bytes());
    assert_eq!(causes(&report), [(Cause::TemplateWithdrawn, 1)]);
    let (report, flows) = decode(&mut decoder, &message(0).set(256, &data).set(257, &data).bytes());
    assert_eq!(
        (causes(&report), flows.len()),
        (vec![(Cause::NoTemplate, 1), (Cause::NoTimes, 1)], 1)
    );
    // A withdrawal of all: the set's own id means every data template.
    let (report, _) = decode(&mut decoder, &message(2).template(2, &[]).bytes());
    assert_eq!(causes(&report), [(Cause::TemplateWithdrawn, 1)]);
    // A template of other fields with the old id is new, not a change. Pending sets are decoded.
    let other = [iana(12, 4), iana(8, 4), iana(2, 4)];
    let (report, flows) = decode(&mut decoder, &message(2).template(256, &other).bytes());
    assert_eq!(report.causes.get(Cause::TemplateChanged), 0);
    assert_eq!((flows[0].src, flows[0].dst), (Host::v4(2), Host::v4(1)));
}

#[test]
fn a_redefinition_counts_from_there_on() {
    let mut decoder = Decoder::new();
    let other = [iana(12, 4), iana(8, 4), iana(1, 4)];
    let record = words(&[1, 2, 500]);
    let sent = message(0).template(256, &SHAPE).set(256, &record);
    let (report, flows) =
        decode(&mut decoder, &sent.template(256, &other).set(256, &record).bytes());
    assert_eq!(report.causes.get(Cause::TemplateChanged), 1);
    let sources: Vec<Host> = flows.iter().map(|flow| flow.src).collect();
    assert_eq!(sources, [Host::v4(1), Host::v4(2)]);
}

#[test]
fn gaps_are_counted_in_records() {
    let flow = Flow { src: Host::v4(1), dst: Host::v4(2), ..Flow::EMPTY };
    let mut encoder = IpfixEncoder::new(3).announcing(10);
    let mut decoder = Decoder::new();
    for round in 0..6 {
        for sent in encoder.encode(Time(NOW), &[flow; 7], round % 2 == 0) {
            if round != 3 && round != 4 {
                decode(&mut decoder, &sent);
            }
        }
    }
    // Two messages of seven flows, and the record of the options.
    assert_eq!(decoder.exporters()[0].lost, 15);
    assert_eq!(decoder.exporters()[0].restarts, 0);
}

#[test]
fn the_administrator_has_the_last_word() {
    let allow: Network = "192.0.2.0/24".parse().unwrap();
    let given = |exporter, rate| GivenRate { exporter, rate: Sampling::one_in(rate) };
    let sampling = vec![given(None, 5), given(Some(router()), 7)];
    let mut decoder =
        Decoder::with_policy(Policy { allow: vec![allow], sampling, ..Policy::default() });
    let flow = Flow { src: Host::v4(1), dst: Host::v4(2), ..Flow::EMPTY };
    let sent = IpfixEncoder::new(3).announcing(64).encode(Time(NOW), &[flow], true);
    let mut flows = Vec::new();
    for (host, rate) in [(1, Some(7)), (2, Some(5))] {
        flows.clear();
        decoder.decode(Time(NOW), Host::octets(192, 0, 2, host), &sent[0], &mut flows);
        assert_eq!(flows[0].sampling.rate(), rate);
    }
    let stranger = Host::octets(192, 0, 3, 1);
    let report = decoder.decode(Time(NOW), stranger, &sent[0], &mut flows);
    assert_eq!((report.flows, causes(&report)), (0, vec![(Cause::NotAllowed, 1)]));
    assert_eq!(decoder.refused(), (vec![(stranger, 1)], 0));
    assert_eq!(decoder.exporters().len(), 2);
}
