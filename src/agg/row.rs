//! A row: its key, its log, and the update that a flow makes.

use dashmap::DashMap;
use foldhash::fast::RandomState;

use super::key::{CompactHost, ConversationKey};
use super::log::TimeLog;
use crate::snapshot::Reach;

/// Bytes of a row: its key, its log, its part of the empty space in the table, and its entry in the
/// list of victims. Heap memory of the log is added to that.
pub(super) const ROW_BYTES: usize = 256;

/// An update of a row by a flow.
#[derive(Clone, Copy)]
pub(super) struct Update<K> {
    pub(super) key: K,
    /// Index of the flow in the batch.
    pub(super) flow: u32,
    pub(super) lane: u8,
    /// Whether the row is one of a local host. Those are evicted last.
    pub(super) local: bool,
}

pub(super) type Map<K> = DashMap<K, TimeLog, RandomState>;

/// A kind of row.
pub(super) trait RowKind: Copy {
    /// Whether logs of these rows distinguish interfaces, not only sampling rates.
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
