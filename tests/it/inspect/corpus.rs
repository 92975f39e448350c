//! Every case of the corpus through `-o ndjson`, and the table of the results in docs/CORPUS.md
//! (`UPDATE_DOCS=1` writes the table again).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{inspect, of_kind, parse, stderr};
use crate::common;

/// Cases with results that are not as expected: the keys, and why the result is right.
const DIFFERS: &[(&str, &[&str], &str)] = &[
    (
        "nprobe_v9_4",
        &["flow_records", "sum_bytes", "sum_packets", "sport", "bytes", "start_ms", "end_ms"],
        "data that comes before its template is kept and decoded when it comes (RFC 3954, section 9); \
         the expected values drop it",
    ),
    (
        "ipv4_and_ipv6_ipfix",
        &["start_ms", "end_ms"],
        "the template gives flowStartSeconds and flowEndSeconds a length of 0, so the record says \
         no time (RFC 7011, 6.1.7, wants 4 bytes): `null`, not 0",
    ),
    (
        "softflowd_ipfix_ether",
        &["start_ms (reference)", "end_ms (reference)"],
        "uptimes count from a start of the exporter (element 160) 26 years before the export: its \
         counter of 32 bits has wrapped since (RFC 7011, 6.1.7), so the lap nearest to the export \
         is taken, the reference decoder takes the first",
    ),
];

/// Cases for which more than one number can be defended, and the choice.
const CHOSEN: &[(&str, &str)] = &[
    ("broken_count_v5", "the header counts more records than a datagram can hold: refused"),
    ("nprobe_dpi_v9", "decoded by its template, though template and data do not belong together"),
    ("procera_b_ipfix", "a record whose lengths go beyond its set is left out (RFC 7011, 3.3.1)"),
    (
        "softflowd_v9_template_last",
        "data before its template is kept, then decoded (RFC 3954, section 9)",
    ),
];

/// What `inspect` prints for a case.
struct Case<'a> {
    name: &'a str,
    case: &'a Value,
    lines: Vec<Value>,
}

impl Case<'_> {
    /// Lines of records in datagrams with flows, without those of samples.
    fn records(&self) -> Vec<&Value> {
        let all =
            self.lines.iter().filter(|line| line["kind"] == "flow" || line["kind"] == "event");
        all.filter(|line| line["sample"].is_null()).collect()
    }

    fn count(&self, kind: &str) -> u64 {
        let all = of_kind(&self.lines, kind);
        all.iter().filter(|line| line["sample"].is_null()).count() as u64
    }

    fn sum(&self, key: &str) -> u64 {
        self.records().iter().filter_map(|line| line[key].as_u64()).sum()
    }

    fn samples(&self, key: &str) -> u64 {
        of_kind(&self.lines, "datagram").iter().filter_map(|line| line[key].as_u64()).sum()
    }

    /// The results that are not as expected: what is expected, and what was printed.
    fn wrong(&self) -> BTreeMap<String, String> {
        let expected = &self.case["expected"];
        let mut wrong = BTreeMap::new();
        let mut compare = |what: &str, want: &Value, got: Value| {
            if !want.is_null() && *want != got {
                wrong.insert(what.to_owned(), format!("{want}, is {got}"));
            }
        };
        let records = Value::from(self.records().len());
        match expected["acceptable_flow_records"].as_array() {
            Some(list) => {
                let (least, most) = (&list[0], &list[list.len() - 1]);
                let fits = (least.as_u64()..=most.as_u64()).contains(&records.as_u64());
                compare("flow_records", &Value::from(true), Value::from(fits));
            }
            None => {
                compare("flow_records", &expected["flow_records"], records);
                compare("sum_bytes", &expected["sum_bytes"], self.sum("bytes").into());
                compare("sum_packets", &expected["sum_packets"], self.sum("packets").into());
            }
        }
        for (what, kind) in [
            ("options_records", "options"),
            ("templates_seen", "template"),
            ("options_templates_seen", "options_template"),
        ] {
            compare(what, &expected[what], self.count(kind).into());
        }
        for what in ["flow_samples", "counter_samples", "discard_samples"] {
            compare(what, &expected["sflow"][what], self.samples(what).into());
        }
        let first = self.records().first().copied().unwrap_or(&Value::Null);
        for (group, mark) in
            [("first_flow", ""), ("first_flow_reference_decoder_only", " (reference)")]
        {
            let wanted = self.case[group].as_object().into_iter().flatten();
            for (key, want) in wanted.filter(|(key, _)| first.get(key.as_str()).is_some()) {
                compare(&format!("{key}{mark}"), want, first[key.as_str()].clone());
            }
        }
        self.first_sample(&mut compare);
        wrong
    }

    fn first_sample(&self, compare: &mut impl FnMut(&str, &Value, Value)) {
        let Some(wanted) = self.case["first_flow_sample"].as_object() else { return };
        let sample = self.lines.iter().find(|line| line["sample"] == "flow").unwrap();
        for (key, want) in wanted {
            let got = match key.as_str() {
                "seq" => &sample["sample_sequence"],
                "frame_length" => &sample["fields"]["frame_length"],
                "rate" | "pool" | "drops" | "src" | "dst" | "sport" | "dport" | "proto" => {
                    &sample[key.as_str()]
                }
                // Interfaces are compared in the flow; VLANs are in the fields.
                _ => continue,
            };
            compare(key, want, got.clone());
        }
    }

    /// The line in the table of docs/CORPUS.md.
    fn row(&self, agrees: &str) -> String {
        let expected = &self.case["expected"];
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        let want = match expected["acceptable_flow_records"].as_array() {
            Some(list) => {
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                list.join(" or ")
            }
            None => number(&expected["flow_records"]).to_string(),
        };
        let sflow = &expected["sflow"];
        let mut text = format!("| {} | {} | ", self.name, self.case["exporter"].as_str().unwrap());
        let _ = write!(
            text,
            "{want} / {} / {}+{}",
            number(&expected["options_records"]),
            number(&expected["templates_seen"]),
            number(&expected["options_templates_seen"])
        );
        if !sflow.is_null() {
            let part = |key: &str| number(&sflow[key]);
            let parts = (part("flow_samples"), part("counter_samples"), part("discard_samples"));
            let _ = write!(text, ", samples {} / {} / {}", parts.0, parts.1, parts.2);
        }
        let _ = write!(
            text,
            " | {} / {} / {}+{}",
            self.records().len(),
            self.count("options"),
            self.count("template"),
            self.count("options_template")
        );
        if !sflow.is_null() {
            let part = |key: &str| self.samples(key);
            let parts = (part("flow_samples"), part("counter_samples"), part("discard_samples"));
            let _ = write!(text, ", samples {} / {} / {}", parts.0, parts.1, parts.2);
        }
        text + " | " + agrees + " |\n"
    }
}

