//! The sliding windows as users see them: sums, spans, lag and limits.

use std::collections::HashMap;

use crate::common::site::{START, check_law, flow, local, remote};
use toptalk::agg::{AdjustableConfig, Config, LagRule, Rules, Windows};
use toptalk::filter::Filter;
use toptalk::flow::{Duplicate, Flow, Host, LocalNetworks, NetworkGroups, Sampling, Time};
use toptalk::snapshot::{
    AlertSubject, Completeness, Counters, Direction, GroupKey, Grouping, Health, Snapshot, Subject,
    UpDown, View, Window,
};

fn windows(config: Config) -> Windows {
    Windows::new(Config { started: Time(START), ..config })
}

fn ask(windows: &Windows, view: &View, second: i64) -> Snapshot {
    windows.snapshot(view, Time(START + second * 1000), Health::default())
}

fn view(subject: Subject, window: Window) -> View {
    View { subject, window, limit: 10, ..View::default() }
}

#[test]
fn a_flow_is_counted_by_direction_and_conversation() {
    let windows = windows(Config::default());
    windows.record(&[
        flow(local(1), remote(1), 10.0, 0.1, 1.0, 5_000),
        flow(remote(1), local(1), 10.0, 0.1, 1.0, 9_000),
        flow(local(1), local(2), 10.0, 0.1, 1.0, 700),
        flow(remote(1), remote(2), 10.0, 0.1, 1.0, 30),
    ]);
    let snapshot = ask(&windows, &view(Subject::Talkers, Window::Minute), 40);
    check_law(&snapshot);
    let bytes = |counters: Counters| (counters.bytes, counters.flows);
    let totals = snapshot.totals;
    assert_eq!(bytes(totals.up), (5_000, 1));
    assert_eq!(bytes(totals.down), (9_000, 1));
    assert_eq!(bytes(totals.internal), (700, 1));
    assert_eq!(bytes(totals.transit), (30, 1));
    assert_eq!(snapshot.uploaders.rows.len(), 1, "internal hosts are no uploaders");
    let detail = ask(&windows, &view(Subject::Host(local(1)), Window::Minute), 41).detail.unwrap();
    assert_eq!(detail.conversations.rows.len(), 2);
    assert_eq!(detail.traffic.up.bytes, 5_700, "internal traffic is the host's traffic too");
    assert_eq!(detail.conversations.others, UpDown::default());
    let stranger = ask(&windows, &view(Subject::Host(remote(1)), Window::Minute), 42);
    check_law(&stranger);
    let detail = stranger.detail.unwrap();
    assert_eq!((detail.traffic.up.bytes, detail.traffic.down.bytes), (9_030, 5_000));
}

#[test]
fn duplicate_flows_count_once_unless_configured_otherwise() {
    let one = |n: u8| flow(local(n), remote(n), 10.0, 0.1, 1.0, 1_000);
    let twice: Vec<Flow> = (1..=9)
        .flat_map(|n| [one(n), Flow { duplicate: Duplicate::SameExporter, direction: 1, ..one(n) }])
        .collect();
    for (no_dedup, times) in [(false, 1), (true, 2)] {
        let windows = windows(Config { no_dedup, max_hosts: 5, ..Config::default() });
        windows.record(&twice);
        let snapshot = ask(&windows, &view(Subject::Talkers, Window::Minute), 40);
        check_law(&snapshot);
        let up = snapshot.totals.up;
        assert_eq!((up.bytes, up.flows), (9_000 * times, 9 * times));
        let detail = ask(&windows, &view(Subject::Host(local(1)), Window::Minute), 41).detail;
        assert_eq!(detail.unwrap().traffic.up.bytes, 1_000 * times);
    }
}

