//! What all exporters together may take: limits that several decoders share, so
//! that more of them never take more, and the parts that nobody can take away.
//!
//! Two rules keep a pool fair, whoever fills it:
//!
//! - Between decoders: half of a pool is divided among them, each has its part
//!   for itself. The other half is for whoever needs it first.
//! - Between exporters: those with a history and those without may take three
//!   quarters of a pool each, so that a quarter is left to the others. Within that an
//!   exporter may take what there is, but for a reserve that is for those who have
//!   less than an equal part. Where such a one finds the reserve used up, the one
//!   that takes most has to give back (`Decoder::make_way`). However many fill the
//!   pool, each has its equal part.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::Limits;
use crate::flow::Host;

/// Of this many parts of a pool the exporters of a class leave one to the others.
const CLASS_PARTS: usize = 4;

/// Whether an exporter is known for longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
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
pub struct Budget {
    exporters: Pot,
    held: Pot,
    templates: Pot,
    names: Pot,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new(Limits::default(), 1)
    }
}

impl Budget {
    /// For so many `decoders` that keep within `limits` together.
    #[must_use]
    pub fn new(limits: Limits, decoders: usize) -> Budget {
        Budget {
            exporters: Pot::new(limits.exporters, decoders),
            held: Pot::new(limits.held_bytes, decoders),
            templates: Pot::new(limits.template_bytes, decoders),
            names: Pot::new(limits.names, decoders),
        }
    }
}

/// What all decoders share of one kind.
#[derive(Clone, Debug)]
struct Pot {
    limit: usize,
    all: Sum,
    classes: [Sum; 2],
}

impl Pot {
    fn new(limit: usize, decoders: usize) -> Pot {
        let class = || Sum::new(limit - limit / CLASS_PARTS, decoders);
        Pot { limit, all: Sum::new(limit, decoders), classes: [class(), class()] }
    }
}

/// The part of one decoder, in each of the sums.
#[derive(Debug)]
pub struct Pool {
    /// How many.
    pub exporters: Portion,
    /// Bytes of sets that wait for their templates.
    pub held: Portion,
    /// Bytes of templates.
    pub templates: Portion,
    /// Names of interfaces and applications: how many, not bytes.
    pub names: Portion,
    /// Entries of what is kept that were looked at or taken out, and whatever else
    /// decoding did more than once per byte, since it began: tests hold it against
    /// the bytes that came.
    pub steps: u64,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool::of(&Budget::default())
    }
}

impl Pool {
    /// A part of `budget` in which nothing is taken yet.
    #[must_use]
    pub fn of(budget: &Budget) -> Pool {
        let portion = |pot: &Pot| Portion {
            limit: pot.limit,
            all: Share::of(&pot.all),
            classes: pot.classes.each_ref().map(Share::of),
            holders: Default::default(),
        };
        Pool {
            exporters: portion(&budget.exporters),
            held: portion(&budget.held),
            templates: portion(&budget.templates),
            names: portion(&budget.names),
            steps: 0,
        }
    }
}

/// One decoder's part of a pool; given back when it is dropped.
#[derive(Debug)]
pub struct Portion {
    limit: usize,
    all: Share,
    classes: [Share; 2],
    /// Who takes how much, by class: the one that takes most comes last.
    holders: [BTreeSet<(usize, Host)>; 2],
}

/// What a portion has noted of an exporter: its class, and how much it takes.
pub type Noted = (Class, usize);

impl Portion {
    /// How many there may be in the pool, for all decoders.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What this decoder takes.
    #[must_use]
    pub fn own(&self) -> usize {
        self.all.own
    }

    /// How many more this decoder may take, whoever for.
    #[must_use]
    pub fn room(&self) -> usize {
        self.all.room()
    }

    /// How many more this decoder may take for exporters of a class.
    #[must_use]
    pub fn room_of(&self, class: Class) -> usize {
        self.all.room().min(self.classes[class as usize].room())
    }

    /// Whether one more may be of this class, of those that are there.
    #[must_use]
    pub fn may_be(&self, class: Class) -> bool {
        self.classes[class as usize].room() > 0
    }

    /// What exporters of a class may take here, all together.
    fn limit_of(&self, class: Class) -> usize {
        self.classes[class as usize].own + self.room_of(class)
    }

    /// The part of each exporter of a class, if all had the same, with one that
    /// takes `own` among them.
    fn equal(&self, class: Class, own: usize) -> usize {
        let holders = self.holders[class as usize].len() + usize::from(own == 0);
        self.limit_of(class) / holders.max(1)
    }

    /// How many more an exporter may take that takes `own` already.
    #[must_use]
    pub fn allowance(&self, class: Class, own: usize) -> usize {
        let room = self.room_of(class);
        let beside_reserve = room.saturating_sub(self.limit_of(class) / RESERVE_PARTS);
        room.min(self.equal(class, own).saturating_sub(own)).max(beside_reserve)
    }

    /// Who has to give back before a datagram of an exporter that takes `own`: the
    /// one of its class that takes most, where the reserve is used up and the
    /// exporter has no more than its part.
    #[must_use]
    pub fn has_to_give(&self, class: Class, own: usize) -> Option<Host> {
        let equal = self.equal(class, own);
        let is_short = self.room_of(class) < self.limit_of(class) / RESERVE_PARTS;
        let (most, host) = *self.holders[class as usize].last()?;
        (is_short && own <= equal && most > equal).then_some(host)
    }

