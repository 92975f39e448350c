//! Reading journals, also such as are being written, cut off or damaged.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::record::{self, FLOW_LEN, MORE_LEN};
use super::{
    BLOCK_HEADER_LEN, BLOCK_MAGIC, HEADER_LEN, JournalHeader, MAGIC, MAX_BLOCK_FLOWS, number,
};
use crate::archive::schema::Version;
use crate::archive::{ArchiveError, ColumnChunk, ColumnChunks, RowChunk, is_sum_of, lock, name};
use crate::flow::column::PAGE_ROWS;
use crate::flow::{Flow, FlowExtras};

/// Bytes looked through at once for the next block after a damaged one.
const SEARCHED: usize = 1 << 20;

/// What the header of a block says.
#[derive(Clone, Copy, Debug)]
struct BlockHeader {
    flows: usize,
    more: usize,
    sum: u32,
}

impl BlockHeader {
    fn parse(bytes: &[u8; BLOCK_HEADER_LEN]) -> Option<BlockHeader> {
        let (said, sum) = bytes.split_at(BLOCK_HEADER_LEN - 4);
        if !bytes.starts_with(&BLOCK_MAGIC) || !is_sum_of(number(sum, 0), said) {
            return None;
        }
        let (flows, more) = (number(bytes, 8) as usize, number(bytes, 12) as usize);
        let sane = (1..=MAX_BLOCK_FLOWS).contains(&flows) && more <= flows;
        sane.then_some(BlockHeader { flows, more, sum: number(bytes, 16) })
    }

    /// Bytes of the records of a journal of this version; small, because both
    /// counts are.
    fn len(self, version: Version) -> usize {
        self.flows * FLOW_LEN + self.more * record::more_len(version)
    }
}

/// A step through the blocks of a file.
enum BlockStep {
    Block(BlockHeader),
    /// So many bytes were passed over because they were no block.
    Damaged(u64),
    /// The end of the last whole block; so many bytes follow.
    End(u64),
    /// Here another journal begins: this one ends, and so many bytes are lost.
    Another(u64),
}

/// Goes from block to block.
struct Blocks {
    path: Arc<Path>,
    file: File,
    version: Version,
    /// Where the next block begins.
    at: u64,
    records: Vec<u8>,
}

impl Blocks {
    /// Opens a journal. `None` for the header where there is nothing yet.
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

    /// How long the file is now.
    fn length(&self) -> Result<u64, ArchiveError> {
        self.file.metadata().map(|data| data.len()).map_err(|error| self.failed(error))
    }

