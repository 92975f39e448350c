//! All state that is kept of one exporter.

use std::collections::HashMap;
use std::collections::hash_map;

use foldhash::fast::RandomState;

use super::about::About;
use super::budget::Pool;
use super::clock_offset::ClockOffset;
use super::held::Held;
use super::report::Report;
use super::resume::Moment;
use super::sampling::{Announcement, Samplers};
use super::sequence::{Sequence, UPTIME_JITTER_MS, is_restart};
use super::sflow::Agents;
use super::template::{Kind, Template};
use super::times::Reference;
use crate::flow::{Host, Sampling, Time};

/// Observation domains per exporter: line cards and virtual routers, a few dozen,
/// on a large chassis more.
pub const MAX_DOMAINS: usize = 256;

/// Templates per exporter, over all its domains. A plan of 20 fields takes
/// about 500 bytes.
pub const MAX_TEMPLATES: usize = 1024;

/// Bytes of templates over all exporters; a template of 20 fields takes about
/// 800. No exporter gets more than a quarter of it.
pub const MAX_TEMPLATE_BYTES: usize = 64 << 20;

/// A template that was neither refreshed nor used for this long may have to make
/// room: exporters refresh theirs every half an hour at the latest.
const STALE_MS: i64 = 2 * 3_600_000;

/// Nothing stale was found: not looked for again before this long, since each
/// template of a flood would have all others looked at.
const STALE_AGAIN_MS: u64 = 10_000;

/// Everything under one source address.
#[derive(Debug, Default)]
pub struct Exporter {
    pub(super) domains: HashMap<u32, Domain, RandomState>,
    pub(super) templates: usize,
    /// Bytes that its templates take.
    pub(super) template_bytes: usize,
    pub(super) clock: ClockOffset,
    pub(super) about: About,
    pub(super) held: Held,
    pub(super) agents: Agents,
    /// Rates announced in domain 0, which stands for the exporter as a whole
    /// (RFC 7011, 3.1).
    pub(super) shared: Samplers,
    /// When it started, as options of any of its domains said.
    pub(super) init: Option<i64>,
    pub(super) protocol: &'static str,
    pub(super) datagrams: u64,
    pub(super) flows: u64,
    pub(super) last_seen: Time,
    /// The rate given on the command line.
    pub(super) given_rate: Option<Sampling>,
}

/// A template with its history.
#[derive(Clone, Debug)]
pub struct Entry {
    pub template: Template,
    /// When it was defined in this shape, and last sent.
    pub defined: Time,
    pub refreshed: Time,
    /// When data last came for it.
    pub used: Time,
    /// Times it came with another shape.
    pub changes: u32,
    /// Remembered from an earlier run (the moment its exporter was last seen
    /// then), not yet sent in this one.
    pub remembered: Option<Time>,
    /// Whether a remembered one has turned out to be of another time.
    pub disproved: bool,
}

/// What belongs to one observation domain (v9: source id, v5: engine).
#[derive(Debug, Default)]
pub struct Domain {
    pub templates: HashMap<u16, Entry, RandomState>,
    pub samplers: Samplers,
    pub sequence: Sequence,
    /// Sampling of the newest v5 header.
    pub header_sampling: Sampling,
    /// What the newest header said of time.
    pub(super) moment: Moment,
    /// Whether `moment` is from an earlier run.
    pub(super) resumed: bool,
    /// When the exporter started, milliseconds since 1970: as options said, or
    /// as its records suggest.
    pub init: Option<i64>,
    pub(super) guessed_init: Option<i64>,
    /// When its templates were last looked through for stale ones in vain.
    pub(super) nothing_stale: Option<Time>,
}

/// What a datagram's header says, as far as every protocol says it.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub protocol: &'static str,
    pub domain: u32,
    /// When the datagram left, by the exporter's clock.
    pub exported: Time,
    /// Milliseconds since the exporter started, if the header says so.
    pub uptime: Option<u32>,
}

/// An exporter while one of its datagrams is decoded.
#[derive(Debug)]
pub struct Session<'a> {
    pub address: Host,
    pub domain: &'a mut Domain,
    pub about: &'a mut About,
    pub held: &'a mut Held,
    /// What to add to its times to get ours, in milliseconds.
    pub offset: i64,
    pub given_rate: Option<Sampling>,
    shared: &'a mut Samplers,
    init: Option<i64>,
    templates: &'a mut usize,
    template_bytes: &'a mut usize,
}

