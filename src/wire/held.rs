//! Data sets that came before their template, kept until it comes.
//!
//! NetFlow v9 exporters send templates only every so often (Cisco's default is
//! every 30 minutes), so a collector that starts in between would lose what
//! comes first.

use std::collections::{BTreeMap, HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::budget::Pool;
use super::exporter::Header;
use crate::flow::Time;

/// Bytes held per exporter: two hours of a small site's router, some minutes of
/// a large one's.
pub const MAX_HELD_PER_EXPORTER: usize = 8 << 20;

/// Bytes held for all exporters together, so that many of them stay bounded, too.
pub const MAX_HELD: usize = 32 << 20;

/// A template that has not come after this long will not come: the longest
/// timeouts in use are half an hour.
const MAX_AGE_MS: i64 = 2 * 3_600_000;

/// What a held set costs beside its bytes: itself, and its places in two indexes.
const OVERHEAD: usize = size_of::<HeldSet>() + 128;

/// A data set with what is needed to decode it later.
#[derive(Clone, Debug)]
pub struct HeldSet {
    pub header: Header,
    pub arrival: Time,
    pub offset: i64,
    /// The id of the template it waits for.
    pub template: u16,
    /// Its content, without the set's header.
    pub content: Box<[u8]>,
}

impl HeldSet {
    fn size(&self) -> usize {
        self.content.len() + OVERHEAD
    }

    /// The template it waits for.
    fn key(&self) -> (u32, u16) {
        (self.header.domain, self.template)
    }
}

/// The sets that one exporter's templates are awaited for. Neither a template
/// that comes nor a set that goes costs more the more sets there are.
#[derive(Debug, Default)]
pub struct Held {
    /// Numbered as they came.
    sets: BTreeMap<u64, HeldSet>,
    /// By domain and template: the numbers of what waits for it, oldest first.
    waiting: HashMap<(u32, u16), VecDeque<u64>, RandomState>,
    next: u64,
    bytes: usize,
}

impl Held {
    /// Keeps a set; drops the oldest ones where there is no room. Returns how
    /// many were dropped.
    pub fn keep(&mut self, set: HeldSet, pool: &mut Pool) -> u32 {
        let mut dropped = 0;
        let size = set.size();
        let now = set.arrival;
        let is_old = |set: &HeldSet| now.since(set.arrival) > MAX_AGE_MS;
        while let Some((_, oldest)) = self.sets.first_key_value() {
            let full =
                self.bytes + size > MAX_HELD_PER_EXPORTER || pool.held.total() + size > MAX_HELD;
            if !full && !is_old(oldest) {
                break;
            }
            self.drop_oldest(pool);
            dropped += 1;
        }
        if self.bytes + size > MAX_HELD_PER_EXPORTER || pool.held.total() + size > MAX_HELD {
            return dropped + 1;
        }
        self.bytes += size;
        pool.held.change(0, size);
        self.waiting.entry(set.key()).or_default().push_back(self.next);
        self.sets.insert(self.next, set);
        self.next += 1;
        dropped
    }

    fn drop_oldest(&mut self, pool: &mut Pool) {
        let Some((_, set)) = self.sets.pop_first() else { return };
        self.give_back(set.size(), pool);
        if let Some(numbers) = self.waiting.get_mut(&set.key()) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.waiting.remove(&set.key());
            }
        }
    }

    fn give_back(&mut self, size: usize, pool: &mut Pool) {
        self.bytes = self.bytes.saturating_sub(size);
        pool.held.change(size, 0);
    }

    /// Takes out the sets that wait for a template of a domain, oldest first.
    pub fn take(&mut self, domain: u32, template: u16, pool: &mut Pool) -> Vec<HeldSet> {
        let numbers = self.waiting.remove(&(domain, template)).unwrap_or_default();
        let taken: Vec<HeldSet> =
            numbers.iter().filter_map(|number| self.sets.remove(number)).collect();
        for set in &taken {
            self.give_back(set.size(), pool);
        }
        taken
    }

    /// Lets everything go, as when the exporter makes room for another.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.sets.clear();
        self.waiting.clear();
        self.give_back(self.bytes, pool);
    }

    /// Bytes that are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many sets are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(second: i64, template: u16, size: usize) -> HeldSet {
        HeldSet {
            header: Header {
                protocol: "netflow9",
                domain: 1,
                exported: Time(second * 1000),
                uptime: Some(0),
            },
            arrival: Time(second * 1000),
            offset: 0,
            template,
            content: vec![0; size].into(),
        }
    }

    #[test]
    fn sets_come_back_in_order_and_only_those_that_waited() {
        let (mut held, mut pool) = (Held::default(), Pool::default());
        for second in 0..6 {
            assert_eq!(held.keep(set(second, 256 + (second % 2) as u16, 100), &mut pool), 0);
        }
        let taken = held.take(1, 257, &mut pool);
        assert_eq!(taken.iter().map(|set| set.arrival.0).collect::<Vec<_>>(), [1000, 3000, 5000]);
        assert!(held.take(2, 256, &mut pool).is_empty(), "another domain's template");
        assert_eq!(held.len(), 3);
        assert_eq!(held.waiting.len(), 1);
        held.clear(&mut pool);
        assert_eq!((held.bytes, pool.held.total(), held.waiting.len()), (0, 0, 0));
    }

    #[test]
    fn what_is_held_is_bounded_and_the_oldest_go_first() {
        let (mut held, mut pool) = (Held::default(), Pool::default());
        let mut dropped = 0;
        for second in 0..1000 {
            dropped += held.keep(set(second, 256, 60_000), &mut pool);
            assert!(held.bytes <= MAX_HELD_PER_EXPORTER && pool.held.own() == held.bytes);
        }
        assert_eq!(dropped as usize + held.len(), 1000);
        let newest = held.take(1, 256, &mut pool);
        assert_eq!(newest.last().map(|set| set.arrival), Some(Time(999_000)));
        let mut others: Vec<Held> = (0..10).map(|_| Held::default()).collect();
        for round in 0..1000 {
            others[round % 10].keep(set(round as i64, 256, 60_000), &mut pool);
        }
        assert!(pool.held.total() <= MAX_HELD);
    }

    #[test]
    fn what_is_too_old_goes() {
        let (mut held, mut pool) = (Held::default(), Pool::default());
        held.keep(set(0, 256, 10), &mut pool);
        assert_eq!(held.keep(set(3 * 3600, 256, 10), &mut pool), 1);
        assert_eq!(held.take(1, 256, &mut pool).len(), 1);
        assert!(held.sets.is_empty() && held.waiting.is_empty());
    }
}
