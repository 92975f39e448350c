//! The configuration of a recorder, and its limits.

use std::path::PathBuf;

use crate::archive::expire::ExpireLimits;
use crate::archive::name::{self, Hierarchy};
use crate::flow::Time;

/// The largest number of flows in a part. The encoder holds a part in memory (160 MB), and a
/// reader scans a segment of this size in a fraction of a second.
pub const PART_ROWS: usize = 1_000_000;

/// The largest number of closed parts that wait for the encoder, in addition to the one being
/// encoded. Each is a journal of 150 MB; an encoder that is further behind will not catch up.
pub const MAX_WAITING: usize = 2;

/// The number of bytes left free on the disk: a full disk harms more than the archive. The
/// segment of a part (25 MB) fits in several times, so that journals can become smaller
/// segments even when recording has stopped for lack of space.
pub const LOW_WATER: u64 = 128 << 20;

/// The time between a failure and the next attempt, in milliseconds.
pub const RETRY_MS: i64 = 5_000;

/// The interval between two writes to the journal, in milliseconds. A killed process loses the
/// flows since the last write; with this interval that is at most a second even if the thread
/// is delayed.
pub const WRITE_MS: i64 = 500;

/// The longest slot, in seconds: a day.
pub const MAX_SLOT_SECONDS: u32 = 86_400;

/// The configuration of a recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderConfig {
    /// The root folder of the archive.
    pub folder: PathBuf,
    /// The length of a slot; it divides a day, so that slots begin at midnight.
    pub slot_seconds: u32,
    /// The date folders.
    pub hierarchy: Hierarchy,
    /// The interval between syncs of the journal, in milliseconds; 0 for never.
    pub sync_ms: i64,
    /// What expires.
    pub limits: ExpireLimits,
    /// The largest number of flows in a part: [`PART_ROWS`] except in tests.
    pub part_rows: usize,
    /// The number of bytes to leave free on the disk: [`LOW_WATER`] except in tests.
    pub low_water: u64,
}

impl RecorderConfig {
    /// The defaults: slots of five minutes, synced every second, never expired.
    #[must_use]
    pub fn new(folder: PathBuf) -> RecorderConfig {
        RecorderConfig {
            folder,
            slot_seconds: 300,
            hierarchy: Hierarchy::default(),
            sync_ms: 1_000,
            limits: ExpireLimits::default(),
            part_rows: PART_ROWS,
            low_water: LOW_WATER,
        }
    }

    /// Whether file names need seconds to distinguish slots.
    #[must_use]
    pub fn with_seconds(&self) -> bool {
        !self.slot_seconds.is_multiple_of(60)
    }

    /// The beginning of the slot that contains `now`.
    #[must_use]
    pub fn slot(&self, now: Time) -> Time {
        let length = i64::from(self.slot_seconds.max(1)).saturating_mul(1000);
        Time(now.0.saturating_sub(now.0.rem_euclid(length)))
    }
}

/// The folder of a slot's journal, relative to the archive.
pub(super) fn folder_of(settings: &RecorderConfig, slot: Time) -> PathBuf {
    name::folder(slot, settings.hierarchy)
}