/// What storing a template came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defined {
    New,
    Refreshed,
    Changed,
    NoRoom,
}

impl Exporter {
    /// Takes note of a header; hands out what its datagram needs. `None` when
    /// there are too many domains.
    pub fn enter(&mut self, now: Time, address: Host, header: &Header) -> Option<Session<'_>> {
        self.arrive(now, header.protocol);
        let known = self.domains.len();
        let domain = match self.domains.entry(header.domain) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(_) if known >= MAX_DOMAINS => return None,
            hash_map::Entry::Vacant(entry) => entry.insert(Domain::default()),
        };
        let offset = self.clock.observe(now, header.exported);
        let moment = Moment { seen: now, exported: Some(header.exported), uptime: header.uptime };
        domain.notice(moment);
        Some(Session {
            address,
            domain,
            about: &mut self.about,
            held: &mut self.held,
            offset,
            given_rate: self.given_rate,
            shared: &mut self.shared,
            init: self.init,
            templates: &mut self.templates,
            template_bytes: &mut self.template_bytes,
        })
    }

    /// Takes note of a datagram, whatever it says.
    pub fn arrive(&mut self, now: Time, protocol: &'static str) {
        self.protocol = protocol;
        self.datagrams += 1;
        self.last_seen = now;
    }

    /// Adds up what a datagram gave.
    pub fn leave(&mut self, report: &Report, domain: u32) {
        self.flows += u64::from(report.flows) + u64::from(report.events);
        let init = self.domains.get(&domain).and_then(|domain| domain.init);
        self.init = init.or(self.init);
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

    /// The transport under it was closed or opened again: numbering begins anew.
    pub fn reconnected(&mut self) {
        for domain in self.domains.values_mut() {
            domain.sequence.restart();
        }
    }

    /// Gives back what it takes of memory shared with others.
    pub fn release(&mut self, pool: &mut Pool) {
        self.held.clear(pool);
        pool.templates.change(self.template_bytes, 0);
        pool.names.change(self.about.names(), 0);
        pool.exporters.change(1, 0);
    }
}

