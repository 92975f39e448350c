//! `--window all`: bytes that passed in the span, over the span; complete only when that is
//! known.

use toptalk::agg::{Config, Windows};
use toptalk::flow::{Flow, Host, Time};
use toptalk::snapshot::{Completeness, Health, Snapshot, Subject, View, Window};

use crate::common::site::{START, check_law, flow, local, remote};

const GB: u64 = 1_000_000_000;

fn all(windows: &Windows, second: i64) -> Snapshot {
    let view = View { subject: Subject::Hosts, window: Window::All, limit: 10, ..View::default() };
    let snapshot = windows.snapshot(&view, Time(START + second * 1000), Health::default());
    check_law(&snapshot);
    snapshot
}

fn listening() -> Windows {
    Windows::new(Config { started: Time(START), to_now: true, ..Config::default() })
}

fn collecting() -> Windows {
    Windows::new(Config { started: Time(START), ..Config::default() })
}

/// The rate received, in kbit/s.
fn down(snapshot: &Snapshot) -> u64 {
    snapshot.span.bits_per_second(snapshot.totals.down.bytes) / 1000
}

fn near(found: u64, want: u64, percent: u64) -> bool {
    found.abs_diff(want) * 100 <= want * percent
}

/// A site that downloads at 8.4 Mbit/s all the time: of each second, half in flows of a
/// second, half in flows that the exporter cuts at its active timeout.
fn site(windows: &Windows, from: i64, to: i64, timeout: i64) {
    let bytes = 8_400_000 / 8;
    for second in from..to {
        let at = second as f64 + 0.5;
        let mut flows = vec![flow(remote(1), local(1), at, 0.0, 1.0, bytes / 2)];
        // Long flows are cut at different times.
        flows.extend((0..timeout).filter(|n| (second + n) % timeout == 0).map(|n| {
            let host = local(2 + (n % 50) as u8);
            flow(remote(2), host, at, 0.0, timeout as f64, bytes / 2)
        }));
        windows.record(&flows);
    }
}

#[test]
fn a_stream_of_22_hours_has_its_own_rate() {
    // Reported 1 s after the start, when it ended.
    let windows = listening();
    windows.record(&[flow(remote(1), local(1), 1.0, 1.0, 79_200.0, 127 * GB / 100)]);
    let snapshot = all(&windows, 6);
    assert!(near(down(&snapshot), 128, 2), "{} {:?}", down(&snapshot), snapshot.span);
    assert_ne!(snapshot.span.completeness, Completeness::Complete);
    // Of a collector that has just started, and of one that runs since a minute.
    let windows = collecting();
    windows.record(&[flow(remote(1), local(1), 1.0, 1.0, 79_200.0, 127 * GB / 100)]);
    assert!(near(down(&all(&windows, 2)), 128, 2));
    let windows = collecting();
    windows.record(&[flow(remote(1), local(1), 61.0, 0.0, 79_200.0, 127 * GB / 100)]);
    let snapshot = all(&windows, 62);
    assert!(near(down(&snapshot), 128, 4), "{} {:?}", down(&snapshot), snapshot.span);
    assert_ne!(snapshot.span.completeness, Completeness::Complete);
}

#[test]
fn a_flow_that_was_heard_in_two_seconds_has_the_rate_of_its_own_time() {
    for (length, ended) in [(15.0, 0.0), (15.0, 5.0), (60.0, 0.2), (400.0, 1.0), (5.0, 0.0)] {
        let windows = listening();
        let bytes = (length * 125_000.0) as u64;
        windows.record(&[flow(remote(1), local(1), 0.8, ended, length, bytes)]);
        let snapshot = all(&windows, 2);
        assert_eq!(snapshot.totals.down.bytes, bytes, "all of it");
        assert!(
            near(down(&snapshot), 1000, 2),
            "{length}: {} {:?}",
            down(&snapshot),
            snapshot.span
        );
        assert_ne!(snapshot.span.completeness, Completeness::Complete);
        assert!(snapshot.notes[0].contains("reach back"), "{:?}", snapshot.notes);
    }
}

#[test]
fn short_flows_count_whole_over_the_time_of_listening() {
    let windows = listening();
    windows.record(&[flow(remote(1), local(1), 4.0, 1.0, 2.0, 125_000)]);
    let snapshot = all(&windows, 10);
    assert_eq!((snapshot.totals.down.bytes, snapshot.span.length_ms()), (125_000, 10_000));
    assert_eq!(down(&snapshot), 100);
    assert!(matches!(snapshot.span.completeness, Completeness::Filling { known_ms: 10_000 }));
}

