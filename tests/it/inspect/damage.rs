//! Files that are not captures, are cut off or changed: no panic, and a helpful message.

use std::ops::ControlFlow;

use toptalk::capture::{self, ExpectedContent, Item};
use toptalk::flow::Time;
use toptalk::inspect::{InspectFormat, Inspector};
use toptalk::wire::Policy;

use super::build::{Format, link, udp};
use super::{Scratch, bytes, inspect, of_kind, parse, stderr};

/// Reads and prints a file within this process. Returns the number of datagrams, the number of
/// problems, and whether the file was readable.
fn read(bytes: &[u8]) -> (usize, usize, bool) {
    let (mut datagrams, mut problems) = (0, 0);
    for shape in [InspectFormat::Table, InspectFormat::Ndjson] {
        (datagrams, problems) = (0, 0);
        let mut inspector = Inspector::new(Policy::default(), shape);
        let mut out = Vec::new();
        let read = capture::read(bytes, ExpectedContent::Messages, &mut |item| {
            match item {
                Item::Datagram(datagram) => {
                    datagrams += 1;
                    inspector.datagram(&datagram, Time(0), Some("x"), &mut out).unwrap();
                }
                Item::Problem(problem) => {
                    problems += 1;
                    inspector.problem(&problem, "x", &mut out).unwrap();
                }
            }
            ControlFlow::Continue(())
        });
        inspector.finish(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        if shape == InspectFormat::Ndjson {
            for line in text.lines() {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
        if read.is_err() {
            return (datagrams, problems, false);
        }
    }
    (datagrams, problems, true)
}

fn captures() -> Vec<(String, Vec<u8>, usize)> {
    let payloads = [bytes("softflowd_v5.dat"), bytes("pmacctd_sflow.4.dat")];
    let source = "192.0.2.1".parse().unwrap();
    let packets: Vec<Vec<u8>> =
        payloads.iter().map(|payload| link(1, &udp(source, 1, 2055, payload))).collect();
    let mut files: Vec<(String, Vec<u8>, usize)> = Format::ALL
        .iter()
        .map(|format| (format!("{format:?}"), format.file(1, &packets), 2))
        .collect();
    let messages = [bytes("pmacctd_ipfix.1.dat"), bytes("pmacctd_ipfix.2.dat")].concat();
    files.push(("ipfix".to_owned(), messages, 2));
    files
}

#[test]
fn every_truncated_file_gives_its_complete_datagrams_and_a_problem() {
    for (name, file, whole) in captures() {
        assert_eq!(read(&file), (whole, 0, true), "{name}");
        let mut last = 0;
        for end in 0..file.len() {
            let (datagrams, problems, readable) = read(&file[..end]);
            assert!(datagrams >= last || !readable, "{name} cut to {end}: {datagrams}");
            // An IPFIX message that is cut off is read as a raw datagram.
            let raw = name == "ipfix" || end < 4;
            assert!(raw || datagrams < whole, "{name} cut to {end}");
            if !raw && readable && datagrams > 0 {
                last = datagrams;
            }
            if readable && !raw {
                let between = datagrams == 1 && problems == 0;
                assert!(problems == 1 || between || datagrams == 0, "{name} cut to {end}");
            }
        }
    }
}

#[test]
fn no_changed_byte_makes_it_panic() {
    for (_, file, _) in captures() {
        for at in (0..file.len()).step_by(if file.len() > 800 { 3 } else { 1 }) {
            for change in [0xff, 0x80, 0x01] {
                let mut file = file.clone();
                file[at] ^= change;
                read(&file);
            }
        }
    }
}

#[test]
fn a_cut_off_capture_is_used_and_named() {
    let scratch = Scratch::new();
    for (name, file, _) in captures() {
        let path = scratch.file("cut.file", &file[..file.len() - 5]);
        let output = inspect(&["-o", "ndjson"], &[&path]);
        let got = parse(&output);
        assert_eq!(of_kind(&got, "datagram").len(), 1, "{name}");
        let damaged: Vec<_> = got.iter().filter(|line| line["cause"] == "damaged_file").collect();
        assert_eq!(damaged.len(), 1, "{name}: {got:?}");
        assert!(damaged[0]["at"].as_u64().unwrap() > 0, "{name}");
        assert!(stderr(&output).contains("cut.file: the file is cut off"), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(0), "{name}: something could be decoded");
    }
}

#[test]
fn files_that_cannot_be_read_are_named_and_the_others_still_are() {
    let scratch = Scratch::new();
    let good = super::fixture("softflowd_v5.dat");
    let missing = scratch.0.path().join("missing.pcap");
    let folder = scratch.0.path().to_owned();
    for (path, word) in [
        (scratch.file("nfcapd.1", &[0x0c, 0xa5, 1, 0, 0, 0]), "nfcapd"),
        (scratch.file("a.pcap.gz", &[0x1f, 0x8b, 8, 0]), "unpack it first"),
        (scratch.file("empty.pcap", &[]), "empty"),
        (scratch.file("long.txt", &[b'x'; 70_000]), "longer than a datagram"),
        (scratch.file("head.pcap", &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0]), "first block is damaged"),
        (missing, "No such file"),
        (folder, "found a folder"),
    ] {
        let output = inspect(&["-o", "ndjson"], &[&path, &good]);
        assert_eq!(output.status.code(), Some(1), "{path:?}");
        let said = stderr(&output);
        assert!(said.contains(word) && said.contains(&path.display().to_string()), "{said}");
        let got = parse(&output);
        assert_eq!(got[0]["cause"], "unreadable_file");
        assert_eq!(of_kind(&got, "flow").len(), 5, "the next file is read");
    }
}

#[test]
fn only_the_file_name_tells_leftover_bytes_from_a_second_message() {
    let scratch = Scratch::new();
    let both = [bytes("pmacctd_ipfix.1.dat"), bytes("pmacctd_ipfix.2.dat")].concat();
    for (name, datagrams) in [("x.ipfix", 2), ("x", 2), ("x.dat", 1)] {
        let output = inspect(&["-o", "ndjson"], &[scratch.file(name, &both)]);
        assert_eq!(of_kind(&parse(&output), "datagram").len(), datagrams, "{name}");
    }
}
