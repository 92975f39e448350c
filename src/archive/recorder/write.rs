//! Writes blocks, and handles failures.

use std::io;
use std::path::{Path, PathBuf};

use super::Recorder;
use super::disk::DiskFile;
use super::open::{OpenPart, append};
use super::part::{self, ClosedPart, free_name};
use super::settings::{MAX_WAITING, folder_of};
use super::state::{DropReason, RecorderStop};
use crate::archive::lock::Lock;
use crate::flow::Time;

impl Recorder {
    /// Whether `flows` more flows at `now` would have to be dropped because the encoder is
    /// behind ([`DropReason::Behind`]); the caller can wait until a segment is finished.
    pub fn is_behind(&mut self, now: Time, flows: usize) -> bool {
        if self.stop.is_some() || self.takes_all || self.closed.is_empty() {
            return false;
        }
        let slot = self.slot_at(now);
        let most = self.settings.part_rows.max(1);
        let taken = |open: &OpenPart| open.part.flows.saturating_add(u64::from(self.block.flows()));
        let room =
            |open: &OpenPart| most.saturating_sub(usize::try_from(taken(open)).unwrap_or(most));
        let room = self.open.as_ref().filter(|open| open.part.slot == slot).map_or(0, room);
        // Each further part is begun when the previous one is closed.
        let further = flows.saturating_sub(room).div_ceil(most);
        let closed = self.closed.len() + usize::from(self.open.is_some());
        further > 0 && closed + further > MAX_WAITING
    }

    /// Whether no further part may be begun before the encoder has taken one.
    pub(super) fn is_backed_up(&self) -> bool {
        !self.takes_all && self.closed.len() >= MAX_WAITING
    }

    /// From now on all flows are taken regardless of the encoder. Used at the end, when the
    /// number of flows is bounded; the next start makes segments of them.
    pub fn take_all(&mut self) {
        self.takes_all = true;
    }

    /// Ensures that there is an open part.
    pub(super) fn ensure_open(&mut self, now: Time) -> Result<(), DropReason> {
        if self.open.is_some() {
            return Ok(());
        }
        if self.is_backed_up() {
            return Err(DropReason::Behind);
        }
        self.create(now).map_err(|error| self.stop_for(now, &error))
    }

    /// Begins a part.
    fn create(&mut self, now: Time) -> io::Result<()> {
        self.check_room(self.settings.low_water)?;
        let slot = self.slot_at(now);
        let below = folder_of(&self.settings, slot);
        if !self.lock.is_in_place() {
            let taken = Lock::take(&self.settings.folder, self.process);
            self.lock = taken.map_err(io::Error::other)?;
        }
        let (journal, number, out) = self.create_journal(slot, &below)?;
        if self.settings.sync_ms > 0
            && let Err(error) = self.disk.sync_folder_soon(&self.settings.folder.join(below))
        {
            // The next attempt creates another journal.
            let _ = part::remove(self.disk.as_ref(), &journal);
            return Err(error);
        }
        let slot_seconds = self.settings.slot_seconds;
        let part = ClosedPart { slot, slot_seconds, number, journal, flows: 0, left: false };
        if let Some(ended) = self.counts.end_slot(slot) {
            self.rotated = Some(ended);
        }
        self.counts.begin(slot);
        self.open =
            Some(OpenPart { part, out, length: 0, wrote_at: now, synced_at: now, unsynced: false });
        Ok(())
    }

    /// Creates the journal of a part and its folders.
    fn create_journal(
        &self,
        slot: Time,
        below: &Path,
    ) -> io::Result<(PathBuf, u32, Box<dyn DiskFile>)> {
        let create = || -> io::Result<_> {
            self.disk.make_folders(&self.settings.folder, below)?;
            let (journal, number) = free_name(&self.settings, slot)?;
            let out = self.disk.create(&journal)?;
            Ok((journal, number, out))
        };
        match create() {
            // Expiry has just removed the folder because it was empty.
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(),
            result => result,
        }
    }

    /// Writes the block, if it has flows, and syncs if that is due.
    pub(super) fn write(&mut self, now: Time) -> Result<(), DropReason> {
        match self.try_write(now) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.stop_for(now, &error)),
        }
    }

    fn try_write(&mut self, now: Time) -> io::Result<()> {
        let sync_ms = self.settings.sync_ms;
        if self.open.as_ref().is_some_and(|open| open.out.is_gone()) {
            // Somebody removed the file: its flows are lost, and so would be everything that is
            // written to it.
            if let Some(OpenPart { part, .. }) = self.open.take() {
                self.counts.shed(DropReason::Removed, part.flows);
                let name = part.journal.display();
                self.counts.note(format!("{name} was removed together with {} flows", part.flows));
            }
        }
        if self.open.is_none() && !self.block.is_empty() && !self.is_backed_up() {
            self.create(now)?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.wrote_at = now;
        if !self.block.is_empty() {
            let flows = u64::from(self.block.flows());
            match append(open, self.block.bytes()) {
                Ok(written) => {
                    open.length += written;
                    open.part.flows += flows;
                    open.unsynced = true;
                    self.counts.wrote(flows, written);
                    self.block.clear();
                }
                Err(error) => {
                    // An incomplete block at the end would hide the next one.
                    if open.out.cut(open.length).is_err() {
                        self.close();
                    }
                    return Err(error);
                }
            }
        }
        let due = now.since(open.synced_at).unsigned_abs() >= sync_ms.unsigned_abs();
        if sync_ms > 0 && open.unsynced && due {
            open.out.sync_soon()?;
            open.unsynced = false;
            open.synced_at = now;
        }
        Ok(())
    }

    /// Closes the open part, so that the encoder can take it.
    pub(super) fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        if open.part.flows == 0 {
            drop(open.out);
            // An empty journal does no harm; if it cannot be removed now, the next start
            // removes it.
            let _ = part::remove(self.disk.as_ref(), &open.part.journal);
            return;
        }
        if self.settings.sync_ms > 0 && open.unsynced {
            // An error here is not lost: the encoder reads the data back and reports when it
            // cannot be written.
            let _ = open.out.sync_soon();
        }
        self.closed.push_back(open.part);
    }

    /// Stops recording because of an error; returns the reason for counting the dropped flows.
    pub(super) fn stop_for(&mut self, now: Time, error: &io::Error) -> DropReason {
        let since = self.stop.as_ref().map_or(now, |stop| stop.problem.since);
        let stop = RecorderStop::new(now, since, error);
        let cause = stop.cause;
        self.stop = Some(stop);
        cause
    }

    /// Tries to resume recording; pending flows are written.
    pub(super) fn resume(&mut self, now: Time) -> io::Result<()> {
        // Requires twice the free space after a full disk, or recording would stop again at
        // once.
        let is_full = self.stop.as_ref().is_some_and(|stop| stop.cause == DropReason::NoSpace);
        self.check_room(self.settings.low_water.saturating_mul(1 + u64::from(is_full)))?;
        if self.open.is_none() && !self.is_backed_up() {
            self.create(now)?;
        }
        self.try_write(now)
    }
}
