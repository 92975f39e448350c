//! Opens files with flows or datagrams, of any known format.

use std::io::{self, BufReader, Read};
use std::path::Path;

use jiff::tz::TimeZone;

use super::AppError;
use crate::archive::catalog::Catalog;
use crate::archive::{self, ArchiveError, ColumnChunks, nfcapd, regular};
use crate::cli::Files;
use crate::query::files::{self, FileSelection};

/// Number of bytes at the begin of a file that tell its format.
const HEAD: u64 = 8;

/// The first bytes of segments and journals.
const OURS: [&[u8]; 2] = [b"PAR1", b"TTJOURN\n"];

/// An open file.
pub(super) enum Input {
    /// Flows of an archive.
    Flows(ColumnChunks),
    /// A capture, or datagrams in another format.
    Datagrams(Box<dyn Read + Send>),
}

/// Opens a file in the format that its first bytes tell. `-` is the standard input, which
/// can only be a capture.
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
        // The slot is not needed, so that any time zone will do.
        catalog.add_file(path, &TimeZone::UTC)?;
        if let Some(entry) = catalog.entries.first() {
            return archive::open(entry).map(Input::Flows);
        }
    }
    let rest = io::Cursor::new(head).chain(BufReader::new(file));
    Ok(Input::Datagrams(Box::new(rest)))
}

/// The files that `-r`, `-R` and `-M` name, in the order of recording.
pub(super) fn list(files: &Files, zone: &TimeZone) -> Result<Catalog, AppError> {
    let asked = FileSelection {
        one: files.one.as_deref(),
        range: files.range.as_deref(),
        folders: files.folders.as_deref(),
    };
    let listed = files::list(asked, Path::new("."), zone, &|path| path.is_dir());
    listed.map_err(|error| AppError::Files(Box::new(error)))
}
