//! Decides which key gets a row when all rows are taken.
//!
//! The algorithm is Space-Saving (Metwally, Agrawal, El Abbadi 2005) with a filter in front. A
//! sketch estimates the traffic of every candidate. A candidate replaces the lightest row only when
//! its estimate is higher than the weight of that row. Traffic that a key may have had before it
//! got its row is noted in the row's log as missing, so no total is ever too high. Traffic of keys
//! without a row is counted in "others". The bytes of local hosts weigh [`LOCAL_FACTOR`] times as
//! much, so that remote hosts are evicted first. A forged local address still needs more traffic
//! than the row that it replaces.

use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dashmap::Entry;

use super::batch::PreparedBatch;
use super::log::TimeLog;
use super::pane::{COARSE, Edges, KEEP_SPAN};
use super::row::{Map, ROW_BYTES, RowKind, Update};
use super::timing::MAX_LAG_MS;

/// Factor by which a local host's bytes weigh more than a remote host's.
const LOCAL_FACTOR: u64 = 8;

/// One search over a map collects its lightest `1 / VICTIM_PART` of rows as victims, so
/// that it serves many candidates.
const VICTIM_PART: usize = 16;

/// Age in seconds after which the list of victims is collected again, because by then
/// other rows may be lighter.
const STALE_SECONDS: u32 = 10;

/// The sketch counts in units of this many bytes, so that 32 bits hold 274 GB.
const UNIT: u64 = 64;

/// Length of a generation of estimates, in seconds. An estimate covers one to two
/// generations. That covers every window, including traffic booked ahead of the edge by
/// the longest lag.
const GENERATION: u32 = KEEP_SPAN + COARSE + (MAX_LAG_MS / 1000) as u32;

/// A flow whose key has no row yet.
pub(super) struct Candidate<K> {
    pub(super) update: Update<K>,
    pub(super) hash: usize,
}

/// Admission for all maps of one kind of row.
pub(super) struct AdmissionFilter<K> {
    by_map: Vec<Mutex<MapAdmission<K>>>,
    /// Number of counters in a row of a sketch: one for each row that a map can have.
    slots: usize,
    /// Whether a sketch holds traffic of a key without a row.
    crowded: AtomicBool,
    /// Number of flows that got no row.
    pub(super) refused: AtomicU64,
    /// Number of rows that were evicted.
    pub(super) evicted: AtomicU64,
}

