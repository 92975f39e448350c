//! Hundreds of thousands of forged sources do not affect a real site's top rows.

use std::collections::HashMap;

use crate::common::site::{START, check_law, flow};
use toptalk::agg::{Config, LagRule, Windows};
use toptalk::flow::{Flow, Host, Time};
use toptalk::snapshot::{Health, HostRow, Snapshot, Subject, View, Window};

const MAX_HOSTS: usize = 4_000;
const MAX_CONVERSATIONS: usize = 8_000;
const REAL: u32 = 2_000;
const TOP: u32 = 1_000;
const SPOOFED: u32 = 200_000;
/// Rounds of one second each. The flood comes in [`FLOOD`].
const ROUNDS: u32 = 30;
const FLOOD: std::ops::Range<u32> = 10..20;

fn host(n: u32) -> Host {
    Host::v4(0x0a00_0000 + n)
}

fn remote(n: u32) -> Host {
    Host::v4(0xcb00_7100 + n)
}

/// Bytes that the host of this rank sends in a round, by Zipf's law.
fn share(rank: u32) -> u64 {
    40_000_000 / u64::from(rank + 1)
}

/// A third of the hosts each begin before, during and after the flood.
fn begins(rank: u32) -> u32 {
    [0, FLOOD.start + 3, FLOOD.end + 2][rank as usize % 3]
}

fn at(second: u32, src: Host, dst: Host, bytes: u64) -> Flow {
    flow(src, dst, f64::from(second) + 0.5, 0.1, 0.2, bytes)
}

/// The kind of forged addresses.
#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    Inside,
    Outside,
    Through,
}

fn spoofed(from: From, second: u32, n: u32) -> Flow {
    let scattered = n.wrapping_mul(2_654_435_761);
    let outside = Host::v4(0x2000_0000 + (scattered >> 4));
    match from {
        From::Inside => at(second, Host::v4(0x0a80_0000 + (scattered >> 10)), remote(9), 60),
        From::Outside => at(second, outside, host(n % REAL), 60),
        From::Through => at(second, outside, Host::v4(0x6000_0000 + (scattered >> 6)), 60),
    }
}

fn windows(max_hosts: usize, max_conversations: usize) -> Windows {
    let config = Config { max_hosts, max_conversations, ..Config::default() };
    Windows::new(Config { lag: LagRule::Fixed(0), started: Time(START), ..config })
}

fn ask(windows: &Windows, subject: Subject, second: u32) -> Snapshot {
    let view = View { subject, window: Window::Hour, limit: 10_000, ..View::default() };
    let now = Time(START + i64::from(second) * 1000);
    let snapshot = windows.snapshot(&view, now, Health::default());
    check_law(&snapshot);
    snapshot
}

/// The count of a cause.
fn count(snapshot: &Snapshot, cause: &str) -> u64 {
    let health = &snapshot.health;
    let mut causes = health.dropped.iter().chain(&health.noticed);
    causes.find(|drop| drop.cause == cause).map_or(0, |drop| drop.count)
}

/// Floods a site. Returns it with the bytes of every real host, and of all hosts.
fn flooded(from: From) -> (Windows, HashMap<Host, u64>, u64) {
    let windows = windows(MAX_HOSTS, MAX_CONVERSATIONS);
    let (mut truth, mut all) = (HashMap::new(), 0);
    let per_round = SPOOFED / FLOOD.len() as u32;
    for round in 0..ROUNDS {
        let real = (0..REAL).filter(|rank| begins(*rank) <= round);
        let mut flows: Vec<Flow> =
            real.map(|rank| at(round, host(rank), remote(rank % 50), share(rank))).collect();
        if FLOOD.contains(&round) {
            let first = (round - FLOOD.start) * per_round;
            flows.extend((first..first + per_round).map(|n| spoofed(from, round, n)));
        }
        for flow in &flows {
            *truth.entry(flow.src).or_default() += flow.bytes;
            if from == From::Outside {
                *truth.entry(flow.dst).or_default() += flow.bytes;
            }
            all += flow.bytes;
        }
        // Real and forged flows are mixed.
        for part in 0..7 {
            let part: Vec<Flow> = flows.iter().skip(part).step_by(7).copied().collect();
            windows.record(&part);
        }
    }
    (windows, truth, all)
}

/// The busiest thousand hosts are all listed, none above the true value or more than 0.1 %
/// below it.
fn check_top(rows: &[HostRow], truth: &HashMap<Host, u64>) {
    let rows: HashMap<Host, u64> =
        rows.iter().map(|row| (row.host, row.traffic.sum().bytes)).collect();
    for rank in 0..TOP {
        let (want, got) = (truth[&host(rank)], rows.get(&host(rank)).copied());
        assert!(got.is_some_and(|got| got <= want && got >= want - want / 1000), "{rank}: {got:?}");
    }
    for (host, got) in &rows {
        assert!(*got <= truth[host], "{host}");
    }
}

