//! Tests with datagrams that are put together word by word.

mod sightings;

use proptest::prelude::*;

use super::*;
use crate::flow::Sampling;
use crate::wire::DatagramReport;
use crate::wire::exporter::policy::GivenRate;
use crate::wire::observer::{Observer, RecordSeen, TemplateSeen};
use crate::wire::{Decoder, Policy};

const NOW: Time = Time(1_700_000_000_000);
const FROM: Host = Host::octets(192, 0, 2, 1);

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A format, a length, the content and its padding.
fn item(format: u32, content: &[u8]) -> Vec<u8> {
    let mut out = words(&[format, content.len() as u32]);
    out.extend(content);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// A datagram of agent 10.0.0.9, sub-agent 7.
fn datagram(samples: &[Vec<u8>]) -> Vec<u8> {
    let mut out = words(&[5, 1, 0x0a00_0009, 7, 100, 60_000, samples.len() as u32]);
    samples.iter().for_each(|sample| out.extend(sample));
    out
}

/// A flow sample: one packet in 512 on ifIndex 3, from ifIndex 3 to `output`.
fn flow_sample(output: u32, records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = words(&[21, 3, 512, 5120, 4, 3, output, records.len() as u32]);
    records.iter().for_each(|record| out.extend(record));
    item(1, &out)
}

fn raw_header(protocol: u32, frame_length: u32, header: &[u8]) -> Vec<u8> {
    let mut out = words(&[protocol, frame_length, 4, header.len() as u32]);
    out.extend(header);
    item(1, &out)
}

/// A UDP packet from 10.0.0.1:2055 to 192.0.2.9:53.
fn udp() -> Vec<u8> {
    let mut out = vec![0x45, 0xb8, 0, 90, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 9];
    out.extend([8, 7, 0, 53, 0, 70, 0, 0]);
    out
}

fn ethernet(kinds: &[u8], ip: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], kinds, ip].concat()
}

/// Keeps the samples that it is shown.
#[derive(Default)]
struct Seen {
    samples: Vec<Sample>,
    flows: Vec<Flow>,
}