    /// That the file ends within a block: of so many bytes, and so many flows.
    fn cut(&self, bytes: u64, flows: Option<usize>) -> ArchiveError {
        let flows = flows.map_or("its flows".to_owned(), |flows| format!("its {flows} flows"));
        let at = self.at;
        let what = format!(
            "it was cut off within the block at byte {at}: {flows} are lost ({bytes} bytes)"
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

    /// The place of the next header of a block or of a journal, or the end of the file.
    fn search(&mut self, from: u64) -> io::Result<u64> {
        let mut from = from;
        let mut bytes = vec![0; SEARCHED];
        loop {
            self.file.seek(SeekFrom::Start(from))?;
            let read = fill(&mut self.file, &mut bytes)?;
            let found = bytes.get(..read).unwrap_or_default();
            let is_header = |bytes: &[u8]| {
                bytes.starts_with(&MAGIC)
                    || bytes.first_chunk().is_some_and(|bytes| BlockHeader::parse(bytes).is_some())
            };
            if let Some(place) = found.windows(BLOCK_HEADER_LEN).position(is_header) {
                return Ok(from + place as u64);
            }
            if read < SEARCHED {
                return Ok(from + read as u64);
            }
            from += (SEARCHED - BLOCK_HEADER_LEN + 1) as u64;
        }
    }

    /// Reads the records of a block behind its header; false when they are cut
    /// off, an error of the outer kind when the checksum is wrong.
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
    fn take(&self, header: BlockHeader, flows: &mut Vec<Flow>, more: &mut Vec<FlowExtras>) {
        let (first, last) = self.records.split_at(header.flows * FLOW_LEN);
        let before = u32::try_from(more.len()).unwrap_or(u32::MAX);
        if self.version == Version::NEWEST {
            more.extend(last.as_chunks::<MORE_LEN>().0.iter().map(|bytes| FlowExtras::load(bytes)));
        } else {
            more.extend(last.chunks_exact(record::more_len(self.version)).map(FlowExtras::load));
        }
        flows.extend(first.as_chunks::<FLOW_LEN>().0.iter().map(|bytes| {
            let mut flow = Flow::load(bytes);
            flow.more = match flow.more as usize {
                place if (1..=header.more).contains(&place) => flow.more.saturating_add(before),
                _ => 0,
            };
            flow
        }));
    }
}

/// Reads until `out` is full or the file ends; says how many bytes.
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

/// Whether a recorder works where a journal lies, so that a block at its end that is
/// not whole is one that is being written: in its folder, or in one of the folders
/// above that date folders lie in.
fn is_being_written(journal: &Path) -> bool {
    /// Levels of date folders, and the folder of the archive itself.
    const LEVELS: usize = 5;
    let path = journal.canonicalize().unwrap_or_else(|_| journal.to_owned());
    path.ancestors().skip(1).take(LEVELS).any(|folder| lock::holder(folder).is_some())
}

/// Flows of a journal as chunks of whole blocks, up to the last whole one: what
/// is being written behind it is not there yet. A damaged block is an error in
/// between and costs itself; so is one that was cut off, when nobody writes it.
struct JournalReading {
    blocks: Blocks,
    /// An error that comes after the flows before it.
    late: Option<ArchiveError>,
    /// A block that did not fit into the last chunk.
    pending: Option<BlockHeader>,
    /// Where the last chunk ended.
    told: u64,
    ended: bool,
}

/// Opens a journal.
///
/// # Errors
/// When it cannot be opened, is no journal or is one of another version.
pub fn open(path: &Path) -> Result<ColumnChunks, ArchiveError> {
    let (blocks, header) = Blocks::open(path)?;
    Ok(Box::new(JournalReading::new(blocks, header)?))
}

/// What comes next in a journal.
enum Next {
    /// The records of a block, in `blocks.records`.
    Block(BlockHeader),
    /// The end is not the end of a block: of so many bytes none is used, and so
    /// many flows were to be in them, where that is known.
    Cut(u64, Option<usize>),
    End,
}

impl JournalReading {
    fn new(blocks: Blocks, header: Option<JournalHeader>) -> Result<JournalReading, ArchiveError> {
        let wrong = header.and_then(|header| name::contradicts(&blocks.path, header.slot));
        let late = wrong.map(|wrong| ArchiveError::damaged(&blocks.path, wrong));
        let mut reading = JournalReading { told: 0, blocks, late, pending: None, ended: false };
        if header.is_none() {
            reading.ended = true;
            let bytes = reading.blocks.at;
            if bytes > 0 && !is_being_written(&reading.blocks.path) {
                let what = format!("it was cut off after {bytes} bytes, within its header");
                return Err(ArchiveError::damaged(&reading.blocks.path, what));
            }
        }
        Ok(reading)
    }

    /// The next block into `blocks.records`.
    fn next_block(&mut self) -> Result<Next, ArchiveError> {
        let blocks = &mut self.blocks;
        let header = match blocks.step().map_err(|error| blocks.failed(error))? {
            BlockStep::Block(header) => header,
            BlockStep::Damaged(bytes) => {
                let what = format!("{bytes} bytes are no block, before byte {}", blocks.at);
                return Err(ArchiveError::damaged(&blocks.path, what));
            }
            BlockStep::Another(bytes) => {
                let what = format!("another journal begins within it: its {bytes} bytes are lost");
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

    /// The next block, `None` at the end: also at that of what a recorder has
    /// written so far.
    fn block(&mut self) -> Result<Option<BlockHeader>, ArchiveError> {
        /// A recorder that has ended just now may have written the rest before.
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
        let (mut flows, mut more) = (Vec::new(), Vec::new());
        if let Some(header) = self.pending.take() {
            self.blocks.take(header, &mut flows, &mut more);
        }
        while !self.ended {
            match self.block() {
                Ok(Some(header)) if flows.len() + header.flows <= PAGE_ROWS => {
                    self.blocks.take(header, &mut flows, &mut more);
                }
                Ok(Some(header)) => {
                    self.pending = Some(header);
                    break;
                }
                Ok(None) => self.ended = true,
                Err(error) => {
                    // What cannot be read at all will not be readable further on.
                    self.ended |= matches!(error, ArchiveError::Io { .. });
                    self.late = Some(error);
                    break;
                }
            }
        }
        let bytes = self.blocks.at - self.told;
        self.told = self.blocks.at;
        match RowChunk::new(self.blocks.path.clone(), flows, more, bytes) {
            Some(chunk) => Some(Ok(Box::new(chunk))),
            None => self.late.take().map(Err),
        }
    }
}

/// All flows of a journal, for the encoder.
#[derive(Debug, Default)]
pub struct WholeJournal {
    pub flows: Vec<Flow>,
    pub more: Vec<FlowExtras>,
    /// What was wrong with parts of it.
    pub problems: Vec<String>,
    /// That it was cut off within a block.
    pub cut: Option<String>,
}

/// Reads all flows of a journal into memory: those of a part, not more than `most`.
///
/// # Errors
/// As [`open`], and when it cannot be read to the end or there are more.
pub fn read_all(path: &Path, most: usize) -> Result<WholeJournal, ArchiveError> {
    let (blocks, header) = Blocks::open(path)?;
    let mut whole = WholeJournal::default();
    if header.is_none() {
        return Ok(whole);
    }
    let mut reading = JournalReading { told: 0, blocks, late: None, pending: None, ended: false };
    loop {
        match reading.next_block() {
            Ok(Next::Block(header)) if header.flows > most.saturating_sub(whole.flows.len()) => {
                let what = format!("expected at most {most} flows, found more");
                return Err(ArchiveError::damaged(path, what));
            }
            Ok(Next::Block(header)) => {
                reading.blocks.take(header, &mut whole.flows, &mut whole.more);
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

/// What is in a journal, by the headers of its blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// `None` when it was never written to.
    pub header: Option<JournalHeader>,
    pub flows: u64,
    /// Bytes that belong to no whole block.
    pub cut: u64,
}

/// Goes through the headers of the blocks of a journal; the records are not looked at.
///
/// # Errors
/// As [`open`], and when it cannot be read.
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