impl Session<'_> {
    /// The rates that hold for the domain's records: its own, else those of the
    /// exporter as a whole.
    pub fn samplers(&self) -> &Samplers {
        if self.domain.samplers.is_empty() { self.shared } else { &self.domain.samplers }
    }

    /// Takes note of what options of domain `id` say about sampling.
    pub fn learn_rate(&mut self, id: u32, announcement: &Announcement) {
        self.domain.samplers.learn(announcement);
        if id == 0 {
            self.shared.learn(announcement);
        }
    }

    /// Whether there is room for so many more bytes of templates.
    fn has_room(&self, bytes: usize, pool: &Pool) -> bool {
        *self.template_bytes + bytes <= MAX_TEMPLATE_BYTES / 4
            && pool.templates.total() + bytes <= MAX_TEMPLATE_BYTES
    }

    /// Books that templates take `after` bytes where they took `before`.
    fn book(&mut self, before: usize, after: usize, pool: &mut Pool) {
        *self.template_bytes = (*self.template_bytes + after).saturating_sub(before);
        pool.templates.change(before, after);
    }

    /// Stores a template.
    pub fn define(&mut self, now: Time, id: u16, template: Template, pool: &mut Pool) -> Defined {
        let size = template.size();
        let room = self.has_room(size, pool);
        if let Some(entry) = self.domain.templates.get_mut(&id) {
            let mut freed = 0;
            entry.refreshed = now;
            let same = entry.template.same_shape(&template);
            if same && entry.remembered.is_none() {
                return Defined::Refreshed;
            }
            if !same && !room {
                return Defined::NoRoom;
            }
            if !same {
                freed = entry.template.size();
                // A remembered one is from another time: that it changed is no news.
                let news = u32::from(entry.remembered.is_none());
                entry.changes = entry.changes.saturating_add(news);
                entry.template = template;
                entry.defined = now;
            }
            entry.disproved = false;
            let was_remembered = entry.remembered.take().is_some();
            self.book(freed, if same { 0 } else { size }, pool);
            return if same || was_remembered { Defined::New } else { Defined::Changed };
        }
        let full = *self.templates >= MAX_TEMPLATES || !room;
        if full && (!self.forget_stale(now, pool) || !self.has_room(size, pool)) {
            return Defined::NoRoom;
        }
        *self.templates += 1;
        self.book(0, size, pool);
        self.domain.templates.insert(id, Entry::new(now, template));
        Defined::New
    }

    fn forget_stale(&mut self, now: Time, pool: &mut Pool) -> bool {
        let looked = self.domain.nothing_stale;
        if looked.is_some_and(|at| now.since(at).unsigned_abs() < STALE_AGAIN_MS) {
            return false;
        }
        let age = |entry: &Entry| now.since(entry.refreshed.max(entry.used));
        let oldest = self.domain.templates.iter().max_by_key(|(_, entry)| age(entry));
        let stale = oldest.filter(|(_, entry)| age(entry) > STALE_MS).map(|(id, _)| *id);
        let Some(id) = stale else {
            self.domain.nothing_stale = Some(now);
            return false;
        };
        if let Some(entry) = self.domain.templates.remove(&id) {
            *self.templates -= 1;
            self.book(entry.template.size(), 0, pool);
        }
        true
    }

    /// Forgets one template, or all of a kind. Returns how many there were.
    pub fn withdraw(&mut self, id: Option<u16>, kind: Kind, pool: &mut Pool) -> u32 {
        let before = self.domain.templates.len();
        let mut freed = 0;
        let templates = &mut self.domain.templates;
        if let Some(id) = id {
            let known = templates.get(&id).filter(|entry| entry.template.kind() == kind);
            freed = known.map_or(0, |entry| entry.template.size());
            if known.is_some() {
                templates.remove(&id);
            }
        } else {
            templates.retain(|_, entry| {
                let stays = entry.template.kind() != kind;
                freed += if stays { 0 } else { entry.template.size() };
                stays
            });
        }
        self.book(freed, 0, pool);
        let gone = before - self.domain.templates.len();
        *self.templates -= gone;
        gone as u32
    }

    /// Whether data sets of `length` bytes can be decoded by template `id`.
    ///
    /// A remembered template is believed as long as the exporter has not started
    /// again since it was last seen, and as long as records fit.
    pub fn trusts(&mut self, now: Time, id: u16, length: usize, header: &Header) -> bool {
        let Some(entry) = self.domain.templates.get_mut(&id) else { return false };
        entry.used = now;
        let Some(seen) = entry.remembered else { return true };
        let started = header.uptime.map(|up| header.exported.plus_ms(-i64::from(up)));
        let restarted = started.is_some_and(|started| started > seen);
        let fits = !restarted && entry.template.fits(length);
        entry.disproved |= !fits;
        !entry.disproved
    }

    /// Sets the uptime that a header without one stands for, from what options
    /// said about the exporter's start, else from `newest`, the latest uptime
    /// that records name: they were sent right after they ended.
    pub fn reckon_uptime(&mut self, reference: &mut Reference, newest: u32) {
        let exported = reference.exported;
        let known = self.domain.init.or(self.init);
        let init = known.unwrap_or_else(|| {
            let candidate = exported - i64::from(newest);
            let guess = self.domain.guessed_init.get_or_insert(candidate);
            if candidate < *guess || candidate - *guess > RESTART_MS {
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

impl Entry {
    /// A template that was just defined.
    #[must_use]
    pub fn new(now: Time, template: Template) -> Entry {
        Entry {
            template,
            defined: now,
            refreshed: now,
            used: now,
            changes: 0,
            remembered: None,
            disproved: false,
        }
    }
}

impl Domain {
    /// The template of an id.
    #[inline]
    #[must_use]
    pub fn template(&self, id: u16) -> Option<&Template> {
        self.templates.get(&id).map(|entry| &entry.template)
    }

    /// A smaller uptime than before means that the exporter started again: its
    /// sequence numbers do too, and only then. After an earlier run the time that
    /// has passed tells it as well.
    fn notice(&mut self, moment: Moment) {
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
    pub(super) fn rates(&self) -> impl Iterator<Item = u32> {
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
        let up = |uptime| Moment { uptime: Some(uptime), ..Moment::default() };
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