#[test]
fn a_host_has_rates_and_a_history_from_the_first_seconds() {
    let windows = windows(Config::default());
    for second in 1..200i64 {
        windows.record(&[flow(local(1), remote(1), second as f64 + 0.3, 0.3, 1.0, 125_000)]);
        if second < 10 {
            continue;
        }
        let view = view(Subject::Host(local(1)), Window::Minute);
        let detail = ask(&windows, &view, second + 1).detail.unwrap();
        let near = |rate: u64| (900_000..=1_100_000).contains(&rate);
        for rate in [detail.now.up, detail.minute.up, detail.quarter.up, detail.peak.up] {
            assert!(near(rate), "second {second}: {detail:?}");
        }
        let busy: Vec<u64> = detail.series.up.iter().copied().filter(|rate| *rate > 0).collect();
        assert!(busy.len() as i64 >= second / 60, "second {second}: {busy:?}");
        assert!(busy.iter().skip(1).all(|rate| near(*rate)), "second {second}: {busy:?}");
    }
}

#[test]
fn sampled_counters_are_scaled_and_raw_bytes_are_not() {
    let windows = windows(Config::default());
    let flow = flow(local(1), remote(1), 5.0, 0.1, 0.5, 1_000);
    windows.record(&[Flow { sampling: Sampling::one_in(100), packets: 2, ..flow }]);
    let up = ask(&windows, &view(Subject::Hosts, Window::Minute), 20).totals.up;
    assert_eq!((up.bytes, up.raw_bytes, up.packets, up.flows), (100_000, 1_000, 200, 1));
}

/// Records a steady flow of 10 Mbit/s, cut by `timeout`, and takes a snapshot every second.
fn steady(timeout: i64, seconds: i64, config: Config) -> Vec<(i64, Snapshot)> {
    let windows = windows(config);
    let rate = 10_000_000 / 8;
    let mut answers = Vec::new();
    for second in 1..seconds {
        if second % timeout == 0 {
            let bytes = rate * timeout as u64;
            windows.record(&[flow(
                local(1),
                remote(1),
                second as f64 + 0.3,
                0.3,
                timeout as f64,
                bytes,
            )]);
        }
        windows.watch(Time(START + second * 1000 + 700));
        answers.push((second, ask(&windows, &view(Subject::Talkers, Window::Minute), second + 1)));
    }
    answers
}

#[test]
fn a_steady_flow_has_a_steady_rate_for_any_active_timeout() {
    for timeout in [1, 60, 120] {
        let mut complete = 0;
        let mut end = Time(0);
        for (second, snapshot) in steady(timeout, 600, Config::default()) {
            assert!(snapshot.span.end >= end, "windows never go back");
            end = snapshot.span.end;
            // Before its first report the flow is not known.
            if snapshot.span.completeness != Completeness::Complete || second <= timeout {
                continue;
            }
            complete += 1;
            let row = &snapshot.uploaders.rows[0];
            let rate = snapshot.span.bits_per_second(row.traffic.up.bytes);
            assert!(
                (9_000_000..=11_000_000).contains(&rate),
                "timeout {timeout}, second {second}: {rate} bit/s over {:?}",
                snapshot.span
            );
        }
        assert!(complete > 300, "timeout {timeout}: {complete} complete windows");
    }
}

#[test]
fn lag_follows_the_active_timeout() {
    for (timeout, least, most) in [(1, 1, 4), (60, 60, 65), (120, 120, 126)] {
        let (_, last) = steady(timeout, 590, Config::default()).pop().unwrap();
        let lag = last.captured_at.since(last.span.end) / 1000;
        assert!((least..=most).contains(&lag), "timeout {timeout}: {lag} s");
    }
}

#[test]
fn half_an_hour_of_timeout_is_marked_and_raises_no_alert() {
    let rules = Rules { host_up: Some(12_000_000), link_up: Some(12_000_000), ..Rules::default() };
    let answers = steady(1800, 4000, Config { rules, ..Config::default() });
    for (second, snapshot) in &answers {
        assert!(snapshot.alerts.is_empty(), "second {second}");
    }
    let (_, last) = answers.last().unwrap();
    let Completeness::Incomplete { exporter, active_timeout_ms } = last.span.completeness else {
        panic!("{:?}", last.span);
    };
    assert_eq!(exporter, Host::octets(192, 0, 2, 1));
    assert!((1_750_000..=1_850_000).contains(&active_timeout_ms), "{active_timeout_ms}");
    assert!(last.captured_at.since(last.span.end) <= 302_000);
}

