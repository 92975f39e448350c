//! Flows that a router reports at two interfaces are counted once.

use serde_json::{Value, json};
use toptalk::demo::Demo;
use toptalk::flow::Sampling;
use toptalk::flow::{Flow, Host, Time};
use toptalk::ingest::deduplication::Deduplication;
use toptalk::wire::Decoder;
use toptalk::wire::encode::{SampledFlow, SflowEncoder, V9Encoder};

use super::{answer, moments, top, top_of, uploads};
use crate::common::process::{Running, free_port};
use crate::common::sets::{Datagram, iana};
use crate::common::traffic::send_from;

fn bytes(answer: &Value) -> (u64, u64) {
    let of = |class: &str| answer["totals"][class]["bytes"].as_u64().unwrap();
    (of("up"), of("down"))
}

#[test]
fn ingress_and_egress_of_one_interface_lose_nothing() {
    let (now, boot) = moments();
    let uploads = uploads(now, 20);
    // Interface 1 is inside: uploads enter there and downloads leave there.
    let downloads = uploads.iter().map(|flow| Flow { direction: 1, bytes: 500, ..flow.reversed() });
    let flows: Vec<Flow> = uploads.iter().copied().chain(downloads).collect();
    let answer = top_of(&[], &V9Encoder::new(1).encode(now, boot, &flows, true));
    assert_eq!(bytes(&answer), (20_000, 10_000));
    assert_eq!(answer["exporters"][0]["doubled"], 0);
    assert_eq!(answer["noticed"], json!({}));
}

#[test]
fn reports_of_both_interfaces_count_once_unless_configured_otherwise() {
    let (now, boot) = moments();
    let ingress = uploads(now, 20);
    let egress = ingress.iter().map(|flow| Flow { direction: 1, ..*flow });
    let flows: Vec<Flow> = ingress.iter().copied().chain(egress).collect();
    let sent = V9Encoder::new(1).encode(now, boot, &flows, true);
    for (words, want) in [(&[][..], 20_000), (&["--no-dedup"], 40_000)] {
        let answer = top_of(words, &sent);
        assert_eq!(bytes(&answer), (want, 0), "{words:?}");
        let exporter = &answer["exporters"][0];
        assert_eq!((&exporter["flows"], &exporter["doubled"]), (&json!(40), &json!(20)));
        assert_eq!(answer["noticed"], json!({ "doubled": 20 }));
    }
}

#[test]
fn the_demo_router_has_no_duplicates() {
    let start = Time(1_800_000_000_000);
    let mut demo = Demo::new(7, start);
    let (mut decoder, mut doubling) = (Decoder::new(), Deduplication::default());
    let (mut flows, mut seen, mut doubled) = (Vec::new(), 0, 0);
    for second in 1..600 {
        let now = start.plus_ms(second * 1000);
        for datagram in demo.tick(now) {
            let exporter = Host::octets(192, 0, 2, datagram.exporter as u8);
            decoder.decode(now, exporter, &datagram.bytes, &mut flows);
        }
        seen += flows.len();
        doubled += doubling.mark(now, &mut flows);
        flows.clear();
    }
    assert!(seen > 10_000, "{seen}");
    assert_eq!(doubled, 0);
}

/// Ten samples of one conversation from each of four inputs.
fn samples(rate: u32) -> Vec<SampledFlow> {
    let conversation = uploads(Time(0), 1)[0];
    let sampling = Sampling::one_in(rate);
    let sample = |n: u32| Flow { input: 1 + n % 4, output: 9, sampling, ..conversation };
    (0..40).map(|n| SampledFlow { flow: sample(n), frame_length: 1000 }).collect()
}

#[test]
fn packet_samples_are_never_duplicates() {
    // Their times are those of the datagram, so only the input differs.
    for rate in [1, 400] {
        let mut agent = SflowEncoder::new(Host::octets(127, 0, 0, 1), 0);
        let answer = top_of(&[], &agent.encode(60_000, &samples(rate), &[]));
        assert_eq!(answer["exporters"][0]["doubled"], 0, "1 in {rate}");
        assert_eq!(answer["totals"]["up"]["flows"], 40, "1 in {rate}");
        assert_eq!(bytes(&answer), (40_000 * u64::from(rate), 0));
    }
}

