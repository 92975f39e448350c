//! A row: its key, its log, and what a flow adds to it.

use dashmap::DashMap;
use foldhash::fast::RandomState;

use super::key::{CompactHost, ConversationKey};
use super::log::TimeLog;
use crate::snapshot::Reach;

/// Bytes of a row: its key, its log and the part of its table that is empty, and its
/// place among estimates once all are taken. What its log has outside comes on top.
pub(super) const ROW_BYTES: usize = 256;

/// What a flow adds to a row.
#[derive(Clone, Copy)]
pub(super) struct Update<K> {
    pub(super) key: K,
    /// Which flow of the batch it is.
    pub(super) flow: u32,
    pub(super) lane: u8,
    /// Whether the row is one of a local host, which goes last.
    pub(super) local: bool,
}

pub(super) type Map<K> = DashMap<K, TimeLog, RandomState>;

/// A kind of row: what it keeps of a path.
pub(super) trait RowKind: Copy {
    /// Whether its logs tell interfaces apart, not only sampling rates.
    const PATHS: bool;

    /// Whether the row is of a local host.
    fn is_local(&self, log: &TimeLog) -> bool;
}

impl RowKind for ConversationKey {
    const PATHS: bool = true;

    fn is_local(&self, _: &TimeLog) -> bool {
        self.reach != Reach::Transit
    }
}

impl RowKind for CompactHost {
    const PATHS: bool = false;

    fn is_local(&self, log: &TimeLog) -> bool {
        log.has_local_lane()
    }
}