#[test]
fn forged_records_do_not_delay_windows() {
    let rules = Rules { host_up: Some(8_000_000), ..Rules::default() };
    let windows = windows(Config { rules, ..Config::default() });
    let rate = 1_250_000;
    for second in 1..400i64 {
        let arrival = second as f64 + 0.3;
        windows.record(&[flow(local(1), remote(1), arrival, 0.3, 1.0, rate)]);
        if second == 30 {
            // Durations of half an hour, eleven hours and thirty years, with absurd
            // counters.
            for age in [1800.0, 40_000.0, 1e9] {
                let forged = flow(remote(9), local(9), arrival, 0.0, age, u64::MAX / 4);
                let exporter = Host::octets(127, 0, 0, 77);
                windows.record(&[Flow { exporter, ..forged }]);
            }
        }
        windows.watch(Time(START + second * 1000 + 700));
        let snapshot = ask(&windows, &view(Subject::Hosts, Window::Minute), second + 1);
        let lag = snapshot.captured_at.since(snapshot.span.end);
        assert!(lag < 10_000, "second {second}: {lag} ms late");
        if second > 60 {
            assert_eq!(snapshot.span.completeness, Completeness::Complete);
            assert_eq!(snapshot.alerts.len(), 1, "second {second}");
        }
    }
}

#[test]
fn flows_with_wrong_dates_count_as_just_ended() {
    for years in [-50.0, -10.0, 10.0] {
        let windows = windows(Config::default());
        let wrong = flow(local(1), remote(1), 20.0, years * 3.15e7, 3.0, 3000);
        windows.record(&[wrong]);
        let snapshot = ask(&windows, &view(Subject::Hosts, Window::Minute), 40);
        assert_eq!(snapshot.totals.up.bytes, 3000, "{years} years");
    }
}

#[test]
fn alerts_need_the_mean_of_a_minute() {
    let rules = Rules { host_up: Some(8_000_000), ..Rules::default() };
    let first = steady(1, 300, Config { rules, ..Config::default() })
        .into_iter()
        .find(|(_, snapshot)| !snapshot.alerts.is_empty());
    let (second, snapshot) = first.expect("10 Mbit/s break a limit of 8");
    assert!((48..=60).contains(&second), "48 s at 10 make 8 in the minute: {second}");
    assert!(snapshot.alerts[0].now > 8_000_000);
    let rules = Rules { host_up: Some(10_500_000), ..Rules::default() };
    for (second, snapshot) in steady(60, 600, Config { rules, ..Config::default() }) {
        assert!(snapshot.alerts.is_empty(), "no false alert, second {second}");
    }
}

#[test]
fn beyond_the_limits_traffic_is_in_others() {
    let config = Config { max_hosts: 3, max_conversations: 5, ..Config::default() };
    let windows = windows(config);
    for n in 0..50 {
        windows.record(&[flow(local(n), remote(n), 5.0, 0.1, 0.5, 1000)]);
    }
    let snapshot = ask(&windows, &view(Subject::Hosts, Window::Minute), 20);
    check_law(&snapshot);
    assert_eq!((snapshot.hosts.count, snapshot.totals.up.bytes), (3, 50_000));
    assert_eq!(snapshot.hosts.others.up.bytes, 47_000);
    // Each of the others was refused, or replaced a host with less traffic.
    let health = &snapshot.health;
    let causes = health.dropped.iter().chain(&health.noticed);
    let count: HashMap<_, _> = causes.map(|drop| (drop.cause.as_ref(), drop.count)).collect();
    let of = |cause| count.get(cause).copied().unwrap_or(0);
    assert_eq!(of("host_limit") + of("hosts_evicted"), 47);
    assert_eq!(of("conversation_limit") + of("conversations_evicted"), 45);
    assert!(snapshot.untracked.host >= 1000 && snapshot.untracked.conversation >= 1000);
    // After an hour the rows are gone and their places are free again.
    windows.record(&[flow(local(200), remote(1), 4000.0, 0.1, 0.5, 1000)]);
    windows.record(&[flow(local(201), remote(1), 4020.0, 0.1, 0.5, 1000)]);
    let later = ask(&windows, &view(Subject::Hosts, Window::Minute), 4040);
    assert!(later.hosts.rows.iter().any(|row| row.host == local(201)), "{:?}", later.hosts);
}

