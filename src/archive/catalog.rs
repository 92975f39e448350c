//! Which files an archive has.

use std::path::PathBuf;

use crate::flow::Time;

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A Parquet file of ours.
    Segment,
    /// What is being recorded, or was when the recorder ended.
    Journal,
    /// A file of nfcapd or nfdump, layout 2.
    Nfcapd,
}

/// A file with flows in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: PathBuf,
    pub kind: FileKind,
    /// When its slot began, by its name; `None` for a file named otherwise.
    pub slot: Option<Time>,
    /// Which part of the slot, from 1.
    pub part: u32,
}
