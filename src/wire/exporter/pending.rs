//! Data sets that arrived before their template, kept until it arrives.
//!
//! NetFlow v9 exporters send templates only from time to time (Cisco's default is every 30
//! minutes). Without this, a collector that starts in between would lose all data until then.

use std::collections::{BTreeMap, HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::limits::MAX_HELD;
use super::sessions::DomainKey;
use super::shared_limits::{DecoderShare, ExporterClass};
use crate::flow::Time;
use crate::wire::header::MessageHeader;

/// One exporter gets at most this part of all bytes: 1 / `EXPORTER_PART`.
const EXPORTER_PART: usize = 4;

/// Maximum bytes of pending sets per exporter: two hours of a small site's router, some minutes
/// of a large one's.
pub const MAX_HELD_PER_EXPORTER: usize = MAX_HELD / EXPORTER_PART;

/// An exporter that has to give back memory drops this part of its bytes: 1 / `GIVEN_PART`.
const GIVEN_PART: usize = 4;

/// A template that has not arrived after this time will not arrive: the longest template
/// timeouts in use are half an hour.
const MAX_AGE_MS: i64 = 2 * 3_600_000;

/// Cost of a pending set in addition to its content, in bytes: the struct, and its places in two
/// indexes.
const OVERHEAD: usize = size_of::<PendingSet>() + 128;

/// A data set, with what is needed to decode it later.
#[derive(Clone, Debug)]
pub struct PendingSet {
    pub header: MessageHeader,
    /// Port of the session that it came in.
    pub port: u16,
    pub arrival: Time,
    pub offset: i64,
    /// The id of the template it waits for.
    pub template: u16,
    /// The remainder of the set is padding if it is shorter than this and zero.
    pub padding: u8,
    /// Templates of its id that did not fit it.
    pub tries: u8,
    /// Content of the set, without the set's header.
    pub content: Box<[u8]>,
}

impl PendingSet {
    fn size(&self) -> usize {
        self.content.len() + OVERHEAD
    }

    /// The domain of the session that it came in.
    #[must_use]
    pub fn domain(&self) -> DomainKey {
        DomainKey { port: self.port, id: self.header.domain }
    }

    /// Domain and id of the template it waits for.
    fn key(&self) -> (DomainKey, u16) {
        (self.domain(), self.template)
    }
}

/// The pending sets of one exporter. The cost of releasing the sets of a template, or of
/// dropping the oldest set, does not depend on the number of pending sets.
#[derive(Debug, Default)]
pub struct PendingSets {
    /// The sets, numbered in the order of their arrival.
    sets: BTreeMap<u64, PendingSet>,
    /// Numbers of the sets that wait for a template, oldest first, by domain and template id.
    waiting: HashMap<(DomainKey, u16), VecDeque<u64>, RandomState>,
    /// Numbers of the sets whose template has arrived, by template. They are decoded a few at a
    /// time.
    due: VecDeque<((DomainKey, u16), VecDeque<u64>)>,
    next: u64,
    bytes: usize,
}

impl PendingSets {
    /// Stores a set of an exporter of class `class`. Drops the oldest sets if there is no room.
    /// Returns how many sets were dropped.
    pub fn keep(&mut self, set: PendingSet, class: ExporterClass, pool: &mut DecoderShare) -> u32 {
        let mut dropped = 0;
        let size = set.size();
        let now = set.arrival;
        let is_old = |set: &PendingSet| now.since(set.arrival) > MAX_AGE_MS;
        while let Some((_, oldest)) = self.sets.first_key_value() {
            if self.has_room(size, class, pool) && !is_old(oldest) {
                break;
            }
            self.drop_oldest(class, pool);
            dropped += 1;
        }
        if !self.has_room(size, class, pool) {
            return dropped + 1;
        }
        self.bytes += size;
        pool.held.change(class, 0, size);
        self.waiting.entry(set.key()).or_default().push_back(self.next);
        self.sets.insert(self.next, set);
        self.next += 1;
        dropped
    }

    fn has_room(&self, size: usize, class: ExporterClass, pool: &DecoderShare) -> bool {
        self.bytes + size <= pool.held.limit() / EXPORTER_PART
            && size <= pool.held.allowance(class, self.bytes)
    }

    fn drop_oldest(&mut self, class: ExporterClass, pool: &mut DecoderShare) {
        let Some((_, set)) = self.sets.pop_first() else { return };
        pool.steps += 1;
        self.give_back(set.size(), class, pool);
        // A set that is due keeps its number in `due`: there is no set of that number any more.
        if let Some(numbers) = self.waiting.get_mut(&set.key()) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.waiting.remove(&set.key());
            }
        }
    }

    /// Drops the oldest sets, a quarter of the bytes. Returns how many.
    pub fn give_part(&mut self, class: ExporterClass, pool: &mut DecoderShare) -> u32 {
        let enough = self.bytes - self.bytes / GIVEN_PART;
        let mut dropped = 0;
        while self.bytes > enough {
            self.drop_oldest(class, pool);
            dropped += 1;
        }
        dropped
    }

    fn give_back(&mut self, size: usize, class: ExporterClass, pool: &mut DecoderShare) {
        self.bytes = self.bytes.saturating_sub(size);
        pool.held.change(class, size, 0);
    }

    /// Marks the sets that wait for a template as due, since it has arrived.
    pub fn release(&mut self, domain: DomainKey, template: u16) {
        self.due.extend(self.waiting.remove_entry(&(domain, template)));
    }

    /// Whether sets wait for a template.
    #[must_use]
    pub fn waits(&self, domain: DomainKey, template: u16) -> bool {
        self.waiting.contains_key(&(domain, template))
    }

    /// Whether there may be a set to decode.
    #[inline]
    #[must_use]
    pub fn may_be_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The next set to decode: the oldest one of the template that arrived first.
    pub fn next_due(&mut self, pool: &mut DecoderShare) -> Option<&PendingSet> {
        while let Some((_, numbers)) = self.due.front_mut() {
            pool.steps += 1;
            match numbers.front() {
                Some(number) if self.sets.contains_key(number) => break,
                // The set was dropped to make room.
                Some(_) => drop(numbers.pop_front()),
                None => drop(self.due.pop_front()),
            }
        }
        self.due.front().and_then(|(_, numbers)| self.sets.get(numbers.front()?))
    }

    /// Takes the next set to decode, if it belongs to this domain.
    pub fn take_due(
        &mut self,
        domain: DomainKey,
        class: ExporterClass,
        pool: &mut DecoderShare,
    ) -> Option<PendingSet> {
        self.next_due(pool).filter(|set| set.domain() == domain)?;
        let number = self.due.front_mut()?.1.pop_front()?;
        let set = self.sets.remove(&number)?;
        self.give_back(set.size(), class, pool);
        Some(set)
    }

    /// Drops all sets, as when the exporter loses its place.
    pub fn clear(&mut self, class: ExporterClass, pool: &mut DecoderShare) {
        let bytes = self.bytes;
        *self = PendingSets { next: self.next, bytes, ..PendingSets::default() };
        self.give_back(bytes, class, pool);
    }

    /// Bytes of all pending sets.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of pending sets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Protocol;

    const NEW: ExporterClass = ExporterClass::New;

    fn domain(id: u32) -> DomainKey {
        DomainKey { port: 0, id }
    }

    fn set(second: i64, template: u16, size: usize) -> PendingSet {
        PendingSet {
            header: MessageHeader {
                protocol: Protocol::Netflow9,
                domain: 1,
                exported: Time(second * 1000),
                uptime: Some(0),
            },
            port: 0,
            arrival: Time(second * 1000),
            offset: 0,
            template,
            padding: 4,
            tries: 0,
            content: vec![0; size].into(),
        }
    }

    /// The seconds in which the due sets of a template arrived.
    fn taken(held: &mut PendingSets, template: u16, pool: &mut DecoderShare) -> Vec<i64> {
        held.release(domain(1), template);
        let next = || held.take_due(domain(1), NEW, pool).map(|set| set.arrival.0 / 1000);
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn sets_come_back_in_order_and_only_those_that_waited() {
        let (mut held, mut pool) = (PendingSets::default(), DecoderShare::default());
        for second in 0..6 {
            assert_eq!(held.keep(set(second, 256 + (second % 2) as u16, 100), NEW, &mut pool), 0);
        }
        held.release(domain(2), 256);
        assert!(held.next_due(&mut pool).is_none(), "another domain's template");
        assert_eq!(taken(&mut held, 257, &mut pool), [1, 3, 5]);
        assert_eq!(held.len(), 3);
        assert_eq!(held.waiting.len(), 1);
        held.clear(NEW, &mut pool);
        assert_eq!((held.bytes, pool.held.own(), held.waiting.len()), (0, 0, 0));
    }

    #[test]
    fn what_is_due_may_still_have_to_make_room() {
        let (mut held, mut pool) = (PendingSets::default(), DecoderShare::default());
        for second in 0..4 {
            held.keep(set(second, 256, 100), NEW, &mut pool);
        }
        held.release(domain(1), 256);
        assert_eq!(held.keep(set(2 * 3600 + 2, 300, 100), NEW, &mut pool), 2);
        assert!(held.take_due(domain(2), NEW, &mut pool).is_none(), "it is of domain 1");
        let next = held.take_due(domain(1), NEW, &mut pool).map(|set| set.arrival);
        assert_eq!(next, Some(Time(2000)), "the first two were too old");
        let next = held.take_due(domain(1), NEW, &mut pool).map(|set| set.arrival);
        assert_eq!(next, Some(Time(3000)));
        assert!(held.next_due(&mut pool).is_none() && held.due.is_empty());
        assert_eq!((held.len(), pool.held.own()), (1, held.bytes));
    }

    #[test]
    fn what_is_held_is_bounded_and_the_oldest_go_first() {
        let (mut held, mut pool) = (PendingSets::default(), DecoderShare::default());
        let mut dropped = 0;
        for second in 0..1000 {
            dropped += held.keep(set(second, 256, 60_000), NEW, &mut pool);
            assert!(held.bytes <= MAX_HELD_PER_EXPORTER && pool.held.own() == held.bytes);
        }
        assert_eq!(dropped as usize + held.len(), 1000);
        assert_eq!(taken(&mut held, 256, &mut pool).last(), Some(&999));
        let mut others: Vec<PendingSets> = (0..10).map(|_| PendingSets::default()).collect();
        for round in 0..1000 {
            others[round % 10].keep(set(round as i64, 256, 60_000), NEW, &mut pool);
        }
        assert!(pool.held.own() <= MAX_HELD);
    }

    #[test]
    fn what_is_too_old_goes() {
        let (mut held, mut pool) = (PendingSets::default(), DecoderShare::default());
        held.keep(set(0, 256, 10), NEW, &mut pool);
        assert_eq!(held.keep(set(3 * 3600, 256, 10), NEW, &mut pool), 1);
        assert_eq!(taken(&mut held, 256, &mut pool).len(), 1);
        assert!(held.sets.is_empty() && held.waiting.is_empty());
    }
}
