use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn limits(held_bytes: usize) -> DecoderLimits {
    DecoderLimits { held_bytes, ..DecoderLimits::default() }
}

#[test]
fn half_of_a_pool_is_for_those_who_need_it_and_half_is_divided() {
    let budget = SharedLimits::new(limits(1000), 2);
    let (mut one, mut two) = (DecoderShare::of(&budget), DecoderShare::of(&budget));
    assert_eq!((one.held.room(), two.held.room()), (750, 750));
    one.held.change(ExporterClass::Known, 0, 625);
    assert_eq!((one.held.room(), two.held.room()), (125, 250), "the parts are left");
    two.held.change(ExporterClass::Known, 0, 125);
    two.held.change(ExporterClass::New, 0, 125);
    assert_eq!((one.held.room(), two.held.room()), (125, 0));
    one.held.change(ExporterClass::New, 0, 125);
    assert_eq!((one.held.room(), two.held.room()), (0, 0), "together the limit");
    one.held.change(ExporterClass::Known, 100, 0);
    assert_eq!((one.held.own(), one.held.room(), two.held.room()), (650, 100, 100));
    drop(one);
    assert_eq!(two.held.room(), 500);
}

#[test]
fn a_quarter_is_left_to_the_other_class() {
    let mut pool = DecoderShare::of(&SharedLimits::new(limits(1000), 1));
    pool.held.change(ExporterClass::New, 0, 750);
    assert_eq!(pool.held.room_of(ExporterClass::New), 0);
    assert_eq!(pool.held.room_of(ExporterClass::Known), 250);
    pool.held.reclass(ExporterClass::New, ExporterClass::Known, 700);
    assert_eq!(
        (pool.held.room_of(ExporterClass::New), pool.held.room_of(ExporterClass::Known)),
        (250, 50)
    );
    assert!(pool.held.fits(ExporterClass::Known, 44) && !pool.held.fits(ExporterClass::Known, 51));
    pool.held.set((10, 20));
    assert_eq!((pool.held.own(), pool.held.room()), (30, 970));
}

/// Lets this many new exporters fill the pool one after the other, each as far as it may.
/// Returns what the last one gets, and the steps of giving back.
fn last_of(strangers: u32, class: ExporterClass) -> (usize, usize) {
    let mut pool = DecoderShare::of(&SharedLimits::new(limits(32 << 20), 1));
    let held = &mut pool.held;
    let mut own: HashMap<Host, ExporterUse> = HashMap::new();
    let mut steps = 0;
    let mut fill = |held: &mut DecoderPortion, host: Host, class: ExporterClass| {
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
        fill(held, Host::v4(n), ExporterClass::New);
    }
    (fill(held, Host::v4(strangers), class), steps)
}

#[test]
fn however_many_fill_a_pool_each_has_an_equal_part() {
    // The number of new exporters makes no difference to an exporter with a history.
    for strangers in [1, 10, 1000] {
        let (got, _) = last_of(strangers, ExporterClass::Known);
        assert!(got >= 7 << 20, "{got} with {strangers} other senders");
    }
    for strangers in [1, 10, 100, 1000] {
        let equal = ((24 << 20) / (strangers as usize + 1)).min(8 << 20);
        let (got, steps) = last_of(strangers, ExporterClass::New);
        assert!(got >= equal * 9 / 10, "{got} of {equal} with {strangers} other senders");
        assert!(steps < 20 * strangers as usize + 20, "{steps} for {strangers}");
    }
}

#[test]
fn new_exporters_use_places_that_known_exporters_do_not_need() {
    let budget = SharedLimits::new(DecoderLimits { exporters: 16, ..DecoderLimits::default() }, 1);
    let mut places = DecoderShare::of(&budget).exporters;
    places.change(ExporterClass::New, 0, 16);
    assert_eq!(places.room_of(ExporterClass::New), 0);
    for known in 0..12 {
        assert!(places.may_become_known(), "{known}");
        places.reclass(ExporterClass::New, ExporterClass::Known, 1);
        assert_eq!((places.own(), places.room_of(ExporterClass::New)), (16, 0));
    }
    assert!(!places.may_become_known(), "a quarter is kept for new exporters");
    // However small the limit is and however many decoders share it.
    let budget = SharedLimits::new(DecoderLimits { exporters: 16, ..DecoderLimits::default() }, 16);
    let both = [DecoderShare::of(&budget).exporters, DecoderShare::of(&budget).exporters];
    assert!(both.iter().all(|places| places.room_of(ExporterClass::New) > 0));
}

