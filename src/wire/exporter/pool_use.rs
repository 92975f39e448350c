//! What an exporter takes of the pools that all exporters share, and how it gives back.

use super::counter_history::CounterHistory;
use super::options::ExporterOptions;
use super::refusals::ResourceRefusal;
use super::shared_limits::{AllowedGrowth, DecoderShare, ExporterClass};
use super::state::ExporterState;
use crate::flow::Host;
use crate::wire::report::{Cause, DatagramReport};

/// Kinds of state that are limited by pools which all exporters share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PooledKind {
    Templates,
    Held,
    Names,
    Counters,
}

impl PooledKind {
    pub const ALL: [PooledKind; 4] =
        [PooledKind::Templates, PooledKind::Held, PooledKind::Names, PooledKind::Counters];
}

impl ExporterState {
    /// Tells the pools what the exporter takes.
    #[inline]
    pub fn note(&mut self, address: Host, pool: &mut DecoderShare) {
        let [templates, held, names, counters] = &mut self.noted;
        pool.templates.note(address, templates, self.class, self.template_bytes);
        pool.held.note(address, held, self.class, self.held.bytes());
        pool.names.note(address, names, self.class, self.about.names());
        pool.counters.note(address, counters, self.class, self.counters.bytes());
    }

    /// What it takes of each pool, in the order of [`PooledKind`].
    #[must_use]
    pub fn takes(&self) -> [usize; 4] {
        [self.template_bytes, self.held.bytes(), self.about.names(), self.counters.bytes()]
    }

    /// Gives back a part of a pool: the least used templates or domains, the oldest pending
    /// sets, all names (they are announced again), or the flows with totals that were not
    /// reported for the longest time. What is lost is counted.
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
            PooledKind::Counters => {
                pool.steps += self.counters.forget_half() as u64;
                self.book_counters(pool);
            }
        }
        self.note(address, pool);
    }

    /// Makes it a known exporter: what it takes is booked for known exporters.
    pub fn become_known(&mut self, pool: &mut DecoderShare) {
        let (from, to) = (self.class, ExporterClass::Known);
        if from != to {
            pool.exporters.reclass(from, to, 1);
            pool.held.reclass(from, to, self.held.bytes());
            pool.templates.reclass(from, to, self.template_bytes);
            pool.names.reclass(from, to, self.about.names());
            pool.counters.reclass(from, to, self.counters.booked);
            self.class = to;
        }
    }

    /// Before a datagram: sets how much its state may grow.
    #[inline]
    pub fn prepare(&mut self, pool: &DecoderShare) {
        match self.allowed {
            Some(allowed) if allowed.pools == pool.state() => {
                self.growth = allowed.bytes;
                self.agents.allow(allowed.bytes);
            }
            _ => self.prepare_anew(pool),
        }
    }

    fn prepare_anew(&mut self, pool: &DecoderShare) {
        let names = pool.names.allowance(self.class, self.about.names());
        self.about.allow(names);
        self.growth = pool.templates.allowance(self.class, self.template_bytes);
        self.agents.allow(self.growth);
        self.counters.allow(pool.counters.allowance(self.class, self.counters.bytes()));
        self.allowed = Some(AllowedGrowth { pools: pool.state(), bytes: self.growth });
    }

    /// After a datagram: books names, and what is not templates. `names` is the number of names
    /// before the datagram.
    #[inline]
    pub fn settle(&mut self, names: usize, pool: &mut DecoderShare) {
        pool.names.change(self.class, names, self.about.names());
        let beside = self.beside + self.agents.bytes();
        let booked = self.booked;
        if beside != booked {
            self.template_bytes = (self.template_bytes + beside).saturating_sub(booked);
            pool.templates.change(self.class, booked, beside);
            self.booked = beside;
        }
        self.book_counters(pool);
    }

    /// Whether it may become a known exporter, or has pending sets to decode that are not queued.
    #[inline]
    #[must_use]
    pub fn has_news(&self) -> bool {
        let may_become_known = self.class == ExporterClass::New && self.has_history();
        may_become_known || !self.is_due && self.held.may_be_due()
    }

    #[inline]
    fn book_counters(&mut self, pool: &mut DecoderShare) {
        let bytes = self.counters.bytes();
        if bytes != self.counters.booked {
            pool.counters.change(self.class, self.counters.booked, bytes);
            self.counters.booked = bytes;
        }
    }

    /// Gives back all memory that it takes of the pools.
    pub fn release(&mut self, address: Host, pool: &mut DecoderShare) {
        self.held.clear(self.class, pool);
        pool.templates.change(self.class, self.template_bytes, 0);
        pool.names.change(self.class, self.about.names(), 0);
        pool.counters.change(self.class, self.counters.booked, 0);
        pool.exporters.change(self.class, 1, 0);
        (self.template_bytes, self.about) = (0, ExporterOptions::default());
        self.counters = CounterHistory::default();
        self.note(address, pool);
    }
}
