//! Records flows: into a journal, slot by slot, whose parts go to the encoder.
//!
//! Nothing here uses threads or clocks. The caller passes flows together with the time, calls
//! [`Recorder::tick`] about every second, takes closed parts ([`Recorder::next_part`]), has
//! them encoded ([`encode`]) and reports the result ([`Recorder::encoded`]).

mod disk;
mod open;
mod part;
mod recover;
mod settings;
mod state;
mod write;

pub use disk::{Disk, DiskFile, RealDisk};
pub use part::{ClosedPart, Encode, Encoded, encode};
pub use recover::Recovered;
pub use settings::{
    LOW_WATER, MAX_SLOT_SECONDS, MAX_WAITING, PART_ROWS, RETRY_MS, RecorderConfig, WRITE_MS,
};
pub use state::{DropReason, FinishedSlot, RecorderProblem, Status};

pub use super::name::segment_of;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use self::open::OpenPart;
use self::state::{RecorderCounts, RecorderStop};
use super::ArchiveError;
use super::journal::Block;
use super::lock::{Lock, LockError};
use crate::flow::{Flow, FlowExtras, Time};

/// Flows are handed in by several threads and may be slightly out of order. Only a time that is
/// further back than this (in milliseconds) means that the clock was set.
const BACK_MS: i64 = 5_000;

/// Records into a folder and holds its lock.
pub struct Recorder {
    settings: RecorderConfig,
    disk: Arc<dyn Disk>,
    process: u32,
    lock: Lock,
    /// The part that is being written.
    open: Option<OpenPart>,
    /// The flows to be written next, to the open part or, if that is lost, to another one.
    block: Block,
    closed: VecDeque<ClosedPart>,
    /// Parts of an earlier run; they are encoded when nothing else waits.
    left: VecDeque<ClosedPart>,
    encoding: bool,
    /// Journals whose last encoding failed.
    failing: Vec<PathBuf>,
    /// When the encoder last failed; `None` if its last run succeeded.
    failed_at: Option<Time>,
    /// The slot of the flows that arrive now.
    slot: Option<Time>,
    stop: Option<RecorderStop>,
    counts: RecorderCounts,
    rotated: Option<FinishedSlot>,
    /// Whether parts are begun regardless of how many wait for the encoder.
    takes_all: bool,
}

impl Recorder {
    /// Locks the folder, creating it if necessary, and recovers what an earlier run left.
    /// `process` is the process id that is written into the lock file.
    ///
    /// # Errors
    /// When the folder cannot be created or already has a recorder.
    pub fn open(
        settings: RecorderConfig,
        disk: Arc<dyn Disk>,
        process: u32,
    ) -> Result<(Recorder, Recovered), LockError> {
        let folder = settings.folder.clone();
        let made = std::fs::create_dir_all(&folder);
        made.map_err(|error| ArchiveError::io("make the folder", &folder, error))?;
        let lock = Lock::take(&folder, process)?;
        let (left, recovered) = recover::recover(disk.as_ref(), &folder);
        let recorder = Recorder {
            settings,
            disk,
            process,
            lock,
            open: None,
            block: Block::default(),
            closed: VecDeque::new(),
            left: left.into(),
            encoding: false,
            failing: Vec::new(),
            failed_at: None,
            slot: None,
            stop: None,
            counts: RecorderCounts::default(),
            rotated: None,
            takes_all: false,
        };
        Ok((recorder, recovered))
    }

