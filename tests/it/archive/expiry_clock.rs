//! The clock of the collector is a year ahead, while the collector runs or when it starts:
//! `--expire-age` must remove nothing because of that. libfaketime sets the clock for that
//! process alone.

use crate::common;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::process::{Running, free_port, libfaketime, toptalk};
use nix::sys::signal::Signal;
use toptalk::archive::name;
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Time};

const DAY: i64 = 24 * 3_600_000;

/// A segment of a slot that began `days` days ago.
fn segment(folder: &Path, now: Time, days: i64) -> PathBuf {
    let start = Time((now.0 - days * DAY) / 300_000 * 300_000);
    let path = folder.join(name::segment(start, false, 1));
    let out = fs::File::create(&path).unwrap();
    let slot = SlotInfo { start, length_ms: 300_000 };
    encode(&[Flow { arrival: start, ..Flow::EMPTY }], &[], &slot, out).unwrap();
    path
}

/// A collector that keeps 30 days; a file sets its clock.
fn collect(library: &Path, folder: &Path) -> Running {
    let mut collect = toptalk();
    collect.args(["collect", "-b", "127.0.0.1", "-p", &free_port().to_string(), "-t", "300"]);
    collect.args(["--expire-age", "30d", "-w"]).arg(folder.join("archive"));
    collect.env("LD_PRELOAD", library).env("FAKETIME_NO_CACHE", "1");
    collect.env("FAKETIME_TIMESTAMP_FILE", folder.join("clock"));
    collect.env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Running::start(&mut collect, "listening")
}

#[test]
fn a_clock_a_year_ahead_removes_nothing_when_it_starts_or_while_it_runs() {
    let test = "a_clock_a_year_ahead_removes_nothing_when_it_starts_or_while_it_runs";
    let Some(library) = libfaketime(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    fs::create_dir_all(&archive).unwrap();
    let set = |by: &str| {
        fs::write(folder.path().join("new"), by).unwrap();
        fs::rename(folder.path().join("new"), folder.path().join("clock")).unwrap();
    };
    let now = Clock::start().now();
    let kept = [segment(&archive, now, 20), segment(&archive, now, 1), segment(&archive, now, 0)];
    let are_there = || kept.iter().all(|path| path.exists());
    // Started twice with a wrong clock: the second time, its own mark exists.
    set("+365d");
    for _ in 0..2 {
        let mut collector = collect(&library, folder.path());
        collector.wait_for("the time that is known to have passed");
        assert_eq!(collector.end(Signal::SIGTERM).status.code(), Some(0));
        assert!(are_there());
    }
    // With the right clock, old segments are removed, and others stay when the clock jumps.
    set("+0");
    let old = segment(&archive, now, 40);
    let mut collector = collect(&library, folder.path());
    common::wait_until("the old one has gone", || !old.exists());
    set("+365d");
    collector.wait_for("the time that is known to have passed");
    assert_eq!(collector.end(Signal::SIGTERM).status.code(), Some(0));
    assert!(are_there());
}
