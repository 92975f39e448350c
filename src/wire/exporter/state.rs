//! The state of one exporter.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::counter_history::CounterHistory;
use super::numbering::{Numbering, RecordCount};
use super::numbering_time::NumberingTime;
use super::options::ExporterOptions;
use super::pending::PendingSets;
use super::places::AdmissionFacts;
use super::rates::{ExporterRates, SAMPLER_BYTES};
use super::refusals::Refusals;
use super::reporting_session::ReportingSession;
use super::sampling::Samplers;
use super::sequence::{NumberingTotals, Sequence, UPTIME_JITTER_MS, is_restart};
use super::sessions::{DomainKey, Session, Sessions, WHOLE_ADDRESS};
use super::shared_limits::{AllowedGrowth, DecoderShare, ExporterClass, ExporterUse};
use super::shared_numbering::SharedNumbering;
use super::templates::Templates;
use crate::flow::{Flow, Host, Protocol, Sampling, SenderAddress, Time};
use crate::wire::header::MessageHeader;
use crate::wire::report::DatagramReport;
use crate::wire::sflow::Agents;
use crate::wire::template::Template;
use crate::wire::times::TimeReference;

/// Observation domains per exporter: line cards, virtual routers; a large chassis has dozens.
pub const MAX_DOMAINS: usize = 256;

/// Observation domains per exporter, over all its sessions.
pub const MAX_SESSION_DOMAINS: usize = 4 * MAX_DOMAINS;

/// Templates per exporter, over all its domains; a plan of 20 fields takes about 500 bytes.
pub const MAX_TEMPLATES: usize = 1024;

/// Seconds in which an exporter that sends flows has to be heard before it counts as known.
/// Spoofed senders come once.
const HISTORY: u8 = 3;

/// Cost of a domain without its templates; it counts as bytes of templates.
const DOMAIN_BYTES: usize = size_of::<Domain>() + size_of::<Session>() + 256;

/// Cost of the numbering of a domain with several ports.
pub(in crate::wire) const NUMBERING_BYTES: usize = size_of::<SharedNumbering>() + 512;

/// The state of all that comes from one source address.
#[derive(Debug, Default)]
pub struct ExporterState {
    pub(in crate::wire) domains: HashMap<DomainKey, Domain, RandomState>,
    pub(in crate::wire) sessions: Sessions,
    /// Sequence numbers over all ports of a domain, where there are several.
    pub(in crate::wire) numberings: HashMap<u32, SharedNumbering, RandomState>,
    /// Connections that were closed and not opened again.
    pub(in crate::wire) closed: u32,
    /// What was counted of sessions that have ended.
    pub(in crate::wire) past: NumberingTotals,
    /// Increased when one of several sessions defines a template.
    pub(in crate::wire) generation: u32,
    pub(in crate::wire) templates: usize,
    /// Bytes of its templates, domains, samplers and sFlow sources.
    pub(in crate::wire) template_bytes: usize,
    /// Bytes of domains and samplers (not of templates), and how much the pool has booked for
    /// them.
    pub(in crate::wire) beside: usize,
    pub(in crate::wire) booked: usize,
    /// Bytes by which domains, samplers and sources may grow with this datagram.
    pub(in crate::wire) growth: usize,
    /// How much that was for the datagram before; `None` if it has to be computed anew.
    pub(in crate::wire) allowed: Option<AllowedGrowth>,
    pub(in crate::wire) class: ExporterClass,
    /// Whether `--allow` names this address itself.
    pub(in crate::wire) is_named: bool,
    /// The second in which it was last heard, and the number of such seconds since it sent flows.
    pub(in crate::wire) second: i64,
    pub(in crate::wire) seconds: u8,
    /// What was refused to it for lack of room.
    pub(in crate::wire) refusals: Refusals,
    /// What the pools have noted of it, in the order of `pool_use::PooledKind`.
    pub(in crate::wire) noted: [ExporterUse; 4],
    /// Whether it is in the queue of exporters with pending sets to decode.
    pub(in crate::wire) is_due: bool,
    pub(in crate::wire) about: ExporterOptions,
    pub(in crate::wire) held: PendingSets,
    pub(in crate::wire) counters: CounterHistory,
    pub(in crate::wire) agents: Agents,
    pub(in crate::wire) rates: ExporterRates,
    /// Protocol of its last datagram; `None` when it is only known from an earlier run.
    pub(in crate::wire) protocol: Option<Protocol>,
    pub(in crate::wire) datagrams: u64,
    pub(in crate::wire) flows: u64,
    pub(in crate::wire) last_seen: Time,
    /// The configured sampling rate.
    pub(in crate::wire) given_rate: Option<Sampling>,
}