#[test]
fn records_of_sampled_packets_are_never_duplicates() {
    let now = Time(1_800_000_000_000);
    let mark = |datagrams: &[Vec<u8>]| {
        let mut flows = Vec::new();
        let mut decoder = Decoder::new();
        for datagram in datagrams {
            decoder.decode(now, Host::octets(192, 0, 2, 1), datagram, &mut flows);
        }
        (flows.len(), Deduplication::default().mark(now, &mut flows))
    };
    // A record with the packet itself (RFC 5477), at the same microsecond at 40 inputs.
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 9, 0, 1, 203, 0, 113, 1];
    packet.extend([156, 64, 1, 187, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2]);
    let fields = [iana(10, 4), iana(323, 8), iana(313, packet.len() as u16)];
    let record = |input: u32| {
        let time = now.0.to_be_bytes();
        [&input.to_be_bytes()[..], &time, &packet].concat()
    };
    let records: Vec<u8> = (1..=40).flat_map(record).collect();
    let message = Datagram::ipfix(1, (now.0 / 1000) as u32, 0).template(300, &fields);
    assert_eq!(mark(&[message.set(300, &records).bytes()]), (40, 0));
    // The same with fields of the packet's header in addition, or instead (RFC 5476, section 8.3):
    // length, then addresses and ports.
    let keys = [iana(10, 4), iana(323, 8), iana(8, 4), iana(12, 4), iana(4, 1)];
    for (beside, value) in [(iana(224, 2), &[0, 40][..]), (iana(313, 34), &packet)] {
        let fields = [&keys[..], &[beside]].concat();
        let record = |input: u32| {
            let keys = [10, 9, 0, 1, 203, 0, 113, 1, 6];
            [&input.to_be_bytes()[..], &now.0.to_be_bytes(), &keys, value].concat()
        };
        let records: Vec<u8> = (1..=40).flat_map(record).collect();
        let message = Datagram::ipfix(1, (now.0 / 1000) as u32, 0).template(300, &fields);
        let message = message.set(300, &records).bytes();
        assert_eq!(mark(std::slice::from_ref(&message)), (40, 0), "{beside:?}");
        let mut flows = Vec::new();
        Decoder::new().decode(now, Host::octets(192, 0, 2, 1), &message, &mut flows);
        assert!(flows.iter().all(|flow| (flow.bytes, flow.packets) == (40, 1)), "{:?}", flows[0]);
    }
    // Records that name a sampler whose rate is not known yet, and records without a
    // sampler.
    let fields = [iana(10, 4), iana(8, 4), iana(1, 4), iana(152, 8), iana(153, 8), iana(48, 1)];
    for (sampler, doubled) in [(3, 0), (0, 39)] {
        let record = |input: u32| {
            let ends = [now.plus_ms(-5000).0.to_be_bytes(), now.0.to_be_bytes()].concat();
            [&input.to_be_bytes()[..], &[10, 9, 0, 1, 0, 0, 1, 0], &ends, &[sampler]].concat()
        };
        let records: Vec<u8> = (1..=40).flat_map(record).collect();
        let message = Datagram::ipfix(1, (now.0 / 1000) as u32, 0).template(300, &fields);
        let message = message.set(300, &records).bytes();
        assert_eq!(mark(&[message]), (40, doubled), "sampler {sampler}");
    }
    // Flows of a router that samples one packet in 100 at each of its interfaces: two samplers
    // never choose the same packets.
    let sampled = |flow: &Flow| Flow { sampling: Sampling::one_in(100), ..*flow };
    let ingress: Vec<Flow> = uploads(now, 20).iter().map(sampled).collect();
    let egress = ingress.iter().map(|flow| Flow { direction: 1, ..*flow });
    let mut flows: Vec<Flow> = ingress.iter().copied().chain(egress).collect();
    assert_eq!(Deduplication::default().mark(now, &mut flows), 0);
    // A rate of one in one samples all packets.
    for flow in &mut flows {
        flow.sampling = Sampling::one_in(1);
    }
    assert_eq!(Deduplication::default().mark(now, &mut flows), 20);
}

