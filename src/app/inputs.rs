//! Files that hold flows or datagrams, whatever kind they are.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::archive::{ArchiveError, Chunk, Chunks, nfcapd, segment};

/// How many first bytes say what a file is.
const HEAD: u64 = 4;

/// How Parquet files begin.
const PARQUET: &[u8] = b"PAR1";

/// A file, opened.
pub(super) enum Input {
    /// Flows of an archive.
    Flows(Chunks),
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
    let mut file = File::open(path).map_err(cannot)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(cannot)?;
    if nfcapd::is_nfcapd(&head) {
        return nfcapd::open(path).map(Input::Flows);
    }
    if head == PARQUET {
        let segment: Box<dyn Chunk> = Box::new(segment::open(path)?);
        return Ok(Input::Flows(Box::new(std::iter::once(Ok(segment)))));
    }
    let rest = io::Cursor::new(head).chain(BufReader::new(file));
    Ok(Input::Datagrams(Box::new(rest)))
}
