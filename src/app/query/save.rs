//! Writes what matches to a file of the archive (`-w`, `-o parquet`).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::archive::atomic_write;
use crate::archive::catalog::CatalogEntry;
use crate::archive::segment::{MAX_ROWS, SlotInfo, encode};
use crate::flow::{Flow, FlowExtras, Sampling, Time};
use crate::query::AnswerRow;

/// Rows that were gathered.
#[derive(Default)]
pub(super) struct GatheredRows {
    flows: Vec<Flow>,
    more: Vec<FlowExtras>,
    /// Whether there are more rows than there is place for.
    pub(super) is_full: bool,
}

impl GatheredRows {
    /// Takes a row; a sum becomes a flow of that many packets and bytes.
    pub(super) fn add(&mut self, row: &AnswerRow, is_sum: bool) {
        if self.flows.len() >= MAX_ROWS {
            self.is_full = true;
            return;
        }
        let mut flow = row.flow;
        flow.more = 0;
        if is_sum {
            flow.bytes = row.sums.bytes;
            flow.packets = row.sums.packets;
            flow.first = row.sums.first;
            flow.last = row.sums.last;
            flow.sampling = Sampling::UNKNOWN;
        }
        if row.extras != FlowExtras::NONE {
            self.more.push(row.extras);
            flow.more = u32::try_from(self.more.len()).unwrap_or(0);
        }
        self.flows.push(flow);
    }

    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    /// Writes them as a segment.
    pub(super) fn write(&self, out: impl Write + Send) -> io::Result<()> {
        let start = self.flows.iter().map(|flow| flow.arrival.0).min().unwrap_or(0);
        let end = self.flows.iter().map(|flow| flow.arrival.0).max().unwrap_or(0);
        let length_ms = end.saturating_sub(start).saturating_add(1);
        let info = SlotInfo { start: Time(start), length_ms };
        encode(&self.flows, &self.more, &info, out).map(|_| ())
    }
}

/// A file that is to be there whole or not at all. What was there before stays
/// until then.
pub(super) struct SaveTarget {
    path: PathBuf,
    file: NamedTempFile,
}

impl SaveTarget {
    /// Begins one beside the path: what cannot be written is told before files
    /// are read for a long time.
    ///
    /// # Errors
    /// When it cannot be written, or something else than a file is there.
    pub(super) fn begin(path: &Path) -> io::Result<SaveTarget> {
        // Where a link leads, the file is; the link stays.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        match fs::symlink_metadata(&path) {
            Ok(data) if data.is_dir() => return wrong("it is a folder"),
            // Another name would be given to a file, and the device be gone.
            Ok(data) if !data.is_file() => {
                return wrong("it is no file; -o parquet without -w writes to the standard output");
            }
            _ => {}
        }
        if path.file_name().is_none() {
            return wrong("it has no name of a file");
        }
        let file = atomic_write::temporary(atomic_write::folder_of(&path))?;
        Ok(SaveTarget { path, file })
    }

    /// Writes rows, and gives the file its name.
    ///
    /// # Errors
    /// When the disk fails; then nothing has changed.
    pub(super) fn save(self, rows: &GatheredRows) -> io::Result<()> {
        let mut out = BufWriter::new(self.file.as_file());
        rows.write(&mut out)?;
        out.flush()?;
        drop(out);
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path)?;
        File::open(atomic_write::folder_of(&self.path))?.sync_all()
    }
}

/// Whether a path is one of the files that are read.
pub(super) fn is_input(path: &Path, entries: &[CatalogEntry]) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    entries.iter().any(|entry| fs::canonicalize(&entry.path).is_ok_and(|input| input == path))
}
