//! The command `toptalk query`: which files it reads, what it prints, and its errors.

use crate::common;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::flow::{Flow, Host, Time};

use crate::common::process::{have, toptalk};
use crate::common::users::{Nobody, mode};

/// 2026-11-24 03:40:00 UTC.
const SLOT: i64 = 1_795_491_600_000;
const SLOT_MS: i64 = 300_000;

/// The flows of a slot: as many as its number, of a hundred bytes each.
fn flows(slot: i64, count: u8) -> Vec<Flow> {
    let begin = Time(SLOT + slot * SLOT_MS);
    let flow = |number: u8| Flow {
        src: Host::octets(192, 168, 1, 20),
        dst: Host::octets(192, 168, 1, number + 1),
        exporter: Host::octets(192, 0, 2, 1),
        first: begin.plus_ms(i64::from(number) * 1000),
        last: begin.plus_ms(i64::from(number) * 1000 + 500),
        arrival: begin.plus_ms(60_000),
        bytes: 100 * (u64::from(number) + 1),
        packets: 1,
        sport: 50_000,
        dport: 443,
        proto: 6,
        tcp_flags: 0x1b,
        ..Flow::EMPTY
    };
    (0..count).map(flow).collect()
}

fn segment(path: &Path, slot: i64, count: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let info = SlotInfo { start: Time(SLOT + slot * SLOT_MS), length_ms: SLOT_MS };
    encode(&flows(slot, count), &[], &info, fs::File::create(path).unwrap()).unwrap();
}

/// An archive of slots with 1, 2, 4 and 8 flows, so that a sum tells which were read.
fn archive() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (slot, name, count) in [
        (0, "flows.202611240340Z.parquet", 1),
        (1, "2026/11/24/flows.202611240345Z.parquet", 2),
        (2, "rtr1/flows.202611240350Z.parquet", 4),
        (3, "rtr2/flows.202611240355Z-2.parquet", 8),
    ] {
        segment(&folder.path().join(name), slot, count);
    }
    fs::write(folder.path().join("notes.txt"), "not a file of an archive").unwrap();
    folder
}

fn query(folder: &Path, words: &[&str]) -> Command {
    let mut command = toptalk();
    command.arg("query").args(words).current_dir(folder);
    command.env("TZ", "UTC");
    command
}

