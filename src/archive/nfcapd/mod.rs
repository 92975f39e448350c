//! Files of nfcapd and nfdump 1.7 (layout 2), read block by block.
//!
//! A file is a header of 40 bytes and blocks, each compressed on its own; what
//! nfcapd writes after the last one (its name, its sums) is passed over. The
//! layout is that of nfdump's `nffileV2.h` and `nfxV3.h`; it was checked against
//! what nfdump 1.7.1 prints of files of every compression.
//!
//! What nfcapd did when it recorded, toptalk takes as it is:
//! - Counters of sampled flows are already multiplied by the sampling rate, so
//!   [`Flow::sampling`] is unknown and they are not multiplied again.
//! - A direction that was not reported is 0, as ingress is; records without
//!   interfaces have none.
//! - A record with counters of both ways is two flows, the second reversed
//!   (`Flow::reversed`), as if the exporter had sent both. nfcapd keeps the
//!   counters after a middlebox (IE 23, 24) in the same place, so that a flow of
//!   an exporter that sends those beside 1 and 2 is taken for a conversation.
//!   Counters of the way out alone are the flow's own.
//! - The number of flows that `nfdump -a` made one is not kept: a record is one flow.
//! - nfdump 1.7.1 swaps the ends of flows of IPFIX elements 21 and 22, so that
//!   [`Flow::first`] may be later than [`Flow::last`].

mod block;
mod lzo;
mod record;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use self::block::{BLOCK_HEADER, BlockHeader, Compression, MAX_BLOCK};
use self::record::{Body, Exporters, RECORD_HEADER, Record};
use super::{ArchiveError, ColumnChunk, ColumnChunks, RowChunk, regular};
use crate::flow::column::PAGE_ROWS;
use crate::flow::{Flow, FlowExtras};

/// The first two bytes, as a number in the byte order of the machine that wrote.
const MAGIC: u16 = 0xA50C;

/// The layout of nfdump 1.7.
const LAYOUT: u16 = 2;

/// Bytes of the file's header.
const FILE_HEADER: usize = 40;

/// Types of records.
const FLOW_RECORD: u16 = 11;
const EXPORTER_RECORD: u16 = 7;

/// Whether the first bytes of a file are those of nfcapd, of any layout.
#[must_use]
pub fn is_nfcapd(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|two| {
        let magic = u16::from_le_bytes(*two);
        magic == MAGIC || magic.swap_bytes() == MAGIC
    })
}

/// The flows of a file, a chunk for each block and [`PAGE_ROWS`] rows at most.
/// A file that is still being written is read as far as whole blocks go.
///
/// # Errors
/// When the file cannot be read, is not nfcapd's, has another layout than 2 or
/// is encrypted.
pub fn open(path: &Path) -> Result<ColumnChunks, ArchiveError> {
    let file = regular::open(path).map_err(|source| ArchiveError::io("open", path, source))?;
    let length = file.metadata().map_err(|source| ArchiveError::io("read", path, source))?.len();
    let mut file = BufReader::new(file);
    let header = header(path, &mut file)?;
    Ok(Box::new(Reader {
        path: path.into(),
        file,
        at: FILE_HEADER as u64,
        length,
        header,
        blocks: 0,
        exporters: Exporters::new(),
        compressed: Vec::new(),
        plain: Vec::new(),
        ready: VecDeque::new(),
        ended: false,
    }))
}

/// Whether a file is still being written, or its writer was killed: its header
/// does not say yet how many blocks there are.
///
/// # Errors
/// As [`open`].
pub fn is_open(path: &Path) -> Result<bool, ArchiveError> {
    let mut file = regular::open(path).map_err(|source| ArchiveError::io("open", path, source))?;
    header(path, &mut file).map(FileHeader::is_open)
}

fn header(path: &Path, file: &mut impl Read) -> Result<FileHeader, ArchiveError> {
    let mut header = [0; FILE_HEADER];
    let got = fill(file, &mut header).map_err(|e| ArchiveError::io("read", path, e))?;
    FileHeader::read(path, header.get(..got).unwrap_or_default())
}

