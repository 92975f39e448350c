//! When limits are reached, rows are never too high, and what they may leave out is stated.

use std::collections::HashMap;

use proptest::prelude::*;
use toptalk::agg::{Config, LagRule, Windows};
use toptalk::flow::{Host, Time};
use toptalk::snapshot::{Health, HostRow, Ranking, Snapshot, Subject, UpDown, View, Window};

use super::check::is_through;
use super::naive::{Naive, Truth};
use super::script::any_script;
use crate::common::site::{START, check_law, flow, local, remote};

/// Estimates have 32 bits in units of 64 bytes: the largest counters are scaled down to
/// fit.
const SCALE: u64 = 1 << 12;

fn is_part(part: &UpDown, whole: &UpDown) -> bool {
    [(part.up, whole.up), (part.down, whole.down)].iter().all(|(part, whole)| {
        part.bytes <= whole.bytes
            && part.raw_bytes <= whole.raw_bytes
            && part.packets <= whole.packets
            && part.flows <= whole.flows
    })
}

/// Checks that no row is above the true value, that the difference is at most `missing`, and that
/// hosts without a row have at most `untracked`.
fn check_hosts(snapshot: &Snapshot, table: &Ranking<HostRow>, truth: &HashMap<Host, UpDown>) {
    let rows: HashMap<Host, &HostRow> = table.rows.iter().map(|row| (row.host, row)).collect();
    assert_eq!((rows.len(), table.rows.len()), (table.count, table.count));
    for (host, row) in &rows {
        let whole = truth.get(host).copied().unwrap_or_default();
        assert!(is_part(&row.traffic, &whole), "{row:?} {whole:?}");
    }
    for (host, whole) in truth {
        let bytes = whole.sum().bytes;
        match rows.get(host) {
            Some(row) => {
                let most = row.traffic.sum().bytes + row.missing;
                assert!(most >= bytes, "{row:?} {bytes} {:?}", snapshot.span);
            }
            None => assert!(snapshot.untracked.host >= bytes, "{host} {bytes}"),
        }
    }
}

fn check_conversations(snapshot: &Snapshot, truth: &Truth, host: Host) {
    let mut left: HashMap<_, UpDown> = HashMap::new();
    for (key, both) in &truth.conversations {
        if key.host == host {
            left.insert((key.peer, key.proto, key.port), *both);
        } else if key.peer == host {
            left.insert((key.host, key.proto, key.port), both.swapped());
        }
    }
    for row in &snapshot.detail.as_ref().unwrap().conversations.rows {
        let whole = left.remove(&(row.peer, row.proto, row.port)).unwrap();
        assert!(is_part(&row.traffic, &whole), "{row:?} {whole:?}");
    }
    let most = left.values().map(|both| both.sum().bytes).max().unwrap_or(0);
    assert!(most <= snapshot.untracked.conversation, "{most} {:?}", snapshot.untracked);
}

