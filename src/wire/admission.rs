//! Who is decoded, who has to make room, and who has to give back.

use super::budget::Class;
use super::exporter::{Exporter, Kept};
use super::{Cause, Decoder, Protocol, Report};
use crate::flow::{Host, Time};

/// How often others give back before one datagram, of each kind.
const GIVE_BACK: usize = 4;

impl Decoder {
    /// Whether a datagram is to be decoded, and as what.
    pub(super) fn admit(
        &mut self,
        now: Time,
        address: Host,
        bytes: &[u8],
        report: &mut Report,
    ) -> Result<Protocol, Cause> {
        if !self.policy.allows(address) {
            self.refused.count(address);
            return Err(Cause::NotAllowed);
        }
        let protocol = Protocol::of(bytes)?;
        if !self.exporters.contains_key(&address) && !self.make_room(now, report) {
            self.displaced.count(address);
            return Err(Cause::ExporterLimit);
        }
        Ok(protocol)
    }

    /// Makes room for one more exporter, if need be in the place of a newcomer whose
    /// turn it is, or of one that has been silent for long. Says whether there is any.
    fn make_room(&mut self, now: Time, report: &mut Report) -> bool {
        if self.pool.exporters.room() > 0 {
            return true;
        }
        let exporters = &self.exporters;
        let look = |host: Host| exporters.get(&host).map(Exporter::look);
        let Some(host) = self.places.next(now, look) else { return false };
        if let Some(mut gone) = self.exporters.remove(&host) {
            report.causes.add(Cause::HeldDropped, gone.held.len() as u32);
            gone.release(host, &mut self.pool);
            self.displaced.count(host);
        }
        true
    }

    /// After a datagram of an exporter: whether it is known from now on, what it
    /// takes, and whether it has sets that are due.
    pub(super) fn take_stock(&mut self, address: Host) {
        let Some(exporter) = self.exporters.get_mut(&address) else { return };
        let is_new = exporter.class == Class::New;
        if is_new && exporter.has_history() && self.pool.exporters.may_be(Class::Known) {
            exporter.become_known(&mut self.pool);
        }
        exporter.note(address, &mut self.pool);
        if !exporter.is_due && exporter.held.next_due(&mut self.pool).is_some() {
            exporter.is_due = true;
            self.due.push_back(address);
        }
    }

    /// Before a datagram of an exporter: where it has less than its part of a pool
    /// and others filled it, those that take most give back. What they lose is
    /// counted.
    pub(super) fn make_way(&mut self, address: Host, report: &mut Report) {
        let Some(exporter) = self.exporters.get(&address) else { return };
        let (class, templates, held) =
            (exporter.class, exporter.template_bytes, exporter.held.bytes());
        let names = exporter.about.names();
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
                other.give_back(host, Kept::ALL[kind], &mut self.pool, report);
            }
        }
    }
}
