//! What all exporters together may take: limits that several decoders share, so
//! that more of them never take more, and the parts that nobody can take away.
//!
//! Two rules keep a pool fair, whoever fills it:
//!
//! - Half of a pool is divided: each decoder has a part for exporters with a history,
//!   and another for those without, and nobody else gets it. The other half is for
//!   whoever needs it first, so that either class may take three quarters.
//! - Between exporters of a class in a decoder: each may take what there is, but for a
//!   reserve that is for those who have less than an equal part. Where such a one finds
//!   the reserve used up, the one that takes most has to give back
//!   (`Decoder::make_way`). However many fill the pool, each has its equal part.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::DecoderLimits;
use crate::flow::Host;

/// Of this many parts of a pool one is for each class, divided among decoders.
const CLASS_PARTS: usize = 4;

/// Whether an exporter is known for longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExporterClass {
    /// It came a moment ago: nobody knows whether it is made up.
    #[default]
    New,
    /// It has sent flows for a while, it is remembered from an earlier run, or
    /// `--allow` has its own address.
    Known,
}

/// Of this many parts of what a class may take one is the reserve.
const RESERVE_PARTS: usize = 8;

/// The sums over all decoders that were made with it.
#[derive(Clone, Debug)]
pub struct SharedLimits {
    exporters: PoolUse,
    held: PoolUse,
    templates: PoolUse,
    names: PoolUse,
}

impl Default for SharedLimits {
    fn default() -> SharedLimits {
        SharedLimits::new(DecoderLimits::default(), 1)
    }
}

impl SharedLimits {
    /// For so many `decoders` that keep within `limits` together.
    #[must_use]
    pub fn new(limits: DecoderLimits, decoders: usize) -> SharedLimits {
        SharedLimits {
            exporters: PoolUse { lends: true, ..PoolUse::new(limits.exporters, decoders, 1) },
            held: PoolUse::new(limits.held_bytes, decoders, 0),
            templates: PoolUse::new(limits.template_bytes, decoders, 0),
            names: PoolUse::new(limits.names, decoders, 0),
        }
    }
}

/// What all decoders share of one kind.
#[derive(Clone, Debug)]
struct PoolUse {
    limit: usize,
    /// What each decoder has for itself, for each class.
    part: usize,
    /// What is there for whoever needs it first, and how much of it is taken.
    common: usize,
    taken: Arc<AtomicUsize>,
    /// Whether newcomers may use the part of those with a history until these need it:
    /// so it is with places, since a newcomer gives its place up at once.
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

/// The part of one decoder, in each of the sums.
#[derive(Debug)]
pub struct DecoderShare {
    /// How many.
    pub exporters: DecoderPortion,
    /// Bytes of sets that wait for their templates.
    pub held: DecoderPortion,
    /// Bytes of templates.
    pub templates: DecoderPortion,
    /// Names of interfaces and applications: how many, not bytes.
    pub names: DecoderPortion,
    /// Entries of what is kept that were looked at or taken out, and whatever else
    /// decoding did more than once per byte, since it began: tests hold it against
    /// the bytes that came.
    pub steps: u64,
}

impl Default for DecoderShare {
    fn default() -> DecoderShare {
        DecoderShare::of(&SharedLimits::default())
    }
}

impl DecoderShare {
    /// A part of `budget` in which nothing is taken yet.
    #[must_use]
    pub fn of(budget: &SharedLimits) -> DecoderShare {
        let portion = |pot: &PoolUse| DecoderPortion {
            pot: pot.clone(),
            own: [0; 2],
            drawn: 0,
            holders: Default::default(),
        };
        DecoderShare {
            exporters: portion(&budget.exporters),
            held: portion(&budget.held),
            templates: portion(&budget.templates),
            names: portion(&budget.names),
            steps: 0,
        }
    }
}

/// One decoder's part of a pool; given back when it is dropped.
///
/// Whoever asks for room and takes it may meet another decoder that does the same: the
/// limit is then passed by what both take, once.
#[derive(Debug)]
pub struct DecoderPortion {
    pot: PoolUse,
    /// What it takes for each class, and how much of that is of the common half.
    own: [usize; 2],
    drawn: usize,
    /// Who takes how much, by class: the one that takes most comes last.
    holders: [BTreeSet<(usize, Host)>; 2],
}

/// What a portion has noted of an exporter: its class, and how much it takes.
pub type ExporterUse = (ExporterClass, usize);

impl DecoderPortion {
    /// How many there may be in the pool, for all decoders.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.pot.limit
    }

    /// What this decoder takes.
    #[must_use]
    pub fn own(&self) -> usize {
        self.own.iter().sum()
    }

