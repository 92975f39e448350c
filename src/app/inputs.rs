//! Files that hold flows or datagrams, whatever kind they are.

use std::io::{self, BufReader, Read};
use std::path::Path;

use jiff::tz::TimeZone;

use super::AppError;
use crate::archive::catalog::Catalog;
use crate::archive::{self, ArchiveError, ColumnChunks, nfcapd, regular};
use crate::cli::Files;
use crate::query::files::{self, FileSelection};

/// How many first bytes say what a file is.
const HEAD: u64 = 8;

/// How segments and journals begin.
const OURS: [&[u8]; 2] = [b"PAR1", b"TTJOURN\n"];

/// A file, opened.
pub(super) enum Input {
    /// Flows of an archive.
    Flows(ColumnChunks),
    /// A capture, or datagrams in another wrapping.
    Datagrams(Box<dyn Read + Send>),
}

/// Opens a file as what its first bytes say it is; `-` is the standard input,
/// which can only be a capture.
pub(super) fn open(path: &Path) -> Result<Input, ArchiveError> {
    if path.as_os_str() == "-" {
        return Ok(Input::Datagrams(Box::new(io::stdin())));
    }
    let cannot = |source| ArchiveError::io("open", path, source);
    let mut file = regular::open(path).map_err(cannot)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(cannot)?;
    if nfcapd::is_nfcapd(&head) || OURS.iter().any(|ours| head.starts_with(ours)) {
        let mut catalog = Catalog::default();
        // Its slot is not asked for, so the zone does not matter.
        catalog.add_file(path, &TimeZone::UTC)?;
        if let Some(entry) = catalog.entries.first() {
            return archive::open(entry).map(Input::Flows);
        }
    }
    let rest = io::Cursor::new(head).chain(BufReader::new(file));
    Ok(Input::Datagrams(Box::new(rest)))
}

/// The files that `-r`, `-R` and `-M` name, in the order they were recorded.
pub(super) fn list(files: &Files, zone: &TimeZone) -> Result<Catalog, AppError> {
    let asked = FileSelection {
        one: files.one.as_deref(),
        range: files.range.as_deref(),
        folders: files.folders.as_deref(),
    };
    let listed = files::list(asked, Path::new("."), zone, &|path| path.is_dir());
    listed.map_err(|error| AppError::Files(Box::new(error)))
}
