//! Counters at the limits of a log entry, and times at the limits of slot numbers.

use toptalk::agg::{Config, LagRule, Windows};
use toptalk::flow::{Flow, Sampling, Time};
use toptalk::snapshot::{Health, Subject, View, Window};

use super::check::check_exact;
use super::naive::Naive;
use crate::common::site::{START, check_law, flow, local, remote};

const MAX_BYTES: u64 = (1 << 45) - 1;
const MAX_PACKETS: u64 = (1 << 32) - 1;

fn check_windows(flows: &[Flow], seconds: &[i64]) {
    let config = Config { lag: LagRule::Fixed(0), started: Time(START), ..Config::default() };
    let windows = Windows::new(config);
    let mut model = Naive::new(false);
    windows.record(flows);
    model.record(flows);
    for second in seconds {
        for subject in [Subject::Hosts, Subject::Talkers, Subject::Host(local(1))] {
            for window in Window::SLIDING {
                let view = View { subject, window, limit: 10, ..View::default() };
                let now = Time(START + second * 1000);
                let snapshot = windows.snapshot(&view, now, Health::default());
                check_law(&snapshot);
                check_exact(&snapshot, &model, |_| true);
            }
        }
    }
}

#[test]
fn counters_too_large_for_an_entry_continue_in_the_next() {
    let most = flow(local(1), remote(1), 5.0, 0.1, 0.0, MAX_BYTES);
    let full = Flow { packets: MAX_PACKETS, ..most };
    let sampled = Flow {
        bytes: MAX_BYTES / 1000,
        packets: MAX_PACKETS / 1000,
        sampling: Sampling::one_in(1000),
        ..most
    };
    let small = Flow { bytes: 1, packets: 1, ..most };
    let back = |flow: Flow| Flow { src: flow.dst, dst: flow.src, ..flow };
    let mut flows = vec![small, full, sampled, full, small, sampled, full, small];
    flows.extend(flows.clone().into_iter().map(back));
    check_windows(&flows, &[8, 100, 400, 2000, 3590]);
}

#[test]
fn counters_of_64_bits_are_in_the_rows() {
    // 251 TB: 15,000,000 bytes of a rate whose bytes an exporter sends in the wrong order.
    let forged = flow(local(1), remote(1), 5.0, 0.1, 0.0, 150_000);
    let forged = Flow { packets: 100, sampling: Sampling::one_in(1_677_721_600), ..forged };
    let most = flow(local(1), remote(1), 7.0, 60.0, 0.0, u64::MAX / 5);
    let most = Flow { packets: u64::MAX / 7, ..most };
    let back = |flow: Flow| Flow { src: flow.dst, dst: flow.src, ..flow };
    let small = flow(local(1), remote(1), 5.0, 0.1, 0.0, 1);
    check_windows(&[small, forged, most, back(most), small, forged], &[8, 100, 400, 2000, 3590]);
}

#[test]
fn more_flows_than_an_entry_counts_in_one_pane() {
    let one = flow(local(1), remote(1), 5.0, 0.1, 0.0, 40);
    let flows: Vec<Flow> = (0..140_001).map(|n| Flow { packets: n % 3, ..one }).collect();
    check_windows(&flows, &[8, 500]);
}

/// A collector that is suspended with its machine, for hours and repeatedly.
fn wake_after(naps: &[i64], max: usize) {
    let lag = LagRule::Fixed(0);
    let config = Config { lag, max_hosts: max, max_conversations: max, ..Config::default() };
    let windows = Windows::new(Config { started: Time(START), ..config });
    let old: Vec<Flow> =
        (0..200).map(|n| flow(local(n), remote(n), 5.0, 0.1, 0.0, 1_000)).collect();
    windows.record(&old);
    let mut now = 10;
    for nap in naps {
        now += nap;
        // Awake for a moment only: one flow and one answer.
        let one = flow(local(250), remote(1), now as f64, 0.1, 0.0, 7);
        windows.record(&[one]);
        let view = View { subject: Subject::Hosts, window: Window::Hour, ..View::default() };
        let view = View { limit: 1_000, ..view };
        let snapshot = windows.snapshot(&view, Time(START + now * 1000 + 4000), Health::default());
        check_law(&snapshot);
        assert_eq!(snapshot.hosts.count, 1, "after {now} s: {:?}", snapshot.span);
    }
}

#[test]
fn old_traffic_does_not_reappear_after_a_long_suspension() {
    const HOUR: i64 = 3600;
    wake_after(&[10 * HOUR, 18 * HOUR + 720, 9 * HOUR + 360, 30 * HOUR], 200_000);
    wake_after(&[18 * HOUR + 724; 9], 1_000);
    wake_after(&[7_000; 12], 10_000);
}

#[test]
fn old_traffic_does_not_reappear_after_many_short_suspensions() {
    wake_after(&[7_000; 12], 2_000_000);
}