    /// How many more this decoder may take, for both classes.
    #[must_use]
    pub fn room(&self) -> usize {
        let left = |own: &usize| self.pot.part.saturating_sub(*own);
        self.own.iter().map(left).sum::<usize>() + self.common()
    }

    /// What is left of the common half.
    fn common(&self) -> usize {
        self.pot.common.saturating_sub(self.pot.taken.load(Ordering::Relaxed))
    }

    /// What newcomers may use of the part of those with a history, of whom there are
    /// so many.
    fn lent(&self, known: usize) -> usize {
        if self.pot.lends { self.pot.part.saturating_sub(known) } else { 0 }
    }

    /// How many more this decoder may take for exporters of a class.
    #[must_use]
    pub fn room_of(&self, class: ExporterClass) -> usize {
        let [new, known] = self.own;
        let at_hand = match class {
            ExporterClass::New => (self.pot.part + self.lent(known)).saturating_sub(new),
            ExporterClass::Known => self.pot.part.saturating_sub(known),
        };
        at_hand + self.common()
    }

    /// Whether one newcomer of those that are there may have a history from now on: it
    /// brings its place along, but for those that are kept for newcomers.
    #[must_use]
    pub fn may_become_known(&self) -> bool {
        self.room_of(ExporterClass::Known) > 0
            || self.own[ExporterClass::New as usize] > self.pot.part
    }

    /// Whether an exporter that takes so much may be of this class from now on.
    #[must_use]
    pub fn fits(&self, class: ExporterClass, own: usize) -> bool {
        own <= self.allowance(class, 0)
    }

    /// What exporters of a class may take here, all together.
    fn limit_of(&self, class: ExporterClass) -> usize {
        self.own[class as usize] + self.room_of(class)
    }

    /// The part of each exporter of a class, if all had the same, with one that
    /// takes `own` among them.
    fn equal(&self, class: ExporterClass, own: usize) -> usize {
        let holders = self.holders[class as usize].len() + usize::from(own == 0);
        self.limit_of(class) / holders.max(1)
    }

    /// How many more an exporter may take that takes `own` already.
    #[must_use]
    pub fn allowance(&self, class: ExporterClass, own: usize) -> usize {
        let room = self.room_of(class);
        let beside_reserve = room.saturating_sub(self.limit_of(class) / RESERVE_PARTS);
        room.min(self.equal(class, own).saturating_sub(own)).max(beside_reserve)
    }

    /// Who has to give back before a datagram of an exporter that takes `own`: the
    /// one of its class that takes most, where the reserve is used up and the
    /// exporter has no more than its part.
    #[must_use]
    pub fn has_to_give(&self, class: ExporterClass, own: usize) -> Option<Host> {
        let equal = self.equal(class, own);
        let is_short = self.room_of(class) < self.limit_of(class) / RESERVE_PARTS;
        let (most, host) = *self.holders[class as usize].last()?;
        (is_short && own <= equal && most > equal).then_some(host)
    }

    /// Takes note that an exporter takes `own`.
    pub fn note(&mut self, host: Host, noted: &mut ExporterUse, class: ExporterClass, own: usize) {
        if *noted == (class, own) {
            return;
        }
        let (before, bytes) = std::mem::replace(noted, (class, own));
        self.holders[before as usize].remove(&(bytes, host));
        if own > 0 {
            self.holders[class as usize].insert((own, host));
        }
    }

    /// Forgets what was noted: nobody knows whether it is right.
    pub fn forget_notes(&mut self) {
        self.holders = Default::default();
    }

    /// An exporter takes `after` where it took `before`.
    pub fn change(&mut self, class: ExporterClass, before: usize, after: usize) {
        let mut own = self.own;
        let slot = &mut own[class as usize];
        debug_assert!(*slot + after >= before, "{before} given back of {slot}");
        *slot = (*slot + after).saturating_sub(before);
        self.book(own);
    }

    /// An exporter that takes `own` is of another class now.
    pub fn reclass(&mut self, from: ExporterClass, to: ExporterClass, own: usize) {
        let mut both = self.own;
        both[from as usize] = both[from as usize].saturating_sub(own);
        both[to as usize] += own;
        self.book(both);
    }

    /// This decoder takes so much for its exporters of each class.
    pub fn set(&mut self, (new, known): (usize, usize)) {
        self.book([new, known]);
    }

    fn book(&mut self, own: [usize; 2]) {
        let [new, known] = own;
        let part = self.pot.part;
        let drawn = new.saturating_sub(part + self.lent(known)) + known.saturating_sub(part);
        // Each adds and takes away its own only, so the sum never falls below 0.
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
