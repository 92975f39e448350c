//! The folders into which flows are recorded, each with its own recorder, and the choice of
//! the folder for a flow.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::error::RecordError;
use super::plan::{LeftoverParts, MAX_FOLDERS, RecordFolder, RecordPlan, place_of};
use crate::archive::lock::LockError;
use crate::archive::recorder::{
    Disk, DropReason, RETRY_MS, Recorder, RecorderConfig, RecorderProblem, Status,
};
use crate::flow::{Flow, FlowExtras, Host, Time};

/// Maximum number of notes of all folders together.
const MAX_NOTES: usize = 8;

/// A folder and its recorder.
pub(super) struct FolderRecorder {
    pub(super) recorder: Recorder,
    pub(super) ident: String,
    /// Running time at which expiry is checked next.
    pub(super) expire_at: Option<Time>,
    /// Problems of the last expiry.
    pub(super) notes: Vec<String>,
}

/// All folders.
pub(super) struct Folders {
    folder_recorders: Vec<FolderRecorder>,
    /// Index of the folder of each exporter that has one.
    by_exporter: HashMap<Host, usize>,
    /// Configuration for folders that are created for further exporters.
    each: Option<RecorderConfig>,
    /// Index of the folder for all other exporters.
    rest: Option<usize>,
    disk: Arc<dyn Disk>,
    process: u32,
    /// When creating a folder last failed, and why.
    failed: Option<(Time, RecorderProblem)>,
    /// Flows that were not recorded because they have no folder, by reason.
    shed: [u64; DropReason::ALL.len()],
}

impl Folders {
    /// Opens the configured folders, and those of exporters that an earlier run recorded, so that
    /// its unfinished parts are recovered at once.
    pub(super) fn open(
        plan: RecordPlan,
        disk: Arc<dyn Disk>,
        process: u32,
    ) -> Result<(Folders, LeftoverParts), RecordError> {
        let mut folders = Folders {
            folder_recorders: Vec::new(),
            by_exporter: HashMap::new(),
            each: plan.each,
            rest: None,
            disk,
            process,
            failed: None,
            shed: [0; DropReason::ALL.len()],
        };
        let mut left = LeftoverParts::new();
        for (exporter, place) in plan.sources {
            let at = folders.add(place, &mut left)?;
            folders.by_exporter.insert(exporter, at);
        }
        if let Some(each) = folders.each.clone() {
            for exporter in existing(&each.folder) {
                if folders.folder_recorders.len() < MAX_FOLDERS
                    && !folders.by_exporter.contains_key(&exporter)
                {
                    let at = folders.add(place_of(&each, exporter), &mut left)?;
                    folders.by_exporter.insert(exporter, at);
                }
            }
        }
        if let Some(place) = plan.rest {
            folders.rest = Some(folders.add(place, &mut left)?);
        }
        Ok((folders, left))
    }

    fn add(&mut self, place: RecordFolder, left: &mut LeftoverParts) -> Result<usize, LockError> {
        let folder = place.settings.folder.clone();
        let (recorder, recovered) =
            Recorder::open(place.settings, self.disk.clone(), self.process)?;
        left.push((folder, recovered));
        let folder_recorder =
            FolderRecorder { recorder, ident: place.ident, expire_at: None, notes: Vec::new() };
        self.folder_recorders.push(folder_recorder);
        Ok(self.folder_recorders.len() - 1)
    }

    /// The index of an exporter's folder, which is created if it should have one.
    fn of(&mut self, now: Time, exporter: Host) -> Result<usize, DropReason> {
        if let Some(at) = self.by_exporter.get(&exporter) {
            return Ok(*at);
        }
        let Some(each) = &self.each else { return self.rest.ok_or(DropReason::Folders) };
        if self.folder_recorders.len() >= MAX_FOLDERS {
            return Err(DropReason::Folders);
        }
        let retried_lately = |(tried, _): &(Time, RecorderProblem)| {
            now.since(*tried).unsigned_abs() < RETRY_MS.unsigned_abs()
        };
        if self.failed.as_ref().is_some_and(retried_lately) {
            return Err(DropReason::Failed);
        }
        // Parts that were left there have been reported already, or are new since the
        // start.
        match self.add(place_of(each, exporter), &mut LeftoverParts::new()) {
            Ok(at) => {
                self.failed = None;
                self.by_exporter.insert(exporter, at);
                Ok(at)
            }
            Err(error) => {
                let since = self.failed.take().map_or(now, |(_, problem)| problem.since);
                self.failed = Some((now, RecorderProblem { why: error.to_string(), since }));
                Err(DropReason::Failed)
            }
        }
    }