/// The state of one observation domain (v9: source id, v5: engine).
#[derive(Debug, Default)]
pub struct Domain {
    pub templates: Templates,
    pub samplers: Samplers,
    pub sequence: Sequence,
    /// Sampling rate in the newest v5 header.
    pub header_sampling: Sampling,
    /// Times in the newest header.
    pub(in crate::wire) moment: NumberingTime,
    /// Whether `moment` is from an earlier run.
    pub(in crate::wire) resumed: bool,
    /// When the exporter started, in milliseconds since 1970: as options say, or estimated from
    /// its records.
    pub init: Option<i64>,
    pub(in crate::wire) guessed_init: Option<i64>,
    /// When stale templates were last searched for, and those that were found and are still
    /// there, the oldest last.
    pub(in crate::wire) looked_for_stale: Option<Time>,
    pub(in crate::wire) stale: Vec<u16>,
}

/// An exporter while one of its datagrams is decoded.
#[derive(Debug)]
pub struct ExporterSession<'a> {
    pub address: Host,
    /// Port of the session.
    port: u16,
    pub domain: &'a mut Domain,
    pub about: &'a mut ExporterOptions,
    pub held: &'a mut PendingSets,
    pub counters: &'a mut CounterHistory,
    sessions: &'a Sessions,
    pub refusals: &'a mut Refusals,
    /// What to add to the exporter's times to get the collector's time, in milliseconds.
    pub offset: i64,
    pub given_rate: Option<Sampling>,
    pub class: ExporterClass,
    /// See [`ExporterState::generation`].
    pub(in crate::wire) generation: u32,
    numbering: Option<&'a mut SharedNumbering>,
    pub(in crate::wire) rates: &'a mut ExporterRates,
    pub(in crate::wire) templates: &'a mut usize,
    pub(in crate::wire) template_bytes: &'a mut usize,
    pub(in crate::wire) beside: &'a mut usize,
    pub(in crate::wire) growth: &'a mut usize,
}

impl ExporterState {
    /// An exporter of an earlier run: it has a history.
    #[must_use]
    pub fn remembered(last_seen: Time) -> ExporterState {
        let mut counters = CounterHistory::default();
        counters.heard_earlier(last_seen);
        let class = ExporterClass::Known;
        ExporterState { last_seen, class, counters, ..ExporterState::default() }
    }

    /// Counts the bytes of restored domains; [`ExporterState::settle`] books them.
    pub fn count_domains(&mut self) {
        let samplers = |domain: &Domain| domain.samplers.len() * SAMPLER_BYTES;
        let all = self.domains.values().map(|domain| DOMAIN_BYTES + samplers(domain));
        self.beside = all.sum::<usize>() + self.numberings.len() * NUMBERING_BYTES;
    }

    /// Counts the bytes of domains as booked already: the caller books the sum of all exporters.
    pub fn book_domains(&mut self) {
        self.count_domains();
        self.booked = self.beside;
        self.template_bytes += self.beside;
    }

