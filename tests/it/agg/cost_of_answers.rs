//! The cost of answers: work is counted and limited, and does not delay recording.

use std::sync::Arc;
use std::sync::mpsc::channel;

use crate::common::site::{START, check_law, flow, local};
use crate::common::terminal::PATIENCE;
use toptalk::agg::{Config, Windows};
use toptalk::filter::Filter;
use toptalk::flow::{Flow, Host, Time};
use toptalk::snapshot::{Allowance, Grouping, Health, STEPS, Snapshot, Subject, View, Window};

/// Number of conversations: enough that their rows alone need several decisions.
const ROWS: u32 = 20_000;

/// Number of terms of a long filter, none of which matches.
const TERMS: u64 = 1_000;

fn flows() -> Vec<Flow> {
    let one = |n: u32| {
        let far = Host::octets(198, 18 + (n >> 16) as u8, (n >> 8) as u8, n as u8);
        flow(local((n % 200) as u8), far, 10.0, 0.1, 1.0, 1_000)
    };
    (0..ROWS).map(one).collect()
}

fn windows(flows: &[Flow]) -> Arc<Windows> {
    let windows = Windows::new(Config { started: Time(START), ..Config::default() });
    windows.record(flows);
    Arc::new(windows)
}

fn ask(windows: &Windows, view: &View, allowance: &mut Allowance<'_>) -> Snapshot {
    windows.snapshot_within(view, Time(START + 40_000), Health::default(), allowance)
}

fn long_filter() -> Filter {
    let terms: Vec<String> = (0..TERMS).map(|n| format!("port {}", 10_000 + n)).collect();
    Filter::parse(&terms.join(" or ")).unwrap()
}

fn subjects() -> Vec<Subject> {
    let groups = [
        Grouping::Port,
        Grouping::Protocol,
        Grouping::PeerNetwork,
        Grouping::Interface,
        Grouping::Group,
    ];
    let groups = groups.into_iter().map(Subject::Groups);
    [Subject::Talkers, Subject::Hosts, Subject::Line, Subject::Host(local(1))]
        .into_iter()
        .chain(groups)
        .collect()
}

#[test]
fn no_answer_exceeds_its_allowance() {
    let windows = windows(&flows());
    for subject in subjects() {
        for filter in [Filter::default(), long_filter()] {
            let long = !filter.is_any();
            let view = View { subject, filter, window: Window::Hour, limit: 10, ..View::default() };
            let most = 10 * STEPS;
            let mut decisions = 0;
            let mut go_on = |spent: u64| {
                decisions += 1;
                spent < most
            };
            let mut allowance = Allowance::new(&mut go_on);
            let snapshot = ask(&windows, &view, &mut allowance);
            check_law(&snapshot);
            let (spent, over) = (allowance.spent(), allowance.is_over());
            // The work on one row may exceed the limit.
            assert!(
                spent < most + STEPS + 4 * TERMS + u64::from(ROWS),
                "{subject:?} {long} {spent}"
            );
            assert_eq!(over, snapshot.unanswered.is_some(), "{subject:?} {long}");
            if long {
                assert!(over, "{subject:?}: {spent} steps");
                let why = snapshot.unanswered.unwrap();
                assert!(why.starts_with("too slow here: use query: toptalk query"), "{why}");
                assert!(why.len() < 200 && snapshot.notes == [why.clone()], "{why}");
                assert!(snapshot.hosts.rows.is_empty() && snapshot.groups.rows.is_empty());
                assert!(snapshot.detail.is_none());
            } else {
                assert!(decisions > 0 || subject != Subject::Groups(Grouping::Port));
            }
        }
    }
}

#[test]
fn work_is_counted_by_rows_and_tests() {
    let windows = windows(&flows());
    let view = View { filter: long_filter(), limit: 10, ..View::default() };
    let mut allowance = Allowance::unlimited();
    let snapshot = ask(&windows, &view, &mut allowance);
    assert_eq!((snapshot.unanswered, snapshot.totals.sum().bytes), (None, 0));
    let least = u64::from(ROWS) * 2 * TERMS;
    assert!(allowance.spent() >= least, "{} of {least}", allowance.spent());
    let short = View { filter: Filter::parse("port 443").unwrap(), ..view };
    let mut allowance = Allowance::unlimited();
    let _ = ask(&windows, &short, &mut allowance);
    assert!(allowance.spent() < least / 100, "{}", allowance.spent());
}

/// If rows were locked while a long filter is evaluated, recording would wait.
#[test]
fn recording_does_not_wait_for_a_long_filter() {
    let flows = flows();
    let windows = windows(&flows);
    for subject in [Subject::Talkers, Subject::Host(local(1))] {
        let mut recorded = 0;
        let mut go_on = |_: u64| {
            let (done, wait) = channel();
            let (writer, flows) = (windows.clone(), flows.clone());
            std::thread::spawn(move || {
                writer.record(&flows);
                done.send(()).unwrap();
            });
            wait.recv_timeout(PATIENCE).expect("all rows can be written");
            recorded += 1;
            recorded < 3
        };
        let view = View { subject, filter: long_filter(), limit: 10, ..View::default() };
        let snapshot = ask(&windows, &view, &mut Allowance::new(&mut go_on));
        assert!(snapshot.unanswered.is_some());
        assert_eq!(recorded, 3, "{subject:?}");
    }
}