fn check_flood(from: From) {
    let (windows, truth, all) = flooded(from);
    let end = ROUNDS + 2;
    let subject = if from == From::Through { Subject::Line } else { Subject::Hosts };
    let snapshot = ask(&windows, subject, end);
    assert_eq!(snapshot.totals.sum().bytes, all, "totals lose nothing");
    assert!(snapshot.hosts.count <= MAX_HOSTS);
    check_top(&snapshot.hosts.rows, &truth);
    // Every conversation of a busy host is listed too.
    for rank in [0, 1, 2, 500] {
        let detail = ask(&windows, Subject::Host(host(rank)), end).detail.unwrap();
        let largest = detail.conversations.rows[0].traffic.sum().bytes;
        let sent = share(rank) * u64::from(ROUNDS - begins(rank));
        assert!(largest <= sent && largest >= sent - sent / 1000, "{rank}: {largest} of {sent}");
    }
    assert!(count(&snapshot, "conversation_limit") > 0);
    assert!(count(&snapshot, "conversations_evicted") > 0);
    assert!(snapshot.untracked.conversation >= 60);
    let limited = from != From::Outside; // remote hosts have no rows then
    assert_eq!(count(&snapshot, "host_limit") + count(&snapshot, "hosts_evicted") > 0, limited);
    assert_eq!(snapshot.untracked.host >= 60, limited);
    recovers(&windows);
}

/// An hour after the flood, rows are free and exact; the bound takes a little more than two
/// hours.
fn recovers(windows: &Windows) {
    let later = 3_800;
    for second in [later, later + 70] {
        windows.watch(Time(START + i64::from(second) * 1000));
    }
    for n in 0..3_000 {
        windows.record(&[at(later + 80, host(50_000 + n), remote(1), u64::from(n + 1))]);
    }
    let snapshot = ask(windows, Subject::Hosts, later + 90);
    assert_eq!((snapshot.hosts.count, snapshot.hosts.rows.len()), (3_000, 3_000));
    assert_eq!(snapshot.hosts.others.sum().bytes, 0);
    let wrong = |row: &&HostRow| {
        let n = u64::from(row.host.as_v4().unwrap()) - 0x0a00_0000 - 50_000;
        row.traffic.up.bytes != n + 1 || row.missing > 0
    };
    assert_eq!(snapshot.hosts.rows.iter().find(wrong), None);
    let snapshot = ask(windows, Subject::Hosts, 2 * 3_600 + 900 + ROUNDS);
    assert_eq!((snapshot.untracked.host, snapshot.untracked.conversation), (0, 0));
}

#[test]
fn forged_local_addresses_hide_no_real_host() {
    check_flood(From::Inside);
}

#[test]
fn forged_remote_senders_hide_no_real_host() {
    check_flood(From::Outside);
}

#[test]
fn forged_transit_hides_no_real_host() {
    check_flood(From::Through);
}

#[test]
fn below_the_limits_nothing_is_untracked() {
    let windows = windows(100, 100);
    for n in 0..100 {
        windows.record(&[at(n % 5, host(n), remote(n), 60)]);
    }
    let snapshot = ask(&windows, Subject::Hosts, 8);
    assert_eq!(snapshot.hosts.count, 100);
    assert_eq!((snapshot.untracked.host, snapshot.untracked.conversation), (0, 0));
    assert_eq!(count(&snapshot, "host_limit") + count(&snapshot, "hosts_evicted"), 0);
}

#[test]
fn a_remote_host_replaces_a_local_one_only_with_eight_times_its_traffic() {
    // Bytes of the remote host, and how many of ten local rows remain.
    for (bytes, left) in [(7_000, 10), (8_000, 10), (8_001, 8), (1_000_000, 8)] {
        let windows = windows(10, 1_000);
        for n in 0..10 {
            windows.record(&[at(1, host(n), remote(n), 1_000)]);
        }
        windows.record(&[at(2, remote(100), remote(101), bytes)]);
        let snapshot = ask(&windows, Subject::Line, 5);
        assert_eq!(snapshot.hosts.count, left, "{bytes}");
        assert_eq!(count(&snapshot, "hosts_evicted"), 10 - left as u64);
        assert_eq!(count(&snapshot, "host_limit"), left as u64 / 5 - if left == 8 { 1 } else { 0 });
    }
}
