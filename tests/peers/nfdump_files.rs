//! Files of nfcapd as toptalk reads them, compared with nfdump's output.

use crate::common;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::common::nfcapd as peer;
use crate::common::process::have;
use crate::common::sets::{Datagram, Spec, iana};
use serde_json::Value as Json;
use toptalk::archive::nfcapd;
use toptalk::flow::Host;
use toptalk::flow::column::Vector;
use toptalk::flow::field::{FIELDS, Field, FieldValue};

/// A flow as its fields.
type Fields = BTreeMap<Field, FieldValue>;

/// All flows of a file, which must not be damaged.
fn flows(path: &Path) -> Vec<Fields> {
    let mut flows = Vec::new();
    for chunk in nfcapd::open(path).expect("it opens") {
        let mut chunk = chunk.expect("it is whole");
        let mut rows = vec![Fields::new(); chunk.rows()];
        for info in FIELDS {
            let mut page = Vector::default();
            chunk.read(info.field, 0, &mut page).unwrap();
            match page {
                Vector::Numbers(numbers) => rows.iter_mut().zip(numbers).for_each(|(row, n)| {
                    row.insert(info.field, FieldValue::Number(n));
                }),
                Vector::Addresses(hosts) => rows.iter_mut().zip(hosts).for_each(|(row, host)| {
                    row.insert(info.field, FieldValue::Address(host));
                }),
                Vector::Texts(texts) => rows.iter_mut().zip(texts).for_each(|(row, text)| {
                    row.insert(info.field, FieldValue::Text(text));
                }),
                Vector::Ids(_) => panic!("no dictionaries here"),
            }
        }
        flows.extend(rows);
    }
    flows
}

fn number(fields: &Fields, field: Field) -> u64 {
    match fields[&field] {
        FieldValue::Number(number) => number,
        other => panic!("{field:?} is {other:?}"),
    }
}

fn sum(flows: &[Fields], field: Field) -> u64 {
    flows.iter().map(|flow| number(flow, field)).sum()
}

