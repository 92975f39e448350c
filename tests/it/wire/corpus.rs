//! The decoder on recorded datagrams of real exporters: the results are the expected values of
//! the corpus.

use crate::common;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use toptalk::flow::field::{self, FIELDS};
use toptalk::flow::{Flow, FlowExtras, Host, Time};
use toptalk::wire::observer::{Observer, RecordSeen, TemplateSeen};
use toptalk::wire::sflow::SampleKind;
use toptalk::wire::{Cause, DatagramReport, Decoder, Sample, SampleCounts, message_length};

/// What the decoder makes of a case.
#[derive(Default)]
struct Outcome {
    flows: Vec<Flow>,
    reports: Vec<DatagramReport>,
    seen: Seen,
    decoder: Decoder,
}

/// Cases in which this decoder finds more flows than other decoders, with the reason.
const DIFFERS: &[(&str, &str)] = &[(
    "nprobe_v9_4",
    "its first two datagrams hold data whose template comes in the third: kept, then decoded",
)];

/// Keeps every sFlow sample with its flow, and the first record with addresses, whether its
/// counters are zero or not.
#[derive(Default)]
struct Seen {
    samples: Vec<(Sample, Option<Flow>)>,
    first: Option<Flow>,
}

impl Observer for Seen {
    fn template(&mut self, _: &TemplateSeen<'_>) {}

    fn record(&mut self, seen: &RecordSeen<'_>) {
        self.first = self.first.or(seen.flow.map(|seen| seen.flow));
    }

    fn problem(&mut self, _: Cause, _: usize) {}

    fn sample(&mut self, sample: &Sample, flow: Option<&Flow>) {
        self.samples.push((sample.clone(), flow.copied()));
    }
}

impl Outcome {
    fn sum(&self, part: impl Fn(&DatagramReport) -> u64) -> u64 {
        self.reports.iter().map(part).sum()
    }

    fn samples(&self, part: impl Fn(&SampleCounts) -> u32) -> u64 {
        self.sum(|report| part(&report.samples).into())
    }

    fn records(&self) -> u64 {
        let flows = self.sum(|r| (r.flows - r.reversed).into());
        flows + self.sum(|r| r.addressless.records.into()) + self.sum(|r| r.events.into())
    }
}

fn decode(folder: &Path, case: &Value) -> Outcome {
    let mut outcome = Outcome::default();
    for file in case["files"].as_array().unwrap() {
        let path = folder.join(file.as_str().unwrap());
        let bytes = std::fs::read(&path).unwrap();
        let alone = |payload: &[u8]| common::Packet {
            source: [192, 0, 2, 1].into(),
            payload: payload.to_vec(),
        };
        let packets = match path.extension().and_then(|end| end.to_str()) {
            Some("pcap") => common::pcap_payloads(&bytes),
            Some("ipfixfile") => messages(&bytes).map(alone).collect(),
            _ => vec![alone(&bytes)],
        };
        for packet in packets {
            let from = Host::from(packet.source);
            let now = Time(1_700_000_000_000);
            let Outcome { flows, reports, seen, decoder } = &mut outcome;
            decoder.keep_more(true);
            reports.push(decoder.decode_seen(now, from, &packet.payload, flows, Some(seen)));
            // An observer is not shown records of fixed layout one by one.
            seen.first = seen.first.or(flows.first().copied());
        }
    }
    outcome
}

/// The messages of an IPFIX file (RFC 5655), one after the other.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (message, rest) = bytes.split_at_checked(message_length(bytes)?)?;
        bytes = rest;
        Some(message)
    })
}

/// Whether the case is of a format that this decoder reads.
fn is_due(case: &Value) -> bool {
    ["netflow5", "netflow9", "ipfix", "sflow"].iter().any(|protocol| case["protocol"] == *protocol)
}

fn check(name: &str, case: &Value, outcome: &Outcome) -> Vec<String> {
    let expected = &case["expected"];
    let mut wrong = Vec::new();
    if DIFFERS.iter().any(|(differs, _)| *differs == name) {
        let strict = expected["flow_records"].as_u64();
        assert!(strict < Some(outcome.records()), "{name} no longer differs");
        return wrong;
    }
    let mut compare = |what: &str, got: u64| {
        if let Some(want) = expected[what].as_u64().filter(|want| *want != got) {
            wrong.push(format!("{name}: {what} should be {want}, is {got}"));
        }
    };
    match expected["acceptable_flow_records"].as_array() {
        Some(range) => {
            let fits = range.iter().any(|n| n.as_u64() == Some(outcome.records()));
            assert!(fits, "{name}: {} records", outcome.records());
        }
        // The count of the case is of NetFlow datagrams, so samples of sFlow do not count.
        None => compare("flow_records", outcome.records() - outcome.samples(|s| s.flow)),
    }
    compare("options_records", outcome.sum(|r| r.options.into()));
    compare("templates_seen", outcome.sum(|r| r.templates.into()));
    compare("options_templates_seen", outcome.sum(|r| r.options_templates.into()));
    compare("data_sets_without_template", outcome.sum(|r| r.causes.get(Cause::NoTemplate).into()));
    let flows = outcome.flows.iter();
    compare(
        "sum_bytes",
        flows.clone().map(|f| f.bytes).sum::<u64>() + outcome.sum(|r| r.addressless.bytes),
    );
    compare(
        "sum_packets",
        flows.map(|f| f.packets).sum::<u64>() + outcome.sum(|r| r.addressless.packets),
    );
    let first = outcome.seen.first.as_ref();
    if let (Some(want), Some(flow)) = (case["first_flow"].as_object(), first) {
        let got = first_flow(flow);
        for (key, value) in want {
            if got.get(key.as_str()).is_some_and(|got| got != value) {
                wrong.push(format!(
                    "{name}: first flow's {key} should be {value}, is {}",
                    got[key.as_str()]
                ));
            }
        }
    }
    wrong.extend(check_samples(name, case, outcome));
    wrong
}

