//! Maps of rows: limited in number, written shard by shard.
//!
//! The rows of a kind are spread over many small maps. A batch is grouped by the
//! shard its keys belong to, and each shard's lock is taken once. Within a group
//! all rows are found first, then all are read, then the ends of their logs, and
//! only then anything is changed: the cache misses of a group overlap instead of
//! following each other. Whoever walks over rows takes one shard's lock at a
//! time, from the last map to the first, so that a writer never trails behind.

use std::hash::Hash;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::{DashMap, SharedValue};
use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::admission::{AdmissionFilter, Candidate};
use super::batch::PreparedBatch;
use super::log::TimeLog;
use super::pane::Edges;
use super::row::{Map, ROW_BYTES, RowKind, Update};
use crate::snapshot::Allowance;

/// Rows per map when all are taken: walking over a shard of so many takes half a
/// millisecond, which is how long a writer waits. With more maps the groups of a
/// batch become too small for their cache misses to overlap.
const ROWS_PER_MAP: usize = 16_384;

/// Maps at most.
const MAX_MAPS: usize = 128;

/// Rows that are few: a smaller table grows and shrinks in no time.
const SMALL: usize = 1024;

/// Rows that give way at once, beside one for each flow of a group, when rows take more
/// bytes than they may: enough that growing logs are made up for.
const RELIEF: usize = 16;

/// Shards of a map, the fewest that there can be.
const SHARDS: usize = 2;

/// The bits of a hash that choose the map: neither those that choose the shard
/// and the tag (at the top) nor those that choose the place (at the bottom).
const MAP_SHIFT: u32 = 40;

/// Rows with a limit on their number.
pub(super) struct Rows<K> {
    maps: Vec<Map<K>>,
    count: AtomicUsize,
    max: usize,
    /// Bytes that rows and their logs take, and may take.
    bytes: AtomicUsize,
    max_bytes: usize,
    pub(super) admission: AdmissionFilter<K>,
    /// How often all rows were dropped.
    epoch: AtomicU64,
    /// The map to be swept next, and how many have been since the start.
    swept: AtomicU64,
}

/// An update with its hash, and where that leads.
struct Placed<K> {
    update: Update<K>,
    hash: usize,
    place: u32,
}

impl<K: Eq + Hash + RowKind> Rows<K> {
    /// For so many rows that take so many bytes at most.
    pub(super) fn new(max: usize, max_bytes: usize) -> Rows<K> {
        let max = max.min(max_bytes / ROW_BYTES);
        let maps = (max / ROWS_PER_MAP).next_power_of_two().clamp(1, MAX_MAPS);
        let hasher = RandomState::default();
        let map = |_| DashMap::with_hasher_and_shard_amount(hasher.clone(), SHARDS);
        Rows {
            maps: (0..maps).map(map).collect(),
            count: AtomicUsize::new(0),
            max,
            bytes: AtomicUsize::new(0),
            max_bytes,
            admission: AdmissionFilter::new(maps, max),
            epoch: AtomicU64::new(0),
            swept: AtomicU64::new(0),
        }
    }

    fn map_of(&self, hash: usize) -> usize {
        hash >> MAP_SHIFT & (self.maps.len() - 1)
    }

    /// To be taken together with the edges that a batch is prepared with.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Adds a batch of updates, unless all rows were dropped since its epoch.
    pub(super) fn add_all(
        &self,
        edges: &Edges,
        epoch: u64,
        updates: &[Update<K>],
        batch: &PreparedBatch,
    ) {
        let places = self.maps.len() * SHARDS;
        let mut counts = vec![0u32; places + 1];
        let placed: Vec<Placed<K>> = updates
            .iter()
            .map(|update| {
                let hash = self.maps[0].hash_usize(&update.key);
                let shard = self.maps[0].determine_shard(hash);
                let place = self.map_of(hash) * SHARDS + shard;
                counts[place + 1] += 1;
                Placed { update: *update, hash, place: place as u32 }
            })
            .collect();
        // Sorted by place in two passes; the order within a place is kept.
        for place in 0..places {
            counts[place + 1] += counts[place];
        }
        let mut order = vec![0u32; placed.len()];
        for (index, one) in placed.iter().enumerate() {
            let next = &mut counts[one.place as usize];
            order[*next as usize] = index as u32;
            *next += 1;
        }
        let place = |index: &u32| placed[*index as usize].place;
        for group in order.chunk_by(|a, b| place(a) == place(b)) {
            let group = group.iter().map(|index| &placed[*index as usize]);
            if self.epoch() != epoch {
                return;
            }
            self.add_group(edges, batch, group);
        }
    }

