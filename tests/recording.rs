//! Recording with real processes: what a kill leaves is found again, and what
//! was sent is what is read back.

mod common;

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::process::{Running, free_port, have, toptalk};
use common::softflowd;
use nix::sys::signal::Signal;
use toptalk::archive::name::parse;
use toptalk::archive::recorder::segment_of;
use toptalk::archive::verify::verify;
use toptalk::archive::{Chunk, Chunks, journal, segment};
use toptalk::flow::column::Vector;
use toptalk::flow::field::Field;
use toptalk::flow::{Flow, Host};
use toptalk::wire::encode::V5Encoder;

fn collect(port: u16, folder: &Path, more: &[&str]) -> Command {
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-w"]);
    command.arg(folder).args(more);
    command
}

/// The files of an archive that count, oldest first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if parse(path.file_name().unwrap().to_str().unwrap()).is_some() {
            let is_journal = path.extension().is_some_and(|end| end == "journal");
            if !is_journal || !segment_of(&path).exists() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The chunks of a file; those of its segment when a journal is gone by now.
fn chunks(path: &Path) -> Chunks {
    if path.extension().is_some_and(|end| end == "journal")
        && let Ok(chunks) = journal::open(path)
    {
        return chunks;
    }
    let chunk: Box<dyn Chunk> = Box::new(segment::open(&segment_of(path)).unwrap());
    Box::new(std::iter::once(Ok(chunk)))
}

/// Flows, packets and bytes that can be read back.
fn sums(folder: &Path) -> (u64, u64, u64) {
    let mut sums = [0u64; 3];
    for path in files(folder) {
        for chunk in chunks(&path) {
            let mut chunk = chunk.unwrap();
            sums[0] += chunk.rows() as u64;
            for (sum, field) in sums[1..].iter_mut().zip([Field::Packets, Field::Bytes]) {
                let dictionary = chunk.dictionary(field).unwrap();
                for page in 0..chunk.pages() {
                    let mut out = Vector::default();
                    chunk.read(field, page, &mut out).unwrap();
                    *sum += match &out {
                        Vector::Numbers(numbers) => numbers.iter().sum::<u64>(),
                        Vector::Ids(ids) => {
                            let dictionary = dictionary.as_ref().unwrap();
                            let of = |id: &u32| match dictionary.get(field, *id).unwrap() {
                                toptalk::flow::field::Value::Number(number) => number,
                                value => panic!("{value:?}"),
                            };
                            ids.iter().map(of).sum::<u64>()
                        }
                        Vector::Addresses(_) => panic!("{field:?}"),
                    };
                }
            }
        }
    }
    (sums[0], sums[1], sums[2])
}

#[test]
fn what_softflowd_sends_survives_a_kill() {
    if !have("what_softflowd_sends_survives_a_kill", "softflowd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    let capture = folder.path().join("capture.pcap");
    let truth = common::capture::write(&capture, 40);
    let port = free_port();
    let mut running =
        Running::start(&mut collect(port, &archive, &["-S", "1", "-t", "86400"]), "listening");
    softflowd::send(&capture, "9", port, folder.path());
    // The journal is written every second; there is nothing to wait for but that.
    common::wait_until("the journal", || sums(&archive).0 == truth.flows);
    let output = running.end(Signal::SIGKILL);
    assert!(!output.status.success());
    let left = files(&archive);
    assert!(left.iter().all(|path| path.extension().is_some_and(|end| end == "journal")));
    assert_eq!(sums(&archive), (truth.flows, truth.packets, truth.bytes));
    // It begins anew, makes segments of what was left and records more.
    let said = format!("{} flows of an earlier run", truth.flows);
    let port = free_port();
    running = Running::start(&mut collect(port, &archive, &["-S", "1", "-t", "86400"]), &said);
    softflowd::send(&capture, "9", port, folder.path());
    common::wait_until("both", || sums(&archive).0 == 2 * truth.flows);
    let output = running.end(Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("flows {}, packets {}", truth.flows, truth.packets)), "{said}");
    let files = files(&archive);
    assert!(files.iter().all(|path| path.extension().is_some_and(|end| end == "parquet")));
    assert_eq!(sums(&archive), (2 * truth.flows, 2 * truth.packets, 2 * truth.bytes));
    for path in files {
        let verified = verify(&path, chunks(&path));
        assert_eq!(verified.problems, Vec::<String>::new(), "{}", path.display());
    }
}

/// Datagrams of NetFlow v5, sent now by a router that was just started.
fn v5(flows: &[Flow]) -> Vec<Vec<u8>> {
    let now = toptalk::clock::Clock::start().now();
    let boot = now.plus_ms(-60_000);
    let timed: Vec<Flow> =
        flows.iter().map(|flow| Flow { first: boot, last: now, ..*flow }).collect();
    V5Encoder::new(0, 0).encode(now, boot, &timed)
}

#[test]
fn every_slot_has_a_line_and_a_second_recorder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut running = Running::start(&mut collect(port, folder.path(), &["-t", "1"]), "listening");
    let second = collect(free_port(), folder.path(), &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&format!("by process {}", running.pid())), "{said}");
    let flow = Flow {
        src: Host::octets(192, 0, 2, 1),
        dst: Host::octets(198, 51, 100, 1),
        bytes: 1500,
        packets: 3,
        proto: 17,
        ..Flow::EMPTY
    };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in v5(&[flow; 5]) {
        socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
    running.wait_for("flows 5, packets 15, bytes 7500, lost 0, parts 1");
    let output = running.end(Signal::SIGINT);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(sums(folder.path()), (5, 15, 7500));
}

#[test]
fn top_records_beside_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = toptalk();
    command.args(["top", "-b", "127.0.0.1", "--for", "60s", "-o", "json", "-w"]);
    command.arg(folder.path()).args(["-p", &port.to_string()]);
    let running = Running::start(&mut command, "listening");
    let host = Host::octets(10, 0, 0, 1);
    let flow = Flow { bytes: 100, packets: 1, src: host, dst: host, ..Flow::EMPTY };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in v5(&[flow; 3]) {
        socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
    let output = running.end(Signal::SIGINT);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let recording = &answer["recording"];
    assert_eq!((&recording["flows"], &recording["segments"]), (&3.into(), &1.into()), "{answer}");
    assert_eq!(recording["stopped"], serde_json::Value::Null);
    assert_eq!(sums(folder.path()), (3, 3, 300));
}
