//! Limits of what all exporters take together, shared by several decoders, and the guaranteed
//! part of each decoder and exporter.
//!
//! Two rules keep a pool fair:
//!
//! - Half of a pool is divided: each decoder has a part for exporters with a history, and
//!   another part for those without, which nobody else gets. The other half is given to those who
//!   need it first, so that either class may take three quarters.
//! - Within a class in one decoder, an exporter may take all that is free, except for a reserve
//!   for exporters that have less than an equal part. When the reserve is used up and such an
//!   exporter needs room, the one that takes most has to give back (`Decoder::make_way`). So
//!   each exporter gets its equal part, however many there are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::DecoderLimits;
use crate::flow::Host;

/// Each class gets this part of a pool, divided among the decoders: 1 / `CLASS_PARTS`.
const CLASS_PARTS: usize = 4;

/// Whether an exporter has a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExporterClass {
    /// It is new, and may be spoofed.
    #[default]
    New,
    /// It has sent flows for a while, it is known from an earlier run, or `--allow` names its
    /// address.
    Known,
}

/// The reserve is this part of what a class may take: 1 / `RESERVE_PARTS`.
const RESERVE_PARTS: usize = 8;

/// The limits, and what all decoders that share them take.
#[derive(Clone, Debug)]
pub struct SharedLimits {
    exporters: PoolUse,
    held: PoolUse,
    templates: PoolUse,
    counters: PoolUse,
    names: PoolUse,
}

impl Default for SharedLimits {
    fn default() -> SharedLimits {
        SharedLimits::new(DecoderLimits::default(), 1)
    }
}

impl SharedLimits {
    /// Limits for `decoders` decoders together.
    #[must_use]
    pub fn new(limits: DecoderLimits, decoders: usize) -> SharedLimits {
        SharedLimits {
            exporters: PoolUse { lends: true, ..PoolUse::new(limits.exporters, decoders, 1) },
            held: PoolUse::new(limits.held_bytes, decoders, 0),
            templates: PoolUse::new(limits.template_bytes, decoders, 0),
            counters: PoolUse::new(limits.counter_bytes, decoders, 0),
            names: PoolUse::new(limits.names, decoders, 0),
        }
    }
}

/// The limit of one kind of state, shared by all decoders.
#[derive(Clone, Debug)]
struct PoolUse {
    limit: usize,
    /// The part of each decoder, for each class.
    part: usize,
    /// The half that is given to those who need it first, and how much of it is taken.
    common: usize,
    taken: Arc<AtomicUsize>,
    /// Whether new exporters may use the part of known exporters until these need it. Only
    /// places are lent: a new exporter can lose its place at once.
    lends: bool,
}

impl PoolUse {
    fn new(limit: usize, decoders: usize, least_part: usize) -> PoolUse {
        let decoders = decoders.max(1);
        let part = (limit / CLASS_PARTS / decoders).max(least_part);
        let common = limit.saturating_sub(2 * part * decoders);
        PoolUse { limit, part, common, taken: Arc::default(), lends: false }
    }
}

/// One decoder's share of all pools.
#[derive(Debug)]
pub struct DecoderShare {
    /// Number of exporters.
    pub exporters: DecoderPortion,
    /// Bytes of pending sets.
    pub held: DecoderPortion,
    /// Bytes of templates.
    pub templates: DecoderPortion,
    /// Bytes of flows whose exporters report totals.
    pub counters: DecoderPortion,
    /// Number of names of interfaces and applications.
    pub names: DecoderPortion,
    /// Steps of work since the decoder was created that are not proportional to received bytes,
    /// such as state entries that were searched or removed. Tests compare the number with the
    /// received bytes.
    pub steps: u64,
}

impl Default for DecoderShare {
    fn default() -> DecoderShare {
        DecoderShare::of(&SharedLimits::default())
    }
}

