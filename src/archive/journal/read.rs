//! Reads journals, including journals that are being written, cut off or damaged.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::record::{self, EXTRAS_LEN, FLOW_LEN};
use super::{
    BLOCK_HEADER_LEN, BLOCK_MAGIC, HEADER_LEN, JournalHeader, MAGIC, MAX_BLOCK_FLOWS, number,
};
use crate::archive::schema::Version;
use crate::archive::{ArchiveError, ColumnChunk, ColumnChunks, RowChunk, is_sum_of, lock, name};
use crate::flow::column::PAGE_ROWS;
use crate::flow::{Flow, FlowExtras};

/// The number of bytes searched in one step for the next block after a damaged one.
const SEARCH_BYTES: usize = 1 << 20;

/// The content of a block header.
#[derive(Clone, Copy, Debug)]
struct BlockHeader {
    flows: usize,
    extras: usize,
    sum: u32,
}

impl BlockHeader {
    fn parse(bytes: &[u8; BLOCK_HEADER_LEN]) -> Option<BlockHeader> {
        let (content, sum) = bytes.split_at(BLOCK_HEADER_LEN - 4);
        if !bytes.starts_with(&BLOCK_MAGIC) || !is_sum_of(number(sum, 0), content) {
            return None;
        }
        let (flows, extras) = (number(bytes, 8) as usize, number(bytes, 12) as usize);
        let sane = (1..=MAX_BLOCK_FLOWS).contains(&flows) && extras <= flows;
        sane.then_some(BlockHeader { flows, extras, sum: number(bytes, 16) })
    }

    /// The size of the records in bytes in a journal of this version. It is small, because both
    /// counts are bounded.
    fn len(self, version: Version) -> usize {
        self.flows * FLOW_LEN + self.extras * record::extras_len(version)
    }
}

/// The next thing found in a file.
enum BlockStep {
    Block(BlockHeader),
    /// This many bytes were skipped because they are not a block.
    Damaged(u64),
    /// The end of the last complete block; this many bytes follow.
    End(u64),
    /// Another journal begins here, so this one ends; this many bytes are lost.
    Another(u64),
}

/// Reads block after block.
struct Blocks {
    path: Arc<Path>,
    file: File,
    version: Version,
    /// The offset of the next block.
    at: u64,
    records: Vec<u8>,
}

impl Blocks {
    /// Opens a journal. The header is `None` if the file is shorter than a header.
    fn open(path: &Path) -> Result<(Blocks, Option<JournalHeader>), ArchiveError> {
        let mut file = crate::archive::regular::open(path)
            .map_err(|error| ArchiveError::io("open", path, error))?;
        let mut bytes = [0; HEADER_LEN];
        let read = fill(&mut file, &mut bytes).map_err(|e| ArchiveError::io("read", path, e))?;
        let (header, version) = match read {
            HEADER_LEN => {
                JournalHeader::parse(path, &bytes).map(|(header, of)| (Some(header), of))?
            }
            _ => (None, Version::NEWEST),
        };
        let at = read as u64;
        Ok((Blocks { path: path.into(), file, version, at, records: Vec::new() }, header))
    }

    fn failed(&self, error: io::Error) -> ArchiveError {
        ArchiveError::io("read", &self.path, error)
    }

    /// The current length of the file.
    fn length(&self) -> Result<u64, ArchiveError> {
        self.file.metadata().map(|data| data.len()).map_err(|error| self.failed(error))
    }

    /// The error that the file ends within a block with unused bytes and missing flows.
    fn cut(&self, bytes: u64, flows: Option<usize>) -> ArchiveError {
        let flows = flows.map_or("its flows".to_owned(), |flows| format!("its {flows} flows"));
        let at = self.at;
        let what = format!(
            "the file was cut off within the block at byte {at}: {flows} are lost ({bytes} bytes)"
        );
        ArchiveError::damaged(&self.path, what)
    }

