//! Tests that the site is as described.

use std::collections::HashMap;

use super::*;
use crate::flow::{Flow, Host, LocalNetworks, Network, NetworkGroups, TrafficClass};
use crate::wire::encode::{MAX_MESSAGE, SFLOW_MAX_DATAGRAM};

/// 2023-11-14 22:13:20 UTC, at night.
const NIGHT: Time = Time(1_700_000_000_000);
/// A busy noon.
const NOON: Time = Time(1_700_050_000_000);

/// The records of `seconds` seconds, with sampled ones scaled up.
fn records(seed: u64, start: Time, seconds: i64) -> Vec<Flow> {
    let mut site = Site::new(seed, start);
    let mut all = Vec::new();
    for second in 0..seconds {
        let reports = site.step(start.plus_ms(second * STEP_MS));
        all.extend(reports.all);
        let scale = u64::from(SAMPLED);
        all.extend(reports.sampled.into_iter().map(|flow| Flow {
            bytes: flow.bytes * scale,
            packets: flow.packets * scale,
            ..flow
        }));
        let scale = u64::from(SWITCHED);
        all.extend(reports.switched.into_iter().map(|flow| Flow {
            bytes: flow.bytes * scale,
            packets: flow.packets * scale,
            ..flow
        }));
    }
    all
}

/// Mean rate in bit/s by class of what was reported in `seconds`.
fn rates(flows: &[Flow], seconds: u64) -> HashMap<TrafficClass, u64> {
    let local = LocalNetworks::default();
    let mut rates = HashMap::new();
    for flow in flows {
        *rates.entry(local.classify(flow.src, flow.dst)).or_insert(0) += flow.bytes * 8 / seconds;
    }
    rates
}

#[test]
fn the_same_seed_gives_the_same_bytes_at_any_tick_interval() {
    let start = NOON.plus_ms(137);
    let run = |seed, every: i64| {
        let mut demo = Demo::new(seed, start);
        let mut sent = Vec::new();
        let mut time = 0;
        while time <= 60_000 {
            sent.extend(demo.tick(start.plus_ms(time)));
            time += every;
        }
        sent
    };
    let once = run(7, 250);
    assert_eq!(once, run(7, 250));
    assert_eq!(once, run(7, 60_000), "all at the end");
    assert_eq!(once, run(7, 1000));
    assert_ne!(once, run(8, 250));
    assert!(Demo::new(7, start).tick(start).is_empty(), "not before the whole second");
}

#[test]
fn datagrams_fit_and_have_the_right_version() {
    let sent = {
        let mut demo = Demo::new(1, NOON);
        (0..120).flat_map(|second| demo.tick(NOON.plus_ms(second * 1000))).collect::<Vec<_>>()
    };
    for datagram in &sent {
        let bytes = &datagram.bytes;
        match datagram.exporter {
            0 => assert!(bytes.len() <= MAX_MESSAGE && bytes[..2] == [0, 9]),
            1 => assert!(bytes.len() <= MAX_MESSAGE && bytes[..2] == [0, 10]),
            _ => assert!(bytes.len() <= SFLOW_MAX_DATAGRAM && bytes[..4] == [0, 0, 0, 5]),
        }
        assert!(bytes.len() <= 1400, "{}", bytes.len());
    }
    assert_eq!(sent[0].bytes[20..22], [0, 0], "templates come first");
    for exporter in 0..Demo::EXPORTERS.len() {
        let count = sent.iter().filter(|datagram| datagram.exporter == exporter).count();
        assert!(count >= 20, "{exporter}: {count}");
    }
}

#[test]
fn after_a_long_pause_ticks_catch_up_in_parts() {
    let mut demo = Demo::new(1, NOON);
    let day = NOON.plus_ms(3_600_000);
    demo.tick(day);
    assert_eq!(demo.next, NOON.plus_ms(600_000));
    demo.tick(day);
    assert_eq!(demo.next, NOON.plus_ms(1_200_000));
}

#[test]
fn the_backup_is_steady_from_the_first_second() {
    let flows: Vec<Flow> = records(3, NIGHT, 300)
        .into_iter()
        .filter(|flow| (flow.src, flow.dst) == (HOG, HOG_TARGET))
        .collect();
    assert!(flows[0].first < NIGHT && flows[0].last.since(NIGHT) < 0);
    assert!(flows.windows(2).all(|pair| pair[1].first.since(pair[0].last) == 1), "no gaps");
    let bits: u64 = flows.iter().map(|flow| flow.bytes * 8).sum();
    let spans: i64 = flows.iter().map(Flow::duration_ms).sum();
    let rate = bits as f64 * 1000.0 / spans as f64;
    let promised = f64::from(HOG_RATE);
    assert!((rate / promised - 1.0).abs() < 0.02, "{rate}");
    for flow in &flows {
        let rate = flow.bytes as f64 * 8000.0 / flow.duration_ms() as f64;
        assert!(rate > Demo::thresholds().alert_up as f64, "{rate}");
    }
}

