//! Asking for a time: which flows count, how much of them, and what is said of the rest.

use std::fs::File;
use std::path::Path;

use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host, Sampling, Time};

use crate::common::process::toptalk;

/// 2026-11-24 03:40:00 UTC.
const SLOT: i64 = 1_795_491_600_000;

fn flow(last: u8, begin: i64, end: i64, bytes: u64) -> Flow {
    Flow {
        src: Host::octets(192, 0, 2, last),
        dst: Host::octets(198, 51, 100, 1),
        exporter: Host::octets(192, 0, 2, 254),
        proto: 6,
        sport: 50_000,
        dport: 443,
        first: Time(begin),
        last: Time(end),
        arrival: Time(end),
        bytes,
        packets: bytes / 1000,
        ..Flow::EMPTY
    }
}

fn write(folder: &Path, name: &str, slot: i64, flows: &[Flow]) {
    let info = SlotInfo { start: Time(slot), length_ms: 300_000 };
    encode(flows, &[], &info, File::create(folder.join(name)).unwrap()).unwrap();
}

/// An archive: a flow of an hour that ended at 03:42, one of a minute within 03:40 to 03:42, one
/// that began then and ended at 03:50, and one of the day before.
fn archive() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |seconds: i64| SLOT + seconds * 1000;
    let first = [flow(1, at(120 - 3600), at(120), 3_600_000), flow(2, at(30), at(90), 60_000)];
    write(folder.path(), "flows.202611240340Z.parquet", SLOT, &first);
    let sampled = Flow { sampling: Sampling::one_in(10), ..flow(3, at(60), at(600), 54_000) };
    write(folder.path(), "flows.202611240350Z.parquet", at(600), &[sampled]);
    let old = flow(4, at(-86_400), at(-86_390), 1_000);
    write(folder.path(), "flows.202611230340Z.parquet", at(-86_400), &[old]);
    folder
}

/// Standard output and standard error.
fn ask(folder: &Path, words: &[&str]) -> (String, String) {
    let mut command = toptalk();
    command.args(["query", "--no-attach", "-R", "."]).args(words).current_dir(folder);
    let output = command.env("TZ", "UTC").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, said) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{words:?}: {said}");
    (out, said)
}

/// Flows, packets and bytes of an answer.
fn sums(folder: &Path, words: &[&str]) -> (u64, u64, u64) {
    let words = [words, &["-I", "-o", "json"]].concat();
    let answer: serde_json::Value = serde_json::from_str(&ask(folder, &words).0).unwrap();
    let number = |name: &str| answer[name].as_u64().unwrap();
    (number("flows"), number("packets"), number("bytes"))
}

const FROM: &str = "2026-11-24T03:40:00Z";
const TO: &str = "2026-11-24T03:42:00Z";
const WINDOW: &str = "2026/11/24.03:40:00-2026/11/24.03:42:00";

#[test]
fn from_and_to_count_flows_that_overlap_the_time_whole() {
    let folder = archive();
    let all = 3_600_000 + 60_000 + 540_000;
    assert_eq!(sums(folder.path(), &["--from", FROM, "--to", TO]), (3, 3600 + 60 + 540, all));
    // A segment is named by arrival: the flow that was recorded ten minutes later counts.
    let later = ["--from", "2026-11-24T03:43:00Z", "--to", "2026-11-24T03:44:00Z"];
    assert_eq!(sums(folder.path(), &later), (1, 540, 540_000));
    assert_eq!(sums(folder.path(), &["--from", "2026-11-24T03:43:00Z"]), (1, 540, 540_000));
    let before = ["--to", "2026-11-24T03:00:00Z"];
    assert_eq!(sums(folder.path(), &before), (2, 3601, 3_601_000));
    assert_eq!(sums(folder.path(), &["--to", "2026-11-23"]), (1, 1, 1000));
}

#[test]
fn the_window_of_nfdump_tells_what_reaches_across_its_ends() {
    let folder = archive();
    assert_eq!(sums(folder.path(), &["-t", WINDOW]), (1, 60, 60_000));
    for words in [&["-s", "srcip/bytes"][..], &["-I"], &["-A", "srcip"], &[]] {
        let (_, said) = ask(folder.path(), &[&["-t", WINDOW], words].concat());
        let line = "2 flows, 4.14M bytes reach across the ends: --from/--to counts them";
        assert!(said.contains(line), "{words:?}: {said}");
    }
    let one = &["-t", WINDOW, "-I", "src ip 192.0.2.1"];
    let (_, said) = ask(folder.path(), one);
    assert!(said.contains("1 flow, 3.60M bytes reaches across the ends"), "{said}");
    let (_, said) = ask(folder.path(), &["-t", WINDOW, "-I", "src ip 192.0.2.2"]);
    assert!(!said.contains("across"), "{said}");
    let (_, said) = ask(folder.path(), &["--from", FROM, "--to", TO, "-I"]);
    assert!(said.is_empty(), "{said}");
}

