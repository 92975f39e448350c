//! Content of the lines, for recorded datagrams and some written by hand.

use serde_json::{Value, json};

use super::{Scratch, bytes, fixture, inspect, lines, of_kind, parse, stderr, stdout};

/// Bytes and packets of flows from an address, with the reverse direction of biflows from
/// `reverse`.
fn sums(lines: &[Value], src: &str) -> (u64, u64) {
    let flows = of_kind(lines, "flow").into_iter().filter(|line| line["src"] == src);
    flows.fold((0, 0), |(bytes, packets), line| {
        (bytes + line["bytes"].as_u64().unwrap(), packets + line["packets"].as_u64().unwrap())
    })
}

#[test]
fn recordings_of_every_exporter_give_the_flows_of_the_capture() {
    for (files, six) in [
        (vec!["softflowd_v5.dat"], false),
        (vec!["softflowd_v9.dat"], true),
        (vec!["softflowd_ipfix_milli.dat"], true),
        (vec!["pmacctd_ipfix.1.dat", "pmacctd_ipfix.2.dat"], true),
    ] {
        let files: Vec<_> = files.into_iter().map(fixture).collect();
        let got = lines(&files);
        assert_eq!(sums(&got, "198.51.100.9"), (5240, 6), "{files:?}");
        assert_eq!(sums(&got, "203.0.113.53"), (684, 3), "{files:?}");
        assert_eq!(sums(&got, "10.20.0.8"), (204, 3), "{files:?}");
        assert_eq!(sums(&got, "10.20.0.7"), (740 + 168, 6 + 2), "{files:?}");
        assert_eq!(sums(&got, "2001:db8::7"), if six { (1392, 4) } else { (0, 0) }, "{files:?}");
        let start = of_kind(&got, "flow").iter().map(|line| line["start_ms"].as_i64()).min();
        // Headers of version 9 have whole seconds only.
        let early = start.flatten().map(|start| 1_700_000_000_000 - start);
        assert!(early.is_some_and(|ms| (0..1000).contains(&ms)), "{files:?}: {early:?}");
    }
}

#[test]
fn a_line_of_a_flow_has_its_keys_in_order() {
    let output = inspect(&["-o", "ndjson"], &[fixture("softflowd_ipfix_milli.dat")]);
    let text = stdout(&output);
    let line =
        text.lines().find(|line| line.contains("\"src\":\"10.20.0.7\",\"dst\":\"198")).unwrap();
    let head = r#"{"kind":"flow","src":"10.20.0.7","dst":"198.51.100.9","sport":41000,"dport":443,"proto":6,"bytes":740,"packets":6,"start_ms":1700000000000,"end_ms":1700000000630,"input":0,"output":0,"sampling":1,"exporter":null,"domain":0,"template":1024,"fields":{"#;
    assert!(line.starts_with(head), "{line}");
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["fields"]["flowStartMilliseconds"], 1_700_000_000_000u64);
    assert_eq!(line["fields"]["destinationIPv4Address"], "198.51.100.9");
    assert_eq!(line["fields"]["octetDeltaCount"], 740);
}

#[test]
fn a_datagram_comes_before_what_is_in_it_and_counts_it() {
    for (name, protocol) in [
        ("softflowd_v5.dat", "netflow5"),
        ("softflowd_v9.dat", "netflow9"),
        ("softflowd_ipfix_biflow.dat", "ipfix"),
        ("pmacctd_sflow.1.dat", "sflow5"),
    ] {
        let got = lines(&[fixture(name)]);
        let datagram = &got[0];
        assert_eq!(
            (&datagram["kind"], &datagram["protocol"]),
            (&json!("datagram"), &json!(protocol))
        );
        assert_eq!(datagram["bytes"].as_u64(), Some(bytes(name).len() as u64));
        assert!(datagram["file"].as_str().unwrap().ends_with(name));
        assert!(datagram["exporter"].is_null() && datagram["sequence"].is_u64());
        for (key, kind) in [
            ("flows", "flow"),
            ("events", "event"),
            ("options", "options"),
            ("templates", "template"),
            ("options_templates", "options_template"),
        ] {
            assert_eq!(datagram[key], of_kind(&got, kind).len(), "{name} {key}");
        }
    }
}