/// Reads until the buffer is full or the file ends; says how much.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = buffer.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[derive(Clone, Copy, Debug)]
struct FileHeader {
    compression: Compression,
    /// Where the blocks after those of data begin; 0 while it is being written.
    appendix: u64,
    /// Data blocks; 0 while it is being written.
    blocks: u32,
}

impl FileHeader {
    fn read(path: &Path, bytes: &[u8]) -> Result<FileHeader, ArchiveError> {
        let foreign = |what: &str| ArchiveError::Foreign { path: path.into(), what: what.into() };
        let version = |what: String| ArchiveError::Version { path: path.into(), what };
        let body = Body(bytes);
        if !is_nfcapd(bytes) {
            return Err(foreign("it does not begin as files of nfcapd do"));
        }
        if body.u16(0) != MAGIC {
            return Err(version(
                "it is from a machine with the other byte order; rewrite it there".into(),
            ));
        }
        match body.u16(2) {
            LAYOUT => {}
            layout @ 0..LAYOUT => {
                return Err(version(format!(
                    "expected layout 2 of nfdump 1.7, found layout {layout} of nfdump 1.6; \
                     rewrite it with `nfdump -r OLD -w NEW`"
                )));
            }
            layout => {
                return Err(version(format!(
                    "expected layout 2 of nfdump 1.7, found the later layout {layout}"
                )));
            }
        }
        if bytes.len() < FILE_HEADER {
            return Err(ArchiveError::damaged(path, "it ends within its header"));
        }
        let number = body.0.get(16).copied().unwrap_or(0);
        let compression = Compression::numbered(number).ok_or_else(|| {
            version(format!("expected compression 0 to 4 in its header, found {number}"))
        })?;
        if body.0.get(17).is_some_and(|encryption| *encryption != 0) {
            return Err(version("it is encrypted".into()));
        }
        Ok(FileHeader { compression, appendix: body.u64(24), blocks: body.u32(36) })
    }

    /// Whether the header was not filled in yet, or never was: the writer was killed.
    fn is_open(self) -> bool {
        self.blocks == 0 && self.appendix == 0
    }
}

/// Reads the blocks of a file one after the other.
struct Reader {
    path: Arc<Path>,
    file: BufReader<File>,
    /// Bytes into the file.
    at: u64,
    length: u64,
    header: FileHeader,
    /// Blocks read so far.
    blocks: u32,
    exporters: Exporters,
    /// Of one block, used again for the next.
    compressed: Vec<u8>,
    plain: Vec<u8>,
    /// What was read and not yet asked for.
    ready: VecDeque<Result<Box<dyn ColumnChunk>, ArchiveError>>,
    ended: bool,
}