    /// Adds the updates of one shard.
    fn add_group<'a>(
        &self,
        edges: &Edges,
        batch: &PreparedBatch,
        group: impl Iterator<Item = &'a Placed<K>> + Clone,
    ) where
        K: 'a,
    {
        let Some(first) = group.clone().next() else { return };
        let (number, shard) = (first.place as usize / SHARDS, first.place as usize % SHARDS);
        let (Some(map), mut candidates) = (self.maps.get(number), Vec::new()) else { return };
        let (mut grown, mut flows) = (0, 0);
        {
            let mut table = map.shards()[shard].write();
            // Whatever has the tag of the hash is nearly always the row.
            let mut rows: SmallVec<[&TimeLog; 64]> = SmallVec::new();
            rows.extend(
                group.clone().filter_map(|one| {
                    table.get(one.hash as u64, |_| true).map(|(_, log)| log.get())
                }),
            );
            rows.iter().for_each(|log| _ = black_box(log.is_empty()));
            rows.iter().for_each(|log| _ = black_box(log.touch()));
            drop(rows);
            for Placed { update, hash, .. } in group {
                let (key, hash) = (update.key, *hash as u64);
                flows += 1;
                if let Some((_, log)) = table.get_mut(hash, |(known, _)| *known == key) {
                    let log = log.get_mut();
                    let before = log.heap();
                    batch.add_to(log, edges, update);
                    grown += log.heap() as isize - before as isize;
                } else if !self.admission.is_crowded() && self.takes_room() {
                    let mut log = TimeLog::default();
                    batch.add_to(&mut log, edges, update);
                    grown += (ROW_BYTES + log.heap()) as isize;
                    let row = (key, SharedValue::new(log));
                    let rehash = |(key, _): &_| map.hash_usize(key) as u64;
                    let (room, rows) = (table.capacity(), table.len());
                    if rows >= SMALL && rows >= self.grows_at(first.place, room) {
                        table.reserve(room + 1 - rows, rehash);
                    }
                    table.insert(hash, row, rehash);
                } else {
                    candidates.push(Candidate { update: *update, hash: hash as usize });
                }
            }
        }
        if !candidates.is_empty() {
            let (fewer, more) =
                self.admission.admit(number, map, edges, batch, &candidates, || self.takes_room());
            self.leave_room(fewer);
            grown += more;
        }
        self.grow(grown);
        if self.bytes() > self.max_bytes {
            let (fewer, freed) =
                self.admission.relieve(number, map, edges, RELIEF + flows, |freed| {
                    self.bytes().saturating_sub(freed) > self.max_bytes
                });
            self.leave_room(fewer);
            self.grow(-(freed as isize));
        }
    }

    /// Bytes that rows and their logs take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Rows and their logs take so many bytes more, or less.
    fn grow(&self, by: isize) {
        // Never below zero, whatever a panic in between may have left.
        let more = |bytes: usize| Some(bytes.saturating_add_signed(by));
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// At how many rows the table of a shard with this capacity grows: between
    /// half full and full, each shard at a time of its own. Left alone all would
    /// grow within a few batches, since all hold about as much.
    fn grows_at(&self, place: u32, capacity: usize) -> usize {
        let half = capacity / 2;
        half + half * place as usize / (self.maps.len() * SHARDS)
    }

    /// Whether there is room for one more row, which is then taken.
    fn takes_room(&self) -> bool {
        let full = self.count.load(Ordering::Relaxed) >= self.max
            || self.bytes().saturating_add(ROW_BYTES) > self.max_bytes;
        if !full {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        !full
    }

    /// Walks over all rows as long as the allowance lasts. A shard's lock is held while
    /// its rows are visited: only for what costs little.
    pub(super) fn each(
        &self,
        allowance: &mut Allowance<'_>,
        mut visit: impl FnMut(&K, &TimeLog, &mut Allowance<'_>),
    ) {
        for map in self.maps.iter().rev() {
            if allowance.is_over() {
                return;
            }
            // The cheapest way to walk over a map, one shard's lock at a time.
            map.retain(|key, log| {
                if allowance.spend(1 + log.len() as u64) {
                    visit(key, log, allowance);
                }
                true
            });
        }
    }

    /// The same over the rows whose keys are wanted, for what costs more: the rows of a
    /// map are copied and its locks let go before they are visited, so that no writer
    /// waits for a visit.
    pub(super) fn each_copied(
        &self,
        allowance: &mut Allowance<'_>,
        wanted: impl Fn(&K) -> bool,
        mut visit: impl FnMut(&K, &TimeLog, &mut Allowance<'_>),
    ) {
        let mut copies = Vec::new();
        for map in self.maps.iter().rev() {
            if !allowance.spend(map.len() as u64) {
                return;
            }
            map.retain(|key, log| {
                if wanted(key) {
                    copies.push((*key, log.clone()));
                }
                true
            });
            for (key, log) in copies.drain(..) {
                if !allowance.spend(1 + log.len() as u64) {
                    return;
                }
                visit(&key, &log, allowance);
            }
        }
    }

    fn leave_room(&self, rows: usize) {
        // Never below zero, whatever a panic in between may have left.
        let less = |count: usize| Some(count.saturating_sub(rows));
        let _ = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Reads one row.
    pub(super) fn read<R>(&self, key: &K, read: impl FnOnce(&TimeLog) -> R) -> Option<R> {
        let map = &self.maps[self.map_of(self.maps[0].hash_usize(key))];
        map.get(key).map(|row| read(row.value()))
    }

    /// Merges old panes and drops rows without any, map after map, until at most
    /// `patience` times all of them are overdue. `passed` seconds after the start
    /// all maps have been due once per `cycle`.
    pub(super) fn sweep(&self, edges: &Edges, passed: u32, cycle: u32, patience: u64) {
        let maps = self.maps.len() as u64;
        let due = u64::from(passed) * maps / u64::from(cycle.max(1));
        loop {
            let number = self.swept.load(Ordering::Relaxed);
            // After a pause once is enough.
            let next = number.max(due.saturating_sub((patience + 1) * maps));
            let claim = || {
                let (was, is) = (number, next + 1);
                self.swept.compare_exchange(was, is, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            };
            // Another thread may have taken the map; then that goes on.
            if next + patience * maps >= due || !claim() {
                return;
            }
            // Against the order of writers, as all who walk.
            self.sweep_map((maps - 1 - next % maps) as usize, edges);
        }
    }

    /// Drops all rows.
    pub(super) fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        for map in &self.maps {
            let (mut gone, mut freed) = (0, 0);
            map.retain(|_, log| {
                gone += 1;
                freed += ROW_BYTES + log.heap();
                false
            });
            self.leave_room(gone);
            self.grow(-(freed as isize));
        }
    }

    fn sweep_map(&self, number: usize, edges: &Edges) {
        let Some(map) = self.maps.get(number) else { return };
        let (mut gone, mut freed) = (0, 0);
        map.retain(|_, log| {
            let before = log.heap();
            log.compact(edges);
            log.shrink();
            freed += before.saturating_sub(log.heap());
            if log.is_empty() {
                gone += 1;
                freed += ROW_BYTES + log.heap();
            }
            !log.is_empty()
        });
        self.leave_room(gone);
        self.grow(-(freed as isize));
        if gone > 0 && map.capacity() > 4 * map.len().max(SMALL) {
            map.shrink_to_fit();
        }
    }
}
