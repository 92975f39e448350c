//! All state that is kept of one exporter.

use std::collections::HashMap;

use super::interfaces::Interfaces;
use super::report::{Cause, Report};
use super::sampling::Samplers;
use super::sequence::{Sequence, is_restart};
use super::sflow::Agents;
use super::template::{Kind, Template};
use crate::flow::{Host, Sampling, Time};

/// Observation domains per exporter: line cards and virtual routers, a few dozen.
pub const MAX_DOMAINS: usize = 64;

/// Templates per exporter, over all its domains. A plan of 20 fields takes
/// about 200 bytes.
pub const MAX_TEMPLATES: usize = 1024;

/// Everything under one source address.
#[derive(Debug, Default)]
pub struct Exporter {
    domains: HashMap<u32, Domain>,
    templates: usize,
    clock: ClockOffset,
    protocol: &'static str,
    datagrams: u64,
    flows: u64,
    last_seen: Time,
    pub interfaces: Interfaces,
    pub agents: Agents,
}

/// What belongs to one observation domain (v9: source id, v5: engine).
#[derive(Debug, Default)]
pub struct Domain {
    pub templates: HashMap<u16, Template>,
    pub samplers: Samplers,
    pub sequence: Sequence,
    /// Sampling of the newest v5 header.
    pub header_sampling: Sampling,
    /// Uptime of the newest header in milliseconds.
    uptime: u32,
}

/// What a datagram's header says, as far as every protocol says it.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub protocol: &'static str,
    pub domain: u32,
    /// When the datagram left, by the exporter's clock.
    pub exported: Time,
    /// Milliseconds since the exporter started.
    pub uptime: u32,
}

impl Exporter {
    /// Takes note of a header; hands out the domain it belongs to and the clock
    /// offset for its flows. `None` when there are too many domains.
    pub fn enter(&mut self, now: Time, header: &Header) -> Option<(&mut Domain, i64)> {
        self.arrive(now, header.protocol);
        let known = self.domains.len();
        let domain = match self.domains.entry(header.domain) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(_) if known >= MAX_DOMAINS => return None,
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Domain::default()),
        };
        let offset = self.clock.observe(now, header.exported);
        domain.notice_uptime(header.uptime);
        Some((domain, offset))
    }

    /// Takes note of a datagram, whatever it says.
    pub fn arrive(&mut self, now: Time, protocol: &'static str) {
        self.protocol = protocol;
        self.datagrams += 1;
        self.last_seen = now;
    }

    /// Adds up what a datagram gave.
    pub fn leave(&mut self, report: &Report, templates_added: usize) {
        self.flows += u64::from(report.flows);
        self.templates += templates_added;
    }

    /// How many more templates it may define.
    #[must_use]
    pub fn template_room(&self) -> usize {
        MAX_TEMPLATES.saturating_sub(self.templates)
    }

    /// When its last datagram arrived.
    #[must_use]
    pub fn last_seen(&self) -> Time {
        self.last_seen
    }

    /// Whether nothing it sent was ever a flow.
    #[must_use]
    pub fn has_no_flows(&self) -> bool {
        self.flows == 0
    }

    /// What is known of it.
    #[must_use]
    pub fn summary(&self, address: Host) -> Summary {
        let mut rates: Vec<u32> = self.domains.values().flat_map(Domain::rates).collect();
        rates.extend(self.agents.rates());
        rates.sort_unstable();
        rates.dedup();
        Summary {
            address,
            protocol: self.protocol,
            datagrams: self.datagrams,
            flows: self.flows,
            lost: self.domains.values().map(|domain| domain.sequence.lost()).sum::<u64>()
                + self.agents.lost(),
            dropped: self.agents.dropped(),
            templates: self.templates,
            rates,
            clock_offset_ms: self.clock.offset(),
            last_seen: self.last_seen,
        }
    }
}

/// What is known of an exporter, as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub address: Host,
    /// The last protocol seen, as in [`Report::protocol`].
    pub protocol: &'static str,
    pub datagrams: u64,
    pub flows: u64,
    /// Sequence gaps in the protocol's own unit (v5: flows, v9 and sFlow: datagrams).
    pub lost: u64,
    /// Samples that sFlow agents took but could not send.
    pub dropped: u64,
    /// Templates in force, options templates included.
    pub templates: usize,
    /// The sampling rates it announced, lowest first.
    pub rates: Vec<u32>,
    /// Our clock minus its clock.
    pub clock_offset_ms: i64,
    pub last_seen: Time,
}

impl Domain {
    /// A smaller uptime than before means that the exporter started again: its
    /// sequence numbers do too, and only then.
    fn notice_uptime(&mut self, uptime: u32) {
        if is_restart(self.uptime, uptime) {
            self.sequence.restart();
        }
        self.uptime = uptime;
    }