#[test]
fn only_the_backup_and_sometimes_the_downloader_exceed_limits() {
    let limits = Demo::thresholds();
    let local = LocalNetworks::default();
    for (seed, start) in [(1, NIGHT), (2, NOON), (3, NOON.plus_ms(3_600_000))] {
        // Bytes by host, direction and minute of their end.
        let mut minutes: HashMap<(Host, TrafficClass, i64), u64> = HashMap::new();
        for flow in records(seed, start, 600) {
            let class = local.classify(flow.src, flow.dst);
            let host = if class == TrafficClass::Up { flow.src } else { flow.dst };
            let minute = flow.last.since(start).div_euclid(60_000);
            *minutes.entry((host, class, minute)).or_default() += flow.bytes;
        }
        let over = |class, limit: u64| {
            let mut hosts: Vec<Host> = minutes
                .iter()
                .filter(|((_, c, minute), bytes)| {
                    *c == class && *minute >= 0 && **bytes * 8 / 60 > limit
                })
                .map(|((host, ..), _)| *host)
                .collect();
            hosts.sort_unstable();
            hosts.dedup();
            hosts
        };
        assert_eq!(over(TrafficClass::Up, limits.alert_up), [HOG]);
        assert_eq!(over(TrafficClass::Down, limits.alert_down), [DOWNLOADER]);
        let minute =
            |n| minutes.get(&(DOWNLOADER, TrafficClass::Down, n)).copied().unwrap_or(0) * 8 / 60;
        assert!(minute(0) > limits.alert_down && minute(3) < limits.alert_down / 4);
        assert!(minute(4) > limits.alert_down, "on again");
    }
}

#[test]
fn rates_suit_the_capacity_of_the_link() {
    for (start, least) in [(NIGHT, 180), (NOON, 250)] {
        let flows = records(5, start, 480);
        let rates = rates(&flows, 480);
        let megabits = |class| rates.get(&class).copied().unwrap_or(0) / 1_000_000;
        let (up, down) = (megabits(TrafficClass::Up), megabits(TrafficClass::Down));
        assert!((115..190).contains(&up), "up {up} M");
        assert!((least..600).contains(&down), "down {down} M");
        assert!(
            megabits(TrafficClass::Internal) > 5 && !rates.contains_key(&TrafficClass::Transit)
        );
        let per_second = flows.len() / 480;
        assert!((120..=500).contains(&per_second), "{per_second} flows a second");
    }
}

#[test]
fn remote_addresses_are_for_documentation_and_times_make_sense() {
    let allowed: Vec<Network> =
        ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
    let site: Vec<Network> =
        ["10.20.0.0/16", "fd00:20::/64"].iter().map(|text| text.parse().unwrap()).collect();
    let mut hosts = Vec::new();
    for flow in records(11, NOON, 300) {
        for host in [flow.src, flow.dst] {
            if site.iter().any(|network| network.contains(host)) {
                hosts.push(host);
            } else {
                assert!(allowed.iter().any(|network| network.contains(host)), "{host}");
            }
        }
        assert!(flow.first <= flow.last && flow.bytes >= flow.packets && flow.packets > 0);
        assert!(flow.duration_ms() < 5000, "the active timeout cuts");
    }
    hosts.sort_unstable();
    hosts.dedup();
    let groups = NetworkGroups::new(Demo::groups());
    assert!(hosts.iter().all(|host| groups.of(*host).is_some()), "every host is in a group");
    assert!((60..85).contains(&hosts.len()), "{}", hosts.len());
    assert!(hosts.iter().any(|host| host.as_v4().is_none()));
}

#[test]
fn records_are_reported_soon_after_they_end() {
    let mut site = Site::new(4, NOON);
    for second in 0..120 {
        let now = NOON.plus_ms(second * STEP_MS);
        let reports = site.step(now);
        for flow in reports.all.iter().chain(&reports.sampled) {
            let delay = now.since(flow.last);
            assert!((0..=3000).contains(&delay), "{delay} ms");
        }
    }
}
