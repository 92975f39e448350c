//! Sums by key. Rows are appended to the partition of their key and summed there when enough
//! have arrived, so that the data being worked on stays in the cache.

use std::hash::BuildHasher;
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::PoisonError;

use foldhash::fast::RandomState;

use super::layout::PackedKey;
use super::state::GroupSums;

/// The number of partitions. Each is appended to sequentially, and is small enough that summing
/// it hardly leaves the cache.
const PARTITIONS: usize = 512;

/// The size in bytes of the rows that a partition takes before it is summed for the first time.
const FIRST_BYTES: usize = 32 << 10;

/// A group.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupEntry<const W: usize> {
    pub key: PackedKey<W>,
    pub state: GroupSums,
}

/// The rows of a partition: groups, followed by the rows that arrived since the last summing.
struct Partition<const W: usize> {
    rows: Vec<GroupEntry<W>>,
    /// The number of rows at which they are summed.
    limit: usize,
}

/// Groups by key.
pub(super) struct GroupMap<const W: usize> {
    hasher: RandomState,
    partitions: Vec<Partition<W>>,
    slots: SlotTable,
}

/// The indices of groups among the rows of a partition: a hash table of index + 1, 0 for none,
/// at most half full.
#[derive(Default)]
struct SlotTable(Vec<u32>);

impl SlotTable {
    /// The slot of a key, and the index of its group if there is one.
    #[inline]
    fn find<const W: usize>(
        &self,
        hash: u64,
        key: &PackedKey<W>,
        rows: &[GroupEntry<W>],
    ) -> (usize, Option<usize>) {
        let mask = self.0.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.0[slot] as usize {
                0 => return (slot, None),
                index if rows[index - 1].key == *key => return (slot, Some(index - 1)),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// Sums the rows of equal keys; each group stays at the position of its first row.
    fn sum_up<const W: usize>(&mut self, hasher: &RandomState, rows: &mut Vec<GroupEntry<W>>) {
        self.0.clear();
        self.0.resize((rows.len().max(1) * 2).next_power_of_two(), 0);
        let mut kept = 0;
        for at in 0..rows.len() {
            let GroupEntry { key, state } = rows[at];
            match self.find(hasher.hash_one(key), &key, rows) {
                (_, Some(index)) => rows[index].state.add(&state),
                (slot, None) => {
                    rows[kept] = GroupEntry { key, state };
                    kept += 1;
                    self.0[slot] = kept as u32;
                }
            }
        }
        rows.truncate(kept);
    }
}

impl<const W: usize> Partition<W> {
    const FIRST: usize = {
        let rows = FIRST_BYTES / size_of::<GroupEntry<W>>();
        if rows < 16 { 16 } else { rows }
    };

    fn new() -> Partition<W> {
        Partition { rows: Vec::new(), limit: Partition::<W>::FIRST }
    }

    #[inline]
    fn push(&mut self, hasher: &RandomState, slots: &mut SlotTable, group: GroupEntry<W>) {
        if self.rows.len() == self.rows.capacity() {
            self.make_room(hasher, slots);
        }
        self.rows.push(group);
    }

    /// Sums the rows if there are enough, otherwise grows by a part of the size: doubling would
    /// take too much memory.
    #[cold]
    fn make_room(&mut self, hasher: &RandomState, slots: &mut SlotTable) {
        if self.rows.len() >= self.limit {
            slots.sum_up(hasher, &mut self.rows);
            self.limit = self.limit.max(self.rows.len() * 2);
        }
        if self.rows.len() == self.rows.capacity() {
            let additional = (self.rows.len() / 2).max(Partition::<W>::FIRST / 4);
            self.rows.reserve_exact(additional);
        }
    }
}

impl<const W: usize> GroupMap<W> {
    /// An empty table. Tables that are to be merged need the same hasher.
    pub(super) fn new(hasher: RandomState) -> GroupMap<W> {
        let partitions = (0..PARTITIONS).map(|_| Partition::new()).collect();
        GroupMap { hasher, partitions, slots: SlotTable::default() }
    }

    /// Adds sums to the group of a key.
    #[inline]
    pub(super) fn add(&mut self, key: &PackedKey<W>, state: &GroupSums) {
        let hash = self.hasher.hash_one(key);
        self.push(hash, GroupEntry { key: *key, state: *state });
    }

    /// [`add`](Self::add), such that a group and its reverse are in the same partition.
    #[inline]
    pub(super) fn add_with(
        &mut self,
        key: &PackedKey<W>,
        state: &GroupSums,
        reversed: &PackedKey<W>,
    ) {
        let both = self.hasher.hash_one(key).wrapping_add(self.hasher.hash_one(reversed));
        self.push(both, GroupEntry { key: *key, state: *state });
    }

    #[inline]
    fn push(&mut self, hash: u64, group: GroupEntry<W>) {
        let GroupMap { hasher, partitions, slots } = self;
        partitions[(hash >> 32) as usize % PARTITIONS].push(hasher, slots, group);
    }
}

/// All groups of a partition, each once.
pub(super) struct Merged<'a, const W: usize> {
    groups: Vec<GroupEntry<W>>,
    slots: SlotTable,
    hasher: &'a RandomState,
}

impl<const W: usize> Merged<'_, W> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &GroupEntry<W>> {
        self.groups.iter()
    }

    /// The group of a key.
    pub(super) fn find(&self, key: &PackedKey<W>) -> Option<&GroupEntry<W>> {
        let (_, index) = self.slots.find(self.hasher.hash_one(key), key, &self.groups);
        index.and_then(|index| self.groups.get(index))
    }
}

