//! Where the numbering of exporters stands, kept in a small file from one run to the
//! next, so that what arrives between them is counted.
//!
//! Written aside and renamed, and not synced: a kill loses nothing of it, and after a
//! power cut there is an older one.

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

/// How often it is written while something comes. With the quarter of a second after
/// which workers publish, numbers in the file are less than a second old.
const EVERY_MS: i64 = 500;

/// A larger file is not read: 16 workers with all the numberings they may save.
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

/// What jobs share.
#[derive(Debug, Default)]
struct WriteState {
    /// Whether one is under way.
    busy: AtomicBool,
    /// The number of the newest that was written: the last may overtake another.
    written: Mutex<u64>,
}

/// A state to be written where waiting for a disk does no harm.
#[derive(Debug)]
pub(super) struct NumberingWrite {
    path: PathBuf,
    standing: NumberingStates,
    number: u64,
    writing: Arc<WriteState>,
}

/// The file beside that of what was learned.
pub(super) fn beside(learned: &Path) -> PathBuf {
    let name = learned.file_name().unwrap_or_default().to_string_lossy();
    learned.with_file_name(name.replacen("exporters", "sequences", 1))
}

/// What these files say, the newest of each exporter; and what is wrong with them.
pub(super) fn load(paths: Vec<PathBuf>) -> (NumberingStates, Vec<String>) {
    let (mut all, mut notes) = (NumberingStates::default(), Vec::new());
    let mut known = HashSet::new();
    for path in newest_first(paths) {
        match read(&path) {
            Ok(Some(standing)) => {
                let new = standing.exporters.into_iter().filter(|one| known.insert(one.address));
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

    /// What to write at `now`, if it is time and something has moved.
    pub(super) fn due(
        &mut self,
        now: Time,
        exporters: Vec<ExporterNumbering>,
    ) -> Option<NumberingWrite> {
        let waited = now.since(self.saved);
        if (0..EVERY_MS).contains(&waited) || self.writing.busy.load(Ordering::Relaxed) {
            return None;
        }
        self.last(now, exporters)
    }

    /// What to write at the end.
    pub(super) fn last(
        &mut self,
        now: Time,
        exporters: Vec<ExporterNumbering>,
    ) -> Option<NumberingWrite> {
        let mut standing = NumberingStates { exporters };
        standing.exporters.sort_by_key(|one| one.address);
        standing
            .exporters
            .iter_mut()
            .for_each(|one| one.lines.sort_by_key(|line| (line.agent, line.id)));
        if standing.exporters.is_empty() || standing == self.last {
            return None;
        }
        (self.saved, self.last) = (now, standing.clone());
        self.number += 1;
        self.writing.busy.store(true, Ordering::Relaxed);
        let (number, writing) = (self.number, self.writing.clone());
        Some(NumberingWrite { path: self.path.clone(), standing, number, writing })
    }
}

impl NumberingWrite {
    /// Writes it. Says why it could not.
    pub(super) fn run(self) -> Result<(), String> {
        let written = self.write().map_err(|error| {
            let path = self.path.display();
            format!("where sequence numbers stand is not saved in {path}: {error}")
        });
        self.writing.busy.store(false, Ordering::Relaxed);
        written
    }

    fn write(&self) -> io::Result<()> {
        let mut written = self.writing.written.lock().unwrap_or_else(PoisonError::into_inner);
        if self.number <= *written {
            return Ok(());
        }
        let bytes = self.standing.to_bytes()?;
        atomic_write::replace(&self.path, &bytes, false)?;
        *written = self.number;
        Ok(())
    }
}
