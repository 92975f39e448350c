//! Times are in the requested time zone, whichever command prints them; without a request, the
//! output says that they are in UTC.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::process::{Running, free_port, toptalk};
use crate::common::terminal::{Terminal, demo};
use nix::sys::signal::Signal;
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::IpfixEncoder;

/// 2020-09-13, 12:26:40 in UTC, 21:26:40 in Tokyo.
const EXPORTED: Time = Time(1_600_000_000_000);

/// The program with a time zone, and with a folder that contains no time zone database.
fn in_zone(zone: &str, files: &Path) -> Command {
    let mut command = toptalk();
    command.env("TZ", zone).env("TZDIR", files).env_remove("TOPTALK_TZ").stdin(Stdio::null());
    command
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Time zones in their usual forms, and the ending of RFC 3339 times in them.
const ZONES: [(&str, &str); 4] =
    [("Asia/Tokyo", "+09:00"), ("JST-9", "+09:00"), (":Asia/Kolkata", "+05:30"), ("UTC", "Z")];

#[test]
fn top_prints_times_of_the_zone_in_every_format() {
    let none = tempfile::tempdir().unwrap();
    for (zone, end) in ZONES {
        for (shape, times) in [("table", 2), ("csv", 3), ("json", 3)] {
            let mut command = in_zone(zone, none.path());
            let port = free_port().to_string();
            command.args(["top", "-b", "127.0.0.1", "-p", &port, "--for", "10ms", "-o", shape]);
            let text = printed(&command.output().unwrap());
            let words = text.split([' ', ',', '"', '\n']);
            let stamps: Vec<&str> =
                words.filter(|word| word.contains(":") && word.starts_with("20")).collect();
            assert!(stamps.len() >= times, "{zone} {shape}: {text}");
            assert!(stamps.iter().all(|stamp| stamp.ends_with(end)), "{zone} {shape}: {stamps:?}");
        }
    }
}

#[test]
fn inspect_prints_times_of_the_zone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.ipfix");
    let (src, dst) = (Host::octets(10, 0, 0, 1), Host::octets(192, 0, 2, 9));
    let flow =
        Flow { src, dst, first: EXPORTED, last: EXPORTED, bytes: 1, packets: 1, ..Flow::EMPTY };
    std::fs::write(&path, IpfixEncoder::new(3).encode(EXPORTED, &[flow], true).concat()).unwrap();
    for (zone, want) in
        [("Asia/Tokyo", "2020-09-13T21:26:40.000+09:00"), ("UTC", "2020-09-13T12:26:40.000Z")]
    {
        let mut command = in_zone(zone, folder.path());
        let text = printed(&command.arg("inspect").arg(&path).output().unwrap());
        assert!(text.contains(&format!("exported {want}")), "{zone}: {text}");
        assert!(text.contains(&format!("first {want} last {want}")), "{zone}: {text}");
        // In JSON, times are numbers, which have no time zone.
        let mut command = in_zone(zone, folder.path());
        command.args(["inspect", "-o", "ndjson"]).arg(&path);
        assert!(printed(&command.output().unwrap()).contains("1600000000000"), "{zone}");
    }
}

#[test]
fn log_lines_begin_with_times_of_the_zone() {
    let none = tempfile::tempdir().unwrap();
    for (zone, end) in ZONES {
        let mut command = in_zone(zone, none.path());
        let port = free_port().to_string();
        command.args(["collect", "-b", "127.0.0.1", "-p", &port]).env_remove("JOURNAL_STREAM");
        let output = Running::start(&mut command, "listening").end(Signal::SIGTERM);
        let log = String::from_utf8_lossy(&output.stderr);
        let times = log.lines().filter_map(|line| line.split(' ').next());
        assert!(
            times.clone().count() > 1 && times.clone().all(|time| time.ends_with(end)),
            "{log}"
        );
    }
}

#[test]
fn an_unknown_zone_in_tz_is_reported_and_one_in_an_option_refused() {
    let none = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let words = ["top", "-b", "127.0.0.1", "-p", &port, "--for", "10ms"];
    let output = in_zone("Asia/Tokio", none.path()).args(words).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("TZ=Asia/Tokio") && message.contains("UTC"), "{message}");
    assert!(printed(&output).contains("Z,"), "{output:?}");
    let mut command = in_zone("UTC", none.path());
    let output = command.args(words).env("TOPTALK_TZ", "Asia/Tokio").output().unwrap();
    assert!(!output.status.success());
    let mut command = in_zone("UTC", none.path());
    let output = command.args(words).env("TOPTALK_TZ", "Asia/Tokyo").output().unwrap();
    assert!(printed(&output).contains("+09:00"), "TOPTALK_TZ has priority over TZ: {output:?}");
}

/// The time in the first line of a screen, as `1m to 14:31:02`.
fn shown(text: &str) -> Option<&str> {
    text.lines().next()?.split(" to ").nth(1)
}

#[test]
fn the_screen_shows_times_of_the_zone_and_names_utc() {
    let folder = tempfile::tempdir().unwrap();
    for (zone, is_utc) in [("UTC", true), ("Asia/Tokyo", false), ("<TST>-12", false)] {
        let mut command = demo(&[], folder.path());
        command.env("TZ", zone);
        command.env("TZDIR", folder.path());
        let mut terminal = Terminal::start(command, 120, 24);
        let text = terminal.wait_until("a time", |text| shown(text).is_some_and(|at| at.len() > 8));
        let at = shown(&text).unwrap();
        assert_eq!(at[8..].starts_with(" UTC"), is_utc, "{zone}: {at}");
        terminal.press("\u{3}");
        assert_eq!(terminal.end().code, 0);
    }
}