impl<K: Eq + Hash + RowKind> AdmissionFilter<K> {
    pub(super) fn new(maps: usize, max: usize) -> AdmissionFilter<K> {
        let empty = |_| Mutex::new(MapAdmission::default());
        AdmissionFilter {
            by_map: (0..maps).map(empty).collect(),
            slots: (max / maps.max(1)).max(64).next_power_of_two(),
            crowded: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Whether candidates must pass through [`AdmissionFilter::admit`] even where rows are
    /// free, because a sketch may know traffic that they had before.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Gives a row to each candidate for which `takes_room` reserves a free row, or whose
    /// traffic is higher than that of the lightest row. Returns by how many rows the map
    /// shrank, not counting reserved rows, and by how many bytes its memory grew.
    pub(super) fn admit(
        &self,
        number: usize,
        map: &Map<K>,
        edges: &Edges,
        batch: &PreparedBatch,
        candidates: &[Candidate<K>],
        takes_room: impl Fn() -> bool,
    ) -> (usize, isize) {
        let Some(state) = self.by_map.get(number) else { return (0, 0) };
        let mut grown = 0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.age(edges, self.slots);
        let (mut refused, mut evicted, mut fewer) = (0, 0, 0);
        for Candidate { update, hash } in candidates {
            // An earlier flow of this batch may have created the row.
            if let Some(mut row) = map.get_mut(&update.key) {
                let before = row.heap();
                batch.add_to(row.value_mut(), edges, update);
                grown += row.heap() as isize - before as isize;
                continue;
            }
            let bytes = batch.bytes(update.flow);
            let before = if takes_room() {
                state.sketch.estimate(*hash)
            } else {
                let before = state.sketch.add(*hash, bytes);
                let estimate = before.saturating_add(bytes);
                self.crowded.store(true, Ordering::Relaxed);
                let Some(freed) = state.evict(map, edges, weighted(estimate, update.local)) else {
                    state.bound = state.bound.max(estimate);
                    state.newest = state.newest.max(batch.arrived());
                    refused += 1;
                    continue;
                };
                grown -= freed as isize;
                evicted += 1;
                before
            };
            let mut row = match map.entry(update.key) {
                // Another worker has created the row meanwhile.
                Entry::Occupied(row) => {
                    fewer += 1;
                    row.into_ref()
                }
                Entry::Vacant(place) => {
                    grown += ROW_BYTES as isize;
                    place.insert(TimeLog::default())
                }
            };
            let heap_before = row.heap();
            batch.add_to(row.value_mut(), edges, update);
            if before > 0 {
                row.value_mut().add_missing(edges, state.newest, before);
            }
            grown += row.heap() as isize - heap_before as isize;
        }
        self.refused.fetch_add(refused, Ordering::Relaxed);
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
        (fewer, grown)
    }

    /// Evicts at most `most` of the lightest rows of a map, while `is_over_budget` returns true for
    /// the number of bytes freed so far. Returns how many rows were evicted and how many bytes they
    /// took.
    pub(super) fn evict_lightest(
        &self,
        number: usize,
        map: &Map<K>,
        edges: &Edges,
        most: usize,
        is_over_budget: impl Fn(usize) -> bool,
    ) -> (usize, usize) {
        let Some(state) = self.by_map.get(number) else { return (0, 0) };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.age(edges, self.slots);
        self.crowded.store(true, Ordering::Relaxed);
        let (mut rows, mut freed) = (0, 0);
        while rows < most && is_over_budget(freed) {
            let Some(bytes) = state.evict(map, edges, u64::MAX) else { break };
            freed += bytes;
            rows += 1;
        }
        self.evicted.fetch_add(rows as u64, Ordering::Relaxed);
        (rows, freed)
    }

    /// The highest number of bytes that a key without a row can have had in the last hour.
    pub(super) fn bound(&self, edges: &Edges) -> u64 {
        let bound = |state: &Mutex<MapAdmission<K>>| {
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.bound_at(edges)
        };
        let bound = self.by_map.iter().map(bound).max().unwrap_or(0);
        if bound == 0 {
            self.crowded.store(false, Ordering::Relaxed);
        }
        bound
    }
}

/// The weight of a row: its bytes, times [`LOCAL_FACTOR`] for local hosts.
fn weighted(bytes: u64, local: bool) -> u64 {
    if local { bytes.saturating_mul(LOCAL_FACTOR) } else { bytes }
}

fn worth<K: RowKind>(key: &K, log: &TimeLog) -> u64 {
    weighted(log.weight(), key.is_local(log))
}

/// The state of admission for one map.
struct MapAdmission<K> {
    sketch: Sketch,
    /// The lightest rows with their weights, the lightest last.
    victims: Vec<(u64, K)>,
    /// When the victims were collected, in seconds.
    victims_found: u32,
    /// When this generation of estimates began, in seconds.
    since: u32,
    /// The highest estimate for a key without a row, in this generation.
    bound: u64,
    /// The same for the previous generation.
    bound_before: u64,
    /// The newest pane in which a key without a row may have traffic.
    newest: u32,
}

impl<K> Default for MapAdmission<K> {
    fn default() -> MapAdmission<K> {
        MapAdmission {
            sketch: Sketch::default(),
            victims: Vec::new(),
            victims_found: 0,
            since: 0,
            bound: 0,
            bound_before: 0,
            newest: 0,
        }
    }
}

impl<K: Eq + Hash + RowKind> MapAdmission<K> {
    /// Starts a new generation when the current one has ended.
    fn age(&mut self, edges: &Edges, slots: usize) {
        let passed = edges.edge.saturating_sub(self.since);
        if self.sketch.is_empty() {
            self.sketch = Sketch::new(slots);
            self.since = edges.edge;
        } else if passed >= GENERATION {
            self.sketch.start_generation();
            self.bound_before = std::mem::take(&mut self.bound);
            if passed >= 2 * GENERATION {
                self.sketch.start_generation();
                self.bound_before = 0;
            }
            self.since = edges.edge;
        }
    }

    /// The highest estimate for a key without a row. Valid only if no candidate has arrived
    /// since the end of the generation, because `age` was not called then.
    fn bound_at(&self, edges: &Edges) -> u64 {
        match edges.edge.saturating_sub(self.since) / GENERATION {
            0 => self.bound.max(self.bound_before),
            1 => self.bound,
            _ => 0,
        }
    }

    /// Evicts the lightest row if it weighs less than `offered`. Returns the bytes that it
    /// took.
    fn evict(&mut self, map: &Map<K>, edges: &Edges, offered: u64) -> Option<usize> {
        let stale = edges.edge.saturating_sub(self.victims_found) >= STALE_SECONDS;
        if self.victims.is_empty() || stale {
            self.find_victims(map);
            self.victims_found = edges.edge;
        }
        while let Some((weight_then, victim)) = self.victims.pop() {
            if weight_then >= offered {
                self.victims.push((weight_then, victim));
                return None;
            }
            // The row may have been removed, or had more traffic since.
            let now = map.get(&victim).map(|row| worth(&victim, row.value()));
            if now.is_none_or(|now| now > weight_then) {
                continue;
            }
            if let Some((_, log)) = map.remove(&victim) {
                let lost = log.traffic();
                // The row may hold traffic newer than that of this batch.
                self.newest = self.newest.max(log.bounds(edges).map_or(0, |bounds| bounds.1));
                let before = self.sketch.add(map.hash_usize(&victim), lost);
                self.bound = self.bound.max(before.saturating_add(lost));
                return Some(ROW_BYTES + log.heap());
            }
        }
        None
    }

    /// Collects the lightest rows of the map.
    fn find_victims(&mut self, map: &Map<K>) {
        self.victims.clear();
        map.retain(|key, log| {
            self.victims.push((worth(key, log), *key));
            true
        });
        let most = (self.victims.len() / VICTIM_PART).max(1);
        if self.victims.len() > most {
            self.victims.select_nth_unstable_by_key(most - 1, |(worth, _)| *worth);
            self.victims.truncate(most);
        }
        self.victims.sort_unstable_by_key(|(worth, _)| std::cmp::Reverse(*worth));
        self.victims.shrink_to_fit();
    }
}

/// A count-min sketch (Cormode, Muthukrishnan 2005) of two rows with conservative
/// update, over two generations. An estimate is never below the true value.
#[derive(Debug, Default)]
struct Sketch {
    current: [Vec<u32>; 2],
    previous: [Vec<u32>; 2],
}

impl Sketch {
    fn new(slots: usize) -> Sketch {
        let row = || vec![0; slots];
        Sketch { current: [row(), row()], previous: [row(), row()] }
    }

    fn is_empty(&self) -> bool {
        self.current[0].is_empty()
    }

    fn start_generation(&mut self) {
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.iter_mut().for_each(|row| row.fill(0));
    }

    /// Indexes of a key's counters, from bits of the hash that do not choose the map.
    fn places(&self, hash: usize) -> [usize; 2] {
        [hash, hash >> 20].map(|hash| hash & (self.current[0].len() - 1))
    }

    fn estimate(&self, hash: usize) -> u64 {
        let [first, second] = self.places(hash);
        let of = |rows: &[Vec<u32>; 2]| u64::from(rows[0][first].min(rows[1][second]));
        (of(&self.current) + of(&self.previous)) * UNIT
    }

    /// Adds bytes to a key. Returns the estimate before.
    fn add(&mut self, hash: usize, bytes: u64) -> u64 {
        let before = self.estimate(hash);
        let [first, second] = self.places(hash);
        let more = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let after = self.current[0][first].min(self.current[1][second]).saturating_add(more);
        for (row, place) in self.current.iter_mut().zip([first, second]) {
            row[place] = row[place].max(after);
        }
        before
    }
}