impl Observer for Seen {
    fn template(&mut self, _: &TemplateSeen<'_>) {}

    fn record(&mut self, _: &RecordSeen<'_>) {}

    fn problem(&mut self, _: Cause, _: usize) {}

    fn sample(&mut self, sample: &Sample, flow: Option<&Flow>) {
        self.samples.push(sample.clone());
        self.flows.extend(flow);
    }
}

struct Result {
    flows: Vec<Flow>,
    samples: Vec<Sample>,
    report: DatagramReport,
    decoder: Decoder,
}

fn decode(bytes: &[u8]) -> Result {
    let mut decoder = Decoder::new();
    let (mut flows, mut seen) = (Vec::new(), Seen::default());
    let report = decoder.decode_seen(NOW, FROM, bytes, &mut flows, Some(&mut seen));
    assert_eq!(seen.flows, flows);
    let samples = seen.samples;
    assert_eq!(report.flows as usize, flows.len());
    Result { flows, samples, report, decoder }
}

/// The flow and the sample of a datagram with this sample, which must have no problem.
fn one_flow(sample: Vec<u8>) -> (Flow, Sample) {
    let got = decode(&datagram(&[sample]));
    assert_eq!(got.report.causes.iter().collect::<Vec<_>>(), []);
    assert_eq!((got.flows.len(), got.report.samples.flow), (1, 1));
    (got.flows[0], got.samples[0].clone())
}

#[test]
fn a_sampled_packet_is_one_flow_at_the_samples_rate() {
    let frame = ethernet(&[0x81, 0, 0, 30, 8, 0], &udp());
    let switch = item(1001, &words(&[40, 0, 50, 0]));
    let router = item(1002, &words(&[1, 0xc000_02fe, 24, 16]));
    let gateway =
        words(&[1, 0xc000_02fd, 64_512, 64_500, 64_501, 2, 2, 2, 1, 2, 1, 1, 64_510, 0, 0]);
    let vendor = item(4413 << 12 | 1, &[1, 2, 3]);
    let records = [raw_header(1, 108, &frame), switch, vendor, router, item(1003, &gateway)];
    let (flow, sample) = one_flow(flow_sample(4, &records));
    let want = Flow {
        src: Host::octets(10, 0, 0, 1),
        dst: Host::octets(192, 0, 2, 9),
        next_hop: Host::octets(192, 0, 2, 254),
        exporter: FROM,
        domain: 7,
        first: NOW,
        last: NOW,
        arrival: NOW,
        bytes: 108,
        packets: 1,
        packet_sample: true,
        sampling: Sampling::one_in(512),
        direction: 0,
        input: 3,
        output: 4,
        src_as: 64_500,
        dst_as: 64_510,
        sport: 2055,
        dport: 53,
        vlan: 30,
        proto: 17,
        tos: 0xb8,
        src_mask: 24,
        dst_mask: 16,
        ..Flow::EMPTY
    };
    assert_eq!(flow, want);
    assert_eq!((sample.agent, sample.sub_agent), (Host::octets(10, 0, 0, 9), 7));
    assert_eq!(
        (sample.kind, sample.sequence, sample.pool, sample.drops),
        (SampleKind::Flow, 21, 5120, 4)
    );
    assert_eq!((sample.src_vlan, sample.dst_vlan, sample.source_index), (40, 50, 3));
    assert_eq!(sample.formats, [1, 1001, 4413 << 12 | 1, 1002, 1003]);
}

#[test]
fn all_header_protocols_and_encapsulations_are_read() {
    let mpls = [&[0, 1, 0, 64, 0, 2, 1, 64][..], &udp()].concat();
    let six = "2001:db8::1".parse::<Host>().unwrap();
    let mut extended = vec![0x60, 0, 0, 0, 0, 16, 0, 64];
    extended.extend(six.0.to_be_bytes());
    extended.extend((six.0 + 1).to_be_bytes());
    extended.extend([17, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 53, 0, 8, 0, 0]);
    let rows = [
        (1, ethernet(&[0x88, 0xa8, 0, 99, 0x81, 0, 0, 30, 8, 0], &udp()), 99),
        (1, ethernet(&[0x88, 0x47], &mpls), 0),
        (1, ethernet(&[0x86, 0xdd], &extended), 0),
        (7, [&[0xff, 3, 0, 0x21][..], &udp()].concat(), 0),
        (11, udp(), 0),
        (12, extended, 0),
        (13, mpls, 0),
    ];
    for (protocol, header, vlan) in rows {
        let (flow, sample) = one_flow(flow_sample(0, &[raw_header(protocol, 999, &header)]));
        assert_eq!((flow.sport, flow.dport, flow.proto), (2055, 53, 17), "{protocol}");
        assert_eq!((flow.vlan, flow.bytes, sample.header_protocol), (vlan, 999, protocol));
    }
}

#[test]
fn addresses_without_a_header_are_a_flow_too() {
    let four = item(3, &words(&[1400, 6, 0x0a00_0001, 0xc000_0209, 40_000, 443, 0x18, 0xb8]));
    let mut six = words(&[1400, 6]);
    six.extend([0x20; 32]);
    six.extend(words(&[40_000, 443, 0x18, 0xb8]));
    let six = item(4, &six);
    let switch = item(1001, &words(&[40, 0, u32::MAX, 0]));
    for (record, src) in
        [(four.clone(), Host::octets(10, 0, 0, 1)), (six, Host(u128::MAX / 255 * 32))]
    {
        let (flow, _) = one_flow(flow_sample(0, &[switch.clone(), record]));
        assert_eq!((flow.src, flow.bytes, flow.vlan), (src, 1400, 40));
        assert_eq!((flow.sport, flow.dport, flow.tcp_flags), (40_000, 443, 0x18));
    }
    // The packet header takes precedence, in either order; a header without IP does not.
    let header = raw_header(1, 108, &ethernet(&[8, 0], &udp()));
    let arp = raw_header(1, 64, &ethernet(&[8, 6], &[0; 28]));
    for records in [[four.clone(), header.clone()], [header, four.clone()]] {
        assert_eq!(one_flow(flow_sample(0, &records)).0.bytes, 108);
    }
    for records in [[four.clone(), arp.clone()], [arp, four]] {
        assert_eq!(one_flow(flow_sample(0, &records)).0.bytes, 1400);
    }
}

#[test]
fn interfaces_that_are_none_are_0() {
    let header = || raw_header(1, 108, &ethernet(&[8, 0], &udp()));
    for (word, format, value, index) in [
        (0x3fff_ffff, 0, 0x3fff_ffff, 0),
        (1 << 30 | 257, 1, 257, 0),
        (2 << 30 | 5, 2, 5, 0),
        (70_000, 0, 70_000, 70_000),
    ] {
        let (flow, sample) = one_flow(flow_sample(word, &[header()]));
        assert_eq!((sample.output_format, sample.output, flow.output), (format, value, index));
        let mut expanded = words(&[1, 0, 3, 512, 1, 0, 0, 3, format, value, 1]);
        expanded.extend(header());
        let (flow, sample) = one_flow(item(3, &expanded));
        assert_eq!((sample.output_format, sample.output, flow.output), (format, value, index));
    }
}

#[test]
fn samples_without_addresses_and_dropped_packets_are_no_flows() {
    let frame = item(2, &words(&[64, 0x0200_0000, 0x0001_0000, 0x0200_0000, 0x0002_0000, 0x806]));
    let mut discard = words(&[9, 0, 3, 77, 3, 0, 262, 1]);
    discard.extend(raw_header(1, 108, &ethernet(&[8, 0], &udp())));
    let vendor = item(8800 << 12 | 2, &[1; 9]);
    let got = decode(&datagram(&[
        flow_sample(4, &[frame]),
        item(5, &discard),
        vendor,
        flow_sample(4, &[raw_header(1, 108, &ethernet(&[8, 0], &udp()))]),
    ]));
    let samples = got.report.samples;
    assert_eq!((samples.flow, samples.counter, samples.discard, samples.other), (2, 0, 1, 1));
    assert_eq!((got.flows.len(), got.report.addressless.records), (1, 1));
    assert_eq!(got.report.addressless.bytes, 64);
    let causes: Vec<_> = got.report.causes.iter().collect();
    assert_eq!(causes, [(Cause::NoAddresses, 1)]);
    let discard = &got.samples[1];
    assert_eq!((discard.kind, discard.reason, discard.drops), (SampleKind::Discard, 262, 77));
    assert_eq!(discard.packet.as_ref().map(|packet| packet.dport), Some(53));
    assert_eq!(got.samples[2].kind, SampleKind::Other);
}

/// A counter sample of ifIndex 12 with the name first, as hsflowd sends it.
fn counter_sample(octets: u32) -> Vec<u8> {
    let name = [&words(&[4])[..], b"eno1"].concat();
    let mut counters = words(&[12, 6, 0, 1_000_000_000, 1, 3, 0, octets]);
    counters.extend(words(&[28, u32::MAX, u32::MAX, 1, 2, 3, 1, 0, 29, 0, 0, 0, 0, 0]));
    let mut out = words(&[1, 12, 2]);
    out.extend(item(1005, &name));
    out.extend(item(1, &counters));
    item(2, &out)
}

#[test]
fn counters_and_port_names_go_to_the_interfaces() {
    let mut got = decode(&datagram(&[counter_sample(1000)]));
    assert_eq!((got.report.samples.counter, got.report.causes.iter().count()), (1, 0));
    let later = datagram(&[counter_sample(3500)]);
    got.decoder.decode(NOW.plus_ms(20_000), FROM, &later, &mut got.flows);
    let interfaces = got.decoder.interfaces(FROM).unwrap();
    let port = interfaces.get(12).unwrap();
    assert_eq!((&*port.name, port.speed), ("eno1", 1_000_000_000));
    assert_eq!((port.in_rate, port.out_rate), (Some(1000), Some(0)));
    let (_, counters) = port.counters.unwrap();
    assert_eq!((counters.in_octets, counters.out_octets), (Some(3500), Some(1 << 32)));
    assert_eq!((counters.in_unicast, counters.in_multicast), (Some(28), None));
    assert!(counters.is_up());
    let known = &got.decoder.exporters()[0];
    assert_eq!((known.protocol, known.flows, known.datagrams), (Some(Protocol::Sflow5), 0, 2));
}

#[test]
fn agents_may_have_addresses_of_any_family() {
    let sample = flow_sample(4, &[raw_header(11, 90, &udp())]);
    let six = "2001:db8::9".parse::<Host>().unwrap();
    let rows = [
        (vec![0], Host::UNSPECIFIED),
        (vec![1, 0x0a00_0009], Host::octets(10, 0, 0, 9)),
        (vec![2, 0x2001_0db8, 0, 0, 9], six),
    ];
    for (address, agent) in rows {
        let mut bytes = words(&[&[5], &address[..], &[7, 100, 60_000, 1]].concat());
        bytes.extend(&sample);
        let got = decode(&bytes);
        assert_eq!((got.flows.len(), got.samples[0].agent), (1, agent));
        assert_eq!((got.flows[0].exporter, got.flows[0].domain), (FROM, 7));
    }
    let strange = decode(&words(&[5, 3, 0, 0, 0, 0, 0, 0]));
    assert_eq!(strange.report.causes.get(Cause::BadHeader), 1);
    for version in [2, 4, 6] {
        let got = decode(&words(&[version, 1, 0, 0, 0, 0, 0, 0]));
        assert_eq!(got.report.causes.get(Cause::UnknownVersion), 1);
    }
}

#[test]
fn lost_datagrams_are_counted_by_sub_agent() {
    let mut decoder = Decoder::new();
    for (sub_agent, sequence) in [(1, 10), (2, 900), (1, 11), (2, 903), (1, 12)] {
        let bytes = words(&[5, 1, 9, sub_agent, sequence, 60_000 + sequence, 0]);
        decoder.decode(NOW, FROM, &bytes, &mut Vec::new());
    }
    assert_eq!(decoder.exporters()[0].lost, 2);
}

#[test]
fn a_wrong_length_costs_its_own_sample_at_most() {
    let good = || flow_sample(4, &[raw_header(11, 90, &udp())]);
    for length in [0, 1, 4, 40, 79, 81, 84, 4000, 0x7fff_ffff, 0xffff_fffc, u32::MAX] {
        let mut bad = good();
        bad[4..8].copy_from_slice(&length.to_be_bytes());
        let got = decode(&datagram(&[good(), bad, good()]));
        assert_eq!(got.flows.len(), 3, "{length}: its records say where it ends");
        assert_eq!(
            got.report.causes.get(Cause::BadSample),
            u32::from(good().len() - 8 != length as usize)
        );
    }
    for length in [0, 1, 200, 0x7fff_ffff, u32::MAX] {
        let mut bad = good();
        bad[44..48].copy_from_slice(&length.to_be_bytes()); // of its record
        let got = decode(&datagram(&[good(), bad, good()]));
        assert!(got.flows.len() >= 2, "{length}");
        assert_eq!(got.report.samples.flow, 3, "{length}");
        assert!(got.report.causes.get(Cause::BadSample) > 0, "{length}");
    }
    for records in [0, 2, u32::MAX] {
        let mut bad = good();
        bad[36..40].copy_from_slice(&u32::to_be_bytes(records));
        let got = decode(&datagram(&[good(), bad, good()]));
        assert_eq!(got.report.samples.flow, 3, "{records} records");
        assert!(got.flows.len() >= 2);
    }
}

#[test]
fn a_wrong_count_and_a_cut_datagram_are_reported() {
    let sample = flow_sample(4, &[raw_header(11, 90, &udp())]);
    let whole = datagram(&[sample.clone(), sample]);
    for (count, flows, cause) in
        [(0, 0, Cause::Leftover), (1, 1, Cause::Leftover), (9, 2, Cause::SetTruncated)]
    {
        let mut bytes = whole.clone();
        bytes[24..28].copy_from_slice(&u32::to_be_bytes(count));
        let got = decode(&bytes);
        assert_eq!((got.flows.len(), got.report.causes.get(cause)), (flows, 1), "{count}");
    }
    for cut in 0..whole.len() {
        let got = decode(&whole[..cut]);
        assert!(got.report.causes.iter().count() > 0, "{cut}");
        // A packet that is cut off after its addresses still makes a flow.
        let second = cut >= whole.len() - 8;
        assert_eq!(got.flows.len() == 2, second, "{cut}");
    }
}

proptest! {
    #[test]
    fn no_damage_panics(
        // The version is not changed: datagrams that are not sFlow are for other tests.
        damage in prop::collection::vec((4usize..400, any::<u8>()), 0..8),
        cut in 0usize..400,
    ) {
        let header = raw_header(1, 108, &ethernet(&[8, 0], &udp()));
        let gateway = item(1003, &words(&[1, 9, 1, 2, 3, 2, 2, 2, 1, 2, 1, 1, 4, 0, 0]));
        let mut bytes =
            datagram(&[flow_sample(4, &[header, gateway]), counter_sample(7)]);
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(cut);
        decode(&bytes);
    }

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(&[&words(&[5, 1]), &body[..]].concat());
    }
}

#[test]
fn a_given_rate_counts_more_than_that_of_the_samples() {
    let bytes = datagram(&[flow_sample(4, &[raw_header(11, 90, &udp())])]);
    let given = GivenRate { exporter: Some(FROM), rate: Sampling::one_in(64) };
    let policy = Policy { sampling: vec![given], ..Policy::default() };
    let mut flows = Vec::new();
    Decoder::with_policy(policy).decode(NOW, FROM, &bytes, &mut flows);
    assert_eq!(flows[0].sampling.rate(), Some(64));
}
