//! Saves the positions of exporters' sequence numbers in a small file, so that the next run can
//! count what arrived in between.
//!
//! The file is written under a temporary name and renamed, without fsync. A killed process
//! loses nothing of it; after a power cut an older version may be there.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::state_saver::newest_first;
use crate::archive::atomic_write;
use crate::flow::Time;
use crate::wire::numbering_states::{ExporterNumbering, NumberingStates};

/// Minimum interval between writes in milliseconds. Workers publish every quarter of a
/// second, so the numbers in the file are less than a second old.
const SAVE_INTERVAL_MS: i64 = 500;

/// Larger files are not read. 16 workers with the maximum number of positions need less.
const MAX_BYTES: u64 = 64 << 20;

/// Decides when to write.
#[derive(Debug)]
pub(super) struct NumberingSaver {
    path: PathBuf,
    saved: Time,
    last: NumberingStates,
    number: u64,
    writing: Arc<WriteState>,
}

/// State that writes share.
#[derive(Debug, Default)]
struct WriteState {
    /// Whether a write is under way.
    busy: AtomicBool,
    /// Number of the newest state that was written. The last write may overtake another.
    written: Mutex<u64>,
}

/// A state to be written, on a thread that may wait for a disk.
#[derive(Debug)]
pub(super) struct NumberingWrite {
    path: PathBuf,
    states: NumberingStates,
    number: u64,
    writing: Arc<WriteState>,
}

/// The path of this file, in the same folder as the file of saved templates.
pub(super) fn sequences_path(learned: &Path) -> PathBuf {
    let name = learned.file_name().unwrap_or_default().to_string_lossy();
    learned.with_file_name(name.replacen("exporters", "sequences", 1))
}

/// Reads these files, and uses the newest entry of each exporter. Returns the problems with
/// them as well.
pub(super) fn load(paths: Vec<PathBuf>) -> (NumberingStates, Vec<String>) {
    let (mut all, mut notes) = (NumberingStates::default(), Vec::new());
    let mut known = HashSet::new();
    for path in newest_first(paths) {
        match read(&path) {
            Ok(Some(states)) => {
                let new = states.exporters.into_iter().filter(|one| known.insert(one.address));
                all.exporters.extend(new);
            }
            Ok(None) => {}
            Err(why) => notes.push(format!(
                "{} is not used: {why}; what arrived since the last run is not counted",
                path.display()
            )),
        }
    }
    (all, notes)
}

fn read(path: &Path) -> Result<Option<NumberingStates>, String> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(|error| error.to_string())?,
    };
    if !found.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    NumberingStates::from_bytes(&bytes).map(Some).map_err(|error| error.to_string())
}

impl NumberingSaver {
    pub(super) fn new(now: Time, path: PathBuf) -> NumberingSaver {
        NumberingSaver {
            path,
            saved: now,
            last: NumberingStates::default(),
            number: 0,
            writing: Arc::default(),
        }
    }

    /// The write that is due at `now`, if the interval has passed and something has
    /// changed.
    pub(super) fn due(
        &mut self,
        now: Time,
        exporters: Vec<ExporterNumbering>,
    ) -> Option<NumberingWrite> {
        let waited = now.since(self.saved);
        if (0..SAVE_INTERVAL_MS).contains(&waited) || self.writing.busy.load(Ordering::Relaxed) {
            return None;
        }
        self.last(now, exporters)
    }

    /// The write at the end of the run.
    pub(super) fn last(
        &mut self,
        now: Time,
        exporters: Vec<ExporterNumbering>,
    ) -> Option<NumberingWrite> {
        let mut states = NumberingStates { exporters };
        states.exporters.sort_by_key(|one| one.address);
        states
            .exporters
            .iter_mut()
            .for_each(|one| one.lines.sort_by_key(|line| (line.agent, line.id)));
        if states.exporters.is_empty() || states == self.last {
            return None;
        }
        (self.saved, self.last) = (now, states.clone());
        self.number += 1;
        self.writing.busy.store(true, Ordering::Relaxed);
        let (number, writing) = (self.number, self.writing.clone());
        Some(NumberingWrite { path: self.path.clone(), states, number, writing })
    }
}

impl NumberingWrite {
    /// Writes the file. Returns the reason if that fails.
    pub(super) fn run(self) -> Result<(), String> {
        let written = self.write().map_err(|error| {
            let path = self.path.display();
            format!("the state of sequence numbers is not saved in {path}: {error}")
        });
        self.writing.busy.store(false, Ordering::Relaxed);
        written
    }

    fn write(&self) -> io::Result<()> {
        let mut written = self.writing.written.lock().unwrap_or_else(PoisonError::into_inner);
        if self.number <= *written {
            return Ok(());
        }
        let bytes = self.states.to_bytes()?;
        atomic_write::replace(&self.path, &bytes, false)?;
        *written = self.number;
        Ok(())
    }
}