    /// Takes a header into account. Returns what decoding needs, `None` with too many domains.
    /// The port of `from` is that of [`ExporterState::session_of`].
    pub fn enter(
        &mut self,
        now: Time,
        from: SenderAddress,
        header: &MessageHeader,
    ) -> Option<ExporterSession<'_>> {
        self.enter_as(now, from, header, None)
    }

    /// Like [`ExporterState::enter`], for protocols with templates: a new session gets those on
    /// which the other sessions agree.
    pub fn enter_with_templates(
        &mut self,
        now: Time,
        from: SenderAddress,
        header: &MessageHeader,
        pool: &mut DecoderShare,
    ) -> Option<ExporterSession<'_>> {
        self.enter_as(now, from, header, Some(pool))
    }

    /// `pool`: that of the templates, for protocols that have some.
    fn enter_as(
        &mut self,
        now: Time,
        from: SenderAddress,
        header: &MessageHeader,
        pool: Option<&mut DecoderShare>,
    ) -> Option<ExporterSession<'_>> {
        self.arrive(now, header.protocol);
        let key = DomainKey { port: from.port, id: header.domain };
        let session = self.sessions.entry(key.port);
        (session.last_seen, session.datagrams) = (now, session.datagrams + 1);
        let offset = session.clock.observe(now, header.exported);
        let is_new = !self.domains.contains_key(&key);
        if is_new {
            self.add_domain(key)?;
        }
        if let Some(pool) = pool.filter(|_| is_new && self.sessions.are_several()) {
            self.adopt_all(key, pool);
        }
        let is_one_process = key.port != WHOLE_ADDRESS || !self.sessions.are_merged();
        let session = self.session(from.host, key, offset)?;
        let moment =
            NumberingTime { seen: now, exported: Some(header.exported), uptime: header.uptime };
        session.domain.notice(moment, is_one_process);
        Some(session)
    }

    /// Adds a domain of a session, if there is room.
    fn add_domain(&mut self, key: DomainKey) -> Option<()> {
        let session = self.sessions.entry(key.port);
        let is_full = session.domains >= MAX_DOMAINS || self.domains.len() >= MAX_SESSION_DOMAINS;
        if is_full || self.growth < DOMAIN_BYTES {
            return None;
        }
        session.domains += 1;
        self.beside += DOMAIN_BYTES;
        self.growth -= DOMAIN_BYTES;
        let domain = self.begin_domain(key);
        self.domains.insert(key, domain);
        Some(())
    }

    /// Returns what decoding data of a domain needs. `None` when the domain was dropped.
    pub fn resume(&mut self, address: Host, key: DomainKey) -> Option<ExporterSession<'_>> {
        let session = self.sessions.known.get(&key.port);
        let offset = session.map_or(0, |session| session.clock.offset());
        self.session(address, key, offset)
    }

    fn session(
        &mut self,
        address: Host,
        key: DomainKey,
        offset: i64,
    ) -> Option<ExporterSession<'_>> {
        Some(ExporterSession {
            address,
            port: key.port,
            generation: self.generation,
            domain: self.domains.get_mut(&key)?,
            about: &mut self.about,
            held: &mut self.held,
            counters: &mut self.counters,
            sessions: &self.sessions,
            refusals: &mut self.refusals,
            offset,
            given_rate: self.given_rate,
            class: self.class,
            rates: &mut self.rates,
            numbering: self.numberings.get_mut(&key.id),
            templates: &mut self.templates,
            template_bytes: &mut self.template_bytes,
            beside: &mut self.beside,
            growth: &mut self.growth,
        })
    }

    /// Counts a datagram, whatever it holds.
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

    /// Adds up what a datagram held that came from `port`. `init`: the start of its process, as
    /// options of its domain say.
    pub fn leave(&mut self, report: &DatagramReport, port: u16, init: Option<i64>) {
        self.flows += u64::from(report.flows) + u64::from(report.events);
        if init.is_some() {
            self.sessions.entry(port).init = init;
        }
    }

    /// Whether the exporter may count as known.
    #[must_use]
    pub fn has_history(&self) -> bool {
        self.class == ExporterClass::Known || self.seconds >= HISTORY || self.is_named
    }

    /// What decides which exporter loses its place.
    #[must_use]
    pub fn look(&self) -> AdmissionFacts {
        AdmissionFacts { is_known: self.class == ExporterClass::Known, last_seen: self.last_seen }
    }
}

