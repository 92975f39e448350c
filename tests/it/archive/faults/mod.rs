//! Archives whose files change while they are read or written: files that disappear, become
//! others, belong to other programs, or may not be accessed. Each is reported, and nothing is
//! lost or counted twice.

mod changing_files;
mod disks;
mod foreign_files;
mod misplaced_files;
mod overlapping_paths;
mod permissions;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use crate::common::process::toptalk;
use toptalk::archive::journal::{Block, JournalHeader};
use toptalk::archive::recorder::{ClosedPart, Encode};
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::flow::{Flow, Host, Time};

/// 2026-11-24 03:40:00 UTC.
const SLOT: Time = Time(1_795_491_600_000);
/// The length of a slot.
const SLOT_SECONDS: u32 = 300;

fn slot(number: i64) -> Time {
    SLOT.plus_ms(number * i64::from(SLOT_SECONDS) * 1000)
}

/// `count` flows of a slot, of ten bytes each.
fn flows(number: i64, count: usize) -> Vec<Flow> {
    let begin = slot(number);
    let flow = Flow {
        src: Host::octets(10, 0, 0, 1),
        dst: Host::octets(192, 0, 2, 1),
        first: begin,
        last: begin.plus_ms(1000),
        arrival: begin.plus_ms(2000),
        bytes: 10,
        packets: 1,
        proto: 17,
        ..Flow::EMPTY
    };
    vec![flow; count]
}

/// Writes a segment of a slot into a folder, which is created.
fn segment(folder: &Path, number: i64, count: usize) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(toptalk::archive::name::segment(slot(number), false, 1));
    let info = SlotInfo { start: slot(number), length_ms: i64::from(SLOT_SECONDS) * 1000 };
    encode(&flows(number, count), &[], &info, fs::File::create(&path).unwrap()).unwrap();
    path
}

/// Writes the journal of a slot, with one block.
fn journal(folder: &Path, number: i64, count: usize) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(toptalk::archive::name::journal(slot(number), false, 1));
    let header = JournalHeader { slot: slot(number), slot_seconds: SLOT_SECONDS };
    let mut block = Block::default();
    assert_eq!(block.extend(&flows(number, count), &[]), count);
    fs::write(&path, [&header.bytes()[..], block.bytes()].concat()).unwrap();
    path
}

/// That journal as a part for the encoder.
fn part(journal: &Path, number: i64, count: usize) -> ClosedPart {
    ClosedPart {
        slot: slot(number),
        slot_seconds: SLOT_SECONDS,
        number: 1,
        journal: journal.to_owned(),
        flows: count as u64,
        left: false,
    }
}

/// The function that encodes segments.
fn encoder() -> Arc<Encode> {
    Arc::new(|flows, more, (start, seconds), out| {
        let info = SlotInfo { start, length_ms: i64::from(seconds) * 1000 };
        encode(flows, more, &info, out).map(|_| ())
    })
}

fn query(folder: &Path, words: &[&str]) -> Command {
    let mut command = toptalk();
    command.arg("query").args(words).current_dir(folder).env("TZ", "UTC");
    command
}

/// The number of flows that a query over a folder finds, and its output.
fn run_query(command: &mut Command) -> (Option<u64>, Output) {
    let output = command.args(["-I", "-o", "json"]).output().unwrap();
    let json: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
    (json.and_then(|json| json["flows"].as_u64()), output)
}

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