    /// Takes note that an exporter takes `own`.
    pub fn note(&mut self, host: Host, noted: &mut Noted, class: Class, own: usize) {
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
    pub fn change(&mut self, class: Class, before: usize, after: usize) {
        self.all.change(before, after);
        self.classes[class as usize].change(before, after);
    }

    /// An exporter that takes `own` is of another class now.
    pub fn reclass(&mut self, from: Class, to: Class, own: usize) {
        self.classes[from as usize].change(own, 0);
        self.classes[to as usize].change(0, own);
    }

    /// This decoder takes so much for its exporters of each class.
    pub fn set(&mut self, (new, known): (usize, usize)) {
        self.all.set(new + known);
        self.classes[Class::New as usize].set(new);
        self.classes[Class::Known as usize].set(known);
    }
}

/// A number that may not be passed, divided among decoders.
#[derive(Clone, Debug)]
struct Sum {
    /// What each decoder has for itself.
    part: usize,
    /// What is there for whoever needs it first, and how much of it is taken.
    common: usize,
    taken: Arc<AtomicUsize>,
}

impl Sum {
    fn new(limit: usize, decoders: usize) -> Sum {
        let decoders = decoders.max(1);
        let part = limit / 2 / decoders;
        Sum { part, common: limit - part * decoders, taken: Arc::default() }
    }
}

/// One decoder's part of a sum.
///
/// Whoever asks for room and takes it may meet another who does the same: the
/// limit is then passed by what both take, once.
#[derive(Debug)]
struct Share {
    own: usize,
    sum: Sum,
}

impl Share {
    fn of(sum: &Sum) -> Share {
        Share { own: 0, sum: sum.clone() }
    }

    fn room(&self) -> usize {
        let common = self.sum.common.saturating_sub(self.sum.taken.load(Ordering::Relaxed));
        self.sum.part.saturating_sub(self.own).saturating_add(common)
    }

    fn change(&mut self, before: usize, after: usize) {
        self.set((self.own + after).saturating_sub(before));
    }

    fn set(&mut self, own: usize) {
        let beyond = |own: usize| own.saturating_sub(self.sum.part);
        let (before, after) = (beyond(self.own), beyond(own));
        // Each adds and takes away its own only, so the sum never falls below 0.
        if after > before {
            self.sum.taken.fetch_add(after - before, Ordering::Relaxed);
        } else if after < before {
            self.sum.taken.fetch_sub(before - after, Ordering::Relaxed);
        }
        self.own = own;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn limits(held_bytes: usize) -> Limits {
        Limits { held_bytes, ..Limits::default() }
    }

    #[test]
    fn half_of_a_pool_is_for_whoever_needs_it_and_half_is_divided() {
        let budget = Budget::new(limits(1000), 2);
        let (mut one, mut two) = (Pool::of(&budget), Pool::of(&budget));
        assert_eq!((one.held.room(), two.held.room()), (750, 750));
        one.held.change(Class::Known, 0, 750);
        assert_eq!((one.held.room(), two.held.room()), (0, 250), "its own part is left");
        two.held.change(Class::Known, 0, 250);
        assert_eq!((one.held.room(), two.held.room()), (0, 0), "together the limit");
        one.held.change(Class::Known, 100, 0);
        assert_eq!((one.held.own(), one.held.room(), two.held.room()), (650, 100, 100));
        drop(one);
        assert_eq!(two.held.room(), 500);
    }

    #[test]
    fn a_quarter_is_left_to_the_other_class() {
        let mut pool = Pool::of(&Budget::new(limits(1000), 1));
        pool.held.change(Class::New, 0, 750);
        assert_eq!(pool.held.room_of(Class::New), 0);
        assert_eq!(pool.held.room_of(Class::Known), 250);
        pool.held.reclass(Class::New, Class::Known, 700);
        assert_eq!((pool.held.room_of(Class::New), pool.held.room_of(Class::Known)), (250, 50));
        pool.held.set((10, 20));
        assert_eq!((pool.held.own(), pool.held.room()), (30, 970));
    }

    /// Lets so many strangers fill the pool one after the other, each as far as it
    /// may, and says what the last one gets, with how many steps of giving back.
    fn last_of(strangers: u32, class: Class) -> (usize, usize) {
        let mut pool = Pool::of(&Budget::new(limits(32 << 20), 1));
        let held = &mut pool.held;
        let mut own: HashMap<Host, Noted> = HashMap::new();
        let mut steps = 0;
        let mut fill = |held: &mut Portion, host: Host, class: Class| {
            let mine = own.get(&host).map_or(0, |(_, own)| *own);
            while let Some(other) = held.has_to_give(class, mine) {
                let theirs = own.get_mut(&other).unwrap();
                let left = theirs.1 * 3 / 4;
                held.change(theirs.0, theirs.1, left);
                held.note(other, theirs, theirs.0, left);
                steps += 1;
            }
            let noted = own.entry(host).or_default();
            let after = mine + held.allowance(class, mine).min(8 << 20);
            held.change(class, mine, after);
            held.note(host, noted, class, after);
            after
        };
        for n in 0..strangers {
            fill(held, Host::v4(n), Class::New);
        }
        (fill(held, Host::v4(strangers), class), steps)
    }

    #[test]
    fn however_many_fill_a_pool_each_has_an_equal_part() {
        // With a history it does not matter how many strangers there are.
        for strangers in [1, 10, 1000] {
            let (got, _) = last_of(strangers, Class::Known);
            assert!(got >= 7 << 20, "{got} beside {strangers}");
        }
        for strangers in [1, 10, 100, 1000] {
            let equal = ((24 << 20) / (strangers as usize + 1)).min(8 << 20);
            let (got, steps) = last_of(strangers, Class::New);
            assert!(got >= equal * 9 / 10, "{got} of {equal} beside {strangers}");
            assert!(steps < 20 * strangers as usize + 20, "{steps} for {strangers}");
        }
    }
}
