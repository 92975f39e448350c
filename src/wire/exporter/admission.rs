//! Decides which datagrams are decoded, which exporters lose their place, and which exporters
//! have to give back memory.

use super::pool_use::PooledKind;
use super::shared_limits::ExporterClass;
use super::state::ExporterState;
use crate::flow::{Host, Protocol, Time};
use crate::wire::version::protocol_of;
use crate::wire::{Cause, DatagramReport, Decoder};

/// How often other exporters give back memory before one datagram, for each kind of memory.
const GIVE_BACK: usize = 4;

impl Decoder {
    /// The protocol of a datagram that is to be decoded. Makes room for it: others give back what
    /// they have to. Returns also whether nobody has to give back anything any more.
    ///
    /// # Errors
    /// The cause why it is not decoded: its sender is not allowed, its protocol is unknown, or
    /// there is no place for another exporter.
    pub(in crate::wire) fn admit(
        &mut self,
        now: Time,
        address: Host,
        bytes: &[u8],
        report: &mut DatagramReport,
    ) -> Result<(Protocol, bool), Cause> {
        if !self.policy.allows(address) {
            self.refused.count(address);
            return Err(Cause::NotAllowed);
        }
        let protocol = protocol_of(bytes)?;
        if let Some(exporter) = self.exporters.get(&address) {
            if exporter.allowed.is_some_and(|allowed| allowed.pools == self.pool.state()) {
                return Ok((protocol, true));
            }
            let (class, takes) = (exporter.class, exporter.takes());
            return Ok((protocol, self.give_way(class, takes, report)));
        }
        if !self.make_room(now, report) {
            self.displaced.count(address);
            return Err(Cause::ExporterLimit);
        }
        Ok((protocol, self.give_way(ExporterClass::New, [0; 4], report)))
    }

    /// Makes room for one more exporter, if necessary by removing a new exporter whose turn it
    /// is, or one that has been silent for long. Returns whether there is room.
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

    /// Removes an exporter that has lost its place.
    fn displace(&mut self, host: Host, report: &mut DatagramReport) {
        if let Some(mut gone) = self.exporters.remove(&host) {
            report.causes.add(Cause::HeldDropped, gone.held.len() as u32);
            gone.release(host, &mut self.pool);
            self.displaced.count(host);
        }
    }

    /// After a datagram of an exporter that has [news](ExporterState::has_news): makes it known if
    /// it has a history, and queues it if it has pending sets to decode.
    pub(in crate::wire) fn take_stock(
        &mut self,
        now: Time,
        address: Host,
        report: &mut DatagramReport,
    ) {
        let Some(exporter) = self.exporters.get_mut(&address) else { return };
        if exporter.class == ExporterClass::New && exporter.has_history() {
            self.make_known(now, address, report);
            if let Some(exporter) = self.exporters.get_mut(&address) {
                exporter.note(address, &mut self.pool);
            }
        }
        let Some(exporter) = self.exporters.get_mut(&address) else { return };
        if !exporter.is_due && exporter.held.next_due(&mut self.pool).is_some() {
            exporter.is_due = true;
            self.due.push_back(address);
        }
    }

    /// Makes a new exporter a known one, if its memory fits among that of known exporters.
    /// Without this check it could fill the part of new exporters and take it along, and so
    /// could the next one.
    fn make_known(&mut self, now: Time, address: Host, report: &mut DatagramReport) {
        if !self.pool.exporters.may_become_known() {
            let exporters = &self.exporters;
            let look = |host: Host| exporters.get(&host).map(ExporterState::look);
            let Some(silent) = self.places.silent(now, look) else { return };
            self.displace(silent, report);
        }
        let _ = self.give_way(ExporterClass::Known, [0; 4], report);
        let Some(exporter) = self.exporters.get_mut(&address) else { return };
        let pool = &self.pool;
        let portions = [&pool.templates, &pool.held, &pool.names, &pool.counters];
        let takes = exporter.takes();
        if portions.into_iter().zip(takes).all(|(one, takes)| one.fits(ExporterClass::Known, takes))
        {
            exporter.become_known(&mut self.pool);
        }
    }

    /// Before a datagram of an exporter of a class, with the memory it takes of each pool: if that
    /// is less than its part of a pool and others filled the pool, the exporters that take most
    /// give back memory. What they lose is counted. Returns whether that was enough.
    fn give_way(
        &mut self,
        class: ExporterClass,
        [templates, held, names, counters]: [usize; 4],
        report: &mut DatagramReport,
    ) -> bool {
        for _ in 0..GIVE_BACK {
            let pool = &self.pool;
            let from = [
                pool.templates.has_to_give(class, templates),
                pool.held.has_to_give(class, held),
                pool.names.has_to_give(class, names),
                pool.counters.has_to_give(class, counters),
            ];
            if from == [None; 4] {
                return true;
            }
            for (kind, host) in from.into_iter().enumerate() {
                let Some(host) = host else { continue };
                let Some(other) = self.exporters.get_mut(&host) else { continue };
                other.give_back(host, PooledKind::ALL[kind], &mut self.pool, report);
            }
        }
        false
    }
}
