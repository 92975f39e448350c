//! The files of a scan, and its progress.

use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::archive::catalog::CatalogEntry;
use crate::archive::{ArchiveError, ColumnChunks};

/// A file that was opened.
pub enum OpenedFile {
    /// The chunks of the file.
    Chunks(ColumnChunks),
    /// The footer shows that nothing in the file can match.
    Skipped,
}

/// Opens a file; it is called by several threads at once.
pub type OpenFile<'a> = dyn Fn(&CatalogEntry) -> Result<OpenedFile, ArchiveError> + Sync + 'a;

/// The files of a scan and how they are read.
pub struct ScanSource<'a> {
    /// The files, in the order in which they were recorded.
    pub files: &'a [CatalogEntry],
    /// Opens a file.
    pub open: &'a OpenFile<'a>,
    /// The progress, which is updated during the scan.
    pub progress: &'a Progress,
    /// The number of files that are read at once, at least 1.
    pub threads: usize,
}

/// The progress of a scan, which other threads can read; they can also stop the scan.
#[derive(Debug, Default)]
pub struct Progress {
    /// The number of files.
    pub files: AtomicU64,
    /// The number of files that are finished.
    pub done: AtomicU64,
    /// The number of bytes read.
    pub bytes: AtomicU64,
    /// The number of records read.
    pub records: AtomicU64,
    /// Set to end early: the answer then covers what was read so far.
    pub stop: AtomicBool,
}