#[test]
fn a_burst_in_the_newest_seconds_is_in_the_answer() {
    // Long after listening began, so that the newest pane would be left out.
    for (second, timed) in [(6.4, true), (30.9, true), (30.9, false)] {
        let windows = listening();
        let burst = flow(remote(1), local(1), second, 0.0, 0.1, 125_000);
        windows.record(&[Flow { timed, ..burst }]);
        let view = View { subject: Subject::Hosts, window: Window::All, ..View::default() };
        let now = Time(START + (second * 1000.0) as i64 + 50);
        let snapshot = windows.snapshot(&view, now, Health::default());
        assert_eq!(snapshot.totals.down.bytes, 125_000, "{second} {timed}: {:?}", snapshot.span);
    }
}

#[test]
fn sampled_packets_are_complete_when_they_arrive() {
    let windows = listening();
    let packet =
        |second: f64| Flow { timed: false, ..flow(remote(1), local(1), second, 0.0, 0.0, 12_500) };
    (0..100).for_each(|n| windows.record(&[packet(f64::from(n) / 10.0 + 0.05)]));
    let snapshot = all(&windows, 10);
    assert_eq!((down(&snapshot), snapshot.span.length_ms()), (1000, 10_000));
    assert_eq!(snapshot.span.completeness, Completeness::Complete);
    // Nothing heard at all is not complete.
    assert_ne!(all(&listening(), 10).span.completeness, Completeness::Complete);
}

#[test]
fn listening_long_enough_gives_the_true_rate_of_a_site() {
    let windows = listening();
    site(&windows, 0, 10, 60);
    let snapshot = all(&windows, 10);
    assert_ne!(snapshot.span.completeness, Completeness::Complete);
    assert!(down(&snapshot) <= 8_400, "{}", down(&snapshot));
    site(&windows, 10, 180, 60);
    let snapshot = all(&windows, 180);
    assert!(near(down(&snapshot), 8_400, 1), "{} {:?}", down(&snapshot), snapshot.span);
    // An exporter with a longer active timeout might not have reported yet.
    assert_ne!(snapshot.span.completeness, Completeness::Complete);
    site(&windows, 180, 420, 60);
    let snapshot = all(&windows, 420);
    assert!(near(down(&snapshot), 8_400, 1), "{} {:?}", down(&snapshot), snapshot.span);
    assert_eq!(snapshot.span.completeness, Completeness::Complete);
}

#[test]
fn a_few_long_flows_of_little_traffic_do_not_thin_out_all_rates() {
    let windows = listening();
    let keepalive =
        Flow { packets: 1000, ..flow(remote(9), local(9), 5.0, 0.0, 79_200.0, 100_000) };
    windows.record(&[keepalive]);
    for second in 0..10 {
        windows.record(&[flow(remote(1), local(1), second as f64 + 0.5, 0.0, 3.0, 1_000_000)]);
    }
    let snapshot = all(&windows, 10);
    assert!(snapshot.span.length_ms() < 320_000, "{:?}", snapshot.span);
}

#[test]
fn a_collector_never_says_too_much_and_never_ends_before_it_starts() {
    for timeout in [60, 120] {
        let windows = collecting();
        let mut complete = 0;
        for second in 1..900 {
            site(&windows, second - 1, second, timeout);
            windows.watch(Time(START + second * 1000));
            let snapshot = all(&windows, second);
            let span = &snapshot.span;
            assert!(span.start <= span.end, "{second}: {span:?}");
            assert!(down(&snapshot) <= 8_500, "{second}: {} {span:?}", down(&snapshot));
            if span.completeness == Completeness::Complete {
                complete += 1;
                assert!(near(down(&snapshot), 8_400, 1), "{second}: {} {span:?}", down(&snapshot));
                assert!(second >= 300 + timeout - 5, "{second}: not known yet");
            }
        }
        assert!(complete > 300, "{complete}");
    }
}

#[test]
fn a_long_download_is_no_peak_in_the_live_windows() {
    // 30 minutes at 1 Mbit/s, reported when it ended; the exporter reports everything else at
    // once.
    let windows = Windows::new(Config {
        started: Time(START - 4_000_000),
        lag: toptalk::agg::LagRule::Fixed(0),
        ..Config::default()
    });
    windows.record(&[Flow {
        exporter: Host::octets(192, 0, 2, 9),
        ..flow(remote(1), local(1), 10.0, 0.0, 1800.0, 225_000_000)
    }]);
    for (second, passed_at) in [(10, true), (70, false), (700, false)] {
        for window in Window::SLIDING {
            let view = View { subject: Subject::Hosts, window, limit: 10, ..View::default() };
            let snapshot = windows.snapshot(&view, Time(START + second * 1000), Health::default());
            let span = &snapshot.span;
            let passed = Time(START + 10_000).since(span.start).clamp(0, 1_800_000);
            let want = (passed * 1000 / span.length_ms()).cast_unsigned();
            let rate = down(&snapshot);
            assert!(rate.abs_diff(want) <= 2, "{window:?} {second}: {rate}, not {want}");
            assert!(window == Window::Hour || !passed_at || want == 1000, "{want}");
        }
    }
}