impl Iterator for Reader {
    type Item = Result<Box<dyn ColumnChunk>, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            if self.ended {
                return None;
            }
            match self.block() {
                Ok(true) => {}
                Ok(false) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Reader {
    fn error(&self, source: io::Error) -> ArchiveError {
        ArchiveError::io("read", &self.path, source)
    }

    fn damaged(&self, what: impl std::fmt::Display) -> ArchiveError {
        ArchiveError::damaged(&self.path, format!("block at byte {}: {what}", self.at))
    }

    /// Reads a block; false when there are no more. An error ends the file.
    fn block(&mut self) -> Result<bool, ArchiveError> {
        if self.header.blocks > 0 && self.blocks >= self.header.blocks {
            return Ok(false);
        }
        let mut head = [0; BLOCK_HEADER];
        let got = fill(&mut self.file, &mut head).map_err(|source| self.error(source))?;
        if got < BLOCK_HEADER {
            return self.cut(got);
        }
        let head = BlockHeader::read(&head);
        if head.size > MAX_BLOCK {
            return Err(self.damaged(format_args!(
                "expected at most {MAX_BLOCK} bytes, found {}; what follows cannot be found",
                head.size
            )));
        }
        let start = self.at.saturating_add(BLOCK_HEADER as u64);
        let end = start.saturating_add(head.size as u64);
        if end > self.length {
            // While it is being written it may have grown since it was opened.
            self.length = self.file.get_ref().metadata().map_err(|e| self.error(e))?.len();
        }
        if end > self.length {
            return self.cut(got);
        }
        if head.has_records() {
            self.compressed.resize(head.size, 0);
            let mut compressed = std::mem::take(&mut self.compressed);
            let read = fill(&mut self.file, &mut compressed);
            let whole = read.map_err(|source| self.error(source))? == head.size;
            self.compressed = compressed;
            if !whole {
                return self.cut(got);
            }
            self.records(head);
        } else {
            let size = i64::try_from(head.size).unwrap_or(i64::MAX);
            self.file.seek_relative(size).map_err(|source| self.error(source))?;
        }
        self.blocks = self.blocks.saturating_add(1);
        self.at = end;
        Ok(true)
    }

    /// The file ends where a block should go on, or begin (`got` is 0).
    fn cut(&self, got: usize) -> Result<bool, ArchiveError> {
        if self.header.is_open() || (got == 0 && self.blocks >= self.header.blocks) {
            return Ok(false);
        }
        Err(self.damaged(format_args!(
            "the file ends there, after {} of {} blocks",
            self.blocks, self.header.blocks
        )))
    }

    /// Takes the flows out of the block that was read. What is wrong with it
    /// costs the rest of the block.
    fn records(&mut self, head: BlockHeader) {
        let compression = head.compression(self.header.compression);
        let compressed = std::mem::take(&mut self.compressed);
        let mut plain = std::mem::take(&mut self.plain);
        let result = match compression {
            Compression::None => self.flows(head, &compressed),
            _ => block::decompress(compression, &compressed, &mut plain)
                .and_then(|()| self.flows(head, &plain)),
        };
        (self.compressed, self.plain) = (compressed, plain);
        if let Err(what) = result {
            let error = self.damaged(what);
            self.ready.push_back(Err(error));
        }
    }

    /// The flows of a decompressed block, as chunks; then what is wrong with it.
    fn flows(&mut self, head: BlockHeader, bytes: &[u8]) -> Result<(), String> {
        let mut rows = Rows::default();
        let mut rest = bytes;
        let mut result = Ok(());
        for number in 0..head.records {
            let size = usize::from(Body(rest).u16(2));
            let Some(record) = rest.get(..size).filter(|_| size >= 4) else {
                result = Err(format!(
                    "record {number} of {} has a length of {size} bytes, {} are left",
                    head.records,
                    rest.len()
                ));
                break;
            };
            rest = rest.get(size..).unwrap_or_default();
            match Body(record).u16(0) {
                FLOW_RECORD if size >= RECORD_HEADER => {
                    if let Some(record) = Record::read(record, &self.exporters) {
                        rows.push(&record);
                    }
                }
                EXPORTER_RECORD => self.exporters.extend(record::exporter(record)),
                _ => {}
            }
            if rows.flows.len() + 2 > PAGE_ROWS {
                self.give(&mut rows, 0);
            }
        }
        self.give(&mut rows, (BLOCK_HEADER + head.size) as u64);
        result
    }

    /// Makes what was collected a chunk; the last one of a block counts its bytes.
    fn give(&mut self, rows: &mut Rows, bytes: u64) {
        let Rows { flows, more } = std::mem::take(rows);
        if let Some(chunk) = RowChunk::new(self.path.clone(), flows, more, bytes) {
            self.ready.push_back(Ok(Box::new(chunk)));
        }
    }
}

/// Flows on their way into a chunk.
#[derive(Default)]
struct Rows {
    flows: Vec<Flow>,
    more: Vec<FlowExtras>,
}

impl Rows {
    fn push(&mut self, record: &Record) {
        let mut place = 0;
        if record.more != FlowExtras::NONE {
            self.more.push(record.more);
            place = u32::try_from(self.more.len()).unwrap_or(0);
        }
        self.flows.push(Flow { more: place, ..record.flow });
        // What stands in `more` is about the way there: it is not turned round.
        self.flows.extend(record.reversed());
    }
}
