//! Reads files of nfcapd and nfdump 1.7 (layout 2), block by block.
//!
//! A file consists of a header of 40 bytes and blocks, each compressed separately. The appendix
//! that nfcapd writes after the last block (ident and statistics) is skipped. The layout is
//! that of nfdump's `nffileV2.h` and `nfxV3.h`; it was checked against the output of nfdump
//! 1.7.1 for files of every compression.
//!
//! toptalk takes the records as nfcapd wrote them:
//! - nfcapd has already multiplied the counters of sampled flows by the sampling rate.
//!   Therefore [`Flow::sampling`] is unknown and they are not multiplied again.
//! - nfcapd stores a direction that was not reported as 0, which is ingress; records without
//!   interfaces have none.
//! - A record with counters of both directions is two flows, the second one reversed
//!   (`Flow::reversed`), as if the exporter had sent both. nfcapd stores the counters after a
//!   middlebox (IE 23, 24) in the same place, so a flow of an exporter that sends those as well
//!   as IE 1 and 2 is taken for a bidirectional flow. If only the counters of the reverse
//!   direction are set, they are those of the flow itself.
//! - A record counts as many flows as `nfdump -a` or `-b` merged into it, over both directions.
//! - nfdump 1.7.1 exchanges start and end of flows with IPFIX elements 21 and 22, so that
//!   [`Flow::first`] may be later than [`Flow::last`].
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

/// The first two bytes, as a number in the byte order of the machine that wrote the file.
const MAGIC: u16 = 0xA50C;

/// The layout of nfdump 1.7.
const LAYOUT: u16 = 2;

/// The size of the file header in bytes.
const FILE_HEADER: usize = 40;

/// The types of records.
const FLOW_RECORD: u16 = 11;
const EXPORTER_RECORD: u16 = 7;

/// Whether a file that begins with `head` is an nfcapd file, of any layout.
#[must_use]
pub fn is_nfcapd(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|two| {
        let magic = u16::from_le_bytes(*two);
        magic == MAGIC || magic.swap_bytes() == MAGIC
    })
}

/// The flows of a file: a chunk per block, at most [`PAGE_ROWS`] rows each. Of a file that is
/// still being written, the complete blocks are read.
///
/// # Errors
/// When the file cannot be read, is not an nfcapd file, has another layout than 2 or is
/// encrypted.
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

/// Whether a file is still being written or its writer was killed: the header does not yet give
/// the number of blocks.
///
/// # Errors
/// As for [`open`].
pub fn is_open(path: &Path) -> Result<bool, ArchiveError> {
    let mut file = regular::open(path).map_err(|source| ArchiveError::io("open", path, source))?;
    header(path, &mut file).map(FileHeader::is_open)
}

fn header(path: &Path, file: &mut impl Read) -> Result<FileHeader, ArchiveError> {
    let mut header = [0; FILE_HEADER];
    let got = fill(file, &mut header).map_err(|e| ArchiveError::io("read", path, e))?;
    FileHeader::read(path, header.get(..got).unwrap_or_default())
}

/// Reads until the buffer is full or the file ends; returns the number of bytes.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = buffer.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(extras) => got += extras,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[derive(Clone, Copy, Debug)]
struct FileHeader {
    compression: Compression,
    /// The offset of the appendix; 0 while the file is being written.
    appendix: u64,
    /// The number of data blocks; 0 while the file is being written.
    blocks: u32,
}

impl FileHeader {
    fn read(path: &Path, bytes: &[u8]) -> Result<FileHeader, ArchiveError> {
        let foreign = |what: &str| ArchiveError::Foreign { path: path.into(), what: what.into() };
        let version = |what: String| ArchiveError::Version { path: path.into(), what };
        let body = Body(bytes);
        if !is_nfcapd(bytes) {
            return Err(foreign("it does not begin with the magic number of nfcapd"));
        }
        if body.u16(0) != MAGIC {
            return Err(version(
                "it was written on a machine with the other byte order; rewrite it with nfdump on such a machine".into(),
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
            return Err(ArchiveError::damaged(path, "the file ends within its header"));
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

    /// Whether the header is not filled in: the file is being written, or the writer was
    /// killed.
    fn is_open(self) -> bool {
        self.blocks == 0 && self.appendix == 0
    }
}

/// Reads the blocks of a file one after the other.
struct Reader {
    path: Arc<Path>,
    file: BufReader<File>,
    /// The current offset in the file.
    at: u64,
    length: u64,
    header: FileHeader,
    /// The number of blocks read so far.
    blocks: u32,
    exporters: Exporters,
    /// The buffer of a compressed block, reused for the next one.
    compressed: Vec<u8>,
    plain: Vec<u8>,
    /// Chunks and errors that were read and not yet returned.
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

    /// Reads a block; false if there are no more. An error ends the file.
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
                "expected at most {MAX_BLOCK} bytes, found {}; the blocks after it cannot be found",
                head.size
            )));
        }
        let start = self.at.saturating_add(BLOCK_HEADER as u64);
        let end = start.saturating_add(head.size as u64);
        if end > self.length {
            // A file that is being written may have grown since it was opened.
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

    /// The file ends within a block, or before one (`got` is 0).
    fn cut(&self, got: usize) -> Result<bool, ArchiveError> {
        if self.header.is_open() || (got == 0 && self.blocks >= self.header.blocks) {
            return Ok(false);
        }
        Err(self.damaged(format_args!(
            "the file ends there, after {} of {} blocks",
            self.blocks, self.header.blocks
        )))
    }

    /// Decodes the flows of the block that was read. An error affects the rest of the block.
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

    /// Returns the flows of a decompressed block as chunks, then the error, if any.
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
                self.finish_chunk(&mut rows, 0);
            }
        }
        self.finish_chunk(&mut rows, (BLOCK_HEADER + head.size) as u64);
        result
    }

    /// Turns the collected rows into a chunk; the last chunk of a block has the number of its
    /// bytes.
    fn finish_chunk(&mut self, rows: &mut Rows, bytes: u64) {
        let Rows { flows, extras } = std::mem::take(rows);
        if let Some(chunk) = RowChunk::new(self.path.clone(), flows, extras, bytes) {
            self.ready.push_back(Ok(Box::new(chunk)));
        }
    }
}

/// Flows that are collected for a chunk.
#[derive(Default)]
struct Rows {
    flows: Vec<Flow>,
    extras: Vec<FlowExtras>,
}

impl Rows {
    fn push(&mut self, record: &Record) {
        let mut index = 0;
        let (back, mut extras) = (record.reversed(), record.extras);
        if back.is_some() && extras.flow_count > 1 {
            // One of them is the flow of the reverse direction.
            extras.flow_count -= 1;
        }
        if extras != FlowExtras::NONE {
            self.extras.push(extras);
            index = u32::try_from(self.extras.len()).unwrap_or(0);
        }
        self.flows.push(Flow { more: index, ..record.flow });
        // The extras describe the forward direction and are not reversed.
        self.flows.extend(back);
    }
}
