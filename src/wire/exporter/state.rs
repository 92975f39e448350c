//! All state that is kept of one exporter.

use std::collections::HashMap;
use std::collections::hash_map;

use foldhash::fast::RandomState;

use super::clock_offset::ClockOffset;
use super::numbering_time::NumberingTime;
use super::options::ExporterOptions;
use super::pending::PendingSets;
use super::places::AdmissionFacts;
use super::refusals::{Refusals, ResourceRefusal};
use super::sampling::{Announcement, Samplers};
use super::sequence::{Sequence, UPTIME_JITTER_MS, is_restart};
use super::shared_limits::{DecoderShare, ExporterClass, ExporterUse};
use super::templates::Templates;
use crate::flow::{Host, Protocol, Sampling, Time};
use crate::wire::header::MessageHeader;
use crate::wire::report::{Cause, DatagramReport};
use crate::wire::sflow::Agents;
use crate::wire::template::Template;
use crate::wire::times::TimeReference;

/// Observation domains per exporter: line cards, virtual routers; a large chassis has dozens.
pub const MAX_DOMAINS: usize = 256;

/// Templates per exporter, over all its domains; a plan of 20 fields takes about 500 bytes.
pub const MAX_TEMPLATES: usize = 1024;

/// Seconds in which an exporter that sends flows has to be heard before it counts
/// as known. Made-up senders come once.
const HISTORY: u8 = 3;

/// What a domain costs beside its templates, and a sampling rate; both count as
/// bytes of templates.
const DOMAIN_BYTES: usize = size_of::<Domain>() + 256;
const SAMPLER_BYTES: usize = 192;

/// What of an exporter is kept in pools that all share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PooledKind {
    Templates,
    Held,
    Names,
}

impl PooledKind {
    pub const ALL: [PooledKind; 3] = [PooledKind::Templates, PooledKind::Held, PooledKind::Names];
}

/// Everything under one source address.
#[derive(Debug, Default)]
pub struct ExporterState {
    pub(in crate::wire) domains: HashMap<u32, Domain, RandomState>,
    pub(in crate::wire) templates: usize,
    /// Bytes that its templates take, with its domains, samplers and sFlow sources.
    pub(in crate::wire) template_bytes: usize,
    /// What of them is no template, and how much of that is booked.
    pub(in crate::wire) beside: usize,
    pub(in crate::wire) booked: usize,
    /// Bytes that domains, samplers and sources may still grow by with this datagram.
    pub(in crate::wire) growth: usize,
    pub(in crate::wire) class: ExporterClass,
    /// Whether `--allow` has its own address.
    pub(in crate::wire) is_named: bool,
    /// The second in which it was last heard, and in how many since it sent flows.
    pub(in crate::wire) second: i64,
    pub(in crate::wire) seconds: u8,
    /// What of it found no room.
    pub(in crate::wire) refusals: Refusals,
    /// What the pools have noted of it, in the order of [`Kept`].
    pub(in crate::wire) noted: [ExporterUse; 3],
    /// Whether it is in the queue of those with sets that are due.
    pub(in crate::wire) is_due: bool,
    pub(in crate::wire) clock: ClockOffset,
    pub(in crate::wire) about: ExporterOptions,
    pub(in crate::wire) held: PendingSets,
    pub(in crate::wire) agents: Agents,
    /// Rates announced in domain 0, which stands for the exporter as a whole
    /// (RFC 7011, 3.1).
    pub(in crate::wire) shared: Samplers,
    /// When it started, as options of any of its domains said.
    pub(in crate::wire) init: Option<i64>,
    /// The last one seen; `None` when it is only remembered from an earlier run.
    pub(in crate::wire) protocol: Option<Protocol>,
    pub(in crate::wire) datagrams: u64,
    pub(in crate::wire) flows: u64,
    pub(in crate::wire) last_seen: Time,
    /// The rate given on the command line.
    pub(in crate::wire) given_rate: Option<Sampling>,
}