    /// Reads the header of the next block.
    fn step(&mut self) -> io::Result<BlockStep> {
        let mut bytes = [0; BLOCK_HEADER_LEN];
        self.file.seek(SeekFrom::Start(self.at))?;
        let read = fill(&mut self.file, &mut bytes)?;
        if bytes.get(..read).is_some_and(|bytes| bytes.starts_with(&MAGIC)) {
            let length = self.file.metadata()?.len();
            let passed = length.saturating_sub(self.at);
            self.at = self.at.max(length);
            return Ok(BlockStep::Another(passed));
        }
        if read < BLOCK_HEADER_LEN {
            return Ok(BlockStep::End(read as u64));
        }
        if let Some(header) = BlockHeader::parse(&bytes) {
            return Ok(BlockStep::Block(header));
        }
        let next = self.search(self.at + 1)?;
        let passed = next - self.at;
        self.at = next;
        Ok(BlockStep::Damaged(passed))
    }

    /// The offset of the next header of a block or of a journal, or the end of the file.
    fn search(&mut self, from: u64) -> io::Result<u64> {
        let mut from = from;
        let mut bytes = vec![0; SEARCH_BYTES];
        loop {
            self.file.seek(SeekFrom::Start(from))?;
            let read = fill(&mut self.file, &mut bytes)?;
            let found = bytes.get(..read).unwrap_or_default();
            let is_header = |bytes: &[u8]| {
                bytes.starts_with(&MAGIC)
                    || bytes.first_chunk().is_some_and(|bytes| BlockHeader::parse(bytes).is_some())
            };
            if let Some(offset) = found.windows(BLOCK_HEADER_LEN).position(is_header) {
                return Ok(from + offset as u64);
            }
            if read < SEARCH_BYTES {
                return Ok(from + read as u64);
            }
            from += (SEARCH_BYTES - BLOCK_HEADER_LEN + 1) as u64;
        }
    }

    /// Reads the records after a block header. `None` if they are cut off, `Some(false)` if the
    /// checksum is wrong.
    fn records(&mut self, header: BlockHeader) -> io::Result<Option<bool>> {
        let length = header.len(self.version);
        self.records.resize(length, 0);
        if fill(&mut self.file, &mut self.records)? < length {
            return Ok(None);
        }
        self.at += (BLOCK_HEADER_LEN + length) as u64;
        Ok(Some(is_sum_of(header.sum, &self.records)))
    }

    /// Appends the flows of the records that were read.
    fn take(&self, header: BlockHeader, flows: &mut Vec<Flow>, extras: &mut Vec<FlowExtras>) {
        let (first, last) = self.records.split_at(header.flows * FLOW_LEN);
        let before = u32::try_from(extras.len()).unwrap_or(u32::MAX);
        if self.version == Version::NEWEST {
            extras.extend(
                last.as_chunks::<EXTRAS_LEN>().0.iter().map(|bytes| FlowExtras::load(bytes)),
            );
        } else {
            extras
                .extend(last.chunks_exact(record::extras_len(self.version)).map(FlowExtras::load));
        }
        flows.extend(first.as_chunks::<FLOW_LEN>().0.iter().map(|bytes| {
            let mut flow = Flow::load(bytes);
            flow.more = match flow.more as usize {
                index if (1..=header.extras).contains(&index) => flow.more.saturating_add(before),
                _ => 0,
            };
            flow
        }));
    }
}

