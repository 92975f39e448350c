//! The filter language against nfdump's: the same datagrams and the same filters match the same
//! number of flows.

use crate::benchmarks;
use crate::common;
mod extra_fields;
pub mod flows;
pub mod rich;

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use crate::common::process::have;
use crate::common::{capture, nfcapd, traffic};
use flows::flows;
use toptalk::filter::Filter;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::Decoder;
use toptalk::wire::encode::{V5Encoder, V9Encoder};

const NOW: Time = Time(1_800_000_000_000);
const BOOT: Time = Time(NOW.0 - 3_000_000);

/// Filters that both programs accept.
const FILTERS: &str = include_str!("filters.txt");

/// Filters that nfdump 1.7.1 answers differently, by source, and why toptalk's answer is right.
const DIFFERENT: &[(&str, &[&str], &str)] = &[
    (
        "v9",
        &[
            "dst port <= 80",
            "dst port LE 0x50",
            "icmp-type 8",
            "icmp-type 3",
            "icmp-type 128",
            "icmp-code 0",
            "icmp-code 3",
            "icmp-type 3 and icmp-code 1",
            "not icmp-type 8",
        ],
        "nfcapd leaves out an ICMP type that v9 reports in the destination port",
    ),
    (
        "softflowd",
        &["dst port <= 80", "dst port LE 0x50", "icmp-type 128"],
        "nfcapd leaves out the ICMP type of IPv6",
    ),
    (
        "v5",
        &[
            "mask 24",
            "src mask 24",
            "dst mask 16",
            "src and dst mask 24",
            "src or dst mask 8",
            "mask 0",
        ],
        "nfcapd leaves out the masks of v5",
    ),
    (
        "v5",
        &["flowdir ingress", "dir 0"],
        "nfcapd takes a direction that is not reported for ingress",
    ),
];

/// Filters on AS numbers, which nfdump 1.7.1 refuses without a country database, and their
/// meaning for the numbers it prints.
type OfNumbers = fn(u32, u32) -> bool;
const AS_FILTERS: &[(&str, OfNumbers)] = &[
    ("as 65001", |src, dst| src == 65_001 || dst == 65_001),
    ("src as 65001", |src, _| src == 65_001),
    ("dst as = 65001", |_, dst| dst == 65_001),
    ("src and dst as 65001", |src, dst| src == 65_001 && dst == 65_001),
    ("src or dst as 3320", |src, dst| src == 3_320 || dst == 3_320),
    ("src as > 64500", |src, _| src > 64_500),
    ("dst as <= 3320", |_, dst| dst <= 3_320),
    ("as 0", |src, dst| src == 0 || dst == 0),
    ("not as 0", |src, dst| src != 0 && dst != 0),
    ("as in [64500 3320]", |src, dst| [src, dst].iter().any(|n| [64_500, 3_320].contains(n))),
    ("src as in [64500, 65001]", |src, _| [64_500, 65_001].contains(&src)),
];

/// nfdump's output for each matching flow; an error if it does not accept the filter.
fn nfdump(folder: &Path, format: &str, filter: &str) -> Result<Vec<String>, String> {
    let output = Command::new("nfdump")
        .arg("-R")
        .arg(folder)
        .args(["-q", "-o", &format!("fmt:flow {format}")])
        .arg(filter)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let flows = text.lines().filter_map(|line| line.strip_prefix("flow "));
    match output.status.success() {
        true => Ok(flows.map(str::to_owned).collect()),
        false => Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn ours(flows: &[Flow], filter: &str) -> usize {
    let filter = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    flows.iter().filter(|flow| filter.answer(*flow).expect("flows know everything")).count()
}

fn decoded(datagrams: &[Vec<u8>]) -> Vec<Flow> {
    let mut decoder = Decoder::new();
    let mut flows = Vec::new();
    for datagram in datagrams {
        decoder.decode(NOW, Host::octets(127, 0, 0, 1), datagram, &mut flows);
    }
    flows
}

/// The datagrams that softflowd sends for the corpus' capture of real traffic.
fn softflowd(folder: &Path) -> Option<Vec<Vec<u8>>> {
    let name = "softflowd's flows";
    let corpus = common::corpus(name)?;
    if !have(name, "softflowd") {
        return None;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let capture = corpus.join("live_traffic.pcap");
    capture::softflowd(&capture, "9", socket.local_addr().unwrap().port(), folder);
    Some(traffic::received(&socket))
}

#[test]
fn filters_find_as_many_flows_as_nfdump() {
    let name = "filters_find_as_many_flows_as_nfdump";
    if !have(name, "nfcapd") || !have(name, "nfdump") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut sources = vec![
        ("v9", V9Encoder::new(0x0102).encode(NOW, BOOT, &flows(900, true, 9, NOW), true)),
        ("v5", V5Encoder::new(0x0102, 0).encode(NOW, BOOT, &flows(500, false, 5, NOW))),
    ];
    sources.extend(softflowd(folder.path()).map(|datagrams| ("softflowd", datagrams)));
    let filters: Vec<&str> = FILTERS
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert!(filters.len() >= 100, "{} filters", filters.len());
    let mut wrong = Vec::new();
    // The number of filters that match some, but not all flows of a source.
    let mut selective = 0;
    for (source, datagrams) in &sources {
        let archive = folder.path().join(source.replace(' ', "_"));
        nfcapd::record(&nfcapd::from_one(datagrams.clone()), &[], &archive);
        let flows = decoded(datagrams);
        let all = nfdump(&archive, "%sas %das", "any").expect("a listing");
        assert_eq!(all.len(), flows.len(), "{source}");
        for text in &filters {
            let ours = ours(&flows, text);
            selective += usize::from((1..flows.len()).contains(&ours));
            let theirs = nfdump(&archive, "%pr", text).map(|lines| lines.len());
            let known = DIFFERENT.iter().any(|(of, known, _)| of == source && known.contains(text));
            if (theirs == Ok(ours)) == known {
                wrong.push(format!("{source}: `{text}`: ours {ours}, theirs {theirs:?}"));
            }
        }
        let numbers: Vec<Vec<u32>> = all
            .iter()
            .map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect())
            .collect();
        for (text, holds) in AS_FILTERS {
            let theirs = numbers.iter().filter(|both| holds(both[0], both[1])).count();
            assert_eq!(ours(&flows, text), theirs, "{source}: {text}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(selective >= 2 * filters.len() * 3 / 4, "{selective}");
}