#[test]
fn prorated_flows_count_for_their_share_of_the_time() {
    let folder = archive();
    let asked = ["--prorate", "--from", FROM, "--to", "2026-11-24T03:41:59.999Z"];
    // 120 s of 3600, all of the minute, 60 s of 540; two of them end later.
    assert_eq!(
        sums(folder.path(), &asked),
        (1, 120 + 60 + 60, 120_000 + 60_000 + 60_000),
        "the flow of an hour ends just behind"
    );
    // Adjoining times add up to the whole.
    let mut all = (0, 0, 0);
    for (from, to) in [
        ("2026-11-24", "2026-11-24T03:39:59.999Z"),
        (FROM, "2026-11-24T03:41:17.122Z"),
        ("2026-11-24T03:41:17.123Z", "2026-11-24T03:45:59.999Z"),
        ("2026-11-24T03:46:00Z", "2026-11-24"),
    ] {
        let part = sums(folder.path(), &["--prorate", "--from", from, "--to", to]);
        all = (all.0 + part.0, all.1 + part.1, all.2 + part.2);
    }
    assert_eq!(all, sums(folder.path(), &["--from", "2026-11-24", "--to", "2026-11-24"]));
    // Lists, sums and statistics share out alike, and their times are those of the part.
    for words in [&["-o", "csv:%byt"][..], &["-A", "srcip", "-o", "csv:%byt"]] {
        let words = [&asked[..], words, &["-q", "src ip 192.0.2.1"]].concat();
        assert_eq!(ask(folder.path(), &words).0.trim(), "120000", "{words:?}");
    }
    let words = [&asked[..], &["-s", "srcip/bytes", "-o", "csv", "-q"]].concat();
    let (rows, _) = ask(folder.path(), &words);
    assert!(rows.starts_with("2026-11-24 03:40:00,2026-11-24 03:41:59,119.999,"), "{rows}");
}

#[test]
fn the_last_minutes_have_the_flow_that_began_an_hour_ago() {
    let folder = tempfile::tempdir().unwrap();
    let now = Clock::start().now();
    let ended = now.plus_ms(-5_000).0;
    write(
        folder.path(),
        "flows.202611240340Z.parquet",
        SLOT,
        &[flow(1, ended - 3_600_000, ended, 9000)],
    );
    assert_eq!(sums(folder.path(), &["--from", "5m"]), (1, 9, 9000));
    let (_, said) = ask(folder.path(), &["--from", "1s"]);
    assert!(said.contains("no flows from") && said.contains("hold flows from"), "{said}");
}

#[test]
fn an_empty_answer_says_what_times_the_archive_holds() {
    let folder = archive();
    let holds = "hold flows from 2026-11-23T03:40:00.000Z to 2026-11-24T03:50:00.000Z";
    for words in [
        &["--from", "2026-12-24"][..],
        &["--to", "2025-01-01", "-s", "srcip"],
        &["-t", "2026/11/25", "-I"],
        &["src ip 203.0.113.9", "-a"],
    ] {
        let (_, said) = ask(folder.path(), words);
        assert!(said.contains(holds), "{words:?}: {said}");
    }
    let (_, said) = ask(folder.path(), &["src ip 203.0.113.9"]);
    assert!(said.contains("no flows match `src ip 203.0.113.9`: "), "{said}");
    let (_, said) = ask(folder.path(), &["-t", "2026/11/25", "tcp"]);
    assert!(said.contains("no flows from 2026-11-25T00:00:00.000Z"), "{said}");
}

#[test]
fn rates_are_over_the_time_asked_for_and_so_is_their_order() {
    let folder = archive();
    let rates = |words: &[&str]| -> Vec<(String, u64)> {
        let all = ["--from", FROM, "--to", TO, "-o", "json", "src net 192.0.2.0/24"];
        let words = [&all[..], words].concat();
        let tables: serde_json::Value =
            serde_json::from_str(&ask(folder.path(), &words).0).unwrap();
        let rows = tables[0]["rows"].as_array().unwrap().clone();
        let row = |row: &serde_json::Value| {
            (row["value"].as_str().unwrap().to_owned(), row["bps"].as_u64().unwrap())
        };
        rows.iter().map(row).collect()
    };
    let named = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
        rows.iter().map(|(name, rate)| ((*name).to_owned(), *rate)).collect()
    };
    // Bytes * 8 over 120 s.
    let want = named(&[("192.0.2.1", 240_000), ("192.0.2.3", 36_000), ("192.0.2.2", 4_000)]);
    for order in ["srcip/bps", "srcip/pps", "srcip/bytes"] {
        assert_eq!(rates(&["-s", order]), want, "{order}");
    }
    // As nfdump does: over the time of each.
    let want = named(&[("192.0.2.1", 8_000), ("192.0.2.2", 8_000), ("192.0.2.3", 8_000)]);
    assert_eq!(rates(&["-s", "srcip/bps", "--rates", "flows"]), want);
    assert_eq!(rates(&["-s", "srcip/bps", "--rates", "own"]), want, "its former name");
}

#[test]
fn sampled_packets_have_rates_and_an_order_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let packet = |last: u8, second: i64, bytes| Flow {
        timed: false,
        ..flow(last, SLOT + second * 1000, SLOT + second * 1000, bytes)
    };
    let flows = [packet(1, 0, 1000), packet(2, 1, 3000), packet(2, 10, 3000), packet(3, 5, 2000)];
    write(folder.path(), "flows.202611240340Z.parquet", SLOT, &flows);
    let words = ["-s", "srcip/bps", "-o", "csv", "-q"];
    let (rows, _) = ask(folder.path(), &words);
    let hosts: Vec<&str> = rows.lines().filter_map(|row| row.split(',').nth(4)).collect();
    assert_eq!(hosts, ["192.0.2.2", "192.0.2.3", "192.0.2.1"], "{rows}");
    let rate = rows.lines().next().unwrap().split(',').nth(12);
    assert_eq!(rate, Some("4800"), "6000 bytes in 10 s: {rows}");
}
