//! Recorded datagrams of real exporters decode as their expected values say.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::{Cause, Decoder, Report, message_length};

/// What a case gave.
#[derive(Default)]
struct Outcome {
    flows: Vec<Flow>,
    reports: Vec<Report>,
}

impl Outcome {
    fn sum(&self, part: impl Fn(&Report) -> u64) -> u64 {
        self.reports.iter().map(part).sum()
    }

    fn records(&self) -> u64 {
        let flows = self.sum(|r| (r.flows - r.reversed).into());
        flows + self.sum(|r| r.addressless.records.into()) + self.sum(|r| r.events.into())
    }
}

fn decode(folder: &Path, case: &Value) -> Outcome {
    let mut decoder = Decoder::new();
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
            outcome.reports.push(decoder.decode(now, from, &packet.payload, &mut outcome.flows));
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

/// What this decoder is for.
fn is_due(case: &Value) -> bool {
    ["netflow5", "netflow9", "ipfix"].iter().any(|protocol| case["protocol"] == *protocol)
}

fn check(name: &str, case: &Value, outcome: &Outcome) -> Vec<String> {
    let expected = &case["expected"];
    let mut wrong = Vec::new();
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
        None => compare("flow_records", outcome.records()),
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
    if let (Some(want), Some(flow)) = (case["first_flow"].as_object(), outcome.flows.first()) {
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
    wrong
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
fn every_netflow_v5_and_v9_case_decodes_as_expected() {
    let Some(folder) = common::corpus() else {
        return common::skip("corpus", "no corpus folder; set TOPTALK_CORPUS");
    };
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let cases: BTreeMap<String, Value> = serde_json::from_str(&expected).unwrap();
    let (mut wrong, mut done) = (Vec::new(), 0);
    for (name, case) in &cases {
        // v1 and v7 lie in the same folder but are other protocols.
        if is_due(case) && !name.contains("_v1") && !name.contains("_v7") {
            wrong.extend(check(name, case, &decode(&folder, case)));
            done += 1;
        }
    }
    println!("{done} cases of the corpus checked");
    assert!(done >= 30, "only {done} cases found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Everything in the corpus, whatever it is, in one decoder: nothing may panic.
#[test]
fn no_file_of_the_corpus_panics_the_decoder() {
    let Some(folder) = common::corpus() else {
        return common::skip("corpus", "no corpus folder; set TOPTALK_CORPUS");
    };
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