/// Merges the tables of several threads partition by partition and passes each partition to
/// `each`, in `threads` threads.
///
/// Returns the results of `each`, or an error if a thread panicked.
pub(super) fn merge<const W: usize, T: Send>(
    tables: Vec<GroupMap<W>>,
    hasher: &RandomState,
    threads: usize,
    each: impl Fn(&Merged<'_, W>) -> T + Sync,
) -> Result<Vec<T>, ()> {
    let mut work: Vec<Vec<Partition<W>>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    for table in tables {
        for (parts, partition) in work.iter_mut().zip(table.partitions) {
            if !partition.rows.is_empty() {
                parts.push(partition);
            }
        }
    }
    work.retain(|parts| !parts.is_empty());
    let work = Mutex::new(work);
    let run = || {
        let mut made = Vec::new();
        let mut slots = SlotTable::default();
        loop {
            let parts = work.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(parts) = parts else { return made };
            let merged = join(parts, std::mem::take(&mut slots), hasher);
            made.push(each(&merged));
            slots = merged.slots;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1))
            .map(|_| scope.spawn(|| catch_unwind(AssertUnwindSafe(&run))))
            .collect();
        let mut made = Vec::new();
        for worker in workers {
            made.extend(worker.join().map_err(|_| ())?.map_err(|_| ())?);
        }
        Ok(made)
    })
}

/// Merges the partitions of several tables.
fn join<const W: usize>(
    mut parts: Vec<Partition<W>>,
    mut slots: SlotTable,
    hasher: &RandomState,
) -> Merged<'_, W> {
    parts.sort_by_key(|part| part.rows.len());
    let mut groups = parts.pop().map(|part| part.rows).unwrap_or_default();
    groups.reserve_exact(parts.iter().map(|part| part.rows.len()).sum());
    for part in parts {
        groups.extend_from_slice(&part.rows);
    }
    slots.sum_up(hasher, &mut groups);
    Merged { groups, slots, hasher }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn state(bytes: u64) -> GroupSums {
        let mut state = GroupSums::NONE;
        (state.bytes, state.packets) = (bytes, 1);
        state
    }

    /// Many keys, few keys, and one key, in two tables.
    #[test]
    fn sums_are_those_of_every_row() {
        for (rows, keys) in [(200_000u64, 150_000u64), (200_000, 77), (50_000, 1), (0, 1)] {
            let hasher = RandomState::default();
            let mut truth: HashMap<u64, (u64, u64)> = HashMap::new();
            let mut tables =
                vec![GroupMap::<2>::new(hasher.clone()), GroupMap::<2>::new(hasher.clone())];
            for row in 0..rows {
                let key = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) % keys;
                let sums = truth.entry(key).or_default();
                *sums = (sums.0 + row, sums.1 + 1);
                tables[row as usize % 2].add(&[key, !key], &state(row));
            }
            let found = merge(tables, &hasher, 2, |part| {
                assert!(part.iter().all(|group| part.find(&group.key).is_some()));
                part.iter().map(|group| (group.key[0], group.state)).collect::<Vec<_>>()
            });
            let found: Vec<_> = found.unwrap().into_iter().flatten().collect();
            assert_eq!(found.len(), truth.len());
            for (key, state) in found {
                assert_eq!((state.bytes, state.packets), truth[&key]);
            }
        }
    }

    #[test]
    fn a_group_and_its_reverse_are_found_together() {
        let hasher = RandomState::default();
        let mut table = GroupMap::<1>::new(hasher.clone());
        for key in 0..1000u64 {
            table.add_with(&[key], &state(key), &[!key]);
            table.add_with(&[!key], &state(key), &[key]);
        }
        let pairs = merge(vec![table], &hasher, 1, |part| {
            part.iter().filter(|group| part.find(&[!group.key[0]]).is_some()).count()
        });
        assert_eq!(pairs.unwrap().into_iter().sum::<usize>(), 2000);
    }
}
