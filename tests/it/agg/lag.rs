//! How far windows lag behind: an unknown sender with late reports does not delay them.

use crate::common::site::{START, flow, local, remote};
use toptalk::agg::{Config, Rules, Windows};
use toptalk::filter::Filter;
use toptalk::flow::{Flow, Host, Time};
use toptalk::snapshot::{
    AlertSubject, Completeness, Direction, ExporterHealth, Health, Snapshot, Subject, View, Window,
};

const GOOD: Host = Host::octets(192, 0, 2, 1);
const UNKNOWN: Host = Host::octets(198, 51, 100, 66);

/// Flows of `exporter` that arrive at `second` and lasted `duration` seconds.
fn report(exporter: Host, second: f64, duration: f64, bytes: u64, count: u8) -> Vec<Flow> {
    // Forged flows are about other hosts.
    let host = |n: u8| if exporter == GOOD { local(n) } else { Host::octets(10, 0, 9, n) };
    let one = |n: u8| flow(host(n), remote(n), second, 0.1, duration, bytes);
    (1..=count).map(|n| Flow { exporter, ..one(n) }).collect()
}

/// The results of a view over time.
struct Seen {
    /// The largest lag of the window in seconds.
    late: i64,
    /// The longest time in seconds for which the window did not move.
    pause: i64,
    last: Snapshot,
}

/// Records flows second by second, and reads a view from second `from` on.
fn watch(
    config: Config,
    (from, until): (i64, i64),
    text: &str,
    mut reports: impl FnMut(f64) -> Vec<Flow>,
) -> Seen {
    let windows = Windows::new(Config { started: Time(START), ..config });
    let filter = Filter::parse(text).unwrap();
    let subject = Subject::Hosts;
    let view = View { subject, window: Window::Minute, limit: 10, filter, ..View::default() };
    let mut seen = Seen { late: 0, pause: 0, last: Snapshot::default() };
    let (mut end, mut since) = (Time(0), 0);
    for second in 1..=until {
        for part in 0..5 {
            let flows = reports(second as f64 + f64::from(part) / 5.0);
            windows.record(&flows);
        }
        let now = Time(START + second * 1000 + 900);
        windows.watch(now);
        let health = |address| ExporterHealth { address, ..ExporterHealth::default() };
        let others = (2..=10).map(|n| health(good(n)));
        let exporters = [GOOD, UNKNOWN].map(health).into_iter().chain(others).collect();
        seen.last = windows.snapshot(&view, now, Health { exporters, ..Health::default() });
        if seen.last.span.end > end || second < from {
            (end, since) = (seen.last.span.end, second);
        }
        if second >= from {
            seen.late = seen.late.max(now.since(seen.last.span.end) / 1000);
            seen.pause = seen.pause.max(second - since);
        }
    }
    seen
}

/// The flows of an exporter that reports quickly, and those of unknown senders.
fn good_and(unknown: impl Fn(f64) -> Vec<Flow>) -> impl FnMut(f64) -> Vec<Flow> {
    move |second| {
        let mut flows = report(GOOD, second, 2.0, 125_000, 20);
        flows.extend(unknown(second));
        flows
    }
}