/// What belongs to one observation domain (v9: source id, v5: engine).
#[derive(Debug, Default)]
pub struct Domain {
    pub templates: Templates,
    pub samplers: Samplers,
    pub sequence: Sequence,
    /// Sampling of the newest v5 header.
    pub header_sampling: Sampling,
    /// What the newest header said of time.
    pub(in crate::wire) moment: NumberingTime,
    /// Whether `moment` is from an earlier run.
    pub(in crate::wire) resumed: bool,
    /// When the exporter started, milliseconds since 1970: as options said, or
    /// as its records suggest.
    pub init: Option<i64>,
    pub(in crate::wire) guessed_init: Option<i64>,
    /// When its templates were last looked through for stale ones, and those that
    /// were found and are still there, the oldest last.
    pub(in crate::wire) looked_for_stale: Option<Time>,
    pub(in crate::wire) stale: Vec<u16>,
}

/// An exporter while one of its datagrams is decoded.
#[derive(Debug)]
pub struct ExporterSession<'a> {
    pub address: Host,
    pub domain: &'a mut Domain,
    pub about: &'a mut ExporterOptions,
    pub held: &'a mut PendingSets,
    pub refusals: &'a mut Refusals,
    /// What to add to its times to get ours, in milliseconds.
    pub offset: i64,
    pub given_rate: Option<Sampling>,
    pub class: ExporterClass,
    shared: &'a mut Samplers,
    init: Option<i64>,
    pub(in crate::wire) templates: &'a mut usize,
    pub(in crate::wire) template_bytes: &'a mut usize,
    beside: &'a mut usize,
    growth: &'a mut usize,
}

impl ExporterState {
    /// One of an earlier run: it has a history.
    #[must_use]
    pub fn remembered(last_seen: Time) -> ExporterState {
        ExporterState { last_seen, class: ExporterClass::Known, ..ExporterState::default() }
    }

    /// Counts what its domains take, after they were taken over; to be settled.
    pub fn count_domains(&mut self) {
        let samplers = |domain: &Domain| domain.samplers.len() * SAMPLER_BYTES;
        let all = self.domains.values().map(|domain| DOMAIN_BYTES + samplers(domain));
        self.beside = all.sum();
    }

    /// The same where what it takes is booked as a whole afterwards.
    pub fn book_domains(&mut self) {
        self.count_domains();
        self.booked = self.beside;
        self.template_bytes += self.beside;
    }

