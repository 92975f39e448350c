//! Sums by key: a table a thread, in partitions that are put together one by one.

use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::PoisonError;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::layout::Key;
use super::state::State;

/// Parts a table is in: what doubles when it grows, and what is merged at once,
/// is small.
const PARTITIONS: usize = 256;

/// Groups in a piece of a partition; pieces never move, so that growing takes
/// no second copy.
const PIECE: usize = 1024;

/// A group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<const W: usize> {
    pub key: Key<W>,
    pub state: State,
}

/// Part of the groups of a table.
#[derive(Default)]
pub(super) struct Partition<const W: usize> {
    places: HashTable<u32>,
    pieces: Vec<Vec<Group<W>>>,
    len: usize,
}

/// Groups by key.
pub(super) struct Groups<const W: usize> {
    hasher: RandomState,
    partitions: Vec<Partition<W>>,
    /// Of each of a batch its hash and partition, and its place by partition.
    hashes: Vec<(u64, u32)>,
    sorted: Vec<u32>,
}

impl<const W: usize> Partition<W> {
    #[inline]
    pub(super) fn at(&self, place: u32) -> &Group<W> {
        &self.pieces[place as usize / PIECE][place as usize % PIECE]
    }

    fn add(&mut self, hasher: &RandomState, hash: u64, key: &Key<W>, state: &State) {
        let Partition { places, pieces, len } = self;
        let found = places.find(hash, |place| {
            pieces[*place as usize / PIECE][*place as usize % PIECE].key == *key
        });
        if let Some(place) = found {
            pieces[*place as usize / PIECE][*place as usize % PIECE].state.add(state);
            return;
        }
        if *len % PIECE == 0 {
            // A small table is not to take room for many.
            pieces.push(Vec::with_capacity(if *len == 0 { 4 } else { PIECE }));
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(Group { key: *key, state: *state });
        }
        places.insert_unique(hash, *len as u32, |place| {
            hasher.hash_one(pieces[*place as usize / PIECE][*place as usize % PIECE].key)
        });
        *len += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Group<W>> {
        self.pieces.iter().flatten()
    }

    /// The group of a key.
    pub(super) fn find(&self, hasher: &RandomState, key: &Key<W>) -> Option<&Group<W>> {
        let hash = hasher.hash_one(key);
        self.places.find(hash, |place| self.at(*place).key == *key).map(|place| self.at(*place))
    }
}

impl<const W: usize> Groups<W> {
    /// None yet. Tables that are to be merged need the same hasher.
    pub(super) fn new(hasher: RandomState) -> Groups<W> {
        let partition = || Partition { places: HashTable::new(), pieces: Vec::new(), len: 0 };
        let partitions = (0..PARTITIONS).map(|_| partition()).collect();
        Groups { hasher, partitions, hashes: Vec::new(), sorted: Vec::new() }
    }

    /// Adds states to the groups of their keys.
    pub(super) fn add(&mut self, keys: &[Key<W>], states: &[State]) {
        self.add_by(keys, states, |hasher, key| {
            let hash = hasher.hash_one(key);
            (hash, hash)
        });
    }

    /// The same so that a group and its reverse lie in the same partition.
    pub(super) fn add_with(
        &mut self,
        keys: &[Key<W>],
        states: &[State],
        reversed: impl Fn(&Key<W>) -> Key<W>,
    ) {
        self.add_by(keys, states, |hasher, key| {
            let hash = hasher.hash_one(key);
            (hash, hash.wrapping_add(hasher.hash_one(reversed(key))))
        });
    }

    /// Adds partition by partition, so that what is worked on stays in the cache;
    /// `place` gives the hash of a key and what its partition hangs on.
    fn add_by(
        &mut self,
        keys: &[Key<W>],
        states: &[State],
        place: impl Fn(&RandomState, &Key<W>) -> (u64, u64),
    ) {
        let Groups { hasher, partitions, hashes, sorted } = self;
        let mut ends = [0u32; PARTITIONS + 1];
        hashes.clear();
        hashes.extend(keys.iter().map(|key| {
            let (hash, spread) = place(hasher, key);
            let partition = (spread >> 32) as usize % PARTITIONS;
            ends[partition + 1] += 1;
            (hash, partition as u32)
        }));
        for at in 0..PARTITIONS {
            ends[at + 1] += ends[at];
        }
        let starts = ends;
        sorted.clear();
        sorted.resize(keys.len(), 0);
        for (at, (_, partition)) in hashes.iter().enumerate() {
            let next = &mut ends[*partition as usize];
            sorted[*next as usize] = at as u32;
            *next += 1;
        }
        for (partition, bounds) in partitions.iter_mut().zip(starts.windows(2)) {
            for at in &sorted[bounds[0] as usize..bounds[1] as usize] {
                let at = *at as usize;
                partition.add(hasher, hashes[at].0, &keys[at], &states[at]);
            }
        }
    }
}

/// Merges the tables of several threads partition by partition, and gives each
/// to `each` before the next; `threads` work at once.
///
/// Returns what `each` made of them, or that a thread panicked.
pub(super) fn merge<const W: usize, T: Send>(
    tables: Vec<Groups<W>>,
    hasher: &RandomState,
    threads: usize,
    each: impl Fn(&Partition<W>) -> T + Sync,
) -> Result<Vec<T>, ()> {
    let mut work: Vec<Vec<Partition<W>>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    for table in tables {
        for (parts, partition) in work.iter_mut().zip(table.partitions) {
            parts.push(partition);
        }
    }
    let work = Mutex::new(work);
    let run = || {
        let mut made = Vec::new();
        loop {
            let parts = work.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(parts) = parts else { return made };
            made.extend(join(parts, hasher).as_ref().map(&each));
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

/// All groups of these in the largest of them.
fn join<const W: usize>(
    mut parts: Vec<Partition<W>>,
    hasher: &RandomState,
) -> Option<Partition<W>> {
    parts.sort_by_key(Partition::len);
    let mut all = parts.pop()?;
    for part in parts {
        drop(part.places);
        for piece in part.pieces {
            for group in piece {
                all.add(hasher, hasher.hash_one(group.key), &group.key, &group.state);
            }
        }
    }
    Some(all)
}
