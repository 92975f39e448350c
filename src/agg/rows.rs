//! Maps of rows: limited in number, written shard by shard.
//!
//! A batch is grouped by the shard its keys belong to and each shard's lock is
//! taken once. Within a group every row is looked up and the end of its log read
//! before any is changed: the cache misses of a group then overlap instead of
//! following each other.

use std::hash::Hash;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::{DashMap, SharedValue};
use foldhash::fast::RandomState;

use super::pane::{Edges, Piece, TimeLog};

/// What a flow adds to a row.
pub(super) struct Update<K> {
    pub(super) key: K,
    pub(super) lane: u8,
    /// Which flow of the batch it is.
    pub(super) flow: usize,
    /// Whether it may only use half of the room for new rows.
    pub(super) minor: bool,
}

/// A map of rows with a limit on their number.
pub(super) struct Rows<K> {
    pub(super) map: DashMap<K, TimeLog, RandomState>,
    count: AtomicUsize,
    max: usize,
    /// Flows that found no room.
    pub(super) refused: AtomicU64,
}

impl<K: Eq + Hash + Copy> Rows<K> {
    pub(super) fn new(max: usize) -> Rows<K> {
        Rows {
            map: DashMap::with_hasher(RandomState::default()),
            count: AtomicUsize::new(0),
            max,
            refused: AtomicU64::new(0),
        }
    }

    /// Adds a batch of updates; `pieces` gives the traffic of a flow.
    pub(super) fn add_all<'a>(
        &self,
        edges: &Edges,
        updates: &[Update<K>],
        pieces: impl Fn(usize) -> &'a [Piece],
    ) {
        let mut order: Vec<(usize, usize, &Update<K>)> = updates
            .iter()
            .map(|update| {
                let hash = self.map.hash_usize(&update.key);
                (self.map.determine_shard(hash), hash, update)
            })
            .collect();
        order.sort_unstable_by_key(|(shard, ..)| *shard);
        for group in order.chunk_by(|a, b| a.0 == b.0) {
            let Some(shard) = self.map.shards().get(group[0].0) else { continue };
            let mut table = shard.write();
            for (_, hash, update) in group {
                let row = table.get(*hash as u64, |(key, _)| *key == update.key);
                black_box(row.and_then(|(_, log)| log.get().newest()));
            }
            for (_, hash, update) in group {
                let hash = *hash as u64;
                if let Some((_, log)) = table.get_mut(hash, |(key, _)| *key == update.key) {
                    log.get_mut().add(edges, update.lane, pieces(update.flow));
                    continue;
                }
                let room = if update.minor { self.max / 2 } else { self.max };
                if self.count.load(Ordering::Relaxed) >= room {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                self.count.fetch_add(1, Ordering::Relaxed);
                let mut log = TimeLog::default();
                log.add(edges, update.lane, pieces(update.flow));
                let row = (update.key, SharedValue::new(log));
                table.insert(hash, row, |(key, _)| self.map.hash_usize(key) as u64);
            }
        }
    }

    /// Merges old panes and drops rows without any.
    pub(super) fn sweep(&self, edges: &Edges) {
        self.map.retain(|_, log| {
            log.compact(edges);
            log.shrink();
            let keep = !log.is_empty();
            if !keep {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
            keep
        });
    }
}