impl DecoderShare {
    /// A share of `budget` in which nothing is taken yet.
    #[must_use]
    pub fn of(budget: &SharedLimits) -> DecoderShare {
        let portion = |pot: &PoolUse| DecoderPortion {
            pot: pot.clone(),
            own: [0; 2],
            drawn: 0,
            holders: Default::default(),
            changes: 0,
        };
        DecoderShare {
            exporters: portion(&budget.exporters),
            held: portion(&budget.held),
            templates: portion(&budget.templates),
            counters: portion(&budget.counters),
            names: portion(&budget.names),
            steps: 0,
        }
    }

    /// The state of the four pools that hold what exporters say. While it is the same, so are all
    /// answers of these pools about the same exporter.
    #[inline]
    #[must_use]
    pub fn state(&self) -> PoolsState {
        let DecoderShare { held, templates, counters, names, .. } = self;
        let changes = held.changes + templates.changes + counters.changes + names.changes;
        let taken = |portion: &DecoderPortion| portion.pot.taken.load(Ordering::Relaxed);
        PoolsState {
            changes,
            taken: [taken(held), taken(templates), taken(counters), taken(names)],
        }
    }
}

/// See [`DecoderShare::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolsState {
    /// Changes of this decoder's own portions.
    changes: u64,
    /// What all decoders take of the common half of each pool.
    taken: [usize; 4],
}

/// How much the state of an exporter may grow with a datagram.
#[derive(Clone, Copy, Debug)]
pub struct AllowedGrowth {
    /// The state of the pools that it follows from; nobody had to give back anything then.
    pub pools: PoolsState,
    /// Bytes of templates, domains, samplers and sFlow sources.
    pub bytes: usize,
}

/// One decoder's portion of a pool. It is given back when it is dropped.
///
/// Two decoders that ask for room at the same time may both get it. Then the limit is exceeded,
/// once, by what both take.
#[derive(Debug)]
pub struct DecoderPortion {
    pot: PoolUse,
    /// What the decoder takes for each class, and how much of that is of the common half.
    own: [usize; 2],
    drawn: usize,
    /// What each exporter takes, by class; the exporter that takes most is last.
    holders: [BTreeSet<(usize, Host)>; 2],
    /// Number of changes of what is booked or noted.
    changes: u64,
}

/// What a portion has noted of an exporter: its class, and how much it takes.
pub type ExporterUse = (ExporterClass, usize);

