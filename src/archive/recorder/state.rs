//! What a recorder counts and says of itself.

use std::io::{self, ErrorKind};

use super::settings::RETRY_MS;
use crate::flow::{Flow, Time};

/// Notes that are kept at most, the newest: each was told when it came.
const MAX_NOTES: usize = 8;

/// Why flows were not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
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

impl Shed {
    /// All of them, in the order of the enum.
    pub const ALL: [Shed; 6] =
        [Shed::Queue, Shed::Behind, Shed::NoSpace, Shed::Failed, Shed::Removed, Shed::Folders];

    /// A short stable name for JSON, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Shed::Queue => "record_queue",
            Shed::Behind => "record_behind",
            Shed::NoSpace => "record_no_space",
            Shed::Failed => "record_failed",
            Shed::Removed => "record_removed",
            Shed::Folders => "record_folders",
        }
    }

    /// The same in a sentence for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Shed::Queue => "flows not recorded: they came faster than the disk takes them",
            Shed::Behind => "flows not recorded: too many wait to become segments",
            Shed::NoSpace => "flows not recorded: the disk is full; make room or use --expire-size",
            Shed::Failed => "flows not recorded: the folder cannot be written to",
            Shed::Removed => "flows lost: the journal they were in was removed",
            Shed::Folders => {
                "flows not recorded: more exporters than folders; --allow keeps strangers out"
            }
        }
    }
}

/// Something that is the matter, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub why: String,
    pub since: Time,
}

/// Why nothing is recorded, and when that is looked at again.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) problem: Problem,
    pub(super) cause: Shed,
    tried: Time,
}

impl Stop {
    pub(super) fn new(now: Time, since: Time, error: &io::Error) -> Stop {
        let cause = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Shed::NoSpace,
            _ => Shed::Failed,
        };
        let why = error.to_string();
        Stop { problem: Problem { why, since }, cause, tried: now }
    }

    /// Whether it is time for another try, also after the clock was set back.
    pub(super) fn is_due(&self, now: Time) -> bool {
        now.since(self.tried).unsigned_abs() >= RETRY_MS.unsigned_abs()
    }
}

/// What was recorded in a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
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
    pub shed: [u64; Shed::ALL.len()],
    /// Why nothing is recorded.
    pub stopped: Option<Problem>,
    /// Why journals do not become segments.
    pub behind: Option<Problem>,
    /// What went wrong with single files.
    pub notes: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) flows: u64,
    pub(super) bytes: u64,
    pub(super) segments: u64,
    pub(super) shed: [u64; Shed::ALL.len()],
    pub(super) encoding: Option<Problem>,
    pub(super) notes: Vec<String>,
    slot: Option<Rotated>,
}

impl Counts {
    pub(super) fn shed(&mut self, cause: Shed, flows: u64) {
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
        self.slot.get_or_insert_with(|| Rotated { slot, ..Rotated::default() });
    }

    /// A part of a slot was begun.
    pub(super) fn begin(&mut self, slot: Time) {
        self.enter(slot);
        if let Some(current) = &mut self.slot {
            current.parts += 1;
        }
    }

    /// What the slot was that is not this one, if there has been one.
    pub(super) fn end_slot(&mut self, slot: Time) -> Option<Rotated> {
        self.slot.take_if(|current| current.slot != slot)
    }

    pub(super) fn end_all(&mut self) -> Option<Rotated> {
        self.slot.take()
    }

    pub(super) fn note(&mut self, note: String) {
        if self.notes.len() >= MAX_NOTES {
            self.notes.remove(0);
        }
        self.notes.push(note);
    }
}
