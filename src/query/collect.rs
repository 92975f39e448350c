//! Groups of one list: collected by every worker, then merged, ranked and cut.

use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::answer::Sums;
use super::group::{Group, Groups, Partition, merge};
use super::key::{Dense, Keys};
use super::layout::{Key, Layout, MOST_WORDS, Turn};
use super::names::{Hosts, Names};
use super::page::Page;
use super::question::{Order, Part, Ways};
use super::sort::rank;
use super::state::State;
use crate::filter::select::Hits;
use crate::flow::field::Field;
use crate::topn::TopN;

/// What a list is grouped by.
#[derive(Clone)]
pub(super) struct Spec {
    pub layout: Layout,
    /// A flow counts for this key, too, unless it is the same.
    other: Option<Layout>,
    ways: Ways,
    /// How keys are turned round, unless ways are apart.
    turn: Option<Turn>,
    hasher: RandomState,
    names: Arc<Names>,
}

/// A group of an answer, as its values.
pub(super) struct Found {
    /// Of each part: an address, or the bits of a number.
    pub values: Vec<u128>,
    pub sums: Sums,
    pub flags: u8,
    /// Of the way back.
    pub out_packets: u64,
    pub out_bytes: u64,
}

/// A sorted list and how many groups there were.
pub(super) struct List {
    pub found: Vec<Found>,
    pub groups: u64,
}

/// Collects the groups of a list in a worker.
pub(super) trait Collector: Send {
    /// Another chunk begins.
    fn begin(&mut self);
    /// Takes rows with their states.
    fn take(&mut self, page: &Page<'_>, hits: &Hits, states: &[State]);
    /// For [`Spec::finish`].
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

struct Table<const W: usize> {
    keys: Vec<Keys>,
    made: [Vec<Key<W>>; 2],
    dense: Dense<W>,
    /// What `dense` had.
    sums: Vec<State>,
    groups: Groups<W>,
    spec: Spec,
}

impl Spec {
    /// Flows that agree in `parts` are one; with `other`, they count for the
    /// values of these, too.
    pub(super) fn new(
        parts: &[Part],
        other: Option<&[Part]>,
        ways: Ways,
        names: &Arc<Names>,
    ) -> Spec {
        let turned = ways != Ways::Apart;
        let layout = Layout::new(parts, turned);
        Spec {
            other: other.map(|parts| Layout::new(parts, turned)),
            turn: turned.then(|| Turn::new(&layout)),
            ways,
            layout,
            hasher: RandomState::default(),
            names: Arc::clone(names),
        }
    }

    /// The columns of its keys.
    pub(super) fn fields(&self) -> Vec<Field> {
        self.layout.fields().chain(self.other.iter().flat_map(Layout::fields)).collect()
    }

    /// What a worker collects groups with.
    pub(super) fn collector(&self) -> Box<dyn Collector> {
        match self.layout.words {
            1 => Box::new(Table::<1>::new(self)),
            2 => Box::new(Table::<2>::new(self)),
            3 | 4 => Box::new(Table::<4>::new(self)),
            _ => Box::new(Table::<MOST_WORDS>::new(self)),
        }
    }

    /// Puts together what the workers collected: a list for each order, each cut
    /// to `limit` groups unless that is 0. An error is a thread that failed.
    pub(super) fn finish(
        &self,
        collected: Vec<Box<dyn Collector>>,
        hosts: &Hosts,
        orders: &[Order],
        limit: usize,
        threads: usize,
    ) -> Result<Vec<List>, ()> {
        let with = Finish { spec: self, hosts, orders, limit, threads };
        match self.layout.words {
            1 => with.run::<1>(collected),
            2 => with.run::<2>(collected),
            3 | 4 => with.run::<4>(collected),
            _ => with.run::<MOST_WORDS>(collected),
        }
    }
}

impl<const W: usize> Table<W> {
    fn new(spec: &Spec) -> Table<W> {
        let layouts = std::iter::once(&spec.layout).chain(&spec.other);
        Table {
            keys: layouts.map(|layout| Keys::new(layout.clone())).collect(),
            made: [Vec::new(), Vec::new()],
            dense: Dense::default(),
            sums: Vec::new(),
            groups: Groups::new(spec.hasher.clone()),
            spec: spec.clone(),
        }
    }

    /// Adds up what is known by place only: the dictionary ends.
    fn flush(&mut self) {
        let [keys, _] = &mut self.made;
        self.dense.take(keys, &mut self.sums);
        self.groups.add(keys, &self.sums);
    }
}

impl<const W: usize> Collector for Table<W> {
    fn begin(&mut self) {
        self.flush();
        self.keys.iter_mut().for_each(Keys::begin);
    }

    fn take(&mut self, page: &Page<'_>, hits: &Hits, states: &[State]) {
        if let ([keys], None) = (self.keys.as_slice(), &self.spec.turn)
            && keys.add_dense(page, hits, &self.spec.names, states, &mut self.dense)
        {
            return;
        }
        for (keys, made) in self.keys.iter_mut().zip(&mut self.made) {
            keys.make(page, hits, &self.spec.names, made);
        }
        let [keys, others] = &mut self.made;
        match &self.spec.turn {
            Some(turn) => {
                self.groups.add_with(keys, states, |key| turn.reversed(&self.spec.layout, key))
            }
            None => self.groups.add(keys, states),
        }
        if self.spec.other.is_some() {
            self.sums.clear();
            let mut at = 0;
            others.retain(|other| {
                let differs = *other != keys[at];
                if differs {
                    self.sums.push(states[at]);
                }
                at += 1;
                differs
            });
            self.groups.add(others, &self.sums);
        }
    }

    fn into_any(mut self: Box<Self>) -> Box<dyn Any> {
        self.flush();
        self
    }
}

/// A group with its rank.
struct Ranked<const W: usize> {
    rank: u128,
    group: Group<W>,
    back: Option<State>,
}

struct Finish<'a> {
    spec: &'a Spec,
    hosts: &'a Hosts,
    orders: &'a [Order],
    limit: usize,
    threads: usize,
}

impl Finish<'_> {
    fn run<const W: usize>(&self, collected: Vec<Box<dyn Collector>>) -> Result<Vec<List>, ()> {
        let tables = collected.into_iter().filter_map(|table| {
            table.into_any().downcast::<Table<W>>().ok().map(|table| table.groups)
        });
        let tables = tables.collect();
        let parts = merge(tables, &self.spec.hasher, self.threads, |part| self.best(part))?;
        let mut lists: Vec<_> = self.orders.iter().map(|_| (self.top::<W>(), 0)).collect();
        for (best, groups) in parts {
            for ((top, all), best) in lists.iter_mut().zip(best) {
                *all += groups;
                best.into_iter().for_each(|ranked| top.push(ranked));
            }
        }
        let lists = lists.into_iter().map(|(top, groups)| {
            let found = top.into_sorted().iter().map(|ranked| self.found(ranked)).collect();
            List { found, groups }
        });
        Ok(lists.collect())
    }