/// Reads until `out` is full or the file ends; returns the number of bytes.
fn fill(file: &mut File, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Whether a recorder is at work at the location of a journal, so that an incomplete block at
/// its end is one that is being written: in its folder, or a folder above the date folders.
fn is_being_written(journal: &Path) -> bool {
    /// Levels of date folders, and the root folder of the archive.
    const LEVELS: usize = 5;
    let path = journal.canonicalize().unwrap_or_else(|_| journal.to_owned());
    path.ancestors().skip(1).take(LEVELS).any(|folder| lock::holder(folder).is_some())
}

/// The flows of a journal as chunks of complete blocks. A block that is still being written is
/// ignored. A damaged block becomes an error between chunks; so does a block that was cut off
/// if no recorder is at work.
struct JournalReading {
    blocks: Blocks,
    /// An error to return after the flows before it.
    late: Option<ArchiveError>,
    /// A block that did not fit into the last chunk.
    pending: Option<BlockHeader>,
    /// The offset at which the last chunk ended.
    reported_to: u64,
    ended: bool,
}

/// Opens a journal.
///
/// # Errors
/// When it cannot be opened, is not a journal or has an unsupported version.
pub fn open(path: &Path) -> Result<ColumnChunks, ArchiveError> {
    let (blocks, header) = Blocks::open(path)?;
    Ok(Box::new(JournalReading::new(blocks, header)?))
}

/// The next item of a journal.
enum Next {
    /// The records of a block, in `blocks.records`.
    Block(BlockHeader),
    /// The file ends within a block: the number of unused bytes, and the number of flows the
    /// block should have, if known.
    Cut(u64, Option<usize>),
    End,
}

impl JournalReading {
    fn new(blocks: Blocks, header: Option<JournalHeader>) -> Result<JournalReading, ArchiveError> {
        let wrong = header.and_then(|header| name::contradicts(&blocks.path, header.slot));
        let late = wrong.map(|wrong| ArchiveError::damaged(&blocks.path, wrong));
        let mut reading =
            JournalReading { reported_to: 0, blocks, late, pending: None, ended: false };
        if header.is_none() {
            reading.ended = true;
            let bytes = reading.blocks.at;
            if bytes > 0 && !is_being_written(&reading.blocks.path) {
                let what = format!("the file was cut off after {bytes} bytes, within its header");
                return Err(ArchiveError::damaged(&reading.blocks.path, what));
            }
        }
        Ok(reading)
    }

    /// Reads the next block into `blocks.records`.
    fn next_block(&mut self) -> Result<Next, ArchiveError> {
        let blocks = &mut self.blocks;
        let header = match blocks.step().map_err(|error| blocks.failed(error))? {
            BlockStep::Block(header) => header,
            BlockStep::Damaged(bytes) => {
                let what = format!("{bytes} bytes before byte {} are not a block", blocks.at);
                return Err(ArchiveError::damaged(&blocks.path, what));
            }
            BlockStep::Another(bytes) => {
                let what =
                    format!("another journal begins within the file: its {bytes} bytes are lost");
                return Err(ArchiveError::damaged(&blocks.path, what));
            }
            BlockStep::End(0) => return Ok(Next::End),
            BlockStep::End(bytes) => return Ok(Next::Cut(bytes, None)),
        };
        let at = blocks.at;
        match blocks.records(header).map_err(|error| blocks.failed(error))? {
            Some(true) => Ok(Next::Block(header)),
            Some(false) => {
                let what = format!(
                    "the checksum of the block at byte {at} is wrong, {} flows are lost",
                    header.flows
                );
                Err(ArchiveError::damaged(&blocks.path, what))
            }
            None => {
                let bytes = blocks.length()?.saturating_sub(at);
                Ok(Next::Cut(bytes, Some(header.flows)))
            }
        }
    }

    /// The next block; `None` at the end, also at that of what is written so far.
    fn block(&mut self) -> Result<Option<BlockHeader>, ArchiveError> {
        /// A recorder that has just ended may have written the rest in the meantime.
        const TRIES: usize = 3;
        for last in (0..TRIES).rev() {
            let (bytes, flows) = match self.next_block()? {
                Next::Block(header) => return Ok(Some(header)),
                Next::End => return Ok(None),
                Next::Cut(bytes, flows) => (bytes, flows),
            };
            if is_being_written(&self.blocks.path) {
                return Ok(None);
            }
            if last == 0 || self.blocks.length()? == self.blocks.at.saturating_add(bytes) {
                self.ended = true;
                return Err(self.blocks.cut(bytes, flows));
            }
        }
        Ok(None)
    }
}

impl Iterator for JournalReading {
    type Item = Result<Box<dyn ColumnChunk>, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.late.take() {
            return Some(Err(error));
        }
        let (mut flows, mut extras) = (Vec::new(), Vec::new());
        if let Some(header) = self.pending.take() {
            self.blocks.take(header, &mut flows, &mut extras);
        }
        while !self.ended {
            match self.block() {
                Ok(Some(header)) if flows.len() + header.flows <= PAGE_ROWS => {
                    self.blocks.take(header, &mut flows, &mut extras);
                }
                Ok(Some(header)) => {
                    self.pending = Some(header);
                    break;
                }
                Ok(None) => self.ended = true,
                Err(error) => {
                    // After an error of the operating system, the rest of the file will not be
                    // readable either.
                    self.ended |= matches!(error, ArchiveError::Io { .. });
                    self.late = Some(error);
                    break;
                }
            }
        }
        let bytes = self.blocks.at - self.reported_to;
        self.reported_to = self.blocks.at;
        match RowChunk::new(self.blocks.path.clone(), flows, extras, bytes) {
            Some(chunk) => Some(Ok(Box::new(chunk))),
            None => self.late.take().map(Err),
        }
    }
}

