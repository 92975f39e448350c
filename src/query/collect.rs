//! Groups of one list: collected by every worker, then merged, ranked and cut.

use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::answer::AnswerSums;
use super::dense::DenseSums;
use super::group::{GroupEntry, GroupMap, Merged, merge};
use super::key::{KeyBuilder, key_of};
use super::layout::{KeyLayout, KeySlot, KeyTransform, MOST_WORDS, PackedKey};
use super::names::{AddressNumbers, Hosts};
use super::page::Page;
use super::question::{FlowDirection, KeyPart, StatOrder};
use super::sort::rank;
use super::state::GroupSums;
use crate::filter::select::{ColumnSource, ColumnValues, MatchedRows};
use crate::flow::column::Dictionary;
use crate::flow::field::Field;
use crate::topn::TopN;

/// What a list is grouped by.
#[derive(Clone)]
pub(super) struct GroupSpec {
    pub layout: KeyLayout,
    /// A flow counts for this key, too, unless it is the same.
    other: Option<KeyLayout>,
    ways: FlowDirection,
    /// How keys are turned round, unless ways are apart.
    turn: Option<KeyTransform>,
    hasher: RandomState,
    names: Arc<AddressNumbers>,
    /// Whether TCP flags are asked for.
    flags: bool,
}

/// A group of an answer, as its values.
pub(super) struct FoundGroup {
    /// Of each part: an address, or the bits of a number.
    pub values: Vec<u128>,
    pub sums: AnswerSums,
    pub flags: u8,
    /// Of the way back.
    pub out_packets: u64,
    pub out_bytes: u64,
}

/// A sorted list and how many groups there were.
pub(super) struct SortedList {
    pub found: Vec<FoundGroup>,
    pub groups: u64,
}

