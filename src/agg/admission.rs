//! Who gets a row when all are taken.
//!
//! Space-Saving (Metwally, Agrawal, El Abbadi 2005) with a filter before it: a
//! candidate's traffic is estimated in a sketch, and only when it has more than
//! the lightest row that row goes. What a row may have missed before it was let
//! in is kept apart in its log, so no total is ever inflated; traffic of what has
//! no row is in others. Rows of local hosts count [`LOCAL`] times their weight:
//! strangers go first, but a made-up local address still needs more traffic than
//! whoever goes for it.

use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dashmap::Entry;

use super::batch::PreparedBatch;
use super::log::TimeLog;
use super::pane::{COARSE, Edges, KEEP_SPAN};
use super::row::{Map, ROW_BYTES, RowKind, Update};
use super::timing::MAX_LAG_MS;

/// How much more a local host's byte is worth than a stranger's.
const LOCAL: u64 = 8;

/// The lightest share of a map's rows that is looked for at once, so that one
/// walk over the map serves many candidates.
const SHARE: usize = 16;

/// The lightest rows are looked for again after this long: others may be
/// lighter by now.
const STALE_SECONDS: u32 = 10;

/// Bytes are estimated in units of this, so that 32 bits hold 274 GB.
const UNIT: u64 = 64;

/// Estimates are kept for one to two of these, so that they cover every window,
/// also of what was booked ahead of the edge by the longest lag.
const GENERATION: u32 = KEEP_SPAN + COARSE + (MAX_LAG_MS / 1000) as u32;

/// A flow that found no row.
pub(super) struct Candidate<K> {
    pub(super) update: Update<K>,
    pub(super) hash: usize,
}

/// The admission of all maps of a kind.
pub(super) struct AdmissionFilter<K> {
    admission: Vec<Mutex<Doorkeeper<K>>>,
    /// Counters in a row of a sketch: one per row that a map can have.
    slots: usize,
    /// Whether anything without a row is remembered.
    crowded: AtomicBool,
    /// Flows that found no room.
    pub(super) refused: AtomicU64,
    /// Rows that were given up.
    pub(super) evicted: AtomicU64,
}

