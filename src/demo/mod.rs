//! The believable small site: real export datagrams from nothing but a seed and
//! a time. Pure, so a demo, a test and a load generator see the same network.
//!
//! `people` says who is there, `site` lets time pass for them, `talk` makes the
//! records a router's cache would make; here they become datagrams.

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

/// A datagram and the router that sends it: an index into [`Demo::EXPORTERS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoDatagram {
    pub exporter: usize,
    pub bytes: Vec<u8>,
}

/// Limits and capacities that suit the site, all in bit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Limit of what one host sends and receives.
    pub alert_up: u64,
    pub alert_down: u64,
    /// Capacity of the line.
    pub link_up: u64,
    pub link_down: u64,
}

/// Steps that one tick catches up at most (10 minutes, after a suspend); the
/// ticks after it do the others.
const MAX_STEPS: usize = 600;
/// Templates are repeated this often.
const TEMPLATES_MS: i64 = 30_000;
const UNSAMPLED: usize = 0;
const SAMPLING: usize = 1;
const SWITCH: usize = 2;
/// How long the router and the switch have been up at the start.
const UPTIMES_MS: [i64; 2] = [41 * 86_400_000, 12 * 86_400_000];
/// The switch sends its interface counters this often.
const COUNTERS_MS: i64 = 20_000;
/// The ifIndex of its uplink, and how fast that is in bit/s.
const UPLINK: u32 = 25;
const UPLINK_SPEED: u64 = 1_000_000_000;
/// Ethernet header and checksum around a packet, in bytes.
const FRAMING: u64 = 18;

/// Two routers and a switch of a small site.
///
/// They export at every whole second, so that version 9's whole-second clock is
/// exact. What they send depends on the seed and the start alone, not on when
/// [`tick`](Demo::tick) is called.
#[derive(Clone, Debug)]
pub struct Demo {
    site: Site,
    /// The next step.
    next: Time,
    /// When the templates are due again.
    templates: Time,
    boots: [Time; 2],
    /// When the switch's counters are due again, and what they stand at.
    counters: Time,
    octets: [u64; 2],
    v9: V9Encoder,
    ipfix: IpfixEncoder,
    sflow: SflowEncoder,
}

impl Demo {
    /// A line for the screen.
    pub const DESCRIPTION: &'static str =
        "demo: a made-up site; 10.20.3.17 is a backup that uploads too fast";

    /// Their names: all packets by v9, IPFIX sampled 1:100, sFlow sampled 1:256.
    pub const EXPORTERS: [&'static str; 3] = ["rtr1", "rtr2", "sw3"];

    /// The site as seen from `start` on; the first datagrams are due at the
    /// next whole second.
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

    /// Limits under which the backup breaks the upload limit all the time, the
    /// big downloader the other one now and then, and nobody else any.
    #[must_use]
    pub const fn thresholds() -> Thresholds {
        Thresholds {
            alert_up: 50_000_000,
            alert_down: 120_000_000,
            link_up: 200_000_000,
            link_down: 1_000_000_000,
        }
    }

    /// Names for the networks of the site, as `--group` would give them.
    #[must_use]
    pub fn groups() -> Vec<NamedNetwork> {
        let subnets = hosts::SUBNETS.iter().filter_map(|subnet| {
            let network = Network::new(Host::octets(10, 20, subnet.octet, 0), 24)?;
            Some((network, subnet.name.into()))
        });
        let v6 = generator::v6_network().map(|network| (network, hosts::OFFICE.into()));
        subnets.chain(v6).collect()
    }

    /// What the routers have sent up to `now` since the last call, in order.
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

    /// What the switch sends: packets as they come, counters every so often.
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
        // Truncation is the wrap of its counter.
        let uptime = now.since(self.boots[1]) as u32;
        let counters = due.then_some((UPLINK, uplink));
        self.sflow.encode(uptime, &packets, counters.as_slice())
    }
}