fn run<'a>(folder: &Path, name: &'a str, case: &'a Value) -> Case<'a> {
    let files = case["files"].as_array().unwrap().iter();
    let files: Vec<PathBuf> = files.map(|file| folder.join(file.as_str().unwrap())).collect();
    Case { name, case, lines: parse(&inspect(&["-o", "ndjson"], &files)) }
}

#[test]
fn every_case_gives_what_is_expected_or_differs_for_a_reason() {
    let Some(folder) = common::corpus("every_case_gives_what_is_expected_or_differs_for_a_reason")
    else {
        return;
    };
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let cases: BTreeMap<String, Value> = serde_json::from_str(&expected).unwrap();
    let head = "| case | exporter | expected | got | |\n|---|---|---|---|---|\n";
    let (mut table, mut faults) = (format!("\n{head}"), Vec::new());
    for (name, case) in &cases {
        if case["protocol"] == "nfcapd" {
            faults.extend(refused(&folder, name, case));
            continue;
        }
        let case = run(&folder, name, case);
        let wrong = case.wrong();
        let known = DIFFERS.iter().find(|(differs, ..)| differs == name);
        let reason = match known {
            Some((_, keys, reason)) => {
                if !wrong.keys().map(String::as_str).eq(sorted(keys)) {
                    faults.push(format!("{name}: differs otherwise than it is said to: {wrong:?}"));
                }
                format!("differs in {}: {reason}", keys.join(", "))
            }
            None => {
                let list =
                    wrong.iter().map(|(what, how)| format!("{name}: {what} should be {how}"));
                faults.extend(list);
                let chosen = CHOSEN.iter().find(|(chosen, _)| chosen == name);
                let open = !case.case["expected"]["acceptable_flow_records"].is_null();
                assert_eq!(chosen.is_some(), open, "{name}: more than one number is defensible");
                chosen.map_or("agrees".to_owned(), |(_, why)| format!("agrees: {why}"))
            }
        };
        table += &case.row(&reason);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    table.push('\n');
    check_table(&table);
}

fn sorted(keys: &[&'static str]) -> Vec<&'static str> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys
}

/// Files of nfdump are rejected with a message that names their format.
fn refused(folder: &Path, name: &str, case: &Value) -> Option<String> {
    let file = folder.join(case["files"][0].as_str().unwrap());
    let output = inspect(&[], &[file]);
    let fine = output.status.code() == Some(1) && stderr(&output).contains("nfcapd");
    (!fine).then(|| format!("{name}: {}", stderr(&output)))
}

fn check_table(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CORPUS.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = "<!-- table: corpus -->\n";
    let start = text.find(begin).unwrap() + begin.len();
    let end = start + text[start..].find("<!-- end -->").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{}{table}{}", &text[..start], &text[end..])).unwrap();
    } else {
        assert_eq!(&text[start..end], table, "UPDATE_DOCS=1 cargo test --test it inspect");
    }
}