impl<K: Eq + Hash + RowKind> AdmissionFilter<K> {
    pub(super) fn new(maps: usize, max: usize) -> AdmissionFilter<K> {
        let doorkeeper = |_| Mutex::new(Doorkeeper::default());
        AdmissionFilter {
            admission: (0..maps).map(doorkeeper).collect(),
            slots: (max / maps.max(1)).max(64).next_power_of_two(),
            crowded: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// Whether candidates have to knock even where there is room: it may be known
    /// what they missed.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Lets candidates in that find room, or whose traffic is worth more than that
    /// of a row. Returns how many rows there are less than before, but for room
    /// that was taken, and how many bytes more they take.
    pub(super) fn admit(
        &self,
        number: usize,
        map: &Map<K>,
        edges: &Edges,
        batch: &PreparedBatch,
        candidates: &[Candidate<K>],
        takes_room: impl Fn() -> bool,
    ) -> (usize, isize) {
        let Some(doorkeeper) = self.admission.get(number) else { return (0, 0) };
        let mut grown = 0;
        let mut doorkeeper = doorkeeper.lock().unwrap_or_else(PoisonError::into_inner);
        doorkeeper.age(edges, self.slots);
        let (mut refused, mut evicted, mut fewer) = (0, 0, 0);
        for Candidate { update, hash } in candidates {
            // An earlier flow of the batch may have been let in with this key.
            if let Some(mut row) = map.get_mut(&update.key) {
                let before = row.heap();
                batch.add_to(row.value_mut(), edges, update);
                grown += row.heap() as isize - before as isize;
                continue;
            }
            let bytes = batch.bytes(update.flow);
            let before = if takes_room() {
                doorkeeper.sketch.estimate(*hash)
            } else {
                let before = doorkeeper.sketch.add(*hash, bytes);
                let upto = before.saturating_add(bytes);
                self.crowded.store(true, Ordering::Relaxed);
                let Some(freed) = doorkeeper.evict(map, edges, weigh(upto, update.local)) else {
                    doorkeeper.bound = doorkeeper.bound.max(upto);
                    doorkeeper.newest = doorkeeper.newest.max(batch.arrived());
                    refused += 1;
                    continue;
                };
                grown -= freed as isize;
                evicted += 1;
                before
            };
            let mut row = match map.entry(update.key) {
                // Another worker was quicker.
                Entry::Occupied(row) => {
                    fewer += 1;
                    row.into_ref()
                }
                Entry::Vacant(place) => {
                    grown += ROW_BYTES as isize;
                    place.insert(TimeLog::default())
                }
            };
            let had = row.heap();
            batch.add_to(row.value_mut(), edges, update);
            if before > 0 {
                row.value_mut().miss(edges, doorkeeper.newest, before);
            }
            grown += row.heap() as isize - had as isize;
        }
        self.refused.fetch_add(refused, Ordering::Relaxed);
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
        (fewer, grown)
    }

    /// Gives up the lightest rows of a map, so many at most, as long as `too_much` says so
    /// of the bytes that were freed. How many went, and what they took.
    pub(super) fn relieve(
        &self,
        number: usize,
        map: &Map<K>,
        edges: &Edges,
        most: usize,
        too_much: impl Fn(usize) -> bool,
    ) -> (usize, usize) {
        let Some(doorkeeper) = self.admission.get(number) else { return (0, 0) };
        let mut doorkeeper = doorkeeper.lock().unwrap_or_else(PoisonError::into_inner);
        doorkeeper.age(edges, self.slots);
        self.crowded.store(true, Ordering::Relaxed);
        let (mut rows, mut freed) = (0, 0);
        while rows < most && too_much(freed) {
            let Some(bytes) = doorkeeper.evict(map, edges, u64::MAX) else { break };
            freed += bytes;
            rows += 1;
        }
        self.evicted.fetch_add(rows as u64, Ordering::Relaxed);
        (rows, freed)
    }

    /// The most bytes of the last hour that anything without a row can have.
    pub(super) fn bound(&self, edges: &Edges) -> u64 {
        let bound = |doorkeeper: &Mutex<Doorkeeper<K>>| {
            let doorkeeper = doorkeeper.lock().unwrap_or_else(PoisonError::into_inner);
            doorkeeper.bound_at(edges)
        };
        let bound = self.admission.iter().map(bound).max().unwrap_or(0);
        if bound == 0 {
            self.crowded.store(false, Ordering::Relaxed);
        }
        bound
    }
}

/// What a row is worth when something must go.
fn weigh(bytes: u64, local: bool) -> u64 {
    if local { bytes.saturating_mul(LOCAL) } else { bytes }
}

fn worth<K: RowKind>(key: &K, log: &TimeLog) -> u64 {
    weigh(log.weight(), key.is_local(log))
}

/// The doorkeeper of one map.
struct Doorkeeper<K> {
    sketch: Sketch,
    /// The lightest rows with their worth, the lightest last.
    victims: Vec<(u64, K)>,
    /// When they were looked for.
    looked: u32,
    /// When this generation of estimates began.
    since: u32,
    /// The highest estimate of what has no row, in this generation and the one
    /// before it.
    bound: u64,
    bound_before: u64,
    /// The newest pane that anything without a row may have traffic in.
    newest: u32,
}

impl<K> Default for Doorkeeper<K> {
    fn default() -> Doorkeeper<K> {
        Doorkeeper {
            sketch: Sketch::default(),
            victims: Vec::new(),
            looked: 0,
            since: 0,
            bound: 0,
            bound_before: 0,
            newest: 0,
        }
    }
}

impl<K: Eq + Hash + RowKind> Doorkeeper<K> {
    /// Begins a new generation when the last one is over.
    fn age(&mut self, edges: &Edges, slots: usize) {
        let passed = edges.edge.saturating_sub(self.since);
        if self.sketch.is_empty() {
            self.sketch = Sketch::new(slots);
            self.since = edges.edge;
        } else if passed >= GENERATION {
            self.sketch.turn();
            self.bound_before = std::mem::take(&mut self.bound);
            if passed >= 2 * GENERATION {
                self.sketch.turn();
                self.bound_before = 0;
            }
            self.since = edges.edge;
        }
    }

    /// The highest estimate of what has no row. Nobody else may have knocked since
    /// the last generation was over.
    fn bound_at(&self, edges: &Edges) -> u64 {
        match edges.edge.saturating_sub(self.since) / GENERATION {
            0 => self.bound.max(self.bound_before),
            1 => self.bound,
            _ => 0,
        }
    }

    /// Gives up the lightest row if it is worth less than `offered`; the bytes it took.
    fn evict(&mut self, map: &Map<K>, edges: &Edges, offered: u64) -> Option<usize> {
        let stale = edges.edge.saturating_sub(self.looked) >= STALE_SECONDS;
        if self.victims.is_empty() || stale {
            self.look(map);
            self.looked = edges.edge;
        }
        while let Some((known, victim)) = self.victims.pop() {
            if known >= offered {
                self.victims.push((known, victim));
                return None;
            }
            // It may have gone, or have had more traffic since.
            let now = map.get(&victim).map(|row| worth(&victim, row.value()));
            if now.is_none_or(|now| now > known) {
                continue;
            }
            if let Some((_, log)) = map.remove(&victim) {
                let lost = log.traffic();
                // Flows of an earlier batch may have come later.
                self.newest = self.newest.max(log.bounds(edges).map_or(0, |bounds| bounds.1));
                let before = self.sketch.add(map.hash_usize(&victim), lost);
                self.bound = self.bound.max(before.saturating_add(lost));
                return Some(ROW_BYTES + log.heap());
            }
        }
        None
    }

    /// Finds the lightest rows of the map.
    fn look(&mut self, map: &Map<K>) {
        self.victims.clear();
        map.retain(|key, log| {
            self.victims.push((worth(key, log), *key));
            true
        });
        let most = (self.victims.len() / SHARE).max(1);
        if self.victims.len() > most {
            self.victims.select_nth_unstable_by_key(most - 1, |(worth, _)| *worth);
            self.victims.truncate(most);
        }
        self.victims.sort_unstable_by_key(|(worth, _)| std::cmp::Reverse(*worth));
        self.victims.shrink_to_fit();
    }
}

/// A count-min sketch (Cormode, Muthukrishnan 2005) of two rows with
/// conservative update, over two generations: never below the truth.
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

    fn turn(&mut self) {
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.iter_mut().for_each(|row| row.fill(0));
    }

    /// The counters of a key, by parts of the hash that do not choose the map.
    fn places(&self, hash: usize) -> [usize; 2] {
        [hash, hash >> 20].map(|hash| hash & (self.current[0].len() - 1))
    }

    fn estimate(&self, hash: usize) -> u64 {
        let [first, second] = self.places(hash);
        let of = |rows: &[Vec<u32>; 2]| u64::from(rows[0][first].min(rows[1][second]));
        (of(&self.current) + of(&self.previous)) * UNIT
    }

    /// Adds bytes to a key; returns what was estimated before.
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
