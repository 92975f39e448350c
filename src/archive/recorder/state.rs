//! The counters and the state of a recorder.

use std::io::{self, ErrorKind};

use super::settings::RETRY_MS;
use crate::flow::{Flow, Time};

/// The largest number of notes that are kept, the newest ones. Each was logged when it was new.
const MAX_NOTES: usize = 8;

/// Why flows were not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// They arrived faster than the disk can write.
    Queue,
    /// The encoder is behind.
    Behind,
    /// The disk is full or the quota is used up.
    NoSpace,
    /// Writing to the folder fails.
    Failed,
    /// The journal that contained them was removed.
    Removed,
    /// The limit of folders (one per exporter) is reached.
    Folders,
}

impl DropReason {
    /// All reasons, in the order of the enum.
    pub const ALL: [DropReason; 6] = [
        DropReason::Queue,
        DropReason::Behind,
        DropReason::NoSpace,
        DropReason::Failed,
        DropReason::Removed,
        DropReason::Folders,
    ];

    /// A short stable name for JSON, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DropReason::Queue => "record_queue",
            DropReason::Behind => "record_behind",
            DropReason::NoSpace => "record_no_space",
            DropReason::Failed => "record_failed",
            DropReason::Removed => "record_removed",
            DropReason::Folders => "record_folders",
        }
    }

    /// The explanation shown to people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            DropReason::Queue => "flows not recorded: they arrive faster than the disk can write",
            DropReason::Behind => "flows not recorded: too many journals wait to become segments",
            DropReason::NoSpace => {
                "flows not recorded: the disk is full; free some space or use --expire-size"
            }
            DropReason::Failed => "flows not recorded: the folder cannot be written to",
            DropReason::Removed => "flows lost: the journal that contained them was removed",
            DropReason::Folders => {
                "flows not recorded: -M has a folder for 256 exporters at most; accept only your own with --allow"
            }
        }
    }
}

/// A problem and the time since when it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderProblem {
    /// The problem, for people.
    pub why: String,
    /// Since when.
    pub since: Time,
}

/// Why nothing is recorded, and when recording was last tried.
#[derive(Clone, Debug)]
pub(super) struct RecorderStop {
    pub(super) problem: RecorderProblem,
    pub(super) cause: DropReason,
    tried: Time,
}

impl RecorderStop {
    pub(super) fn new(now: Time, since: Time, error: &io::Error) -> RecorderStop {
        let cause = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DropReason::NoSpace,
            _ => DropReason::Failed,
        };
        let why = error.to_string();
        RecorderStop { problem: RecorderProblem { why, since }, cause, tried: now }
    }

    /// Whether it is time for another attempt; also after the clock was set back.
    pub(super) fn is_due(&self, now: Time) -> bool {
        now.since(self.tried).unsigned_abs() >= RETRY_MS.unsigned_abs()
    }
}

/// The totals of a slot that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinishedSlot {
    /// The beginning of the slot.
    pub slot: Time,
    /// The number of flows recorded.
    pub flows: u64,
    /// Their packets, as reported.
    pub packets: u64,
    /// Their bytes, as reported.
    pub bytes: u64,
    /// The number of journals.
    pub parts: u32,
    /// The number of flows that were not recorded.
    pub shed: u64,
}

/// The state of a recorder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The slot that is being written.
    pub slot: Option<Time>,
    /// The number of flows written.
    pub flows: u64,
    /// The number of bytes written to journals.
    pub bytes: u64,
    /// The number of parts that wait for the encoder or are being encoded.
    pub waiting: usize,
    /// The number of parts of an earlier run that wait.
    pub left: usize,
    /// The number of segments made.
    pub segments: u64,
    /// The number of flows that were not recorded, in the order of [`DropReason::ALL`].
    pub shed: [u64; DropReason::ALL.len()],
    /// Why nothing is recorded.
    pub stopped: Option<RecorderProblem>,
    /// Why journals do not become segments.
    pub behind: Option<RecorderProblem>,
    /// Problems with single files.
    pub notes: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct RecorderCounts {
    pub(super) flows: u64,
    pub(super) bytes: u64,
    pub(super) segments: u64,
    pub(super) shed: [u64; DropReason::ALL.len()],
    pub(super) encoding: Option<RecorderProblem>,
    pub(super) notes: Vec<String>,
    slot: Option<FinishedSlot>,
}

impl RecorderCounts {
    pub(super) fn shed(&mut self, cause: DropReason, flows: u64) {
        if let Some(count) = self.shed.get_mut(cause as usize) {
            *count = count.saturating_add(flows);
        }
        if let Some(slot) = &mut self.slot {
            slot.shed = slot.shed.saturating_add(flows);
        }
    }

    /// Counts a flow of the current slot.
    pub(super) fn took(&mut self, flow: &Flow) {
        if let Some(slot) = &mut self.slot {
            slot.flows += 1;
            slot.packets = slot.packets.saturating_add(flow.packets);
            slot.bytes = slot.bytes.saturating_add(flow.bytes);
        }
    }

    pub(super) fn wrote(&mut self, flows: u64, bytes: u64) {
        self.flows += flows;
        self.bytes += bytes;
    }

    /// Starts counting a slot, if it is not yet counted.
    pub(super) fn enter(&mut self, slot: Time) {
        self.slot.get_or_insert_with(|| FinishedSlot { slot, ..FinishedSlot::default() });
    }

    /// Counts a new part of a slot.
    pub(super) fn begin(&mut self, slot: Time) {
        self.enter(slot);
        if let Some(current) = &mut self.slot {
            current.parts += 1;
        }
    }

    /// The totals of the current slot, if it is another one than `slot`.
    pub(super) fn end_slot(&mut self, slot: Time) -> Option<FinishedSlot> {
        self.slot.take_if(|current| current.slot != slot)
    }

    pub(super) fn end_all(&mut self) -> Option<FinishedSlot> {
        self.slot.take()
    }

    pub(super) fn note(&mut self, note: String) {
        if self.notes.len() >= MAX_NOTES {
            self.notes.remove(0);
        }
        self.notes.push(note);
    }
}