/// nfdump's output for a file, as JSON.
fn nfdump(path: &Path) -> Vec<Json> {
    let mut command = Command::new("nfdump");
    let output = command.env("TZ", "UTC").arg("-r").arg(path).args(["-o", "json"]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Numeric fields under nfdump's names.
const NUMBERS: &[(&str, Field)] = &[
    ("proto", Field::Proto),
    ("src_port", Field::SrcPort),
    ("dst_port", Field::DstPort),
    ("src_tos", Field::Tos),
    ("dst_tos", Field::DstTos),
    ("input_snmp", Field::Input),
    ("output_snmp", Field::Output),
    ("src_mask", Field::SrcMask),
    ("dst_mask", Field::DstMask),
    ("direction", Field::Direction),
    ("fwd_status", Field::Forwarding),
    ("src_vlan", Field::Vlan),
    ("dst_vlan", Field::DstVlan),
    ("src_as", Field::SrcAs),
    ("dst_as", Field::DstAs),
    ("next_as", Field::NextAs),
    ("prev_as", Field::PrevAs),
    ("src_xlt_port", Field::NatSrcPort),
    ("dst_xlt_port", Field::NatDstPort),
    ("nat_event_id", Field::NatEvent),
    ("ingress_vrf", Field::InVrf),
    ("egress_vrf", Field::OutVrf),
];

const ADDRESSES: &[(&str, Field)] = &[
    ("src4_addr", Field::Src),
    ("dst4_addr", Field::Dst),
    ("src6_addr", Field::Src),
    ("dst6_addr", Field::Dst),
    ("ip4_router", Field::Exporter),
    ("ip6_router", Field::Exporter),
    ("ip4_next_hop", Field::NextHop),
    ("ip6_next_hop", Field::NextHop),
    ("bgp4_next_hop", Field::BgpNextHop),
    ("bgp6_next_hop", Field::BgpNextHop),
    ("src4_xlt_ip", Field::NatSrc),
    ("dst4_xlt_ip", Field::NatDst),
    ("src6_xlt_ip", Field::NatSrc),
    ("dst6_xlt_ip", Field::NatDst),
];

const MACS: &[(&str, Field)] = &[
    ("in_src_mac", Field::InSrcMac),
    ("out_dst_mac", Field::OutDstMac),
    ("in_dst_mac", Field::InDstMac),
    ("out_src_mac", Field::OutSrcMac),
];

const TIMES: &[(&str, Field)] =
    &[("first", Field::First), ("last", Field::Last), ("received", Field::Arrival)];

/// A number as nfdump prints it, bare or in quotes.
fn plain(value: &Json) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{value}"))
}

fn flags(text: &str) -> u64 {
    text.bytes().fold(0, |bits, letter| bits << 1 | u64::from(letter != b'.'))
}

/// Compares a flow with nfdump's output field by field; returns the fields that were compared.
fn same(ours: &Fields, theirs: &Json, at: &str) -> Vec<&'static str> {
    let mut compared = Vec::new();
    let mut check = |name: &'static str, value: &dyn Fn(&Json) -> u64, field: Field| {
        if let Some(json) = theirs.get(name) {
            assert_eq!(number(ours, field), value(json), "{at}: {name} of {theirs}");
            compared.push(name);
        }
    };
    for (name, field) in NUMBERS {
        check(name, &plain, *field);
    }
    check("tcp_flags", &|json| flags(json.as_str().unwrap()), Field::TcpFlags);
    let mac =
        |json: &Json| u64::from_str_radix(&json.as_str().unwrap().replace(':', ""), 16).unwrap();
    MACS.iter().for_each(|(name, field)| check(name, &mac, *field));
    for (label, field) in (1..=10).zip(Field::Mpls1 as usize..) {
        let Some(json) = theirs.get(format!("mpls_{label}")) else { continue };
        // Label, traffic class, bottom: 20, 3 and 1 bits.
        let parts: Vec<u64> =
            json.as_str().unwrap().split('-').map(|part| part.parse().unwrap()).collect();
        let stack = parts[0] << 4 | parts[1] << 1 | parts[2];
        assert_eq!(number(ours, FIELDS[field].field), stack, "{at}: label {label}");
    }
    for (name, field) in ADDRESSES {
        if let Some(json) = theirs.get(*name) {
            let host: Host = json.as_str().unwrap().parse().unwrap();
            let FieldValue::Address(ours) = ours[field] else { panic!("{name}") };
            let none = host.is_unspecified() && ours.is_unspecified();
            assert!(none || ours == host, "{at}: {name}: {ours} and {host}");
            compared.push(name);
        }
    }
    if let (Some(kind), Some(code)) = (theirs.get("icmp_type"), theirs.get("icmp_code")) {
        assert_eq!(number(ours, Field::DstPort), plain(kind) << 8 | plain(code), "{at}: ICMP");
        compared.push("icmp_type");
    }
    for (name, field) in TIMES {
        let text = theirs[*name].as_str().unwrap();
        // A flow without times has the time of its event or its arrival.
        let moment = format!("{text}Z").parse::<jiff::Timestamp>();
        if let Some(moment) = moment.ok().filter(|moment| *moment != jiff::Timestamp::UNIX_EPOCH) {
            let ms = moment.as_millisecond().cast_unsigned();
            assert_eq!(number(ours, *field), ms, "{at}: {name} of {theirs}");
            compared.push(name);
        }
    }
    compared
}

/// Compares all flows of a file with nfdump's output; returns how often each field was
/// compared.
fn compare(path: &Path) -> BTreeMap<&'static str, u64> {
    let ours = flows(path);
    let theirs = nfdump(path);
    let mut left = ours.iter();
    let mut seen = BTreeMap::new();
    for (index, theirs) in theirs.iter().enumerate() {
        let at = format!("{}, record {}", path.display(), index + 1);
        let flow = left.next().expect("the same number of flows");
        for name in same(flow, theirs, &at) {
            *seen.entry(name).or_default() += 1;
        }
        let counters = |flow| (number(flow, Field::Packets), number(flow, Field::Bytes));
        let counted = |way: &str| {
            let of = |what: &str| theirs.get(format!("{way}_{what}")).map_or(0, plain);
            (of("packets"), of("bytes"))
        };
        match (counted("in"), counted("out")) {
            ((0, 0), out) => assert_eq!(counters(flow), out, "{at}"),
            (there, (0, 0)) => assert_eq!(counters(flow), there, "{at}"),
            (there, back) => {
                assert_eq!(counters(flow), there, "{at}");
                let reversed = left.next().expect("the reverse direction");
                assert_eq!(counters(reversed), back, "{at}");
                assert_eq!(reversed[&Field::Src], flow[&Field::Dst], "{at}");
            }
        }
    }
    assert_eq!(left.count(), 0, "flows that nfdump does not know");
    seen
}