    /// Every rate in use.
    fn rates(&self) -> impl Iterator<Item = u32> {
        self.header_sampling.rate().into_iter().chain(self.samplers.rates())
    }

    /// Stores a template; counts what is wrong with it. Returns how many
    /// templates were added: 0 or 1.
    pub fn define(
        &mut self,
        id: u16,
        template: Template,
        room: usize,
        report: &mut Report,
    ) -> usize {
        match template.kind() {
            Kind::Data => report.templates += 1,
            Kind::Options => report.options_templates += 1,
        }
        match self.templates.get_mut(&id) {
            Some(known) => {
                if !known.same_shape(&template) {
                    report.causes.count(Cause::TemplateChanged);
                    *known = template;
                }
                0
            }
            None if room == 0 => {
                report.causes.count(Cause::TemplateLimit);
                0
            }
            None => {
                self.templates.insert(id, template);
                1
            }
        }
    }
}

/// How far the exporter's clock is from ours: the least of (arrival - export
/// time) over the last one to two epochs, since delay only ever adds to it.
#[derive(Clone, Copy, Debug, Default)]
struct ClockOffset {
    epoch_start: Time,
    current: Option<i64>,
    previous: Option<i64>,
    /// Datagrams in a row that lie far from the minimum.
    astray: u8,
}

/// Length of an epoch: long against jitter, short against drift.
const EPOCH_MS: i64 = 60_000;

/// No network holds a datagram this long, and no clock runs away so fast:
/// several in a row mean that a clock was set, a single one is not believed.
const STEP_MS: i64 = 10_000;
const STEP_DATAGRAMS: u8 = 3;

impl ClockOffset {
    fn offset(&self) -> i64 {
        match (self.current, self.previous) {
            (Some(a), Some(b)) => a.min(b),
            (one, other) => one.or(other).unwrap_or(0),
        }
    }

    fn observe(&mut self, now: Time, exported: Time) -> i64 {
        let offset = now.since(exported);
        let known = self.current.is_some() || self.previous.is_some();
        if known && offset.saturating_sub(self.offset()).saturating_abs() > STEP_MS {
            self.astray += 1;
            if self.astray < STEP_DATAGRAMS {
                return self.offset();
            }
            *self = ClockOffset { epoch_start: now, ..ClockOffset::default() };
        }
        self.astray = 0;
        if now.since(self.epoch_start) >= EPOCH_MS {
            self.previous = self.current;
            self.current = None;
            self.epoch_start = now;
        }
        self.current = Some(self.current.map_or(offset, |least| least.min(offset)));
        self.offset()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_offset_is_the_least_delay_and_follows_steps() {
        let mut clock = ClockOffset::default();
        for (now, delay, want) in [(0, 500, 500), (1000, 200, 200), (2000, 900, 200)] {
            assert_eq!(clock.observe(Time(now), Time(now - delay)), want);
        }
        // One datagram from elsewhere is not believed, three in a row are.
        for ahead in [3_600_000, -3_600_000] {
            assert_eq!(clock.observe(Time(3000), Time(3000)), 0);
            assert_eq!(clock.observe(Time(3100), Time(3100 + ahead)), 0);
            assert_eq!(clock.observe(Time(3500), Time(3490)), 0);
            assert_eq!(clock.observe(Time(4000), Time(4000 + ahead)), 0);
            assert_eq!(clock.observe(Time(5000), Time(5000 + ahead)), 0);
            assert_eq!(clock.observe(Time(6000), Time(6000 + ahead)), -ahead);
            for second in 7..10 {
                clock.observe(Time(second * 1000), Time(second * 1000));
            }
        }
    }

    #[test]
    fn a_drifting_clock_is_followed_within_two_epochs() {
        let mut clock = ClockOffset::default();
        let mut offset = 0;
        for step in 0..300 {
            let now = Time(step * 1000);
            offset = clock.observe(now, now.plus_ms(-step * 10));
        }
        assert!((1800..=3000).contains(&offset), "{offset}");
    }

    #[test]
    fn an_uptime_that_starts_again_is_a_restart_but_its_wrap_is_not() {
        let mut domain = Domain::default();
        domain.notice_uptime(u32::MAX - 5);
        domain.sequence.observe(10, 1);
        domain.notice_uptime(100);
        domain.sequence.observe(12, 1);
        assert_eq!(domain.sequence.lost(), 1, "wrapped: the gap counts");
        domain.notice_uptime(500_000);
        domain.notice_uptime(1_000);
        domain.sequence.observe(30, 1);
        assert_eq!(domain.sequence.lost(), 1, "restarted: no gap");
    }
}