/// Collects the groups of a list in a worker.
pub(super) trait Collector: Send {
    /// Another chunk begins.
    fn begin(&mut self);
    /// Another page begins, of which these rows will be taken.
    fn page(&mut self, page: &Page<'_>, hits: &MatchedRows);
    /// Takes rows with their states; their columns were loaded.
    fn take(&mut self, page: &Page<'_>, hits: &MatchedRows, states: &[GroupSums]);
    /// For [`Spec::finish`].
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

struct Table<const W: usize> {
    keys: Vec<KeyBuilder>,
    made: [Vec<PackedKey<W>>; 2],
    dense: DenseSums,
    /// What the places in `dense` stand for.
    stands_for: Option<(KeySlot, Arc<Dictionary>)>,
    /// Whether the page is added up by place.
    by_place: bool,
    groups: GroupMap<W>,
    spec: GroupSpec,
}

impl GroupSpec {
    /// Flows that agree in `parts` are one; with `other`, they count for the
    /// values of these, too; with `flags`, their TCP flags are added up.
    pub(super) fn new(
        parts: &[KeyPart],
        other: Option<&[KeyPart]>,
        ways: FlowDirection,
        flags: bool,
        names: &Arc<AddressNumbers>,
    ) -> GroupSpec {
        let turned = ways != FlowDirection::Apart;
        let layout = KeyLayout::new(parts, turned);
        GroupSpec {
            other: other.map(|parts| KeyLayout::new(parts, turned)),
            turn: turned.then(|| KeyTransform::new(&layout)),
            ways,
            layout,
            hasher: RandomState::default(),
            names: Arc::clone(names),
            flags,
        }
    }

    pub(super) fn flags(&self) -> bool {
        self.flags
    }

    /// The columns of its keys.
    pub(super) fn fields(&self) -> Vec<Field> {
        let flags = self.flags.then_some(Field::TcpFlags);
        self.layout
            .fields()
            .chain(self.other.iter().flat_map(KeyLayout::fields))
            .chain(flags)
            .collect()
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
        orders: &[StatOrder],
        limit: usize,
        threads: usize,
    ) -> Result<Vec<SortedList>, ()> {
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
    fn new(spec: &GroupSpec) -> Table<W> {
        let layouts = std::iter::once(&spec.layout).chain(&spec.other);
        Table {
            keys: layouts.map(|layout| KeyBuilder::new(layout.clone())).collect(),
            made: [Vec::new(), Vec::new()],
            dense: DenseSums::default(),
            stands_for: None,
            by_place: false,
            groups: GroupMap::new(spec.hasher.clone()),
            spec: spec.clone(),
        }
    }

    /// Adds up what is known by place only: the dictionary ends.
    fn flush(&mut self) {
        let Some((place, dictionary)) = self.stands_for.take() else { return };
        let Table { dense, groups, spec, .. } = self;
        dense.drain(|id, state| {
            groups.add(&key_of(&place, &dictionary, id, &spec.names), state);
        });
    }

    /// Adds rows up by their place in the dictionary.
    fn add_by_place(&mut self, page: &Page<'_>, hits: &MatchedRows, states: &[GroupSums]) {
        if let Some((place, dictionary)) = &self.stands_for
            && let ColumnValues::Ids(ids, _) = page.values(place.part.field)
        {
            self.dense.add(hits, ids, dictionary.len(), states);
        }
    }

    /// Adds rows up by their keys.
    fn add_by_key(&mut self, page: &Page<'_>, hits: &MatchedRows, states: &[GroupSums]) {
        for (keys, made) in self.keys.iter_mut().zip(&mut self.made) {
            keys.make(page, hits, &self.spec.names, made);
        }
        let Table { made: [keys, others], groups, spec, .. } = self;
        match &spec.turn {
            Some(turn) => {
                for (key, state) in keys.iter().zip(states) {
                    groups.add_with(key, state, &turn.reversed(&spec.layout, key));
                }
            }
            None => keys.iter().zip(states).for_each(|(key, state)| groups.add(key, state)),
        }
        if spec.other.is_some() {
            for ((key, other), state) in keys.iter().zip(others).zip(states) {
                if key != other {
                    groups.add(other, state);
                }
            }
        }
    }
}

impl<const W: usize> Collector for Table<W> {
    fn begin(&mut self) {
        self.flush();
        self.keys.iter_mut().for_each(KeyBuilder::begin);
    }

    fn page(&mut self, page: &Page<'_>, hits: &MatchedRows) {
        let single = match (self.keys.as_slice(), &self.spec.turn) {
            ([keys], None) => keys.single(page, hits),
            _ => None,
        };
        self.by_place = single.is_some();
        if self.stands_for.is_none() {
            self.stands_for = single;
        }
    }

    fn take(&mut self, page: &Page<'_>, hits: &MatchedRows, states: &[GroupSums]) {
        if self.by_place {
            self.add_by_place(page, hits, states);
        } else {
            self.add_by_key(page, hits, states);
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
    group: GroupEntry<W>,
    back: Option<GroupSums>,
}

struct Finish<'a> {
    spec: &'a GroupSpec,
    hosts: &'a Hosts,
    orders: &'a [StatOrder],
    limit: usize,
    threads: usize,
}

impl Finish<'_> {
    fn run<const W: usize>(
        &self,
        collected: Vec<Box<dyn Collector>>,
    ) -> Result<Vec<SortedList>, ()> {
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
            SortedList { found, groups }
        });
        Ok(lists.collect())
    }

    /// The best of a partition in each order, and how many there are.
    fn best<const W: usize>(&self, part: &Merged<'_, W>) -> (Vec<Vec<Ranked<W>>>, u64) {
        let mut tops: Vec<_> = self.orders.iter().map(|_| self.top::<W>()).collect();
        let mut groups = 0;
        for group in part.iter() {
            let Some(back) = self.back(part, group) else { continue };
            let (group, back) = self.to_server(*group, back);
            groups += 1;
            let out = back.unwrap_or(GroupSums::NONE);
            let mut all = group.state;
            all.add(&out);
            let (bytes, packets) = (group.state.bytes, group.state.packets);
            let sums = AnswerSums { bytes, packets, ..all.sums() };
            for (order, top) in self.orders.iter().zip(&mut tops) {
                let rank = rank(*order, &sums, out.packets, out.bytes);
                top.push(Ranked { rank, group, back });
            }
        }
        (tops.into_iter().map(TopN::into_sorted).collect(), groups)
    }

    /// The way back of a group, if it is asked for and there; `None` when the
    /// group is itself the way back of one that began earlier.
    fn back<const W: usize>(
        &self,
        part: &Merged<'_, W>,
        group: &GroupEntry<W>,
    ) -> Option<Option<GroupSums>> {
        let Some(turn) = &self.spec.turn else { return Some(None) };
        let reversed = turn.reversed(&self.spec.layout, &group.key);
        if reversed == group.key {
            return Some(None);
        }
        let Some(back) = part.find(&reversed) else { return Some(None) };
        let order = group.state.first.cmp(&back.state.first);
        match order.then_with(|| self.by_value(&group.key, &reversed)) {
            Ordering::Greater => None,
            _ => Some(Some(back.state)),
        }
    }

    /// A group and its way back, changed over where that is the way to the server.
    fn to_server<const W: usize>(
        &self,
        group: GroupEntry<W>,
        back: Option<GroupSums>,
    ) -> (GroupEntry<W>, Option<GroupSums>) {
        let layout = &self.spec.layout;
        match &self.spec.turn {
            Some(turn)
                if self.spec.ways == FlowDirection::ToServer
                    && turn.is_from_server(layout, &group.key) =>
            {
                let key = turn.reversed(layout, &group.key);
                (GroupEntry { key, state: back.unwrap_or(GroupSums::NONE) }, Some(group.state))
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
    fn by_value<const W: usize>(&self, one: &PackedKey<W>, two: &PackedKey<W>) -> Ordering {
        let places = self.spec.layout.places.iter();
        places
            .map(|place| place.value(one, self.hosts).cmp(&place.value(two, self.hosts)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn found<const W: usize>(&self, ranked: &Ranked<W>) -> FoundGroup {
        let GroupEntry { key, state } = &ranked.group;
        let back = ranked.back.unwrap_or(GroupSums::NONE);
        let mut all = *state;
        all.add(&back);
        let places = self.spec.layout.places.iter();
        FoundGroup {
            values: places.map(|place| place.value(key, self.hosts)).collect(),
            sums: AnswerSums { bytes: state.bytes, packets: state.packets, ..all.sums() },
            flags: all.flags(),
            out_packets: back.packets,
            out_bytes: back.bytes,
        }
    }
}