#[test]
fn samples_contain_the_expected_flows() {
    let Some(corpus) = common::corpus("samples_contain_the_expected_flows") else { return };
    let expected = std::fs::read_to_string(corpus.join("expected.json")).unwrap();
    let expected: BTreeMap<String, Json> = serde_json::from_str(&expected).unwrap();
    let mut read = 0;
    for (name, case) in expected.iter().filter(|(_, case)| case["protocol"] == "nfcapd") {
        let path = corpus.join("nfcapd").join(name);
        if name.starts_with("v1") {
            let error = nfcapd::open(&path).err().expect("the layout of nfdump 1.6");
            assert!(error.to_string().contains("nfdump -r OLD -w NEW"), "{error}");
            continue;
        }
        let flows = flows(&path);
        let expected = |what: &str| case["expected"][what].as_u64().unwrap();
        assert_eq!(flows.len() as u64, expected("flow_records"), "{name}");
        assert_eq!(sum(&flows, Field::Packets), expected("sum_packets"), "{name}");
        assert_eq!(sum(&flows, Field::Bytes), expected("sum_bytes"), "{name}");
        read += 1;
    }
    assert_eq!(read, 5);
}

#[test]
fn samples_are_read_as_nfdump_prints_them() {
    let name = "samples_are_read_as_nfdump_prints_them";
    let Some(corpus) = common::corpus(name) else { return };
    if !have(name, "nfdump") {
        return;
    }
    for file in ["none", "lzo", "lz4", "bz2"] {
        compare(&corpus.join(format!("nfcapd/v2_synthetic_{file}.nfcapd")));
    }
    let seen = compare(&corpus.join("nfcapd/v2_sample.nfcapd"));
    assert_eq!(seen["received"], 3018);
    assert_eq!(seen["src4_xlt_ip"], 2288);
}

/// A field of a template, and its value.
type Part = (Spec, u128);

fn set(datagram: Datagram, id: u16, parts: &[Part]) -> Vec<u8> {
    let specs: Vec<Spec> = parts.iter().map(|(spec, _)| *spec).collect();
    let record: Vec<u8> = parts
        .iter()
        .flat_map(|(spec, value)| value.to_be_bytes()[16 - usize::from(spec.length)..].to_vec())
        .collect();
    datagram.template(id, &specs).set(id, &record).bytes()
}

fn parts(list: &[(u16, u16, u128)]) -> Vec<Part> {
    list.iter().map(|(id, length, value)| (iana(*id, *length), *value)).collect()
}

const EXPORTED: u32 = 1_700_000_000;
const FIRST: u128 = 1_699_999_990_123;