    /// The best of a partition in each order, and how many there are.
    fn best<const W: usize>(&self, part: &Partition<W>) -> (Vec<Vec<Ranked<W>>>, u64) {
        let mut tops: Vec<_> = self.orders.iter().map(|_| self.top::<W>()).collect();
        let mut groups = 0;
        for group in part.iter() {
            let Some(back) = self.back(part, group) else { continue };
            let (group, back) = self.to_server(*group, back);
            groups += 1;
            let out = back.unwrap_or(State::NONE);
            let mut all = group.state;
            all.add(&out);
            let (bytes, packets) = (group.state.bytes, group.state.packets);
            let sums = Sums { bytes, packets, ..all.sums() };
            for (order, top) in self.orders.iter().zip(&mut tops) {
                let rank = rank(*order, &sums, out.packets, out.bytes);
                top.push(Ranked { rank, group, back });
            }
        }
        (tops.into_iter().map(TopN::into_sorted).collect(), groups)
    }

    /// The way back of a group, if it is asked for and there; `None` when the
    /// group is itself the way back of one that began earlier.
    fn back<const W: usize>(&self, part: &Partition<W>, group: &Group<W>) -> Option<Option<State>> {
        let Some(turn) = &self.spec.turn else { return Some(None) };
        let reversed = turn.reversed(&self.spec.layout, &group.key);
        if reversed == group.key {
            return Some(None);
        }
        let Some(back) = part.find(&self.spec.hasher, &reversed) else { return Some(None) };
        let order = group.state.first.cmp(&back.state.first);
        match order.then_with(|| self.by_value(&group.key, &reversed)) {
            Ordering::Greater => None,
            _ => Some(Some(back.state)),
        }
    }

    /// A group and its way back, changed over where that is the way to the server.
    fn to_server<const W: usize>(
        &self,
        group: Group<W>,
        back: Option<State>,
    ) -> (Group<W>, Option<State>) {
        let layout = &self.spec.layout;
        match &self.spec.turn {
            Some(turn)
                if self.spec.ways == Ways::ToServer && turn.is_from_server(layout, &group.key) =>
            {
                let key = turn.reversed(layout, &group.key);
                (Group { key, state: back.unwrap_or(State::NONE) }, Some(group.state))
            }
            _ => (group, back),
        }
    }

    fn top<const W: usize>(
        &self,
    ) -> TopN<Ranked<W>, impl Fn(&Ranked<W>, &Ranked<W>) -> Ordering + use<'_, W>> {
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        TopN::new(limit, |one: &Ranked<W>, two: &Ranked<W>| {
            let by_rank = two.rank.cmp(&one.rank);
            by_rank.then_with(|| self.by_value(&one.group.key, &two.group.key))
        })
    }

    /// The order of keys by the values they stand for.
    fn by_value<const W: usize>(&self, one: &Key<W>, two: &Key<W>) -> Ordering {
        let places = self.spec.layout.places.iter();
        places
            .map(|place| place.value(one, self.hosts).cmp(&place.value(two, self.hosts)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn found<const W: usize>(&self, ranked: &Ranked<W>) -> Found {
        let Group { key, state } = &ranked.group;
        let back = ranked.back.unwrap_or(State::NONE);
        let mut all = *state;
        all.add(&back);
        let places = self.spec.layout.places.iter();
        Found {
            values: places.map(|place| place.value(key, self.hosts)).collect(),
            sums: Sums { bytes: state.bytes, packets: state.packets, ..all.sums() },
            flags: all.flags(),
            out_packets: back.packets,
            out_bytes: back.bytes,
        }
    }
}
