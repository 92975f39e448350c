//! Two threads record while a third takes snapshots.

use std::sync::Barrier;
use std::thread;

use toptalk::agg::{Config, LagRule, Windows};
use toptalk::flow::{Flow, Host, Time};
use toptalk::snapshot::{Health, Subject, View, Window};

use super::check::check_exact;
use super::naive::Naive;
use crate::common::site::{START, check_law, flow, remote};

const BATCHES: u32 = 120;
const FLOWS: u32 = 100;

/// A batch of one writer: up, down and internal traffic, while an hour passes.
fn batch(writer: u32, number: u32) -> Vec<Flow> {
    let host = |n: u32| Host::v4(0x0a00_0000 + n);
    let made = (0..FLOWS).map(|n| {
        let mine = host((number * 31 + n * 7 + writer) % 300);
        let (src, dst) = match n % 3 {
            0 => (mine, remote((n % 50) as u8)),
            1 => (remote((n % 50) as u8), mine),
            _ => (mine, host(1_000 + n % 9)),
        };
        let arrival = f64::from(number) * 40.0 + f64::from(n) / 10.0;
        flow(src, dst, arrival, 1.0, f64::from(n % 30), u64::from(1_000 + n * writer))
    });
    made.collect()
}

/// Records everything from two threads, and takes a snapshot with each batch.
fn hammer(config: Config) -> (Windows, Naive, Time) {
    let windows = Windows::new(Config { started: Time(START), ..config });
    let end = Time(START + i64::from(BATCHES) * 40_000 + 20_000);
    let subjects =
        [Subject::Hosts, Subject::Talkers, Subject::Line, Subject::Host(Host::v4(0x0a00_0007))];
    // All threads begin a batch together. Otherwise more time could pass during a snapshot than one
    // batch takes, and panes at its end would be merged with later ones.
    let begin = Barrier::new(3);
    thread::scope(|scope| {
        for writer in [1, 2] {
            let (windows, begin) = (&windows, &begin);
            scope.spawn(move || {
                for number in 0..BATCHES {
                    let flows = batch(writer, number);
                    begin.wait();
                    windows.record(&flows);
                }
            });
        }
        for (round, subject) in (0..BATCHES as usize).zip(subjects.iter().cycle()) {
            begin.wait();
            let window = Window::SLIDING[round % 5];
            let view = View { subject: *subject, window, limit: 50, ..View::default() };
            // The reader uses a fixed time: the writers move the edge.
            check_law(&windows.snapshot(&view, Time(START), Health::default()));
        }
    });
    let mut model = Naive::new(false);
    for writer in [1, 2] {
        (0..BATCHES).for_each(|n| model.record(&batch(writer, n)));
    }
    (windows, model, end)
}

#[test]
fn two_writers_and_a_reader_lose_nothing() {
    // The edge is where any writer may still record.
    let lag = LagRule::Fixed(0);
    let (windows, model, end) = hammer(Config { lag, ..Config::default() });
    for subject in [Subject::Hosts, Subject::Talkers, Subject::Host(Host::v4(0x0a00_0007))] {
        for window in [Window::TenSeconds, Window::Quarter] {
            let view = View { subject, window, limit: 1_000, ..View::default() };
            let snapshot = windows.snapshot(&view, end, Health::default());
            check_law(&snapshot);
            check_exact(&snapshot, &model, |_| true);
        }
    }
}

#[test]
fn nothing_is_lost_when_rows_are_evicted() {
    let config = Config { max_hosts: 40, max_conversations: 60, ..Config::default() };
    let (windows, model, end) = hammer(config);
    let view = View { subject: Subject::Hosts, window: Window::Hour, limit: 99, ..View::default() };
    let snapshot = windows.snapshot(&view, end, Health::default());
    check_law(&snapshot);
    let truth = model.truth(snapshot.span.start, snapshot.span.end, |_| true);
    assert_eq!(snapshot.totals, truth.totals);
    assert!(snapshot.hosts.count <= 42, "each writer may be one ahead: {}", snapshot.hosts.count);
    for row in &snapshot.hosts.rows {
        assert!(row.traffic.sum().bytes <= truth.line[&row.host].sum().bytes, "{row:?}");
    }
}