/// Datagrams with everything that nfcapd keeps.
fn rich() -> Vec<Vec<u8>> {
    let basic = [(8, 4, 0x0a00_0001), (12, 4, 0x0b00_0002), (4, 1, 6), (7, 2, 1234), (11, 2, 443)];
    let counted = [(1, 8, 1500), (2, 8, 3), (152, 8, FIRST), (153, 8, FIRST + 4000)];
    let routing = [
        (5, 1, 0x48),
        (6, 1, 0x12),
        (9, 1, 24),
        (13, 1, 16),
        (10, 4, 7),
        (14, 4, 9),
        (15, 4, 0xc0a8_0001),
        (16, 4, 65_001),
        (17, 4, 65_002),
        (18, 4, 0xc0a8_0002),
        (55, 1, 0x88),
        (58, 2, 100),
        (59, 2, 200),
        (61, 1, 1),
        (89, 1, 0x40),
        (128, 4, 64_900),
        (129, 4, 64_901),
    ];
    let link = [
        (56, 6, 0x0102_0304_0506),
        (57, 6, 0x1112_1314_1516),
        (80, 6, 0x2122_2324_2526),
        (81, 6, 0x3132_3334_3536),
        (70, 3, 0x12_3451),
        (71, 3, 0x0a_bcd0),
        (72, 3, 0xff_fff1),
    ];
    let nat = [
        (225, 4, 0x0506_0708),
        (226, 4, 0x0102_0304),
        (227, 2, 1111),
        (228, 2, 2222),
        (230, 1, 1),
        (234, 4, 55),
        (235, 4, 66),
    ];
    let all = parts(&[&basic[..], &counted, &routing, &link, &nat].concat());
    let icmp: Vec<Part> = all
        .iter()
        .map(|(spec, value)| match spec.id {
            4 => (*spec, 1),
            11 => (*spec, 0x0301),
            _ => (*spec, *value),
        })
        .collect();
    let both = parts(&[&basic[..], &counted, &[(23, 8, 900), (24, 8, 2)]].concat());
    let out = parts(&[&basic[..], &counted[2..], &[(23, 8, 901), (24, 8, 2)]].concat());
    let event =
        [(231, 8, 500), (232, 8, 600), (298, 8, 5), (299, 8, 6), (323, 8, FIRST), (233, 1, 2)];
    let event = parts(&[&basic[..], &event].concat());
    let six = |last: u128| 0x2001_0db8u128 << 96 | last;
    let v6 = [(27, 16, six(1)), (28, 16, six(2)), (62, 16, six(3)), (63, 16, six(4))];
    let v6 = parts(&[&v6[..], &basic[2..], &counted].concat());
    let untimed = parts(&[&basic[..], &counted[..2]].concat());
    let ipfix = || Datagram::ipfix(777, EXPORTED, 0);
    let v9 = || Datagram::v9(42, EXPORTED, 1_000_000, 0);
    vec![
        set(v9(), 300, &all),
        set(ipfix(), 300, &all),
        set(ipfix(), 301, &icmp),
        set(ipfix(), 302, &both),
        set(v9(), 303, &out),
        set(v9(), 304, &event),
        set(v9(), 305, &v6),
        set(v9(), 306, &untimed),
    ]
}

#[test]
fn files_recorded_by_nfcapd_are_read_as_nfdump_prints_them() {
    let name = "files_recorded_by_nfcapd_are_read_as_nfdump_prints_them";
    if !have(name, "nfcapd") || !have(name, "nfdump") {
        return;
    }
    for options in [&[][..], &["-z"], &["-y"], &["-j"]] {
        let folder = tempfile::tempdir().unwrap();
        let path = peer::record(&peer::from_one(rich()), options, folder.path());
        let seen = compare(&path);
        for field in ["src4_xlt_ip", "bgp6_next_hop", "icmp_type", "ingress_vrf", "out_src_mac"] {
            assert!(seen.contains_key(field), "{field} was not compared: {seen:?}");
        }
        let flows = flows(&path);
        assert_eq!(flows.len(), 10, "two records count both directions");
        let domains: Vec<u64> = flows.iter().map(|flow| number(flow, Field::Domain)).collect();
        assert_eq!(domains, [42, 777, 777, 777, 777, 42, 42, 42, 42, 42]);
        let event = &flows[6];
        assert_eq!(u128::from(number(event, Field::First)), FIRST, "when the event was");
    }
}

#[test]
fn nfcapd_has_multiplied_by_the_sampling_rate_already() {
    let name = "nfcapd_has_multiplied_by_the_sampling_rate_already";
    if !have(name, "nfcapd") || !have(name, "nfdump") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = peer::record(&peer::from_one(rich())[..1], &["-s", "-50"], folder.path());
    let flows = flows(&path);
    let flow = flows.first().expect("one flow");
    assert_eq!((number(flow, Field::Packets), number(flow, Field::Bytes)), (150, 75_000));
    assert_eq!(number(flow, Field::Sampling), 0, "nothing is multiplied again");
    compare(&path);
}
