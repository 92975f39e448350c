//! Maps of rows, limited in number and bytes, written shard by shard.
//!
//! Rows of a kind are spread over many small maps. The updates of a batch are grouped by
//! shard, and each shard is locked once. Within a group, first all rows are found, then all
//! are read, then the ends of their logs, and only then anything is changed. So the cache
//! misses of a group overlap instead of following each other. A reader that walks over
//! all rows locks one shard at a time, from the last map to the first, so that a writer
//! does not wait behind it repeatedly.

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

/// Rows per map when all rows are in use. Walking over a shard of that size takes half a
/// millisecond, which is how long a writer may wait. With more maps, the groups of a batch
/// become too small for their cache misses to overlap.
const ROWS_PER_MAP: usize = 16_384;

/// Maximum number of maps.
const MAX_MAPS: usize = 128;

/// Number of rows below which a table grows and shrinks in negligible time.
const SMALL: usize = 1024;

/// When rows take more bytes than allowed, this many rows are evicted in addition to one for each
/// flow of a group, which makes up for logs that grow.
const EXTRA_EVICTIONS: usize = 16;

/// Shards per map: the smallest number that DashMap allows.
const SHARDS: usize = 2;

/// The bits of a hash that choose the map. They are neither those that choose the shard and
/// the tag (at the top) nor those that choose the bucket (at the bottom).
const MAP_SHIFT: u32 = 40;

/// Rows, limited in number and bytes.
pub(super) struct Rows<K> {
    maps: Vec<Map<K>>,
    count: AtomicUsize,
    max: usize,
    /// Bytes that rows and their logs take.
    bytes: AtomicUsize,
    /// Maximum for `bytes`.
    max_bytes: usize,
    pub(super) admission: AdmissionFilter<K>,
    /// Number of times that all rows were dropped.
    epoch: AtomicU64,
    /// Number of maps swept since the start; it also gives the map that is swept next.
    swept: AtomicU64,
}

/// An update with its hash and its place: the number of map and shard.
struct HashedUpdate<K> {
    update: Update<K>,
    hash: usize,
    place: u32,
}

impl<K: Eq + Hash + RowKind> Rows<K> {
    /// Creates maps for at most `max` rows with at most `max_bytes` bytes.
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

