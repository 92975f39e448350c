//! The demo: a realistic small site, whose export datagrams depend only on a seed and a time. Pure,
//! so that the demo, tests and load generators use the same network.
//!
//! `hosts` has the tables of hosts and traffic, `site` simulates the site,
//! `generator` makes
//! the records of a router's flow cache. This module encodes them as datagrams.

mod generator;
mod hosts;
mod rng;
mod site;

#[cfg(test)]
mod tests;

pub use site::{
    DOWNLOADER, HOG, HOG_RATE, HOG_TARGET, Reports, SAMPLED, SCANNER, STEP_MS, SWITCHED, Site,
};

use crate::flow::named::NamedNetwork;
use crate::flow::{Flow, Host, Network, Sampling, Time};
use crate::wire::encode::{IpfixEncoder, SampledFlow, SflowEncoder, V9Encoder};
use crate::wire::interfaces::InterfaceCounters;

/// A datagram and the router that sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoDatagram {
    /// Index into [`Demo::EXPORTERS`].
    pub exporter: usize,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// Limits and capacities that suit the site, in bit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Limit for what one host sends.
    pub alert_up: u64,
    /// Limit for what one host receives.
    pub alert_down: u64,
    /// Capacity of the link for sending.
    pub link_up: u64,
    /// Capacity of the link for receiving.
    pub link_down: u64,
}

/// Maximum number of steps in one call of `tick` (10 minutes, after the machine was suspended). The
/// next calls make the rest.
const MAX_STEPS: usize = 600;
/// Interval of templates in milliseconds.
const TEMPLATES_MS: i64 = 30_000;
const UNSAMPLED: usize = 0;
const SAMPLING: usize = 1;
const SWITCH: usize = 2;
/// Uptime of the router and of the switch at the start, in milliseconds.
const UPTIMES_MS: [i64; 2] = [41 * 86_400_000, 12 * 86_400_000];
/// Interval of the switch's interface counters in milliseconds.
const COUNTERS_MS: i64 = 20_000;
/// ifIndex of the switch's uplink.
const UPLINK: u32 = 25;
/// Speed of the switch's uplink in bit/s.
const UPLINK_SPEED: u64 = 1_000_000_000;
/// Bytes of the Ethernet header and checksum of a packet.
const FRAMING: u64 = 18;

/// Two routers and a switch of a small site.
///
/// They export at whole seconds, because NetFlow v9 has a clock of whole seconds. Their datagrams
/// depend only on the seed and the start, not on when [`tick`](Demo::tick) is called.
#[derive(Clone, Debug)]
pub struct Demo {
    site: Site,
    /// Time of the next step.
    next: Time,
    /// When templates are due.
    templates: Time,
    boots: [Time; 2],
    /// When the switch's counters are due.
    counters: Time,
    /// The switch's counters of octets, in and out.
    octets: [u64; 2],
    v9: V9Encoder,
    ipfix: IpfixEncoder,
    sflow: SflowEncoder,
}

impl Demo {
    /// A note for the screen.
    pub const DESCRIPTION: &'static str =
        "demo: a simulated site; 10.20.3.17 is a backup that uploads too fast";

    /// Names of the exporters: NetFlow v9 unsampled, IPFIX sampled 1:100, sFlow sampled
    /// 1:256.
    pub const EXPORTERS: [&'static str; 3] = ["rtr1", "rtr2", "sw3"];

    /// The site from `start` on. The first datagrams are due at the next whole second.
    #[must_use]
    pub fn new(seed: u64, start: Time) -> Demo {
        let past = start.0.rem_euclid(STEP_MS);
        let next = if past == 0 { start } else { start.plus_ms(STEP_MS - past) };
        Demo {
            site: Site::new(seed, next),
            next,
            templates: next,
            boots: UPTIMES_MS.map(|uptime| next.plus_ms(-uptime)),
            v9: V9Encoder::new(1).announcing(1),
            counters: next,
            octets: [0; 2],
            ipfix: IpfixEncoder::new(1).announcing(u32::from(SAMPLED)),
            sflow: SflowEncoder::new(Host::octets(10, 20, 9, 250), 0),
        }
    }

    /// Limits that the backup exceeds all the time, the big downloader sometimes, and no
    /// other host.
    #[must_use]
    pub const fn thresholds() -> Thresholds {
        Thresholds {
            alert_up: 50_000_000,
            alert_down: 120_000_000,
            link_up: 200_000_000,
            link_down: 1_000_000_000,
        }
    }

    /// Named networks of the site, as for `--group`.
    #[must_use]
    pub fn groups() -> Vec<NamedNetwork> {
        let subnets = hosts::SUBNETS.iter().filter_map(|subnet| {
            let network = Network::new(Host::octets(10, 20, subnet.octet, 0), 24)?;
            Some((network, subnet.name.into()))
        });
        let v6 = generator::v6_network().map(|network| (network, hosts::OFFICE.into()));
        subnets.chain(v6).collect()
    }

    /// All datagrams that were sent since the last call up to `now`, in order.
    pub fn tick(&mut self, now: Time) -> Vec<DemoDatagram> {
        let mut sent = Vec::new();
        for _ in 0..MAX_STEPS {
            if self.next > now {
                break;
            }
            self.step(&mut sent);
        }
        sent
    }

    fn step(&mut self, sent: &mut Vec<DemoDatagram>) {
        let now = self.next;
        self.next = now.plus_ms(STEP_MS);
        let reports = self.site.step(now);
        let templates = now >= self.templates;
        if templates {
            self.templates = now.plus_ms(TEMPLATES_MS);
        }
        let by_v9 = self.v9.encode(now, self.boots[0], &reports.all, templates);
        let by_ipfix = self.ipfix.encode(now, &reports.sampled, templates);
        let by_sflow = self.switch(now, &reports);
        sent.extend(by_v9.into_iter().map(|bytes| DemoDatagram { exporter: UNSAMPLED, bytes }));
        sent.extend(by_ipfix.into_iter().map(|bytes| DemoDatagram { exporter: SAMPLING, bytes }));
        sent.extend(by_sflow.into_iter().map(|bytes| DemoDatagram { exporter: SWITCH, bytes }));
    }

    /// Datagrams of the switch: sampled packets, and counters at intervals.
    fn switch(&mut self, now: Time, reports: &Reports) -> Vec<Vec<u8>> {
        for (sum, octets) in self.octets.iter_mut().zip(reports.octets) {
            *sum += octets;
        }
        let packet = |flow: &Flow| SampledFlow {
            flow: Flow { sampling: Sampling::one_in(SWITCHED), ..*flow },
            frame_length: (flow.bytes + FRAMING) as u32,
        };
        let packets: Vec<SampledFlow> = reports.switched.iter().map(packet).collect();
        let due = now >= self.counters;
        if due {
            self.counters = now.plus_ms(COUNTERS_MS);
        }
        let [inwards, outwards] = self.octets;
        let uplink = InterfaceCounters {
            speed: UPLINK_SPEED,
            direction: 1,
            status: 3,
            in_octets: Some(inwards),
            out_octets: Some(outwards),
            ..InterfaceCounters::default()
        };
        // The counter wraps at 32 bits.
        let uptime = now.since(self.boots[1]) as u32;
        let counters = due.then_some((UPLINK, uplink));
        self.sflow.encode(uptime, &packets, counters.as_slice())
    }
}