#[test]
fn long_flows_of_an_unknown_sender_do_not_delay_windows() {
    type Attack = (&'static str, fn(f64) -> Vec<Flow>);
    let attacks: [Attack; 7] = [
        (
            "one datagram",
            |at| {
                if at == 25.0 { report(UNKNOWN, at, 280.0, 1000, 20) } else { vec![] }
            },
        ),
        ("300 datagrams in six seconds", |at| {
            let count = if (25.0..31.0).contains(&at) { 10 } else { 0 };
            (0..count).flat_map(|_| report(UNKNOWN, at, 280.0, 1000, 20)).collect()
        }),
        ("for ever", |at| if at < 25.0 { vec![] } else { report(UNKNOWN, at, 280.0, 1000, 100) }),
        ("soon after the start", |at| {
            if at < 5.0 { vec![] } else { report(UNKNOWN, at, 280.0, 1000, 100) }
        }),
        ("with forged counters", |at| {
            if at < 25.0 { vec![] } else { report(UNKNOWN, at, 280.0, u64::MAX / 4096, 20) }
        }),
        ("of half an hour", |at| {
            if at < 25.0 { vec![] } else { report(UNKNOWN, at, 1800.0, 1_000_000, 20) }
        }),
        ("from addresses of all kinds", |at| {
            let n = (at * 5.0) as u16;
            let from = |k: u8| Host::octets(198, 18, k, (n % 250) as u8);
            if at < 25.0 {
                vec![]
            } else {
                (0..4).flat_map(|k| report(from(k), at, 280.0, 1000, 5)).collect()
            }
        }),
    ];
    for (what, attack) in attacks {
        // 20 hosts with 5 Mbit/s each exceed their limit all the time.
        let rules = Rules { host_up: Some(4_000_000), ..Rules::default() };
        let config = Config { rules, ..Config::default() };
        let seen = watch(config, (20, 400), "any", good_and(attack));
        assert!(seen.late <= 8, "{what}: {} s behind", seen.late);
        assert!(seen.pause <= 3, "{what}: stood for {} s", seen.pause);
        assert_eq!(seen.last.span.completeness, Completeness::Complete, "{what}");
        let alerts = &seen.last.alerts;
        for n in 1..=20 {
            let subject = AlertSubject::Host(local(n), Direction::Up);
            assert!(alerts.iter().any(|alert| alert.subject == subject), "{what}: {alerts:?}");
        }
    }
}

#[test]
fn the_first_exporter_does_not_determine_the_lag_for_ever() {
    let seen = watch(Config::default(), (180, 300), "any", |at| match at {
        2.0 => report(UNKNOWN, at, 280.0, 1_000_000, 20),
        _ if at > 30.0 => report(GOOD, at, 2.0, 125_000, 20),
        _ => vec![],
    });
    assert!(seen.late <= 8, "{} s behind", seen.late);
}

#[test]
fn forged_counters_do_not_shorten_the_lag() {
    // The good exporter cuts its flows every minute, so the lag must be that long.
    let seen = watch(Config::default(), (120, 400), "any", |at| {
        let mut flows = report(GOOD, at, 60.0, 125_000, 20);
        flows.extend(report(UNKNOWN, at + 0.1, 0.5, u64::MAX / 4096, 20));
        flows
    });
    let late = seen.last.captured_at.since(seen.last.span.end) / 1000;
    assert!((60..=66).contains(&late), "{late} s behind");
}

#[test]
fn windows_wait_for_a_new_router_after_some_time_and_gradually() {
    let mut reports =
        good_and(|at| if at < 60.0 { vec![] } else { report(UNKNOWN, at, 120.0, 1_000_000, 20) });
    let seen = watch(Config::default(), (20, 500), "any", &mut reports);
    assert!(seen.late <= 8, "too new: {} s behind", seen.late);
    let said = seen.last.notes.iter().any(|note| {
        note.contains("198.51.100.66") && note.contains("120 s") && note.contains("new")
    });
    assert!(said, "{:?}", seen.last.notes);
    let seen = watch(Config::default(), (20, 1000), "any", &mut reports);
    let late = seen.last.captured_at.since(seen.last.span.end) / 1000;
    assert!((120..=126).contains(&late), "{late} s behind");
    assert!(seen.pause <= 5, "stood for {} s", seen.pause);
    assert!(seen.last.notes.is_empty(), "{:?}", seen.last.notes);
}

#[test]
fn a_view_of_one_exporter_has_its_own_lag() {
    // Both are present from the start: together, the slower one determines the lag.
    let mut reports = good_and(|at| report(UNKNOWN, at, 240.0, 1_000_000, 20));
    for (text, least, most) in [
        ("any", 240, 246),
        ("exporter 192.0.2.1", 2, 8),
        ("exporter 198.51.100.66 and proto tcp", 240, 256),
        ("proto tcp and not exporter 198.51.100.66", 2, 8),
        ("exporter 192.0.2.1 or port 443", 240, 246),
        ("exporter 192.0.2.99", 240, 246),
    ] {
        let seen = watch(Config::default(), (400, 420), text, &mut reports);
        let late = seen.last.captured_at.since(seen.last.span.end) / 1000;
        assert!((least..=most).contains(&late), "{text}: {late} s behind");
        assert_eq!(seen.last.span.completeness, Completeness::Complete, "{text}");
        if text.ends_with("192.0.2.1") {
            let rate = seen.last.span.bits_per_second(seen.last.totals.up.bytes);
            // 20 flows of 1 Mbit each, five times per second.
            assert!((90_000_000..=110_000_000).contains(&rate), "{rate} bit/s");
        }
    }
}

#[test]
fn unknown_senders_do_not_take_all_places_for_learned_timing() {
    let seen = watch(Config::default(), (1, 400), "any", |at| {
        let n = (at * 5.0) as u32;
        let from = |k: u32| Host::v4(0xc612_0000 + (n * 8 + k) % 600);
        let mut flows: Vec<Flow> = (0..8).flat_map(|k| report(from(k), at, 2.0, 1000, 1)).collect();
        if at > 60.0 {
            flows.extend(report(GOOD, at, 30.0, 125_000, 20));
        }
        flows
    });
    let good = &seen.last.health.exporters[0];
    assert_eq!(good.address, GOOD);
    assert!(good.active_timeout_ms.is_some_and(|ms| (29_000..32_000).contains(&ms)), "{good:?}");
}

/// One of several good exporters.
fn good(n: u8) -> Host {
    Host::octets(192, 0, 2, n)
}

/// From second `from` on, each of 4,096 unknown senders reports a flow every two seconds.
fn flood(from: f64) -> impl Fn(f64) -> Vec<Flow> {
    move |at| {
        let first = (at * 5.0) as u32 * 410;
        let stranger = |n: u32| Host::v4(0xc612_0000 + (first + n) % 4096);
        let count = if at < from { 0 } else { 410 };
        (0..count).flat_map(|n| report(stranger(n), at, 1.0, 1000, 1)).collect()
    }
}

#[test]
fn a_flood_of_senders_replaces_no_earlier_exporter() {
    // Five exporters cut their flows every minute and begin together; five more begin before the
    // flood. Windows still wait for their reports of the newest minute.
    let unknown = flood(40.0);
    let seen = watch(Config::default(), (130, 140), "any", |at| {
        let count = if at < 25.0 { 5 } else { 10 };
        let mut flows = unknown(at);
        flows.extend((1..=count).flat_map(|n| report(good(n), at, 60.0, 125_000, 20)));
        flows
    });
    let late = seen.last.captured_at.since(seen.last.span.end) / 1000;
    assert!((60..=66).contains(&late), "{late} s behind");
    let exporters = seen.last.health.exporters.iter().filter(|one| one.address != UNKNOWN);
    for exporter in exporters {
        let known = exporter.active_timeout_ms;
        assert!(known.is_some_and(|ms| (59_000..62_000).contains(&ms)), "{exporter:?}");
    }
}

#[test]
fn a_window_that_includes_the_start_shows_everything_reported_since() {
    // The first reports are about traffic from before the start, as far back as the lag; for every
    // offset of the start within a pane.
    for shift in (0..4000).step_by(100) {
        let started = Time(START + shift);
        let windows = Windows::new(Config { started, ..Config::default() });
        let (mut sent, mut now) = (0, started);
        for number in 0..100 {
            now = started.plus_ms(10 + number * 100);
            let second = now.since(Time(START)) as f64 / 1000.0;
            windows.record(&[flow(local(1), remote(1), second, 0.5, 1.0, 1000)]);
            sent += 1;
        }
        let view = View { window: Window::FiveMinutes, ..View::default() };
        let seen = windows.snapshot(&view, now.plus_ms(6_000), Health::default());
        assert_eq!(seen.totals.up.flows, sent, "started {shift} ms after a pane began");
    }
}