#[test]
fn both_ways_of_a_biflow_stand_in_one_line() {
    let got = lines(&[fixture("softflowd_ipfix_biflow.dat")]);
    let flows = of_kind(&got, "flow");
    let line = flows.iter().find(|line| line["src"] == "10.20.0.7" && line["proto"] == 6).unwrap();
    assert_eq!((&line["bytes"], &line["packets"]), (&json!(740), &json!(6)));
    assert_eq!(line["reverse"], json!({"bytes": 5240, "packets": 6}));
    let template = of_kind(&got, "template")[0];
    let fields = template["fields"].as_array().unwrap();
    assert!(
        fields
            .iter()
            .any(|field| field["pen"] == 29305 && field["name"] == "reverseOctetDeltaCount")
    );
}

#[test]
fn the_announced_rate_holds_for_the_flows() {
    let got = lines(&[fixture("softflowd_v9_sampled.dat")]);
    assert_eq!(of_kind(&got, "options")[0]["fields"]["samplingInterval"], 2);
    let scope = &of_kind(&got, "options_template")[0]["fields"][0];
    assert_eq!((&scope["scope"], &scope["name"]), (&json!(true), &json!("interface")));
    assert!(of_kind(&got, "flow").iter().any(|line| line["sampling"] == 2), "{got:?}");
}