#[test]
fn transit_is_listed_by_source_and_destination_with_candidates() {
    let windows = windows(Config::default());
    for n in 0..20 {
        windows.record(&[flow(remote(n), Host::octets(198, 51, 100, n), 5.0, 0.1, 0.5, 1000)]);
    }
    let snapshot = ask(&windows, &view(Subject::Talkers, Window::Minute), 20);
    check_law(&snapshot);
    let toptalk::snapshot::Basis::SourceDestination { candidates } = &snapshot.basis else {
        panic!("{:?}", snapshot.basis);
    };
    assert_eq!(candidates[0].to_string(), "198.51.100.0/24");
    assert_eq!((snapshot.uploaders.count, snapshot.downloaders.count), (20, 20));
    assert_eq!(snapshot.uploaders.others.up.bytes, 10_000);
    // The same in one table for saving; link traffic is zero.
    let saved = ask(&windows, &View { limit: 100, ..view(Subject::Hosts, Window::Minute) }, 21);
    check_law(&saved);
    assert_eq!((saved.hosts.rows.len(), saved.hosts.total.up.bytes), (40, 20_000));
    let line = ask(&windows, &view(Subject::Line, Window::Minute), 22);
    assert_eq!(
        (line.hosts.count, line.hosts.total, &line.basis),
        (0, UpDown::default(), &saved.basis)
    );
}

#[test]
fn a_filter_answers_for_the_whole_window_behind_it() {
    let windows = windows(Config::default());
    let https = flow(local(1), remote(1), 5.0, 0.1, 0.5, 1000);
    windows.record(&[
        https,
        Flow { dport: 22, bytes: 70, ..https },
        Flow { src: local(2), ..https },
    ]);
    let filtered = |text: &str, subject| {
        let filter = Filter::parse(text).unwrap();
        let view = View { filter, ..view(subject, Window::Minute) };
        let snapshot = ask(&windows, &view, 20);
        check_law(&snapshot);
        snapshot
    };
    assert_eq!(filtered("port 443", Subject::Hosts).totals.up.bytes, 2000);
    assert_eq!(filtered("ip 10.0.0.1 and not port 443", Subject::Hosts).totals.up.bytes, 70);
    assert_eq!(filtered("dst net 10.0.0.0/8", Subject::Hosts).totals.sum().bytes, 0);
    let detail = filtered("port 22", Subject::Host(local(1))).detail.unwrap();
    assert_eq!((detail.conversations.rows.len(), detail.traffic.up.bytes), (1, 70));
    let none = filtered("port 40000", Subject::Talkers);
    assert!(none.notes.iter().any(|note| note.contains("40000")), "{:?}", none.notes);
}

#[test]
fn a_window_of_all_time_keeps_everything() {
    let windows = windows(Config { keep_all: true, ..Config::default() });
    let old = flow(local(1), remote(1), 5.0, 90_000_000.0, 3.0, 1000);
    windows.record(&[old, flow(remote(1), local(1), 5.0, 0.0, 60.0, 500)]);
    let snapshot = ask(&windows, &view(Subject::Hosts, Window::All), 10);
    check_law(&snapshot);
    assert_eq!((snapshot.totals.up.bytes, snapshot.totals.down.bytes), (1000, 500));
    assert_eq!(snapshot.totals.sum().flows, 2);
    // One of them began 55 s before the start: rates are over the time in which the bytes passed.
    assert_eq!(snapshot.span.length_ms(), 65_000);
}