impl DecoderPortion {
    /// The limit of the pool, for all decoders.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.pot.limit
    }

    /// What this decoder takes.
    #[must_use]
    pub fn own(&self) -> usize {
        self.own.iter().sum()
    }

    /// How much more this decoder may take, for both classes together.
    #[must_use]
    pub fn room(&self) -> usize {
        let left = |own: &usize| self.pot.part.saturating_sub(*own);
        self.own.iter().map(left).sum::<usize>() + self.common()
    }

    /// What is free of the common half.
    fn common(&self) -> usize {
        self.pot.common.saturating_sub(self.pot.taken.load(Ordering::Relaxed))
    }

    /// How much new exporters may use of the part of known exporters, which take `known` of it.
    fn lent(&self, known: usize) -> usize {
        if self.pot.lends { self.pot.part.saturating_sub(known) } else { 0 }
    }

    /// How much more this decoder may take for exporters of a class.
    #[must_use]
    pub fn room_of(&self, class: ExporterClass) -> usize {
        let [new, known] = self.own;
        let at_hand = match class {
            ExporterClass::New => (self.pot.part + self.lent(known)).saturating_sub(new),
            ExporterClass::Known => self.pot.part.saturating_sub(known),
        };
        at_hand + self.common()
    }

    /// Whether one of the new exporters may become a known one: it takes its place along, unless
    /// this place is reserved for new exporters.
    #[must_use]
    pub fn may_become_known(&self) -> bool {
        self.room_of(ExporterClass::Known) > 0
            || self.own[ExporterClass::New as usize] > self.pot.part
    }

    /// Whether an exporter that takes `own` may be of this class from now on.
    #[must_use]
    pub fn fits(&self, class: ExporterClass, own: usize) -> bool {
        own <= self.allowance(class, 0)
    }

    /// What all exporters of a class may take in this decoder.
    fn limit_of(&self, class: ExporterClass) -> usize {
        self.own[class as usize] + self.room_of(class)
    }

    /// The equal part of each exporter of a class, including one that takes `own`.
    fn equal(&self, class: ExporterClass, own: usize) -> usize {
        let holders = self.holders[class as usize].len() + usize::from(own == 0);
        self.limit_of(class) / holders.max(1)
    }

    /// How much more an exporter may take that takes `own` already.
    #[must_use]
    pub fn allowance(&self, class: ExporterClass, own: usize) -> usize {
        let room = self.room_of(class);
        let beside_reserve = room.saturating_sub(self.limit_of(class) / RESERVE_PARTS);
        room.min(self.equal(class, own).saturating_sub(own)).max(beside_reserve)
    }

    /// The exporter that has to give back before a datagram of an exporter that takes `own`: the
    /// one of the class that takes most, if the reserve is used up and `own` is not above the
    /// equal part.
    #[must_use]
    pub fn has_to_give(&self, class: ExporterClass, own: usize) -> Option<Host> {
        // Asked before every datagram, and nearly always answered here.
        if self.room_of(class) >= self.limit_of(class) / RESERVE_PARTS {
            return None;
        }
        let equal = self.equal(class, own);
        let (most, host) = *self.holders[class as usize].last()?;
        (own <= equal && most > equal).then_some(host)
    }

    /// Notes that an exporter takes `own`.
    #[inline]
    pub fn note(&mut self, host: Host, noted: &mut ExporterUse, class: ExporterClass, own: usize) {
        if noted.1 != own || noted.0 != class {
            self.note_change(host, noted, class, own);
        }
    }

    #[cold]
    fn note_change(
        &mut self,
        host: Host,
        noted: &mut ExporterUse,
        class: ExporterClass,
        own: usize,
    ) {
        self.changes += 1;
        let (before, bytes) = std::mem::replace(noted, (class, own));
        self.holders[before as usize].remove(&(bytes, host));
        if own > 0 {
            self.holders[class as usize].insert((own, host));
        }
    }

    /// Forgets what was noted of exporters, which may be wrong after a panic.
    pub fn forget_notes(&mut self) {
        self.changes += 1;
        self.holders = Default::default();
    }

    /// Books that an exporter takes `after` instead of `before`.
    #[inline]
    pub fn change(&mut self, class: ExporterClass, before: usize, after: usize) {
        if before != after {
            self.book_change(class, before, after);
        }
    }

    fn book_change(&mut self, class: ExporterClass, before: usize, after: usize) {
        let mut own = self.own;
        let slot = &mut own[class as usize];
        debug_assert!(*slot + after >= before, "{before} given back of {slot}");
        *slot = (*slot + after).saturating_sub(before);
        self.book(own);
    }

    /// Books that an exporter which takes `own` is of another class now.
    pub fn reclass(&mut self, from: ExporterClass, to: ExporterClass, own: usize) {
        let mut both = self.own;
        both[from as usize] = both[from as usize].saturating_sub(own);
        both[to as usize] += own;
        self.book(both);
    }

    /// Sets what this decoder takes for its exporters of each class.
    pub fn set(&mut self, (new, known): (usize, usize)) {
        self.book([new, known]);
    }

    fn book(&mut self, own: [usize; 2]) {
        self.changes += 1;
        let [new, known] = own;
        let part = self.pot.part;
        let drawn = new.saturating_sub(part + self.lent(known)) + known.saturating_sub(part);
        // Each decoder adds and subtracts only what it takes itself, so the sum is never
        // negative.
        if drawn > self.drawn {
            self.pot.taken.fetch_add(drawn - self.drawn, Ordering::Relaxed);
        } else {
            self.pot.taken.fetch_sub(self.drawn - drawn, Ordering::Relaxed);
        }
        (self.own, self.drawn) = (own, drawn);
    }
}

impl Drop for DecoderPortion {
    fn drop(&mut self) {
        self.book([0; 2]);
    }
}

#[cfg(test)]
mod tests;
