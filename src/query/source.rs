//! Where flows come from, and how far a scan is.

use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::archive::catalog::CatalogEntry;
use crate::archive::{ArchiveError, ColumnChunks};

/// A file, opened.
pub enum OpenedFile {
    Chunks(ColumnChunks),
    /// Nothing in it can match, by what stands in its footer.
    Skipped,
}

/// Opens a file; called by several threads at once.
pub type OpenFile<'a> = dyn Fn(&CatalogEntry) -> Result<OpenedFile, ArchiveError> + Sync + 'a;

/// What to look into, and with what.
pub struct ScanSource<'a> {
    /// In the order they were recorded.
    pub files: &'a [CatalogEntry],
    pub open: &'a OpenFile<'a>,
    pub progress: &'a Progress,
    /// How many files are read at once, at least 1.
    pub threads: usize,
}

/// How far a scan is; others look on, and may stop it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Files there are, and that are done with.
    pub files: AtomicU64,
    pub done: AtomicU64,
    pub bytes: AtomicU64,
    pub records: AtomicU64,
    /// Set to end early: the answer is over what was read until then.
    pub stop: AtomicBool,
}
