//! Who is decoded, who has to make room, and who has to give back.

use super::shared_limits::ExporterClass;
use super::state::{ExporterState, PooledKind};
use crate::flow::{Host, Protocol, Time};
use crate::wire::version::protocol_of;
use crate::wire::{Cause, DatagramReport, Decoder};

/// How often others give back before one datagram, of each kind.
const GIVE_BACK: usize = 4;

impl Decoder {
    /// Whether a datagram is to be decoded, and as what.
    pub(in crate::wire) fn admit(
        &mut self,
        now: Time,
        address: Host,
        bytes: &[u8],
        report: &mut DatagramReport,
    ) -> Result<Protocol, Cause> {
        if !self.policy.allows(address) {
            self.refused.count(address);
            return Err(Cause::NotAllowed);
        }
        let protocol = protocol_of(bytes)?;
        if !self.exporters.contains_key(&address) && !self.make_room(now, report) {
            self.displaced.count(address);
            return Err(Cause::ExporterLimit);
        }
        Ok(protocol)
    }

    /// Makes room for one more exporter, if need be in the place of a newcomer whose
    /// turn it is, or of one that has been silent for long. Says whether there is any.
    fn make_room(&mut self, now: Time, report: &mut DatagramReport) -> bool {
        if self.pool.exporters.room_of(ExporterClass::New) > 0 {
            return true;
        }
        let exporters = &self.exporters;
        let look = |host: Host| exporters.get(&host).map(ExporterState::look);
        let Some(host) = self.places.next(now, look) else { return false };
        self.displace(host, report);
        true
    }

    /// An exporter goes that has no place any more.
    fn displace(&mut self, host: Host, report: &mut DatagramReport) {
        if let Some(mut gone) = self.exporters.remove(&host) {
            report.causes.add(Cause::HeldDropped, gone.held.len() as u32);
            gone.release(host, &mut self.pool);
            self.displaced.count(host);
        }
    }

    /// After a datagram of an exporter: whether it is known from now on, what it
    /// takes, and whether it has sets that are due.
    pub(in crate::wire) fn take_stock(
        &mut self,
        now: Time,
        address: Host,
        report: &mut DatagramReport,
    ) {
        let Some(exporter) = self.exporters.get_mut(&address) else { return };
        exporter.note(address, &mut self.pool);
        if exporter.class == ExporterClass::New && exporter.has_history() {
            self.make_known(now, address, report);
        }
        let Some(exporter) = self.exporters.get_mut(&address) else { return };
        exporter.note(address, &mut self.pool);
        if !exporter.is_due && exporter.held.next_due(&mut self.pool).is_some() {
            exporter.is_due = true;
            self.due.push_back(address);
        }
    }

    /// Counts a newcomer as known from now on, if what it takes fits beside those with
    /// a history: it could otherwise fill the part of newcomers and take it along, and
    /// so could the next one.
    fn make_known(&mut self, now: Time, address: Host, report: &mut DatagramReport) {
        if !self.pool.exporters.may_become_known() {
            let exporters = &self.exporters;
            let look = |host: Host| exporters.get(&host).map(ExporterState::look);
            let Some(silent) = self.places.silent(now, look) else { return };
            self.displace(silent, report);
        }
        self.give_way(ExporterClass::Known, [0; 3], report);
        let Some(exporter) = self.exporters.get_mut(&address) else { return };
        let pool = &self.pool;
        let portions = [&pool.templates, &pool.held, &pool.names];
        let takes = exporter.takes();
        if portions.into_iter().zip(takes).all(|(one, takes)| one.fits(ExporterClass::Known, takes))
        {
            exporter.become_known(&mut self.pool);
        }
    }

    /// Before a datagram of an exporter: where it has less than its part of a pool
    /// and others filled it, those that take most give back. What they lose is
    /// counted.
    pub(in crate::wire) fn make_way(&mut self, address: Host, report: &mut DatagramReport) {
        let takes = |exporter: &ExporterState| (exporter.class, exporter.takes());
        let (class, takes) = self.exporters.get(&address).map(takes).unwrap_or_default();
        self.give_way(class, takes, report);
    }

    /// The same for one of a class that takes so much.
    fn give_way(
        &mut self,
        class: ExporterClass,
        [templates, held, names]: [usize; 3],
        report: &mut DatagramReport,
    ) {
        for _ in 0..GIVE_BACK {
            let pool = &self.pool;
            let from = [
                pool.templates.has_to_give(class, templates),
                pool.held.has_to_give(class, held),
                pool.names.has_to_give(class, names),
            ];
            if from == [None; 3] {
                return;
            }
            for (kind, host) in from.into_iter().enumerate() {
                let Some(host) = host else { continue };
                let Some(other) = self.exporters.get_mut(&host) else { continue };
                other.give_back(host, PooledKind::ALL[kind], &mut self.pool, report);
            }
        }
    }
}