/// Compares the samples of an sFlow case: their numbers, and the fields of the first packet
/// sample.
fn check_samples(name: &str, case: &Value, outcome: &Outcome) -> Vec<String> {
    let mut got: BTreeMap<&str, Value> = BTreeMap::from([
        ("flow_samples", outcome.samples(|samples| samples.flow).into()),
        ("counter_samples", outcome.samples(|samples| samples.counter).into()),
        ("discard_samples", outcome.samples(|samples| samples.discard).into()),
    ]);
    let first = outcome.seen.samples.iter().find(|(sample, _)| sample.kind == SampleKind::Flow);
    if let Some((sample, flow)) = first {
        got.extend(first_sample(sample));
        let flow = flow.unwrap_or(Flow::EMPTY);
        let (bytes, packets) = flow.scaled();
        got.extend([("bytes", bytes.into()), ("packets", packets.into())]);
    }
    // sfcapd makes records of samples without addresses; this decoder does not.
    let sfcapd = case["sfcapd_first_record"].as_object();
    let sfcapd = sfcapd.filter(|record| record["src"] != "0.0.0.0");
    let wanted = [case["expected"]["sflow"].as_object(), case["first_flow_sample"].as_object()];
    let wanted = wanted.into_iter().flatten().flatten();
    let wanted = wanted.chain(sfcapd.into_iter().flatten().filter(|(key, value)| {
        let elsewhere = key.as_str() == "dport" && record_is_icmp(sfcapd);
        !value.is_null() && !elsewhere
    }));
    wanted
        .filter(|(key, value)| got.get(key.as_str()) != Some(*value))
        .map(|(key, value)| {
            format!("{name}: {key} should be {value}, is {:?}", got.get(key.as_str()))
        })
        .collect()
}

/// Whether a record of sfcapd is ICMP: sfcapd has type and code elsewhere.
fn record_is_icmp(record: Option<&serde_json::Map<String, Value>>) -> bool {
    record.is_some_and(|record| record["proto"] == 1 || record["proto"] == 58)
}

fn first_sample(sample: &Sample) -> BTreeMap<&'static str, Value> {
    let mut got = BTreeMap::from([
        ("seq", sample.sequence.into()),
        ("rate", sample.rate.into()),
        ("pool", sample.pool.into()),
        ("drops", sample.drops.into()),
        ("input", sample.input.into()),
        ("output", sample.output.into()),
        ("input_format", sample.input_format.into()),
        ("output_format", sample.output_format.into()),
        ("frame_length", sample.frame_length.into()),
    ]);
    if let Some(packet) = &sample.packet {
        got.extend([
            ("src", packet.src.to_string().into()),
            ("dst", packet.dst.to_string().into()),
            ("sport", packet.sport.into()),
            ("dport", packet.dport.into()),
            ("proto", packet.proto.into()),
            ("vlan", packet.vlan.into()),
        ]);
    }
    got
}

fn first_flow(flow: &Flow) -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("src", flow.src.to_string().into()),
        ("dst", flow.dst.to_string().into()),
        ("sport", flow.sport.into()),
        ("dport", flow.dport.into()),
        ("proto", flow.proto.into()),
        ("bytes", flow.bytes.into()),
        ("packets", flow.packets.into()),
        ("input", flow.input.into()),
        ("output", flow.output.into()),
        ("start_ms", flow.first.0.into()),
        ("end_ms", flow.last.0.into()),
    ])
}