/// All flows of a journal, for the encoder.
#[derive(Debug, Default)]
pub struct WholeJournal {
    /// The flows, in the order of their arrival.
    pub flows: Vec<Flow>,
    /// Their extras ([`Flow::more`] refers to them).
    pub extras: Vec<FlowExtras>,
    /// Problems with parts of the journal.
    pub problems: Vec<String>,
    /// The message if the file was cut off within a block.
    pub cut: Option<String>,
}

/// Reads all flows of a journal into memory, at most `most`.
///
/// # Errors
/// As for [`open`], and when it cannot be read to the end or has more flows.
pub fn read_all(path: &Path, most: usize) -> Result<WholeJournal, ArchiveError> {
    let (blocks, header) = Blocks::open(path)?;
    let mut whole = WholeJournal::default();
    if header.is_none() {
        return Ok(whole);
    }
    let mut reading =
        JournalReading { reported_to: 0, blocks, late: None, pending: None, ended: false };
    loop {
        match reading.next_block() {
            Ok(Next::Block(header)) if header.flows > most.saturating_sub(whole.flows.len()) => {
                let what = format!("expected at most {most} flows, found more");
                return Err(ArchiveError::damaged(path, what));
            }
            Ok(Next::Block(header)) => {
                reading.blocks.take(header, &mut whole.flows, &mut whole.extras);
            }
            Ok(Next::Cut(bytes, flows)) => {
                whole.cut = Some(reading.blocks.cut(bytes, flows).to_string());
                return Ok(whole);
            }
            Ok(Next::End) => return Ok(whole),
            Err(error @ ArchiveError::Io { .. }) => return Err(error),
            Err(error) => whole.problems.push(error.to_string()),
        }
    }
}

/// The content of a journal, according to the headers of its blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// `None` if nothing was written yet.
    pub header: Option<JournalHeader>,
    /// The number of flows in complete blocks.
    pub flows: u64,
    /// The number of bytes that belong to no complete block.
    pub cut: u64,
}

/// Reads the headers of all blocks of a journal; the records are not checked.
///
/// # Errors
/// As for [`open`], and when it cannot be read.
pub fn scan(path: &Path) -> Result<Scan, ArchiveError> {
    let (mut blocks, header) = Blocks::open(path)?;
    let mut scan = Scan { header, ..Scan::default() };
    if header.is_none() {
        scan.cut = blocks.at;
        return Ok(scan);
    }
    let failed = |error| ArchiveError::io("read", path, error);
    let length = blocks.file.metadata().map_err(failed)?.len();
    loop {
        match blocks.step().map_err(failed)? {
            BlockStep::Block(header) => {
                let length_of = header.len(blocks.version);
                let end = blocks.at + (BLOCK_HEADER_LEN + length_of) as u64;
                if end > length {
                    scan.cut += length.saturating_sub(blocks.at);
                    return Ok(scan);
                }
                scan.flows += header.flows as u64;
                blocks.at = end;
            }
            BlockStep::Damaged(bytes) | BlockStep::Another(bytes) => scan.cut += bytes,
            BlockStep::End(bytes) => {
                scan.cut += bytes;
                return Ok(scan);
            }
        }
    }
}
