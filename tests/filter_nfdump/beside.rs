//! The same for what only some exporters report.

use toptalk::filter::Filter;
use toptalk::flow::{Flow, Host, more_of};
use toptalk::wire::Decoder;

use super::benchmarks::Random;
use super::common::process::have;
use super::{NOW, collect, nfdump};

/// Filters on what only some exporters report, which both programs take.
const BESIDE: &[&str] = &[
    "mac 00:00:5e:00:53:01",
    "in mac 00:00:5e:00:53:01",
    "out mac 00:00:5e:00:53:01",
    "in src mac 00:00:5e:00:53:01",
    "in dst mac 00:00:5e:00:53:01",
    "out src mac 00:00:5e:00:53:02",
    "out dst mac 00:00:5e:00:53:02",
    "not mac 00:00:5e:00:53:03",
    "mpls label1 1000",
    "mpls label2 > 1000",
    "mpls label3 2000",
    "mpls any 1000",
    "mpls any 2000",
    "mpls any 3000",
    "mpls any 4000",
    "mpls label2 4000",
    "mpls label2 2000",
    "mpls label1 3000",
    "mpls eos 2000",
    "mpls exp1 5",
    "mpls exp2 > 1",
    "vlan 20",
    "src vlan 20",
    "dst vlan 20",
    "src and dst vlan 20",
    "tos 8",
    "src tos 8",
    "dst tos 8",
    "dst tos > 8",
    "fwdstat 64",
    "fwdstat drop",
    "fwdstat 128",
    "fwdstat forw",
    "fwdstat 66",
    "bgpnext ip 10.4.0.1",
    "nip 10.5.0.1",
    "src nip 10.5.0.1",
    "dst nip 10.5.0.1",
    "src xip 10.5.0.2",
    "xnet 10.5.0.0/31",
    "nport 53",
    "src nport 53",
    "dst nport > 80",
    "ingress vrf 5",
    "egress vrf 6",
    "ingress vrf 5 and not mac 00:00:5e:00:53:01",
];

/// Those that nfdump 1.7.1 answers otherwise, and why ours is right.
const BESIDE_DIFFERENT: &[(&[&str], &str)] = &[
    (
        &["mpls any 1000", "mpls any 2000", "mpls any 4000"],
        "nfdump finds a label only at the bottom of the stack, without a traffic class",
    ),
    (&["fwdstat drop", "fwdstat forw"], "nfdump's names match nothing"),
];

/// Elements of records with what only some exporters report: number, length,
/// and the values to choose from.
const ELEMENTS: &[(u16, usize, &[u64])] = &[
    (8, 4, &[0x0a01_0001, 0x0a01_0002]),
    (12, 4, &[0x0a02_0001, 0x0a02_0002]),
    (7, 2, &[1024]),
    (11, 2, &[53, 443]),
    (4, 1, &[6, 17]),
    (1, 4, &[1000]),
    (2, 4, &[10]),
    (22, 4, &[2_990_000]),
    (21, 4, &[2_999_000]),
    (56, 6, MACS),
    (57, 6, MACS),
    (80, 6, MACS),
    (81, 6, MACS),
    (70, 3, &[0, 1000 << 4 | 5 << 1, 3000 << 4 | 1]),
    (71, 3, &[1000 << 4, 2000 << 4 | 2 << 1 | 1, 4000 << 4]),
    (72, 3, &[2000 << 4 | 1, 2001 << 4 | 1]),
    (58, 2, &[10, 20]),
    (59, 2, &[20, 30]),
    (5, 1, &[0, 8]),
    (55, 1, &[8, 16]),
    (89, 1, &[64, 66, 128]),
    (18, 4, &[0x0a04_0001, 0x0a04_0002]),
    (225, 4, &[0x0a05_0001, 0x0a05_0002]),
    (226, 4, &[0x0a05_0001, 0x0a05_0003]),
    (227, 2, &[53, 1024]),
    (228, 2, &[53, 443]),
    (234, 4, &[5, 6]),
    (235, 4, &[5, 6]),
];

const MACS: &[u64] = &[0x5e00_5301, 0x5e00_5302, 0x5e00_5303];

/// Datagrams of NetFlow v9 (RFC 3954, section 5) with so many records of [`ELEMENTS`].
fn beside(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(7);
    let specs = ELEMENTS.iter().flat_map(|(id, length, _)| [*id, *length as u16]);
    let template: Vec<u8> =
        [256, ELEMENTS.len() as u16].into_iter().chain(specs).flat_map(u16::to_be_bytes).collect();
    let mut record = || -> Vec<u8> {
        let values = ELEMENTS.iter().map(|(_, length, values)| {
            let value = values[(random.next() % values.len() as u64) as usize];
            value.to_be_bytes()[8 - length..].to_vec()
        });
        values.collect::<Vec<_>>().concat()
    };
    let mut sets = vec![(0u16, template)];
    sets.extend((0..count).map(|_| (256, record())));
    let datagram = |(sequence, (set, content)): (u32, (u16, Vec<u8>))| {
        let mut bytes = vec![0, 9, 0, 1];
        bytes.extend(3_000_000u32.to_be_bytes());
        bytes.extend(((NOW.0 / 1000) as u32).to_be_bytes());
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(5u32.to_be_bytes());
        bytes.extend(set.to_be_bytes());
        let padded = content.len().next_multiple_of(4);
        bytes.extend((padded as u16 + 4).to_be_bytes());
        bytes.extend(content.iter().copied().chain([0; 3]).take(padded));
        bytes
    };
    (0..).zip(sets).map(datagram).collect()
}

#[test]
fn filters_on_what_few_report_find_as_many_flows_as_nfdump() {
    let name = "filters_on_what_few_report_find_as_many_flows_as_nfdump";
    if !have(name, "nfcapd") || !have(name, "nfdump") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("beside");
    let datagrams = beside(300);
    collect(&datagrams, &archive);
    let mut decoder = Decoder::new();
    decoder.keep_more(true);
    let mut flows = Vec::new();
    for datagram in &datagrams {
        decoder.decode(NOW, Host::octets(127, 0, 0, 1), datagram, &mut flows);
    }
    assert_eq!((flows.len(), decoder.more().len()), (300, 300));
    let mut wrong = Vec::new();
    for text in BESIDE {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let holds = |flow: &&Flow| filter.matches(&(*flow, more_of(flow, decoder.more())));
        let ours = flows.iter().filter(holds).count();
        let theirs = nfdump(&archive, "%pr", text).map(|lines| lines.len());
        let known = BESIDE_DIFFERENT.iter().any(|(known, _)| known.contains(text));
        if (theirs == Ok(ours)) == known || !(1..300).contains(&ours) {
            wrong.push(format!("`{text}`: ours {ours}, theirs {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