#[test]
fn every_case_decodes_as_expected() {
    let Some(folder) = common::corpus("every_case_decodes_as_expected") else { return };
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let cases: BTreeMap<String, Value> = serde_json::from_str(&expected).unwrap();
    let (mut wrong, mut done) = (Vec::new(), 0);
    for (name, case) in &cases {
        if is_due(case) {
            wrong.extend(check(name, case, &decode(&folder, case)));
            done += 1;
        }
    }
    println!("{done} cases of the corpus checked");
    assert!(done >= 66, "only {done} cases found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Cases with flows that have extra fields: how many such flows, and the value of one field of
/// the first.
const BESIDE: &[(&str, usize, &str, u64)] = &[
    ("nprobe_macaddr_v9", 29, "in_src_mac", 0x0050_56c0_0001),
    ("nprobe_ipfix", 2, "in_src_mac", 345_051_989_735),
    ("cisco_asr9k_v9", 21, "forwarding", 64),
    ("cisco_asr9k_v9", 21, "in_vrf", 0x6000_0000),
    ("fortigate_542_v9", 17, "nat_sport", 45_380),
    ("iosxr_srv6_ipfix", 86, "min_ttl", 255),
    ("gopacket_p2", 3, "prev_as", 999),
    ("gopacket_p2", 3, "next_as", 123),
    ("goflow_sflow_expanded", 5, "dst_vlan", 30),
];

/// The extra fields that the flows of a case have, with the first value of each.
fn beside(outcome: &Outcome) -> BTreeMap<&'static str, field::FieldValue> {
    let mut fields = BTreeMap::new();
    let zeros =
        |get: fn(&Flow, &FlowExtras) -> field::FieldValue| get(&Flow::EMPTY, &FlowExtras::NONE);
    for more in outcome.decoder.more() {
        for info in FIELDS.iter().filter(|info| info.field.is_extra()) {
            let value = (info.get)(&Flow::EMPTY, more);
            if value != zeros(info.get) {
                fields.entry(info.name).or_insert(value);
            }
        }
    }
    fields
}

#[test]
fn cases_have_the_extra_fields_that_their_exporters_report() {
    let Some(folder) = common::corpus("cases_have_the_extra_fields_that_their_exporters_report")
    else {
        return;
    };
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let cases: BTreeMap<String, Value> = serde_json::from_str(&expected).unwrap();
    let mut found = 0;
    for (name, case) in cases.iter().filter(|(_, case)| is_due(case)) {
        let outcome = decode(&folder, case);
        let fields = beside(&outcome);
        let count = outcome.decoder.more().len();
        if count > 0 {
            println!("{name}: {count} flows: {fields:?}");
        }
        for (_, flows, field, value) in BESIDE.iter().filter(|(case, ..)| case == name) {
            assert_eq!(count, *flows, "{name}");
            assert_eq!(
                fields.get(field),
                Some(&field::FieldValue::Number(*value)),
                "{name}: {field}"
            );
            found += 1;
        }
    }
    assert_eq!(found, BESIDE.len());
}

/// Decodes every file of the corpus in one decoder: nothing may panic.
#[test]
fn no_file_of_the_corpus_panics_the_decoder() {
    let Some(folder) = common::corpus("no_file_of_the_corpus_panics_the_decoder") else { return };
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    for protocol in ["netflow5", "netflow9", "ipfix", "sflow", "nfcapd"] {
        for entry in std::fs::read_dir(folder.join(protocol)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for cut in (0..bytes.len().min(3000)).step_by(7) {
                decoder.decode(Time(0), Host::UNSPECIFIED, &bytes[..cut], &mut flows);
            }
            flows.clear();
        }
    }
}

/// sFlow datagrams are short enough to be cut at every byte.
#[test]
fn no_cut_of_an_sflow_datagram_panics_or_makes_flows() {
    let Some(folder) = common::corpus("no_cut_of_an_sflow_datagram_panics_or_makes_flows") else {
        return;
    };
    for entry in std::fs::read_dir(folder.join("sflow")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let payloads = match path.extension().is_some_and(|end| end == "pcap") {
            true => {
                common::pcap_payloads(&bytes).into_iter().map(|packet| packet.payload).collect()
            }
            false => vec![bytes],
        };
        for bytes in payloads {
            let mut whole = Vec::new();
            Decoder::new().decode(Time(0), Host::UNSPECIFIED, &bytes, &mut whole);
            for cut in 0..bytes.len() {
                let mut flows = Vec::new();
                Decoder::new().decode(Time(0), Host::UNSPECIFIED, &bytes[..cut], &mut flows);
                assert!(flows.len() <= whole.len(), "{} cut to {cut}", path.display());
            }
        }
    }
}

/// The interfaces in these captures are those that the sources of the captures describe.
#[test]
fn interfaces_get_their_names_and_counters_from_sflow() {
    let Some(folder) = common::corpus("interfaces_get_their_names_and_counters_from_sflow") else {
        return;
    };
    let case = serde_json::json!({ "files": ["sflow/hsflowd_sflow.dat"] });
    let outcome = decode(&folder, &case);
    let interfaces = outcome.decoder.interfaces(Host::octets(192, 0, 2, 1)).unwrap();
    let port = interfaces.get(3).unwrap();
    let (_, counters) = port.counters.unwrap();
    assert_eq!((&*port.name, port.speed), ("eno1", 1_000_000_000));
    assert_eq!((counters.in_octets, counters.out_octets), (Some(3910), Some(3946)));
    assert_eq!((counters.in_unicast, counters.in_broadcast), (Some(28), None));
    assert_eq!((counters.out_unicast, counters.is_up()), (Some(29), true));
}