    /// Number of times that all rows were dropped. Read together with the edges for which a
    /// batch is prepared.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Adds a batch of updates, unless all rows were dropped since `epoch`.
    pub(super) fn add_all(
        &self,
        edges: &Edges,
        epoch: u64,
        updates: &[Update<K>],
        batch: &PreparedBatch,
    ) {
        let places = self.maps.len() * SHARDS;
        let mut counts = vec![0u32; places + 1];
        let hashed: Vec<HashedUpdate<K>> = updates
            .iter()
            .map(|update| {
                let hash = self.maps[0].hash_usize(&update.key);
                let shard = self.maps[0].determine_shard(hash);
                let place = self.map_of(hash) * SHARDS + shard;
                counts[place + 1] += 1;
                HashedUpdate { update: *update, hash, place: place as u32 }
            })
            .collect();
        // A counting sort by place, which keeps the order within a place.
        for place in 0..places {
            counts[place + 1] += counts[place];
        }
        let mut order = vec![0u32; hashed.len()];
        for (index, one) in hashed.iter().enumerate() {
            let next = &mut counts[one.place as usize];
            order[*next as usize] = index as u32;
            *next += 1;
        }
        let place = |index: &u32| hashed[*index as usize].place;
        for group in order.chunk_by(|a, b| place(a) == place(b)) {
            let group = group.iter().map(|index| &hashed[*index as usize]);
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
        group: impl Iterator<Item = &'a HashedUpdate<K>> + Clone,
    ) where
        K: 'a,
    {
        let Some(first) = group.clone().next() else { return };
        let (number, shard) = (first.place as usize / SHARDS, first.place as usize % SHARDS);
        let (Some(map), mut candidates) = (self.maps.get(number), Vec::new()) else { return };
        let (mut added_bytes, mut flows) = (0, 0);
        {
            let mut table = map.shards()[shard].write();
            // An entry with the same tag of the hash is nearly always the row.
            let mut rows: SmallVec<[&TimeLog; 64]> = SmallVec::new();
            rows.extend(
                group.clone().filter_map(|one| {
                    table.get(one.hash as u64, |_| true).map(|(_, log)| log.get())
                }),
            );
            rows.iter().for_each(|log| _ = black_box(log.is_empty()));
            rows.iter().for_each(|log| _ = black_box(log.touch()));
            drop(rows);
            for HashedUpdate { update, hash, .. } in group {
                let (key, hash) = (update.key, *hash as u64);
                flows += 1;
                if let Some((_, log)) = table.get_mut(hash, |(known, _)| *known == key) {
                    let log = log.get_mut();
                    let before = log.heap();
                    batch.add_to(log, edges, update);
                    added_bytes += log.heap() as isize - before as isize;
                } else if !self.admission.is_crowded() && self.reserve_row() {
                    let mut log = TimeLog::default();
                    batch.add_to(&mut log, edges, update);
                    added_bytes += (ROW_BYTES + log.heap()) as isize;
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
                self.admission.admit(number, map, edges, batch, &candidates, || self.reserve_row());
            self.release_rows(fewer);
            added_bytes += more;
        }
        self.add_bytes(added_bytes);
        if self.bytes() > self.max_bytes {
            let (fewer, freed) = self.admission.evict_lightest(
                number,
                map,
                edges,
                EXTRA_EVICTIONS + flows,
                |freed| self.bytes().saturating_sub(freed) > self.max_bytes,
            );
            self.release_rows(fewer);
            self.add_bytes(-(freed as isize));
        }
    }

    /// Bytes that rows and their logs take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Changes the number of bytes in use.
    fn add_bytes(&self, by: isize) {
        // Stays at zero or above, whatever a panic may have left.
        let more = |bytes: usize| Some(bytes.saturating_add_signed(by));
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// The number of rows at which the table of a shard with this capacity grows. It lies
    /// between half and full and differs by shard. Otherwise all shards would grow within a
    /// few batches, because all hold about the same number of rows.
    fn grows_at(&self, place: u32, capacity: usize) -> usize {
        let half = capacity / 2;
        half + half * place as usize / (self.maps.len() * SHARDS)
    }

    /// Reserves one more row. Returns false if a limit is reached.
    fn reserve_row(&self) -> bool {
        let full = self.count.load(Ordering::Relaxed) >= self.max
            || self.bytes().saturating_add(ROW_BYTES) > self.max_bytes;
        if !full {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        !full
    }

    /// Visits all rows as long as the allowance lasts. A shard is locked while its rows are
    /// visited, so this is only for cheap visits.
    pub(super) fn each(
        &self,
        allowance: &mut Allowance<'_>,
        mut visit: impl FnMut(&K, &TimeLog, &mut Allowance<'_>),
    ) {
        for map in self.maps.iter().rev() {
            if allowance.is_over() {
                return;
            }
            // The cheapest way to walk over a map with one shard locked at a time.
            map.retain(|key, log| {
                if allowance.spend(1 + log.len() as u64) {
                    visit(key, log, allowance);
                }
                true
            });
        }
    }

    /// Visits the rows whose keys are wanted, for expensive visits. The rows of a map are
    /// copied and its locks released before they are visited, so that no writer waits.
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

    fn release_rows(&self, rows: usize) {
        // Stays at zero or above, whatever a panic may have left.
        let less = |count: usize| Some(count.saturating_sub(rows));
        let _ = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Reads one row.
    pub(super) fn read<R>(&self, key: &K, read: impl FnOnce(&TimeLog) -> R) -> Option<R> {
        let map = &self.maps[self.map_of(self.maps[0].hash_usize(key))];
        map.get(key).map(|row| read(row.value()))
    }

    /// Merges old panes and drops empty rows, map after map, until at most `overdue` cycles
    /// are due. `passed` is the time since the start in seconds; every `cycle` seconds each
    /// map is due once.
    pub(super) fn sweep(&self, edges: &Edges, passed: u32, cycle: u32, overdue: u64) {
        let maps = self.maps.len() as u64;
        let due = u64::from(passed) * maps / u64::from(cycle.max(1));
        loop {
            let number = self.swept.load(Ordering::Relaxed);
            // After a pause, each map is swept once, not once per missed cycle.
            let next = number.max(due.saturating_sub((overdue + 1) * maps));
            let advance = || {
                let (was, is) = (number, next + 1);
                self.swept.compare_exchange(was, is, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            };
            // If another thread has taken the map, that thread continues.
            if next + overdue * maps >= due || !advance() {
                return;
            }
            // In the opposite order of writers, as all walks over rows.
            self.sweep_map((maps - 1 - next % maps) as usize, edges);
        }
    }

    /// Drops all rows.
    pub(super) fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        for map in &self.maps {
            let (mut removed, mut freed) = (0, 0);
            map.retain(|_, log| {
                removed += 1;
                freed += ROW_BYTES + log.heap();
                false
            });
            self.release_rows(removed);
            self.add_bytes(-(freed as isize));
        }
    }

    fn sweep_map(&self, number: usize, edges: &Edges) {
        let Some(map) = self.maps.get(number) else { return };
        let (mut removed, mut freed) = (0, 0);
        map.retain(|_, log| {
            let before = log.heap();
            log.compact(edges);
            log.shrink();
            freed += before.saturating_sub(log.heap());
            if log.is_empty() {
                removed += 1;
                freed += ROW_BYTES + log.heap();
            }
            !log.is_empty()
        });
        self.release_rows(removed);
        self.add_bytes(-(freed as isize));
        if removed > 0 && map.capacity() > 4 * map.len().max(SMALL) {
            map.shrink_to_fit();
        }
    }
}