/// Requests every subject, and compares the answers.
fn check_bounds(windows: &Windows, model: &Naive, now: Time, max_hosts: usize) {
    let live = Windows::snapshot;
    for window in [Window::TenSeconds, Window::Minute, Window::Hour] {
        let view = View { window, subject: Subject::Hosts, limit: 1000, ..View::default() };
        let snapshot = live(windows, &view, now, Health::default());
        check_law(&snapshot);
        let truth = model.truth(snapshot.span.start, snapshot.span.end, |_| true);
        assert_eq!(snapshot.totals, truth.totals);
        assert!(snapshot.hosts.count <= max_hosts);
        let rows = if is_through(&truth) { &truth.transit } else { &truth.line };
        check_hosts(&snapshot, &snapshot.hosts, rows);
        let hosts = truth.conversations.keys().flat_map(|key| [key.host, key.peer]);
        for host in hosts.collect::<std::collections::HashSet<_>>() {
            let view = View { subject: Subject::Host(host), ..view.clone() };
            let snapshot = live(windows, &view, now, Health::default());
            check_law(&snapshot);
            check_conversations(&snapshot, &truth, host);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn with_few_rows_none_is_too_high_and_missing_bytes_are_stated(
        script in any_script(SCALE), max_hosts in 1usize..10, max_conversations in 1usize..30,
    ) {
        let (lag, no_dedup) = (script.lag, script.no_dedup);
        let config = Config { max_hosts, max_conversations, lag, no_dedup, ..Config::default() };
        let windows = Windows::new(Config { started: Time(START), ..config });
        let mut model = Naive::new(no_dedup);
        for step in &script.steps {
            windows.record(&step.flows);
            model.record(&step.flows);
            if step.watch {
                windows.watch(step.now);
            }
            check_bounds(&windows, &model, step.now, max_hosts);
        }
    }
}

#[test]
fn one_window_for_all_time_has_limits_too() {
    let config =
        Config { keep_all: true, lag: LagRule::Fixed(0), max_hosts: 3, ..Config::default() };
    let windows = Windows::new(Config { started: Time(START), ..config });
    let mut model = Naive::of_all_time(false);
    for n in 0..100u8 {
        let flow =
            flow(local(n % 20), remote(n), f64::from(n) * 500.0, 0.5, 3.0, u64::from(n) * 777);
        windows.record(&[flow]);
        model.record(&[flow]);
        let view =
            View { window: Window::All, subject: Subject::Hosts, limit: 10, ..View::default() };
        let snapshot = windows.snapshot(&view, flow.arrival, Health::default());
        check_law(&snapshot);
        let truth = model.truth(Time(0), flow.arrival, |_| true);
        check_hosts(&snapshot, &snapshot.hosts, &truth.line);
    }
}

/// Bytes of a local host that arrive at a second, in a separate batch.
fn sends(windows: &Windows, n: u8, second: i64, bytes: u64) {
    windows.record(&[flow(local(n), remote(1), second as f64, 0.0, 0.0, bytes)]);
}

/// The row of the second host.
fn second_row(windows: &Windows, second: i64, window: Window) -> HostRow {
    let view = View { window, subject: Subject::Hosts, limit: 10, ..View::default() };
    let snapshot = windows.snapshot(&view, Time(START + second * 1000), Health::default());
    *snapshot.hosts.rows.iter().find(|row| row.host == local(2)).unwrap()
}

fn one_row() -> Windows {
    let config = Config { max_hosts: 1, lag: LagRule::Fixed(0), ..Config::default() };
    Windows::new(Config { started: Time(START), ..config })
}

#[test]
fn a_late_batch_does_not_move_missing_bytes_back_in_time() {
    let windows = one_row();
    sends(&windows, 1, 50, 100);
    sends(&windows, 2, 57, 90);
    // A batch from another thread: now the second host has more than the first.
    sends(&windows, 2, 20, 50);
    sends(&windows, 2, 58, 30);
    let row = second_row(&windows, 60, Window::TenSeconds);
    assert_eq!(row.traffic.up.bytes, 30);
    assert!(row.missing >= 90, "{row:?}");
}

#[test]
fn evicted_traffic_is_missing_until_it_is_too_old() {
    let windows = one_row();
    sends(&windows, 2, 58, 90);
    sends(&windows, 1, 30, 100);
    sends(&windows, 2, 31, 40);
    sends(&windows, 2, 59, 30);
    let row = second_row(&windows, 60, Window::TenSeconds);
    assert_eq!(row.traffic.up.bytes, 30);
    assert!(row.missing >= 90, "{row:?}");
    sends(&windows, 2, 65, 5);
    let row = second_row(&windows, 70, Window::TenSeconds);
    assert_eq!((row.traffic.up.bytes, row.missing), (5, 0));
}

#[test]
fn a_row_in_a_freed_place_knows_its_missing_bytes() {
    let windows = one_row();
    sends(&windows, 1, 5, 100);
    sends(&windows, 2, 3000, 90);
    windows.watch(Time(START + 3_800_000));
    sends(&windows, 2, 3_900, 30);
    let row = second_row(&windows, 3_910, Window::Hour);
    assert_eq!(row.traffic.up.bytes, 30);
    assert!(row.missing >= 90, "{row:?}");
}
