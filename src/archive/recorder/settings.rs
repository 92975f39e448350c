//! How to record, and the limits of that.

use std::path::PathBuf;

use crate::archive::expire::ExpireLimits;
use crate::archive::name::{self, Hierarchy};
use crate::flow::Time;

/// Flows of a part: what the encoder holds in memory at once (160 MB), and a
/// segment that a reader goes through in a blink.
pub const PART_ROWS: usize = 1_000_000;

/// Closed parts that wait for the encoder at most, beside the one it works on.
/// Each is 150 MB of journal; an encoder that is further behind will not catch up.
pub const MAX_WAITING: usize = 2;

/// Bytes left free for others on the disk: a full disk harms more than an archive.
/// The segment of a part (25 MB) fits in several times, so that journals can
/// become smaller segments when there is no room to go on recording.
pub const LOW_WATER: u64 = 128 << 20;

/// How long to wait after a failure before the next try.
pub const RETRY_MS: i64 = 5_000;

/// Journals are written this often. A kill loses what came since, and that is a second at
/// most also where the thread has to wait for its turn.
pub const WRITE_MS: i64 = 500;

/// Longest slot; also those of `-S` folders by the hour should hold a few.
pub const MAX_SLOT_SECONDS: u32 = 86_400;

/// How to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderConfig {
    pub folder: PathBuf,
    /// Length of a slot; a part of a day, so that slots begin with the day.
    pub slot_seconds: u32,
    pub hierarchy: Hierarchy,
    /// How often to wait until the disk has what was written; 0 for never.
    pub sync_ms: i64,
    pub limits: ExpireLimits,
    /// Flows of a part and bytes to leave free: [`PART_ROWS`] and [`LOW_WATER`].
    pub part_rows: usize,
    pub low_water: u64,
}

impl RecorderConfig {
    /// Slots of five minutes in a folder, synced every second, kept forever.
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

    /// Whether names need seconds to tell slots apart.
    #[must_use]
    pub fn with_seconds(&self) -> bool {
        !self.slot_seconds.is_multiple_of(60)
    }

    /// The beginning of the slot that a moment is in.
    #[must_use]
    pub fn slot(&self, now: Time) -> Time {
        let length = i64::from(self.slot_seconds.max(1)).saturating_mul(1000);
        Time(now.0.saturating_sub(now.0.rem_euclid(length)))
    }
}

/// Where the journal of a slot begins to be written.
pub(super) fn folder_of(settings: &RecorderConfig, slot: Time) -> PathBuf {
    name::folder(slot, settings.hierarchy)
}