    /// Records flows into their folders. Flows of one exporter usually follow each other.
    pub(super) fn record(&mut self, now: Time, flows: &[Flow], more: &[FlowExtras]) {
        let single = self.rest.filter(|_| self.by_exporter.is_empty() && self.each.is_none());
        for run in flows.chunk_by(|a, b| single.is_some() || a.exporter == b.exporter) {
            let exporter = run.first().map_or(Host::UNSPECIFIED, |flow| flow.exporter);
            match single.map_or_else(|| self.of(now, exporter), Ok) {
                Ok(at) => {
                    if let Some(folder_recorder) = self.folder_recorders.get_mut(at) {
                        folder_recorder.recorder.record(now, run, more);
                    }
                }
                Err(cause) => self.shed[cause as usize] += run.len() as u64,
            }
        }
    }

    /// Whether none of these flows, which arrived at `now`, can be recorded before the encoder has
    /// finished a segment. All folders share the encoder. If one folder can take its flows, the
    /// result is false.
    pub(super) fn is_behind(&mut self, now: Time, flows: &[Flow]) -> bool {
        if flows.is_empty() {
            return false;
        }
        let single = self.rest.filter(|_| self.by_exporter.is_empty() && self.each.is_none());
        if let Some(folder_recorder) = single.and_then(|at| self.folder_recorders.get_mut(at)) {
            return folder_recorder.recorder.is_behind(now, flows.len());
        }
        for run in flows.chunk_by(|a, b| a.exporter == b.exporter) {
            let exporter = run.first().map_or(Host::UNSPECIFIED, |flow| flow.exporter);
            let at = self.by_exporter.get(&exporter).copied().or(self.rest);
            let folder_recorder = at.and_then(|at| self.folder_recorders.get_mut(at));
            if !folder_recorder
                .is_some_and(|folder_recorder| folder_recorder.recorder.is_behind(now, run.len()))
            {
                return false;
            }
        }
        true
    }

    /// All folders.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut FolderRecorder> {
        self.folder_recorders.iter_mut()
    }

    pub(super) fn folder_recorder(&mut self, nth: usize) -> Option<&mut FolderRecorder> {
        self.folder_recorders.get_mut(nth)
    }

    /// The status of all folders together.
    pub(super) fn status(&self) -> Status {
        let several = self.folder_recorders.len() > 1;
        let mut all = Status { shed: self.shed, ..Status::default() };
        all.stopped = self.failed.as_ref().map(|(_, problem)| problem.clone());
        for folder_recorder in &self.folder_recorders {
            let status = folder_recorder.recorder.status();
            let name = |problem: RecorderProblem| {
                let folder = folder_recorder.recorder.settings().folder.display();
                let why = if several { format!("{folder}: {}", problem.why) } else { problem.why };
                RecorderProblem { why, ..problem }
            };
            all.slot = all.slot.max(status.slot);
            all.flows += status.flows;
            all.bytes += status.bytes;
            all.waiting += status.waiting;
            all.left += status.left;
            all.segments += status.segments;
            for (sum, count) in all.shed.iter_mut().zip(status.shed) {
                *sum += count;
            }
            all.stopped = all.stopped.or_else(|| status.stopped.map(name));
            all.behind = all.behind.or_else(|| status.behind.map(name));
            all.notes.extend(status.notes);
            all.notes.extend(folder_recorder.notes.iter().take(1).cloned());
        }
        all.notes.truncate(MAX_NOTES + self.folder_recorders.len());
        all
    }
}

/// The exporters for which a folder exists.
fn existing(folder: &Path) -> Vec<Host> {
    // If the folder cannot be read there are none, or recording into it reports the error.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
    let mut hosts: Vec<Host> = names
        .filter_map(|name| name.to_str().and_then(|name| name.replace('-', ":").parse().ok()))
        .collect();
    hosts.sort_unstable();
    hosts
}