    /// Takes note of a header; hands out what its datagram needs. `None` when
    /// there are too many domains.
    pub fn enter(
        &mut self,
        now: Time,
        address: Host,
        header: &MessageHeader,
    ) -> Option<ExporterSession<'_>> {
        self.arrive(now, header.protocol);
        let known = self.domains.len();
        let domain = match self.domains.entry(header.domain) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(_) if known >= MAX_DOMAINS || self.growth < DOMAIN_BYTES => {
                return None;
            }
            hash_map::Entry::Vacant(entry) => {
                self.beside += DOMAIN_BYTES;
                self.growth -= DOMAIN_BYTES;
                entry.insert(Domain::default())
            }
        };
        let _ = self.clock.observe(now, header.exported);
        let moment =
            NumberingTime { seen: now, exported: Some(header.exported), uptime: header.uptime };
        domain.notice(moment);
        self.resume(address, header.domain)
    }

    /// The same for what came earlier, when a datagram of the domain was entered.
    pub fn resume(&mut self, address: Host, domain: u32) -> Option<ExporterSession<'_>> {
        Some(ExporterSession {
            address,
            domain: self.domains.get_mut(&domain)?,
            about: &mut self.about,
            held: &mut self.held,
            refusals: &mut self.refusals,
            offset: self.clock.offset(),
            given_rate: self.given_rate,
            class: self.class,
            shared: &mut self.shared,
            init: self.init,
            templates: &mut self.templates,
            template_bytes: &mut self.template_bytes,
            beside: &mut self.beside,
            growth: &mut self.growth,
        })
    }

    /// Takes note of a datagram, whatever it says.
    pub fn arrive(&mut self, now: Time, protocol: Protocol) {
        self.protocol = Some(protocol);
        self.datagrams += 1;
        self.last_seen = now;
        let second = now.0.div_euclid(1000);
        if self.flows > 0 && second != self.second {
            self.seconds = self.seconds.saturating_add(1);
        }
        self.second = second;
    }

    /// Adds up what a datagram gave.
    pub fn leave(&mut self, report: &DatagramReport, domain: u32) {
        self.flows += u64::from(report.flows) + u64::from(report.events);
        let init = self.domains.get(&domain).and_then(|domain| domain.init);
        self.init = init.or(self.init);
    }

    /// Whether it is to count as known.
    #[must_use]
    pub fn has_history(&self) -> bool {
        self.class == ExporterClass::Known || self.seconds >= HISTORY || self.is_named
    }

    /// How it stands when room is to be made.
    #[must_use]
    pub fn look(&self) -> AdmissionFacts {
        AdmissionFacts { is_known: self.class == ExporterClass::Known, last_seen: self.last_seen }
    }

    /// Has the pools take note of what it takes.
    pub fn note(&mut self, address: Host, pool: &mut DecoderShare) {
        let [templates, held, names] = &mut self.noted;
        pool.templates.note(address, templates, self.class, self.template_bytes);
        pool.held.note(address, held, self.class, self.held.bytes());
        pool.names.note(address, names, self.class, self.about.names());
    }

    /// What it takes of each pool, in the order of [`Kept`].
    #[must_use]
    pub fn takes(&self) -> [usize; 3] {
        [self.template_bytes, self.held.bytes(), self.about.names()]
    }

    /// Gives back a part of what it takes: the least used templates or domains, the
    /// oldest sets, all names (they are announced again). What it loses is counted.
    pub fn give_back(
        &mut self,
        address: Host,
        kept: PooledKind,
        pool: &mut DecoderShare,
        report: &mut DatagramReport,
    ) {
        match kept {
            PooledKind::Templates => {
                let gone = self.forget_least_used(pool) + self.forget_beside(pool);
                self.refusals.add(ResourceRefusal::Template, gone);
                report.causes.add(Cause::TemplateLimit, gone);
            }
            PooledKind::Held => {
                let gone = self.held.give_part(self.class, pool);
                self.refusals.add(ResourceRefusal::Held, gone);
                report.causes.add(Cause::HeldDropped, gone);
            }
            PooledKind::Names => {
                let names = self.about.names();
                pool.steps += names as u64;
                self.about.forget_names();
                pool.names.change(self.class, names, 0);
            }
        }
        self.note(address, pool);
    }

    /// It counts as known from now on: what it takes is booked as such.
    pub fn become_known(&mut self, pool: &mut DecoderShare) {
        let (from, to) = (self.class, ExporterClass::Known);
        if from != to {
            pool.exporters.reclass(from, to, 1);
            pool.held.reclass(from, to, self.held.bytes());
            pool.templates.reclass(from, to, self.template_bytes);
            pool.names.reclass(from, to, self.about.names());
            self.class = to;
        }
    }

    /// Before a datagram: how much it may grow by it.
    pub fn prepare(&mut self, pool: &DecoderShare) {
        let names = pool.names.allowance(self.class, self.about.names());
        self.about.allow(names);
        self.growth = pool.templates.allowance(self.class, self.template_bytes);
        self.agents.allow(self.growth);
    }

    /// After a datagram: what it takes beside templates is booked. Before it names
    /// were so many.
    pub fn settle(&mut self, names: usize, pool: &mut DecoderShare) {
        pool.names.change(self.class, names, self.about.names());
        let beside = self.beside + self.agents.bytes();
        let booked = self.booked;
        if beside != booked {
            self.template_bytes = (self.template_bytes + beside).saturating_sub(booked);
            pool.templates.change(self.class, booked, beside);
            self.booked = beside;
        }
    }

    /// The transport under it was closed or opened again: numbering begins anew.
    pub fn reconnected(&mut self) {
        for domain in self.domains.values_mut() {
            domain.sequence.restart();
        }
    }

    /// Gives back what it takes of memory shared with others.
    pub fn release(&mut self, address: Host, pool: &mut DecoderShare) {
        self.held.clear(self.class, pool);
        pool.templates.change(self.class, self.template_bytes, 0);
        pool.names.change(self.class, self.about.names(), 0);
        pool.exporters.change(self.class, 1, 0);
        (self.template_bytes, self.about) = (0, ExporterOptions::default());
        self.note(address, pool);
    }
}

