//! Rows stay within their limit of bytes.

use crate::common::site::{START, check_law, flow, local, remote};
use toptalk::agg::{Config, Windows};
use toptalk::flow::{Flow, Host, Time};
use toptalk::snapshot::{Health, Snapshot, Subject, View, Window};

const HOST_BYTES: usize = 1 << 20;
const CONVERSATION_BYTES: usize = 2 << 20;

/// Bytes by which rows may exceed their limit briefly, when logs double within one batch.
const SLACK: usize = 256 << 10;

fn windows() -> Windows {
    Windows::new(Config {
        started: Time(START),
        host_bytes: HOST_BYTES,
        conversation_bytes: CONVERSATION_BYTES,
        ..Config::default()
    })
}

fn ask(windows: &Windows, second: i64, subject: Subject) -> Snapshot {
    let view = View { subject, window: Window::Minute, limit: 10, ..View::default() };
    let snapshot = windows.snapshot(&view, Time(START + second * 1000), Health::default());
    check_law(&snapshot);
    snapshot
}

/// New remote hosts, each with a small flow.
fn new_hosts(second: i64, count: u32) -> Vec<Flow> {
    let one = |n: u32| {
        let n = n + second as u32 * count;
        let far = Host::octets(100 + (n >> 24) as u8, (n >> 16) as u8, (n >> 8) as u8, n as u8);
        let near = Host::octets(10, (n >> 16) as u8, (n >> 8) as u8, n as u8);
        flow(near, far, second as f64, 0.1, 0.2, 100)
    };
    (0..count).map(one).collect()
}

#[test]
fn floods_and_an_hour_of_busy_rows_stay_within_the_limit() {
    let windows = windows();
    let mut most = (0, 0);
    for second in 1..=900i64 {
        // Two hundred pairs are busy all the time: their logs grow.
        let busy = (0..200u8).map(|n| flow(local(n), remote(n), second as f64, 0.1, 1.0, 50_000));
        windows.record(&busy.collect::<Vec<_>>());
        windows.record(&new_hosts(second, 500));
        windows.watch(Time(START + second * 1000));
        let (hosts, conversations) = windows.bytes();
        assert!(hosts <= HOST_BYTES + SLACK, "{hosts} bytes of hosts at {second} s");
        let most_of_these = CONVERSATION_BYTES + SLACK;
        assert!(conversations <= most_of_these, "{conversations} of conversations at {second} s");
        most = (most.0.max(hosts), most.1.max(conversations));
    }
    assert!(most.0 > HOST_BYTES / 4 * 3 && most.1 > CONVERSATION_BYTES / 4 * 3, "{most:?} is used");
    let snapshot = ask(&windows, 905, Subject::Talkers);
    // Busy hosts keep their rows, and the flood is in "others".
    assert_eq!(snapshot.uploaders.rows.len(), 10);
    for row in &snapshot.uploaders.rows {
        assert!(row.traffic.up.bytes > 1_000_000, "{row:?}");
    }
    assert!(snapshot.uploaders.others.up.bytes > 0);
    let noticed = |cause: &str| {
        snapshot.health.noticed.iter().find(|one| one.cause == cause).map_or(0, |one| one.count)
    };
    assert!(noticed("conversations_evicted") + noticed("conversation_limit") > 0);
}

#[test]
fn memory_of_removed_rows_is_freed() {
    let windows = windows();
    windows.record(&new_hosts(1, 2_000));
    let (hosts, conversations) = windows.bytes();
    assert!(hosts > 0 && conversations > 0);
    // Hours later all rows have been swept or dropped.
    for hours in [2, 9] {
        windows.record(&new_hosts(hours, 2_000));
        for second in 0..300 {
            windows.watch(Time(START + hours * 3_600_000 + second * 1000));
        }
    }
    assert_eq!(windows.bytes(), (0, 0));
}
