//! Collects the groups of a list in every worker, then merges, ranks and limits them.

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
use crate::flow::FlowText;
use crate::flow::column::Dictionary;
use crate::flow::field::Field;
use crate::topn::TopN;

/// The key of a list, and how it is collected.
#[derive(Clone)]
pub(super) struct GroupSpec {
    pub layout: KeyLayout,
    /// A second key that a flow also counts for, unless it is the same.
    other: Option<KeyLayout>,
    direction: FlowDirection,
    /// How keys are reversed; `None` if directions are kept separate.
    reversal: Option<KeyTransform>,
    hasher: RandomState,
    addresses: Arc<AddressNumbers>,
    /// Whether TCP flags are summed.
    flags: bool,
}

/// A group of an answer, as its values.
pub(super) struct FoundGroup {
    /// The value of each part of the key: an address, or the bits of a number.
    pub values: Vec<u128>,
    /// The text of the key, if a part is one.
    pub text: Option<FlowText>,
    pub sums: AnswerSums,
    pub flags: u8,
    /// Packets of the reverse direction.
    pub out_packets: u64,
    /// Bytes of the reverse direction.
    pub out_bytes: u64,
}

/// A sorted list, and the number of groups before the limit.
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
    /// Takes rows with their sums; their columns are loaded.
    fn take(&mut self, page: &Page<'_>, hits: &MatchedRows, states: &[GroupSums]);
    /// For [`GroupSpec::finish`].
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

struct Table<const W: usize> {
    keys: Vec<KeyBuilder>,
    made: [Vec<PackedKey<W>>; 2],
    dense: DenseSums,
    /// The key whose dictionary ids index `dense`.
    dense_key: Option<(KeySlot, Arc<Dictionary>)>,
    /// Whether the page is summed by dictionary id.
    by_id: bool,
    groups: GroupMap<W>,
    spec: GroupSpec,
}

impl GroupSpec {
    /// Flows with equal `parts` are one group. With `other`, they also count for the values of
    /// these parts; with `flags`, their TCP flags are combined.
    pub(super) fn new(
        parts: &[KeyPart],
        other: Option<&[KeyPart]>,
        direction: FlowDirection,
        flags: bool,
        addresses: &Arc<AddressNumbers>,
    ) -> GroupSpec {
        let is_reversible = direction != FlowDirection::Apart;
        let layout = KeyLayout::new(parts, is_reversible);
        GroupSpec {
            other: other.map(|parts| KeyLayout::new(parts, is_reversible)),
            reversal: is_reversible.then(|| KeyTransform::new(&layout)),
            direction,
            layout,
            hasher: RandomState::default(),
            addresses: Arc::clone(addresses),
            flags,
        }
    }

    pub(super) fn flags(&self) -> bool {
        self.flags
    }

    /// The columns that the keys need.
    pub(super) fn fields(&self) -> Vec<Field> {
        let flags = self.flags.then_some(Field::TcpFlags);
        self.layout
            .fields()
            .chain(self.other.iter().flat_map(KeyLayout::fields))
            .chain(flags)
            .collect()
    }

    /// A collector for a worker.
    pub(super) fn collector(&self) -> Box<dyn Collector> {
        match self.layout.words {
            1 => Box::new(Table::<1>::new(self)),
            2 => Box::new(Table::<2>::new(self)),
            3 | 4 => Box::new(Table::<4>::new(self)),
            _ => Box::new(Table::<MOST_WORDS>::new(self)),
        }
    }

    /// Merges the results of the workers into a list for each order, each limited to `limit`
    /// groups (0 for all). Rates are over the time of the row if `own_rates`, otherwise over one
    /// time for all rows. The error means that a thread panicked.
    pub(super) fn finish(
        &self,
        collected: Vec<Box<dyn Collector>>,
        hosts: &Hosts,
        orders: &[StatOrder],
        own_rates: bool,
        limit: usize,
        threads: usize,
    ) -> Result<Vec<SortedList>, ()> {
        let with = Finish { spec: self, own_rates, hosts, orders, limit, threads };
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
            dense_key: None,
            by_id: false,
            groups: GroupMap::new(spec.hasher.clone()),
            spec: spec.clone(),
        }
    }

    /// Moves the sums by dictionary id into the groups, because the dictionary ends.
    fn flush(&mut self) {
        let Some((slot, dictionary)) = self.dense_key.take() else { return };
        let Table { dense, groups, spec, .. } = self;
        dense.drain(|id, state| {
            groups.add(&key_of(&slot, &dictionary, id, &spec.addresses), state);
        });
    }

    /// Sums rows by their dictionary id.
    fn add_by_id(&mut self, page: &Page<'_>, hits: &MatchedRows, states: &[GroupSums]) {
        if let Some((slot, dictionary)) = &self.dense_key
            && let ColumnValues::Ids(ids, _) = page.values(slot.part.field)
        {
            self.dense.add(hits, ids, dictionary.len(), states);
        }
    }

    /// Sums rows by their keys.
    fn add_by_key(&mut self, page: &Page<'_>, hits: &MatchedRows, states: &[GroupSums]) {
        for (keys, made) in self.keys.iter_mut().zip(&mut self.made) {
            keys.make(page, hits, &self.spec.addresses, made);
        }
        let Table { made: [keys, others], groups, spec, .. } = self;
        match &spec.reversal {
            Some(reversal) => {
                for (key, state) in keys.iter().zip(states) {
                    groups.add_with(key, state, &reversal.reversed(&spec.layout, key));
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
        let single = match (self.keys.as_slice(), &self.spec.reversal) {
            ([keys], None) => keys.single(page, hits),
            _ => None,
        };
        self.by_id = single.is_some();
        if self.dense_key.is_none() {
            self.dense_key = single;
        }
    }

    fn take(&mut self, page: &Page<'_>, hits: &MatchedRows, states: &[GroupSums]) {
        if self.by_id {
            self.add_by_id(page, hits, states);
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
    own_rates: bool,
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

    /// The best groups of a partition in each order, and the number of groups.
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
                let order = if self.own_rates { *order } else { order.over_one_time() };
                let rank = rank(order, &sums, out.packets, out.bytes);
                top.push(Ranked { rank, group, back });
            }
        }
        (tops.into_iter().map(TopN::into_sorted).collect(), groups)
    }

    /// The reverse direction of a group, if it is requested and exists; `None` if the group is
    /// itself the reverse of one that began earlier.
    fn back<const W: usize>(
        &self,
        part: &Merged<'_, W>,
        group: &GroupEntry<W>,
    ) -> Option<Option<GroupSums>> {
        let Some(reversal) = &self.spec.reversal else { return Some(None) };
        let reversed = reversal.reversed(&self.spec.layout, &group.key);
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

    /// A group and its reverse direction, exchanged if the reverse is the direction to the
    /// server.
    fn to_server<const W: usize>(
        &self,
        group: GroupEntry<W>,
        back: Option<GroupSums>,
    ) -> (GroupEntry<W>, Option<GroupSums>) {
        let layout = &self.spec.layout;
        match &self.spec.reversal {
            Some(reversal)
                if self.spec.direction == FlowDirection::ToServer
                    && reversal.is_from_server(layout, &group.key) =>
            {
                let key = reversal.reversed(layout, &group.key);
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

    /// Compares keys by the values they stand for.
    fn by_value<const W: usize>(&self, one: &PackedKey<W>, two: &PackedKey<W>) -> Ordering {
        let slots = self.spec.layout.slots.iter();
        slots
            .map(|slot| slot.compare(one, two, self.hosts))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn found<const W: usize>(&self, ranked: &Ranked<W>) -> FoundGroup {
        let GroupEntry { key, state } = &ranked.group;
        let back = ranked.back.unwrap_or(GroupSums::NONE);
        let mut all = *state;
        all.add(&back);
        let slots = self.spec.layout.slots.iter();
        let text = slots.clone().find(|slot| slot.is_text());
        FoundGroup {
            values: slots.map(|slot| slot.value(key, self.hosts)).collect(),
            text: text.map(|slot| self.hosts.text(slot.get(key))),
            sums: AnswerSums { bytes: state.bytes, packets: state.packets, ..all.sums() },
            flags: all.flags(),
            out_packets: back.packets,
            out_bytes: back.bytes,
        }
    }
}