#[test]
fn the_time_of_a_view_may_lie_in_the_past() {
    let windows = windows(Config { lag: LagRule::Fixed(0), ..Config::default() });
    for second in 0..1200 {
        windows.record(&[flow(local(1), remote(1), f64::from(second) + 0.5, 0.0, 0.0, 1000)]);
    }
    let at = |at: i64| {
        let view =
            View { at: Some(Time(START + at * 1000)), ..view(Subject::Hosts, Window::Minute) };
        let snapshot = ask(&windows, &view, 1200);
        check_law(&snapshot);
        let seconds = snapshot.span.length_ms() as u64 / 1000;
        assert!(snapshot.span.end >= Time(START + at * 1000));
        assert_eq!(snapshot.totals.up.bytes, seconds * 1000, "{at} {:?}", snapshot.span);
        seconds
    };
    assert_eq!(at(1200), 60);
    assert_eq!(at(1180), 60 + at(1180) % 60, "within the last minute panes are fine");
    for past in [1100, 900, 600, 300] {
        assert!((60..=120).contains(&at(past)));
    }
}

#[test]
fn a_changed_wall_clock_moves_displayed_times_only() {
    let windows = windows(Config::default());
    windows.record(&[flow(local(1), remote(1), 5.0, 0.1, 0.5, 1000)]);
    let hour = 3_600_000;
    for shift in [0, hour, -hour] {
        let health = || Health { clock_shift_ms: shift, ..Health::default() };
        let now = Time(START + 30_000);
        let live = windows.snapshot(&view(Subject::Hosts, Window::Minute), now, health());
        assert_eq!(live.captured_at, now.plus_ms(shift));
        assert_eq!(live.totals.up.bytes, 1000);
        // The screen requests the times that it was shown.
        let then = View { at: Some(live.span.end), ..view(Subject::Hosts, Window::Minute) };
        let frozen = windows.snapshot(&then, now.plus_ms(5000), health());
        assert_eq!((frozen.span.end, frozen.totals), (live.span.end, live.totals));
    }
}

#[test]
fn new_networks_limits_and_names_apply_from_now_on() {
    let windows = windows(Config { lag: LagRule::Fixed(0), ..Config::default() });
    let upload = |second: f64| flow(local(1), remote(1), second, 0.0, 0.0, 600_000);
    windows.record(&[upload(10.0)]);
    windows.watch(Time(START + 60_000));
    assert!(windows.alerts().is_empty());
    let name: std::sync::Arc<str> = "lab".into();
    let all = |text: &str| text.parse().unwrap();
    windows.tune(AdjustableConfig {
        local: LocalNetworks::new(vec![all(&remote(1).to_string())]),
        lag: LagRule::Fixed(0),
        rules: Rules { host_down: Some(70_000), link_down: Some(5), ..Rules::default() },
        groups: std::sync::Arc::new(NetworkGroups::new([(
            all(&remote(1).to_string()),
            name.clone(),
        )])),
    });
    windows.record(&[upload(62.0)]);
    let snapshot = ask(&windows, &view(Subject::Talkers, Window::FiveMinutes), 64);
    check_law(&snapshot);
    let totals = snapshot.totals;
    assert_eq!((totals.up.bytes, totals.down.bytes), (600_000, 600_000), "what was, stays");
    assert_eq!(snapshot.link.capacity_down, Some(5));
    windows.watch(Time(START + 100_000));
    let subjects: Vec<AlertSubject> = windows.alerts().iter().map(|alert| alert.subject).collect();
    let host = AlertSubject::Host(remote(1), Direction::Down);
    assert_eq!(subjects, [AlertSubject::Link(Direction::Down), host]);
    let groups = view(Subject::Groups(Grouping::Group), Window::FiveMinutes);
    let rows = ask(&windows, &groups, 101).groups.rows;
    assert!(rows.iter().any(|row| row.key == GroupKey::Named(Some(name.clone()))), "{rows:?}");
}
