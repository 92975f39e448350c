//! What an exporter takes of the pools that all exporters share, and how it gives back.

use super::options::ExporterOptions;
use super::refusals::ResourceRefusal;
use super::shared_limits::{DecoderShare, ExporterClass};
use super::state::ExporterState;
use crate::flow::Host;
use crate::wire::report::{Cause, DatagramReport};

/// Kinds of state that are limited by pools which all exporters share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PooledKind {
    Templates,
    Held,
    Names,
}

impl PooledKind {
    pub const ALL: [PooledKind; 3] = [PooledKind::Templates, PooledKind::Held, PooledKind::Names];
}

impl ExporterState {
    /// Tells the pools what the exporter takes.
    pub fn note(&mut self, address: Host, pool: &mut DecoderShare) {
        let [templates, held, names] = &mut self.noted;
        pool.templates.note(address, templates, self.class, self.template_bytes);
        pool.held.note(address, held, self.class, self.held.bytes());
        pool.names.note(address, names, self.class, self.about.names());
    }

    /// What it takes of each pool, in the order of [`PooledKind`].
    #[must_use]
    pub fn takes(&self) -> [usize; 3] {
        [self.template_bytes, self.held.bytes(), self.about.names()]
    }

    /// Gives back a part of a pool: the least used templates or domains, the oldest pending
    /// sets, or all names (they are announced again). What is lost is counted.
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

    /// Makes it a known exporter: what it takes is booked for known exporters.
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

    /// Before a datagram: sets how much its state may grow.
    pub fn prepare(&mut self, pool: &DecoderShare) {
        let names = pool.names.allowance(self.class, self.about.names());
        self.about.allow(names);
        self.growth = pool.templates.allowance(self.class, self.template_bytes);
        self.agents.allow(self.growth);
    }

    /// After a datagram: books names, and what is not templates. `names` is the number of names
    /// before the datagram.
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

    /// Gives back all memory that it takes of the pools.
    pub fn release(&mut self, address: Host, pool: &mut DecoderShare) {
        self.held.clear(self.class, pool);
        pool.templates.change(self.class, self.template_bytes, 0);
        pool.names.change(self.class, self.about.names(), 0);
        pool.exporters.change(self.class, 1, 0);
        (self.template_bytes, self.about) = (0, ExporterOptions::default());
        self.note(address, pool);
    }
}