/// Traffic of the benches: a million flows of 100,000 conversations, 10,000 a second.
#[path = "../../../../benches/common/mod.rs"]
mod generator;

#[test]
fn of_a_million_flows_at_most_one_is_paired_by_mistake() {
    // Each flow is seen once, at an interface of its own. Flows of a conversation have the same
    // ports; with a clock with steps of a second, connections have client ports of their own,
    // as those of real hosts.
    for coarse_clock in [false, true] {
        let mut flows = generator::flows(generator::Shape::Mixed, 1_000_000, 100_000, 100);
        for (index, flow) in flows.iter_mut().enumerate() {
            (flow.input, flow.coarse_clock) = (index as u32 % 48, coarse_clock);
            let client = if flow.dport == 443 { &mut flow.sport } else { &mut flow.dport };
            *client = if coarse_clock { 49_152 + (index % 16_384) as u16 } else { *client };
        }
        let mut deduplication = Deduplication::default();
        let batches = flows.chunks_mut(4096);
        let marked: usize = batches.map(|batch| deduplication.mark(batch[0].arrival, batch)).sum();
        assert!(marked <= 1, "{marked}, coarse: {coarse_clock}");
    }
}

#[test]
fn flows_of_two_exporters_are_told_and_with_count_once_counted_once() {
    let (now, boot) = moments();
    let flows = uploads(now, 40);
    for workers in ["1", "2"] {
        for (words, bytes_want, marked) in [(&[][..], 56_000, 0), (&["--count-once"], 40_000, 16)] {
            let port = free_port();
            let words = [&["--workers", workers], words].concat();
            let running = Running::start(&mut top(&words, port), "listening");
            let templates = |source| V9Encoder::new(source).encode(now, boot, &[], true);
            send_from("127.0.0.1", port, &templates(1));
            send_from("127.0.0.2", port, &templates(1));
            send_from("127.0.0.1", port, &V9Encoder::new(1).encode(now, boot, &flows, true));
            send_from("127.0.0.2", port, &V9Encoder::new(1).encode(now, boot, &flows[..16], true));
            let answer = answer(running);
            assert_eq!(bytes(&answer).0, bytes_want, "{words:?}");
            let doubled = &answer["exporters"].as_array().unwrap();
            let doubled: u64 = doubled.iter().map(|one| one["doubled"].as_u64().unwrap()).sum();
            assert_eq!(doubled, marked, "{words:?}");
            let notes = answer["notes"].to_string();
            let note = "127.0.0.1 and 127.0.0.2 report the same flows: 100 % of the bytes";
            assert_eq!(notes.contains(note), marked == 0, "{words:?}: {notes}");
        }
    }
}

#[test]
fn two_probes_of_one_host_count_a_flow_once() {
    // As firewalls run them: one probe for an interface and one for a VLAN on it, with the same
    // address and source id, and another source port.
    let (now, boot) = moments();
    let flows = uploads(now, 20);
    let encode = |boot| {
        let later = |flow: &Flow| Flow {
            first: flow.first.plus_ms(3),
            last: flow.last.plus_ms(3),
            ..*flow
        };
        let flows: Vec<Flow> = flows.iter().map(later).collect();
        V9Encoder::new(1).encode(now, boot, &flows, true)
    };
    let port = free_port();
    let running = Running::start(&mut top(&[], port), "listening");
    send_from("127.0.0.1", port, &V9Encoder::new(1).encode(now, boot, &flows, true));
    send_from("127.0.0.1", port, &encode(boot.plus_ms(-77_000)));
    let both = answer(running);
    assert_eq!(bytes(&both), (20_000, 0));
    assert_eq!(both["exporters"][0]["doubled"], 20);
    let twice = [encode(boot), encode(boot)].concat();
    let again = top_of(&[], &twice);
    assert_eq!(again["exporters"][0]["doubled"], 0, "the same session");
}