    /// Takes flows that arrived at `now`, with their extras.
    pub fn record(&mut self, now: Time, flows: &[Flow], extras: &[FlowExtras]) {
        let slot = self.rotate(now);
        if !flows.is_empty() {
            self.counts.enter(slot);
        }
        let mut rest = flows;
        while !rest.is_empty() {
            match self.take(now, rest, extras) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(cause) => {
                    self.counts.shed(cause, rest.len() as u64);
                    return;
                }
            }
        }
    }

    /// Adds as many flows to the block as fit; returns their number.
    fn take(
        &mut self,
        now: Time,
        flows: &[Flow],
        extras: &[FlowExtras],
    ) -> Result<usize, DropReason> {
        if let Some(stop) = &self.stop {
            return Err(stop.cause);
        }
        self.ensure_open(now)?;
        let room = self.room();
        if room == 0 {
            self.write(now)?;
            if self.part_is_full() {
                self.close();
            }
            return Ok(0);
        }
        let some = flows.get(..room.min(flows.len())).unwrap_or_default();
        let taken = self.block.extend(some, extras);
        for flow in some.iter().take(taken) {
            self.counts.took(flow);
        }
        Ok(taken)
    }

    /// The number of flows that fit into the block and into the part.
    fn room(&self) -> usize {
        let written = self.open.as_ref().map_or(0, |open| open.part.flows);
        let taken = written.saturating_add(u64::from(self.block.flows()));
        let part = (self.settings.part_rows as u64).saturating_sub(taken);
        self.block.room().min(usize::try_from(part).unwrap_or(usize::MAX))
    }

    fn part_is_full(&self) -> bool {
        let full = |open: &OpenPart| open.part.flows >= self.settings.part_rows as u64;
        self.open.as_ref().is_some_and(full)
    }

    /// Does what is due: writes, syncs, ends a slot, and retries what failed.
    pub fn tick(&mut self, now: Time) {
        if let Some(stop) = &self.stop {
            // Slots in which nothing is recorded end as well.
            if !stop.is_due(now) {
                self.rotate(now);
                return;
            }
            if let Err(error) = self.resume(now) {
                self.stop_for(now, &error);
                self.rotate(now);
                return;
            }
            self.stop = None;
        }
        self.rotate(now);
        if self.stop.is_some() {
            return;
        }
        let due =
            |open: &OpenPart| now.since(open.wrote_at).unsigned_abs() >= WRITE_MS.unsigned_abs();
        if self.open.as_ref().is_some_and(due) {
            self.write_with_room(now);
        }
    }

    /// Writes, unless the disk has less free space than the recorder leaves to others.
    fn write_with_room(&mut self, now: Time) {
        if let Err(error) = self.check_room(self.settings.low_water) {
            self.stop_for(now, &error);
        } else {
            // An error has stopped the recording and is reported from there.
            let _ = self.write(now);
        }
    }

    /// Writes the flows taken so far to the journal, where readers find them.
    pub fn flush(&mut self, now: Time) {
        if self.open.is_some() && self.stop.is_none() {
            self.write_with_room(now);
        }
    }

    /// The slot of a time. A time slightly before the last slot belongs to that slot.
    fn slot_at(&mut self, now: Time) -> Time {
        let slot = self.settings.slot(now);
        match self.slot {
            Some(last) if slot < last && last.since(now) <= BACK_MS => last,
            _ => {
                self.slot = Some(slot);
                slot
            }
        }
    }

    /// Ends the slot if `now` is in another one; returns the current slot.
    fn rotate(&mut self, now: Time) -> Time {
        let slot = self.slot_at(now);
        let is_other = |open: &Option<OpenPart>| open.as_ref().is_some_and(|o| o.part.slot != slot);
        if is_other(&self.open) && (self.stop.is_some() || self.write(now).is_err()) {
            // The slot ends when it can be written.
            return slot;
        }
        if is_other(&self.open) {
            self.close();
        }
        if let Some(ended) = self.counts.end_slot(slot) {
            self.rotated = Some(ended);
        }
        slot
    }

    /// Writes and closes the open part.
    pub fn finish(&mut self, now: Time) {
        if self.stop.is_some() && self.resume(now).is_ok() {
            self.stop = None;
        }
        // Flows that could not be written are still in the block and are counted from it.
        let _ = self.write(now);
        let cause = self.stop.as_ref().map_or(DropReason::Failed, |stop| stop.cause);
        self.counts.shed(cause, u64::from(self.block.flows()));
        self.close();
        self.block.clear();
        self.rotated = self.counts.end_all().or(self.rotated.take());
    }

    /// The slot that ended since the last call.
    pub fn rotated(&mut self) -> Option<FinishedSlot> {
        self.rotated.take()
    }

    /// The next part for the encoder, which works on one part at a time.
    pub fn next_part(&mut self, now: Time) -> Option<ClosedPart> {
        // The absolute difference, so that waiting also ends after the clock was set back.
        let waits = |at: Time| now.since(at).unsigned_abs() < RETRY_MS.unsigned_abs();
        if self.encoding || self.failed_at.is_some_and(waits) {
            return None;
        }
        let part = self.closed.pop_front().or_else(|| self.left.pop_front());
        self.encoding = part.is_some();
        part
    }

    /// Reports the result of encoding a part. The alarm that journals wait stays as long as the
    /// last attempt for one of them failed.
    pub fn encoded(&mut self, now: Time, part: ClosedPart, result: Result<Encoded, ArchiveError>) {
        self.encoding = false;
        self.failed_at = None;
        self.failing.retain(|journal| *journal != part.journal);
        match result {
            Ok(encoded) => {
                self.counts.segments += u64::from(encoded.flows > 0);
                for problem in encoded.problems {
                    self.counts.note(problem);
                }
                self.set_failing_aside();
            }
            // The failure may be temporary: the journal stays and counts. Others are tried
            // before it is tried again.
            Err(error @ ArchiveError::Io { .. }) => {
                self.failed_at = Some(now);
                let since = self.counts.encoding.take().map_or(now, |problem| problem.since);
                let why = format!("cannot convert journals to segments: {error}");
                self.counts.encoding = Some(RecorderProblem { why, since });
                self.failing.push(part.journal.clone());
                if part.left { self.left.push_back(part) } else { self.closed.push_back(part) }
            }
            // The failure is permanent: the journal is left as it is.
            Err(error) => self.counts.note(error.to_string()),
        }
        if self.failing.is_empty() {
            self.counts.encoding = None;
        }
    }

    /// Another part was encoded, so the cause lies in the failing journals themselves. They now
    /// wait with those of earlier runs, so that they do not count against the limit of waiting
    /// parts.
    fn set_failing_aside(&mut self) {
        for mut part in std::mem::take(&mut self.closed) {
            if self.failing.contains(&part.journal) {
                part.left = true;
                self.left.push_back(part);
            } else {
                self.closed.push_back(part);
            }
        }
    }

    /// Whether nothing waits for the encoder and the encoder is idle.
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        self.closed.is_empty() && self.left.is_empty() && !self.encoding
    }

    /// The slot that must not expire.
    #[must_use]
    pub fn current_slot(&self, now: Time) -> Time {
        let slot = self.settings.slot(now);
        self.open.as_ref().map_or(slot, |open| open.part.slot.min(slot))
    }

    /// The journals that are being written or wait for the encoder.
    #[must_use]
    pub fn journals(&self) -> Vec<PathBuf> {
        let open = self.open.iter().map(|open| &open.part);
        open.chain(&self.closed).map(|part| part.journal.clone()).collect()
    }

    /// The current state.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            slot: self.open.as_ref().map(|open| open.part.slot),
            flows: self.counts.flows,
            bytes: self.counts.bytes,
            waiting: self.closed.len() + usize::from(self.encoding),
            left: self.left.len(),
            segments: self.counts.segments,
            shed: self.counts.shed,
            stopped: self.stop.as_ref().map(|stop| stop.problem.clone()),
            behind: self.counts.encoding.clone(),
            notes: self.counts.notes.clone(),
        }
    }

    /// The configuration.
    #[must_use]
    pub fn settings(&self) -> &RecorderConfig {
        &self.settings
    }

    /// Checks that at least `bytes` bytes are free.
    fn check_room(&self, bytes: u64) -> io::Result<()> {
        if self.disk.free(&self.settings.folder)? >= bytes {
            return Ok(());
        }
        // The amount of free space changes all the time; the text is constant, so that this is
        // one alarm.
        let text = format!("less than {} are free on the disk", crate::units::size(bytes));
        Err(io::Error::new(io::ErrorKind::StorageFull, text))
    }
}

#[cfg(test)]
mod tests;
