//! Where flows come from, and how far a scan is.

use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::archive::catalog::Entry;
use crate::archive::{ArchiveError, Chunks};

/// A file, opened.
pub enum Opened {
    Chunks(Chunks),
    /// Nothing in it can match, by what stands in its footer.
    Skipped,
}

/// Opens a file; called by several threads at once.
pub type Open<'a> = dyn Fn(&Entry) -> Result<Opened, ArchiveError> + Sync + 'a;

/// What to look into, and with what.
pub struct Source<'a> {
    /// In the order they were recorded.
    pub files: &'a [Entry],
    pub open: &'a Open<'a>,
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
