//! What a recorder counts and says of itself.

use std::io::{self, ErrorKind};

use super::settings::RETRY_MS;
use crate::flow::{Flow, Time};

/// Notes that are kept at most, the newest: each was told when it came.
const MAX_NOTES: usize = 8;

/// Why flows were not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// They came faster than the disk takes them.
    Queue,
    /// The encoder is behind.
    Behind,
    NoSpace,
    Failed,
    /// Their journal was removed.
    Removed,
    /// There are as many folders as there may be.
    Folders,
}

impl DropReason {
    /// All of them, in the order of the enum.
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

    /// The same in a sentence for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            DropReason::Queue => "flows not recorded: they came faster than the disk takes them",
            DropReason::Behind => "flows not recorded: too many wait to become segments",
            DropReason::NoSpace => {
                "flows not recorded: the disk is full; make room or use --expire-size"
            }
            DropReason::Failed => "flows not recorded: the folder cannot be written to",
            DropReason::Removed => "flows lost: the journal they were in was removed",
            DropReason::Folders => {
                "flows not recorded: more exporters than folders; --allow keeps strangers out"
            }
        }
    }
}

/// Something that is the matter, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderProblem {
    pub why: String,
    pub since: Time,
}

/// Why nothing is recorded, and when that is looked at again.
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

    /// Whether it is time for another try, also after the clock was set back.
    pub(super) fn is_due(&self, now: Time) -> bool {
        now.since(self.tried).unsigned_abs() >= RETRY_MS.unsigned_abs()
    }
}

/// What was recorded in a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinishedSlot {
    pub slot: Time,
    pub flows: u64,
    pub packets: u64,
    /// Of the flows, as they were reported.
    pub bytes: u64,
    pub parts: u32,
    /// Flows that were not recorded meanwhile.
    pub shed: u64,
}

/// How recording goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The slot that is being written.
    pub slot: Option<Time>,
    /// Flows written, and bytes of journals.
    pub flows: u64,
    pub bytes: u64,
    /// Parts that wait for the encoder or are with it; those of an earlier run.
    pub waiting: usize,
    pub left: usize,
    pub segments: u64,
    /// Flows that were not recorded, by [`Shed::ALL`].
    pub shed: [u64; DropReason::ALL.len()],
    /// Why nothing is recorded.
    pub stopped: Option<RecorderProblem>,
    /// Why journals do not become segments.
    pub behind: Option<RecorderProblem>,
    /// What went wrong with single files.
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

    /// A flow was taken in.
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

    /// Something came in a slot.
    pub(super) fn enter(&mut self, slot: Time) {
        self.slot.get_or_insert_with(|| FinishedSlot { slot, ..FinishedSlot::default() });
    }

    /// A part of a slot was begun.
    pub(super) fn begin(&mut self, slot: Time) {
        self.enter(slot);
        if let Some(current) = &mut self.slot {
            current.parts += 1;
        }
    }

    /// What the slot was that is not this one, if there has been one.
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