impl ExporterSession<'_> {
    /// The rates that hold for the domain's records: its own, else those of the
    /// exporter as a whole.
    pub fn samplers(&self) -> &Samplers {
        if self.domain.samplers.is_empty() { self.shared } else { &self.domain.samplers }
    }

    /// Takes note of what options of domain `id` say about sampling.
    pub fn learn_rate(&mut self, id: u32, announcement: &Announcement) {
        let mut grown = self.domain.samplers.learn(announcement, *self.growth >= SAMPLER_BYTES);
        if id == 0 {
            grown |= self.shared.learn(announcement, *self.growth >= SAMPLER_BYTES);
        }
        if grown {
            *self.beside += SAMPLER_BYTES;
            *self.growth = self.growth.saturating_sub(SAMPLER_BYTES);
        }
    }

    /// Sets the uptime that a header without one stands for, from what options
    /// said about the exporter's start, else from `newest`, the latest uptime
    /// that records name: they were sent right after they ended.
    pub fn reckon_uptime(&mut self, reference: &mut TimeReference, newest: u32) {
        let exported = reference.exported;
        let known = self.domain.init.or(self.init);
        let init = known.unwrap_or_else(|| {
            let candidate = exported - i64::from(newest);
            let guess = self.domain.guessed_init.get_or_insert(candidate);
            if candidate < *guess || candidate.saturating_sub(*guess) > RESTART_MS {
                *guess = candidate;
            }
            *guess
        });
        reference.guessed = known.is_none();
        let up = if init > exported { FIRST_LAP } else { exported.saturating_sub(init) };
        reference.near = init.saturating_add(up);
        // Truncation is the wrap of the exporter's counter.
        reference.uptime = up as u32;
    }
}

/// Taken for the uptime of an exporter that started after it exported: one of
/// two clocks is wrong then, and how often its counter has wrapped is unknown.
/// All that a counter of 32 bits can say is near.
const FIRST_LAP: i64 = 1 << 31;

/// A flow's end lies this far before its export at most; beyond it the exporter
/// has started again, or its counter has wrapped.
const RESTART_MS: i64 = 3_600_000;

impl Domain {
    /// The template of an id.
    #[inline]
    #[must_use]
    pub fn template(&self, id: u16) -> Option<&Template> {
        self.templates.get(id).map(|entry| &entry.template)
    }

    /// A smaller uptime than before means that the exporter started again: its
    /// sequence numbers do too, and only then. After an earlier run the time that
    /// has passed tells it as well.
    fn notice(&mut self, moment: NumberingTime) {
        let before = std::mem::replace(&mut self.moment, moment);
        let went_on = std::mem::take(&mut self.resumed).then(|| before.goes_on_at(&moment));
        let uptimes = before.uptime.zip(moment.uptime);
        match went_on.flatten() {
            Some(true) => self.sequence.went_on(),
            Some(false) => self.sequence.restart(),
            None if uptimes.is_some_and(|(before, now)| is_restart(before, now)) => {
                self.sequence.restart();
            }
            None => {}
        }
    }

    /// Takes note of when the exporter says it started.
    pub fn notice_init(&mut self, init: i64) {
        if self.init.is_some_and(|known| init.saturating_sub(known) > i64::from(UPTIME_JITTER_MS)) {
            self.sequence.restart();
        }
        self.init = Some(init);
    }

    /// Every rate in use.
    pub(in crate::wire) fn rates(&self) -> impl Iterator<Item = u32> {
        self.header_sampling.rate().into_iter().chain(self.samplers.rates())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_that_starts_again_is_a_restart_but_its_wrap_is_not() {
        use super::super::numbering::Numbering::Datagrams;
        let mut domain = Domain::default();
        let up = |uptime| NumberingTime { uptime: Some(uptime), ..NumberingTime::default() };
        domain.notice(up(u32::MAX - 5));
        domain.sequence.datagram(Datagrams, 10, None);
        domain.notice(up(100));
        domain.sequence.datagram(Datagrams, 12, None);
        assert_eq!(domain.sequence.lost(), 1, "wrapped: the gap counts");
        domain.notice(up(500_000));
        domain.notice(up(1_000));
        domain.sequence.datagram(Datagrams, 30, None);
        assert_eq!(domain.sequence.lost(), 1, "restarted: no gap");
    }
}