fn run(folder: &Path, words: &[&str]) -> Output {
    query(folder, words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn printed(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The number of flows in the files that the words select.
fn count(folder: &Path, words: &[&str]) -> u64 {
    let json = printed(folder, &[words, &["-I", "-o", "json"]].concat());
    serde_json::from_str::<serde_json::Value>(&json).unwrap()["flows"].as_u64().unwrap()
}

#[test]
fn ranges_are_times_and_the_named_files_need_not_exist() {
    let folder = archive();
    let at = |words: &[&str]| count(folder.path(), words);
    assert_eq!(at(&["-R", "."]), 15);
    assert_eq!(at(&["-R", "flows.202611240345Z.parquet:flows.202611240350Z.parquet"]), 6);
    assert_eq!(at(&["-R", "./nfcapd.202611240345:nfcapd.202611240350"]), 6);
    assert_eq!(at(&["-R", "2026/nfcapd.202611240345:rtr1/nfcapd.202611240352"]), 6);
    assert_eq!(at(&["-R", "./nfcapd.202611240350"]), 12);
    assert_eq!(at(&["-R", "./nfcapd.202611240450:nfcapd.202611240452", "--tz", "CET-1"]), 4);
    assert_eq!(at(&["-r", "rtr1/flows.202611240350Z.parquet"]), 4);
    assert_eq!(at(&["-r", "rtr2"]), 8);
    assert_eq!(at(&["-M", "rtr1:rtr2", "-R", "."]), 12);
    assert_eq!(at(&["-M", "rtr1:rtr2"]), 12);
    assert_eq!(at(&["-M", "rtr1:rtr2:rtr1", "-R", "nfcapd.202611240355"]), 8);
}

#[test]
fn times_are_of_flows() {
    let folder = archive();
    let at = |words: &[&str]| count(folder.path(), &[&["-R", "."], words].concat());
    assert_eq!(at(&["--from", "2026-11-24T03:45"]), 14);
    assert_eq!(at(&["--to", "2026-11-24T03:44:59"]), 1);
    assert_eq!(at(&["--from", "2026-11-24T03:50:02", "--to", "2026-11-24T03:50:59"]), 2);
    assert_eq!(at(&["-t", "2026/11/24.03:45:00-2026/11/24.03:50:00"]), 2);
    assert_eq!(at(&["-t", "+301"]), 2);
    assert_eq!(at(&["-t", "-2"]), 2);
    assert_eq!(at(&["--from", "2026-11-24", "--to", "2026-11-24"]), 15);
}

#[test]
fn flows_with_forged_times_are_in_no_window_of_the_first_or_last_seconds() {
    let folder = archive();
    let begin = Time(SLOT);
    let plausible = flows(0, 1)[0];
    let forged = |first: i64, last: i64| Flow {
        first: Time(first),
        last: Time(last),
        bytes: 7,
        ..plausible
    };
    let future = begin.0 + 80 * 365 * 86_400_000;
    let all = [
        forged(0, 0),
        forged(0, begin.0),
        forged(future, future),
        forged(begin.0, future),
        forged(i64::MIN, i64::MAX),
    ];
    let info = SlotInfo { start: begin, length_ms: SLOT_MS };
    let file = fs::File::create(folder.path().join("flows.202611240340Z-2.parquet")).unwrap();
    encode(&all, &[], &info, file).unwrap();
    let at = |words: &[&str]| count(folder.path(), &[&["-R", "."], words].concat());
    assert_eq!(at(&[]), 20);
    assert_eq!((at(&["-t", "+301"]), at(&["-t", "-2"])), (2, 2));
    assert_eq!((at(&["-t", "+99999999"]), at(&["-t", "-99999999"])), (15, 15));
}

#[test]
fn the_model_users_questions() {
    let folder = archive();
    let range = "./nfcapd.202611240340:nfcapd.202611240400";
    let words = ["-R", range, "-s", "dstip", "-O", "bytes", "-n", "10"];
    let out = printed(folder.path(), &words);
    assert!(out.starts_with("Top 10 Dst IP Addr ordered by bytes:\nDate first seen"), "{out}");
    let first = out.lines().nth(2).unwrap();
    assert!(first.contains("192.168.1.4        2(13.3)        2(13.3)      800(16.0)"), "{first}");
    let words = ["-R", range, "-s", "srcip", "-O", "bytes", "-n", "50", "dst ip 192.168.1.2"];
    let out = printed(folder.path(), &words);
    assert!(out.contains("192.168.1.20        3(100.0)        3(100.0)      600(100.0)"), "{out}");
    let net = "dst net 192.168.1.0/24";
    let words = ["-R", range, "-s", "dstip", "-O", "bytes", "-n", "100", "-o", "csv", net];
    let out = printed(folder.path(), &words);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "ts,te,td,pr,val,fl,flP,pkt,pktP,byt,bytP,pps,bps,bpp");
    assert!(lines[1].contains(",any,192.168.1.4,2,13.3,2,13.3,800,16.0,"), "{}", lines[1]);
    assert_eq!(
        lines[9..],
        ["", "Summary", "flows,bytes,packets,avg_bps,avg_pps,avg_bpp", lines[12]]
    );
}

#[test]
fn matching_flows_are_written_and_read_again() {
    let folder = archive();
    let path = folder.path();
    printed(path, &["-R", ".", "-w", "found.parquet", "bytes > 200"]);
    assert_eq!(count(path, &["-r", "found.parquet"]), 8);
    assert!(printed(path, &["-v", "found.parquet"]).contains("segment, 8 flows, 0 problems"));
    let output = run(path, &["-r", "found.parquet", "-w", "./found.parquet"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("one of the files that are read"));
    let piped = run(path, &["-R", ".", "-a", "-o", "parquet"]);
    assert!(piped.stdout.starts_with(b"PAR1") && piped.stdout.ends_with(b"PAR1"));
    fs::write(path.join("piped.parquet"), piped.stdout).unwrap();
    assert_eq!(count(path, &["-r", "piped.parquet"]), 8);
    let sums = printed(path, &["-r", "piped.parquet", "-I", "-o", "json"]);
    let all = printed(path, &["-R", "rtr2", "-M", ".", "-I", "-o", "json"]);
    assert!(sums.contains("\"bytes\":5000,") && all.contains("\"flows\":8,"), "{sums} {all}");
}

#[test]
fn errors_in_filters_are_marked() {
    let folder = archive();
    let path = folder.path();
    assert_eq!(
        printed(path, &["-Z", "tcp and (port 53   or port 99)"]),
        "proto tcp and (port 53 or port 99)\n"
    );
    fs::write(path.join("filter"), "# those\ndst ip 192.168.1.8\n").unwrap();
    assert_eq!(count(path, &["-R", ".", "-f", "filter"]), 1);
    assert_eq!(count(path, &["-R", ".", "-f", "filter", "any"]), 15);
    let output = run(path, &["-Z", "prot 53"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("prot 53\n  ^^^^"), "{}", text(&output.stderr));
}

#[test]
fn errors_are_named_and_the_rest_is_answered() {
    let folder = archive();
    let path = folder.path();
    fs::write(path.join("flows.202611240400Z.parquet"), b"PAR1 and then nothing").unwrap();
    let output = run(path, &["-R", ".", "-s", "dstip", "-o", "csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("\n15,"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("flows.202611240400Z.parquet"));
    for (words, expected) in [
        (&["-R", "none"][..], "found `none`"),
        (&["-r", "notes.txt"], "found something else"),
        (&["-r", "missing"], "missing"),
        (&["-R", "./nfcapd.203001010000"], "found none"),
        (&["-R", "./nfcapd.202610250230", "--tz", "CET-1CEST,M3.5.0,M10.5.0/3"], "+02:00"),
        (&["-R", ".", "--tz", "Nowhere"], "Europe/Berlin"),
        (&["-R", ".", "-s", "dstip", "-w", "x.parquet"], "leave out -s"),
        (&["-R", ".", "-w", "x.parquet", "port 1"], "nothing matches"),
        (&["-M", "rtr1", "-R", "/x"], "absolute path"),
    ] {
        let output = run(path, words);
        let message = text(&output.stderr);
        assert!(!output.status.success() && message.contains(expected), "{words:?}: {message}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

/// The lines without those about duration and effort.
fn without_effort(out: &str) -> Vec<&str> {
    let effort = ["Total flows", "Sys: ", "Wall: ", "Time window"];
    out.lines().filter(|line| !effort.iter().any(|word| line.starts_with(word))).collect()
}

#[test]
fn listings_are_those_of_nfdump() {
    let Some(corpus) = common::corpus("listings_are_those_of_nfdump") else { return };
    let file = corpus.join("nfcapd/v2_synthetic_none.nfcapd");
    if !have("listings_are_those_of_nfdump", "nfdump") {
        return;
    }
    let file = file.to_str().unwrap();
    for words in [
        &["-o", "line"][..],
        &["-o", "long"],
        &["-o", "extended"],
        &["-o", "biline"],
        &["-o", "bilong"],
        &["-o", "long6"],
        &["-o", "line", "-N"],
        &["-o", "extended", "proto udp"],
        &[
            "-q",
            "-o",
            "fmt:%ts %te %td %pr %sa %sp %da %dp %sap %dap %in %out %bps %pps %bpp %flg %tos %stos %dtos %smk %dmk %sas %das %nas %pas %svln %dvln %ismc %odmc %mpls1 %nh %fl %ipkt %opkt %ibyt %obyt",
        ],
        &["-o", "line", "port 99"],
    ] {
        let nfdump = Command::new("nfdump")
            .env("TZ", "UTC")
            .args(["-r", file])
            .args(words)
            .output()
            .unwrap();
        let theirs = text(&nfdump.stdout);
        let ours = printed(&corpus, &[&["-r", file], words].concat());
        let (ours, theirs) = (without_effort(&ours), without_effort(&theirs));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{words:?}");
        }
        assert_eq!(ours.len(), theirs.len(), "{words:?}");
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let folder = archive();
    segment(&folder.path().join("many/flows.202611240400Z.parquet"), 4, 250);
    for number in 0..40 {
        let name = format!("many/flows.20261124{:02}00Z.parquet", 5 + number % 18);
        let part =
            folder.path().join(name.replace(".parquet", &format!("-{}.parquet", number + 2)));
        segment(&part, 4, 250);
    }
    let mut child = toptalk()
        .args(["query", "-R", "many", "-o", "csv"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn an_unreadable_folder_is_named_and_the_rest_is_answered() {
    let test = "an_unreadable_folder_is_named_and_the_rest_is_answered";
    let Some(nobody) = Nobody::new(test) else { return };
    let folder = archive();
    mode(folder.path(), 0o755);
    let closed = folder.path().join("rtr2");
    mode(&closed, 0o000);
    let output =
        nobody.runs(&query(folder.path(), &["-R", ".", "-I", "-o", "json"])).output().unwrap();
    mode(&closed, 0o755);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("{\"flows\":7,"));
    assert!(text(&output.stderr).contains("rtr2"));
}

#[test]
fn records_that_nfdump_merged_count_as_their_flows() {
    let test = "records_that_nfdump_merged_count_as_their_flows";
    let Some(corpus) = common::corpus(test) else { return };
    if !have(test, "nfdump") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let merged = folder.path().join("merged");
    let sample = corpus.join("nfcapd/v2_sample.nfcapd");
    let nfdump = |words: &[&str]| {
        let output = Command::new("nfdump").env("TZ", "UTC").args(words).output().unwrap();
        text(&output.stdout)
    };
    let merged = merged.to_str().unwrap();
    nfdump(&["-r", sample.to_str().unwrap(), "-A", "srcip", "-w", merged]);
    let words = ["-r", merged, "-n", "20", "-s", "srcip/flows", "-o", "csv"];
    let flows = |out: &str| -> Vec<(String, String)> {
        let fields = |line: &str| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields.len() > 6).then(|| (fields[4].to_owned(), fields[5].to_owned()))
        };
        out.lines().filter_map(fields).collect()
    };
    let (theirs, ours) = (flows(&nfdump(&words)), flows(&printed(&corpus, &words)));
    assert!(theirs.len() > 20 && theirs.contains(&("192.168.0.137".into(), "591".into())));
    assert_eq!(ours, theirs);
    // Both directions of a connection in one record.
    nfdump(&["-r", sample.to_str().unwrap(), "-b", "-w", merged]);
    let all = printed(&corpus, &["-r", merged, "-I"]);
    assert_eq!(all.lines().next(), Some("Flows: 3018"), "{all}");
}