impl ExporterSession<'_> {
    /// Compares a datagram's number with those of all ports of its domain, before its records
    /// are decoded.
    pub fn compare_ports(&mut self, sequence: u32) {
        if let Some(numbering) = &mut self.numbering {
            numbering.compare(&self.domain.sequence, sequence);
        }
    }

    /// The session, as what was counted of its flows needs it.
    #[must_use]
    pub fn reporting(&self, port: u16) -> ReportingSession<'_> {
        let ports_are_one = self.numbering.as_ref().is_some_and(|all| all.ports_are_one());
        ReportingSession { port, ports_are_one, sessions: self.sessions }
    }

    /// Compares a datagram's sequence number with the expected one (see [`Sequence::datagram`]).
    pub fn count_sequence(
        &mut self,
        right: Numbering,
        sequence: u32,
        records: Option<RecordCount>,
    ) {
        let own = self.domain.sequence.datagram(right, sequence, records);
        if let Some(numbering) = &mut self.numbering {
            numbering.datagram(own, right, sequence, records);
        }
    }

    /// Sets the uptime for a header without one: from the exporter's start in options, otherwise
    /// from `newest`, the latest uptime in the records, assuming that they were sent right after
    /// they ended.
    pub fn reckon_uptime(&mut self, reference: &mut TimeReference, newest: u32) {
        let exported = reference.exported;
        // A start that puts the newest record into the future, or more than a day back, is
        // wrong: some exporters note it before their clock is set.
        let fits = |init: &i64| {
            let up = exported.saturating_sub(*init) as u32;
            let age = i64::from(up.wrapping_sub(newest).cast_signed());
            // A start after the export time: the clock of the header is the wrong one.
            *init > exported || (-RESTART_MS..=Flow::PLAUSIBLE_MS).contains(&age)
        };
        let of_session = || self.sessions.init(self.port);
        let known = self.domain.init.or_else(of_session).filter(fits);
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

/// The uptime of an exporter whose reported start is after its export time. One of the two
/// clocks is wrong, and how often the counter has wrapped is unknown, so uptimes in records are
/// taken as near this one.
const FIRST_LAP: i64 = 1 << 31;

/// A flow ends at most this long before its export. If it seems longer, the exporter has started
/// again, or its counter has wrapped.
const RESTART_MS: i64 = 3_600_000;

impl Domain {
    /// The template of an id.
    #[inline]
    #[must_use]
    pub fn template(&self, id: u16) -> Option<&Template> {
        self.templates.get(id).map(|entry| &entry.template)
    }

    /// Detects a restart: a smaller uptime than before means that the exporter, and with it its
    /// sequence numbers, started again. After an earlier run, the time that has passed counts as
    /// well. Uptimes of several processes say nothing.
    fn notice(&mut self, moment: NumberingTime, is_one_process: bool) {
        let before = std::mem::replace(&mut self.moment, moment);
        if !is_one_process {
            return;
        }
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

    /// Stores when the exporter started, as it reports.
    pub fn notice_init(&mut self, init: i64) {
        if self.init.is_some_and(|known| init.saturating_sub(known) > i64::from(UPTIME_JITTER_MS)) {
            self.sequence.restart();
        }
        self.init = Some(init);
    }

    /// Every sampling rate in use.
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
        domain.notice(up(u32::MAX - 5), true);
        domain.sequence.datagram(Datagrams, 10, None);
        domain.notice(up(100), true);
        domain.sequence.datagram(Datagrams, 12, None);
        assert_eq!(domain.sequence.lost(), 1, "wrapped: the gap counts");
        domain.notice(up(500_000), true);
        domain.notice(up(1_000), true);
        domain.sequence.datagram(Datagrams, 30, None);
        assert_eq!(domain.sequence.lost(), 1, "restarted: no gap");
    }
}