/// What happens to an exporter in the model.
#[derive(Clone, Debug)]
enum Step {
    /// It needs this much more.
    Grow(u8, usize),
    /// It gives back this many eighths.
    Shrink(u8, usize),
    /// It has a history from now on, if there is room.
    Promote(u8),
    /// It is removed.
    Go(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..24u8;
    let step = prop_oneof![
        6 => (who.clone(), 1..400usize).prop_map(|(who, more)| Step::Grow(who, more)),
        1 => (who.clone(), 1..8usize).prop_map(|(who, part)| Step::Shrink(who, part)),
        2 => who.clone().prop_map(Step::Promote),
        1 => who.prop_map(Step::Go),
    ];
    proptest::collection::vec(step, 1..200)
}

/// Exporters of several decoders that follow the rules. Exporter `n` belongs to decoder `n %
/// decoders`.
struct Model {
    pools: Vec<DecoderShare>,
    noted: HashMap<u8, ExporterUse>,
}

impl Model {
    fn book(&mut self, who: u8, class: ExporterClass, after: usize) {
        let decoder = usize::from(who) % self.pools.len();
        let held = &mut self.pools[decoder].held;
        let noted = self.noted.entry(who).or_default();
        let before = noted.1;
        if noted.0 != class {
            held.reclass(noted.0, class, before);
        }
        held.change(class, before, after);
        held.note(Host::v4(who.into()), noted, class, after);
    }

    /// Lets the exporters that take most give back for one that takes `own`, as a decoder does
    /// before a datagram, but repeatedly while it helps.
    fn make_way(&mut self, decoder: usize, class: ExporterClass, own: usize) {
        while let Some(host) = self.pools[decoder].held.has_to_give(class, own) {
            let who = (0..24).find(|who| Host::v4(u32::from(*who)) == host).unwrap();
            let (class, bytes) = self.noted[&who];
            self.book(who, class, bytes - bytes.div_ceil(4));
        }
    }

    fn apply(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let decoder = |who: u8| usize::from(who) % self.pools.len();
        let of = |who: u8| self.noted.get(&who).copied().unwrap_or_default();
        match *step {
            Step::Grow(who, wanted) => {
                let ((class, own), decoder) = (of(who), decoder(who));
                self.make_way(decoder, class, own);
                let held = &self.pools[decoder].held;
                let more = wanted.min(held.allowance(class, own));
                // No exporter below an equal part is refused while another one is above its
                // part.
                let equal = held.equal(class, own);
                let most = held.holders[class as usize].last().map_or(0, |(most, _)| *most);
                let is_least = own + wanted <= equal && wanted <= held.limit_of(class) / 8;
                prop_assert!(!is_least || more == wanted || most <= equal, "{who} {own} {more}");
                self.book(who, class, own + more);
            }
            Step::Shrink(who, part) => self.book(who, of(who).0, of(who).1 * part / 8),
            Step::Promote(who) => {
                let held = &self.pools[decoder(who)].held;
                if of(who).0 == ExporterClass::New && held.fits(ExporterClass::Known, of(who).1) {
                    self.book(who, ExporterClass::Known, of(who).1);
                }
            }
            Step::Go(who) => self.book(who, of(who).0, 0),
        }
        Ok(())
    }

    fn check(&self, limit: usize) -> Result<(), TestCaseError> {
        let mut total = 0;
        for (decoder, pool) in self.pools.iter().enumerate() {
            let mine = |class: ExporterClass| {
                let mine = self.noted.iter().filter(|(who, (of, own))| {
                    usize::from(**who) % self.pools.len() == decoder && *of == class && *own > 0
                });
                mine.map(|(_, (_, own))| *own).collect::<Vec<_>>()
            };
            for class in [ExporterClass::New, ExporterClass::Known] {
                let (held, list) = (&pool.held, mine(class));
                prop_assert_eq!(held.own[class as usize], list.iter().sum::<usize>());
                prop_assert_eq!(held.holders[class as usize].len(), list.len());
                let left = held.pot.part.saturating_sub(held.own[class as usize]);
                prop_assert!(held.room_of(class) >= left, "its part is its own");
            }
            total += pool.held.own();
        }
        prop_assert!(total <= limit, "{total} of {limit}");
        Ok(())
    }
}

proptest! {
    #[test]
    fn parts_add_up_and_nobody_takes_those_of_others(
        steps in steps(),
        decoders in 1..5usize,
        limit in 100..3000usize,
    ) {
        let budget = SharedLimits::new(limits(limit), decoders);
        let pools = (0..decoders).map(|_| DecoderShare::of(&budget)).collect();
        let mut model = Model { pools, noted: HashMap::new() };
        for step in &steps {
            model.apply(step)?;
            model.check(limit)?;
        }
        for who in 0..24 {
            model.apply(&Step::Go(who))?;
        }
        model.check(0)?;
        prop_assert_eq!(budget.held.taken.load(Ordering::Relaxed), 0);
    }
}