#[test]
fn samples_are_flows() {
    let got = lines(&[fixture("pmacctd_sflow.1.dat")]);
    let flows = of_kind(&got, "flow");
    assert_eq!(flows.len() as u64, got[0]["flow_samples"].as_u64().unwrap());
    let line = flows[0];
    assert_eq!((&line["sample"], &line["agent"]), (&json!("flow"), &json!("127.0.0.1")));
    assert_eq!(
        (&line["rate"], &line["packets"], &line["sampling"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert!(line["start_ms"].is_null(), "a raw sFlow datagram has no time");
    assert_eq!(line["fields"]["header_protocol"], 1);
}

#[test]
fn several_files_are_one_sequence_and_data_waits_for_its_template() {
    let late = lines(&[fixture("pmacctd_ipfix.2.dat"), fixture("pmacctd_ipfix.1.dat")]);
    assert_eq!(late[0]["held"], late.iter().filter(|line| line["cause"] == "no_template").count());
    let place = late.iter().position(|line| line["kind"] == "flow").unwrap();
    let second = late.iter().rposition(|line| line["kind"] == "datagram").unwrap();
    assert!(place > second, "flows come with the datagram that brought the template");
    let alone = lines(&[fixture("pmacctd_ipfix.2.dat")]);
    assert!(of_kind(&alone, "flow").is_empty());
    let both = lines(&[fixture("pmacctd_ipfix.1.dat"), fixture("pmacctd_ipfix.2.dat")]);
    assert_eq!(of_kind(&both, "flow").len(), of_kind(&late, "flow").len());
}

/// A NetFlow v9 datagram of one template and one record.
fn version9(fields: &[(u16, u16)], record: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [9 << 16 | 2, 1000, 1_700_000_000, 1, 0u32] {
        bytes.extend(word.to_be_bytes());
    }
    let mut set = |id: u16, content: &[u8]| {
        bytes.extend(id.to_be_bytes());
        bytes.extend((4 + content.len() as u16).to_be_bytes());
        bytes.extend(content);
    };
    let mut template = [256u16.to_be_bytes(), (fields.len() as u16).to_be_bytes()].concat();
    for (id, length) in fields {
        template.extend(id.to_be_bytes());
        template.extend(length.to_be_bytes());
    }
    set(0, &template);
    set(256, record);
    bytes
}

#[test]
fn events_of_firewalls_are_flows_with_a_name() {
    let scratch = Scratch::new();
    let fields = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (233, 1), (231, 4), (232, 4), (323, 8)];
    let mut record = vec![10, 0, 0, 1, 192, 0, 2, 1, 0x9c, 0x40, 1, 0xbb, 6, 2];
    record.extend([0, 0, 1, 0, 0, 0, 2, 0]);
    record.extend(1_699_999_999_000u64.to_be_bytes());
    let got = lines(&[scratch.file("asa", &version9(&fields, &record))]);
    let line = of_kind(&got, "flow")[0];
    assert_eq!((&line["event"], &line["event_name"]), (&json!(2), &json!("deleted")));
    assert_eq!((&line["bytes"], &line["packets"]), (&json!(256), &Value::Null));
    assert_eq!(line["reverse"], json!({"bytes": 512, "packets": null}));
    // The event is "denied": the counters are zero, and there is a flow line all the same.
    record[13] = 3;
    record[14..22].fill(0);
    let got = lines(&[scratch.file("denied", &version9(&fields, &record))]);
    let line = of_kind(&got, "flow")[0];
    assert_eq!((&line["event_name"], &line["bytes"]), (&json!("denied"), &json!(0)));
}

#[test]
fn records_without_addresses_are_events_and_out_counters_have_keys_of_their_own() {
    let scratch = Scratch::new();
    let file = scratch.file("x", &version9(&[(4, 1), (1, 4), (10, 2)], &[17, 0, 0, 0, 9, 0, 3]));
    let got = lines(&[file]);
    let line = of_kind(&got, "event")[0];
    assert!(line["src"].is_null() && line["dst"].is_null() && line["sport"].is_null());
    assert_eq!(
        (&line["proto"], &line["bytes"], &line["input"]),
        (&json!(17), &json!(9), &json!(3))
    );
    let fields = [(8, 4), (12, 4), (23, 4), (24, 4), (12345, 2), (12345, 2)];
    let record = [10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 1, 1, 2, 3, 4];
    let path = scratch.file("out", &version9(&fields, &record));
    let got = lines(&[&path]);
    let line = of_kind(&got, "flow")[0];
    assert_eq!((&line["bytes"], &line["out_bytes"]), (&Value::Null, &json!(7)));
    assert_eq!((&line["out_packets"], &line["start_ms"]), (&json!(1), &Value::Null));
    assert_eq!(line["fields"]["type12345#2"], "0304");
    let table = stdout(&inspect(&[], &[&path]));
    assert!(table.contains("NetFlow v9: 12345"), "{table}");
}

#[test]
fn the_table_fits_80_columns_and_shows_no_control_characters() {
    let scratch = Scratch::new();
    let fields = [(8, 4), (12, 4), (82, 12)];
    let record = b"\x0a\0\0\x01\x0a\0\0\x02ab\x1b[2Jcd\n\xff\0\0";
    let evil = scratch.file("evil\u{1b}name", &version9(&fields, record));
    let names = [
        "softflowd_v9.dat",
        "softflowd_v9.dat",
        "softflowd_ipfix_biflow.dat",
        "pmacctd_sflow.1.dat",
    ];
    let mut files: Vec<_> = names.into_iter().map(fixture).collect();
    files.push(evil);
    let table = stdout(&inspect(&[], &files));
    assert!(!table.contains('\u{1b}'), "{table}");
    let long = table.lines().find(|line| line.chars().count() > 80 && !line.starts_with("=="));
    assert_eq!(long, None);
    for part in [
        "-> 10.20.0.7:41000 > 198.51.100.9:443 tcp 740 B 6 pkt 1:1",
        "first 2023-11-14T22:13:20.000Z last 2023-11-14T22:13:20.",
        "template 1024 again",
        "exporter (its address is not in the files)",
        "ab\u{fffd}[2Jcd",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    use std::io::Read;
    use std::process::Stdio;
    let files = vec![fixture("softflowd_v9.dat"); 200];
    let mut command = crate::common::process::toptalk();
    command.arg("inspect").args(&files).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut few = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut few).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

#[test]
fn count_ends_it() {
    let files = vec![fixture("softflowd_v5.dat"); 5];
    let got = parse(&inspect(&["-o", "ndjson", "-n", "2"], &files));
    assert_eq!(of_kind(&got, "datagram").len(), 2);
}
