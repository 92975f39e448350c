//! Writes the matching flows to a file in the format of the archive (`-w`, `-o parquet`).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::archive::atomic_write;
use crate::archive::catalog::CatalogEntry;
use crate::archive::segment::{MAX_ROWS, SlotInfo, encode};
use crate::flow::{Flow, FlowExtras, Sampling, Time};
use crate::query::AnswerRow;

/// The rows to write.
#[derive(Default)]
pub(super) struct GatheredRows {
    flows: Vec<Flow>,
    more: Vec<FlowExtras>,
    /// Whether there are more rows than a file can have.
    pub(super) is_full: bool,
}

impl GatheredRows {
    /// Adds a row. A sum becomes a flow with its packets and bytes.
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

/// A file that appears complete or not at all. An earlier file stays until then.
pub(super) struct SaveTarget {
    path: PathBuf,
    file: NamedTempFile,
}

impl SaveTarget {
    /// Creates a temporary file next to the path, so that errors are reported before files
    /// are read for a long time.
    ///
    /// # Errors
    /// When it cannot be written, or the path is not a regular file.
    pub(super) fn begin(path: &Path) -> io::Result<SaveTarget> {
        // A link is followed, so that it stays.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        match fs::symlink_metadata(&path) {
            Ok(data) if data.is_dir() => return wrong("it is a folder"),
            // The file would replace the device.
            Ok(data) if !data.is_file() => {
                return wrong(
                    "not a regular file; -o parquet without -w writes to standard output",
                );
            }
            _ => {}
        }
        if path.file_name().is_none() {
            return wrong("the path has no file name");
        }
        let file = atomic_write::temporary(atomic_write::folder_of(&path))?;
        Ok(SaveTarget { path, file })
    }

    /// Writes the rows and gives the file its name.
    ///
    /// # Errors
    /// When writing fails. Nothing has changed then.
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

/// Whether a path is one of the input files.
pub(super) fn is_input(path: &Path, entries: &[CatalogEntry]) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    entries.iter().any(|entry| fs::canonicalize(&entry.path).is_ok_and(|input| input == path))
}
