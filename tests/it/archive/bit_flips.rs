//! Flips every bit of a small segment, a journal and the saved state of exporters, one at a
//! time. The result must be the right answer, an error, or a loss that is reported; never
//! another answer that looks right.

use crate::common::formats;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use toptalk::archive::catalog::{CatalogEntry, FileKind};
use toptalk::archive::journal::{Block, JournalHeader};
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::archive::{self, ColumnChunk, journal, segment};
use toptalk::filter::Filter;
use toptalk::flow::{Flow, FlowExtras, Time};
use toptalk::query::element::{five_tuple, statistic};
use toptalk::query::{
    ArchiveQuestion, OpenedFile, Progress, QueryAnswer, QueryMode, ScanSource, StatOrder, ask,
};
use toptalk::wire::Decoder;
use toptalk::wire::saved_state::SavedState;

/// A few flows with all fields, among them a duplicate.
fn flows(count: usize) -> (Vec<Flow>, Vec<FlowExtras>) {
    let (mut flows, more) = formats::flows();
    flows.drain(..flows.len() - count);
    flows[0].duplicate = toptalk::flow::Duplicate::SameExporter;
    (flows, more)
}

fn segment_of(count: usize) -> Vec<u8> {
    let (flows, more) = flows(count);
    let mut bytes = Vec::new();
    let slot = SlotInfo { start: formats::SLOT, length_ms: 300_000 };
    encode(&flows, &more, &slot, &mut bytes).unwrap();
    bytes
}

fn journal_of(count: usize) -> Vec<u8> {
    let (flows, more) = flows(count);
    let header = JournalHeader { slot: formats::SLOT, slot_seconds: formats::SLOT_SECONDS };
    let mut bytes = header.bytes().to_vec();
    let mut block = Block::default();
    for part in flows.chunks(count.div_ceil(2)) {
        block.extend(part, &more);
        bytes.extend_from_slice(block.bytes());
        block.clear();
    }
    bytes
}

/// Questions of every kind; their windows contain all, some and none of the flows.
fn questions() -> Vec<ArchiveQuestion> {
    let at = |seconds: i64| Some(formats::SLOT.plus_ms(seconds * 1000));
    let top = |word| QueryMode::Statistics { asked: vec![statistic(word).unwrap()], limit: 3 };
    let groups = QueryMode::Groups { by: five_tuple(), order: Some(StatOrder::Bytes), limit: 0 };
    let one = |text: &str, (from, to): (Option<Time>, Option<Time>), ask| ArchiveQuestion {
        filter: Filter::parse(text).unwrap(),
        from,
        to,
        times: Default::default(),
        own_rates: false,
        no_dedup: false,
        columns: None,
        ask,
    };
    let any = (None, None);
    vec![
        one("", any, QueryMode::Summary),
        one("", any, QueryMode::Records { order: None, limit: 0 }),
        one("", any, top("dstip/bytes")),
        one("", any, groups),
        one("", (at(30), at(36)), QueryMode::Summary),
        one("", (at(0), at(3_600)), QueryMode::Summary),
        one("", (at(3_600), None), QueryMode::Summary),
        one("", (None, at(-3_600)), QueryMode::Summary),
        one("port 443 or proto udp and bytes > 2000", any, QueryMode::Summary),
        one("dst net 10.2.0.0/16 and not src port > 40010", any, top("srcip/packets")),
    ]
}

/// The answer of a file, without the measures of effort.
fn answer(entry: &CatalogEntry, question: &ArchiveQuestion) -> QueryAnswer {
    let open = |entry: &CatalogEntry| match entry.kind {
        FileKind::Segment => {
            let segment = segment::open(&entry.path)?;
            if segment.footer().is_outside(question.from, question.to) {
                return Ok(OpenedFile::Skipped);
            }
            let chunk: Box<dyn ColumnChunk> = Box::new(segment);
            Ok(OpenedFile::Chunks(Box::new(std::iter::once(Ok(chunk)))))
        }
        _ => archive::open(entry).map(OpenedFile::Chunks),
    };
    let progress = Progress::default();
    let files = std::slice::from_ref(entry);
    let source = ScanSource { files, open: &open, progress: &progress, threads: 1 };
    let mut listed = Vec::new();
    let mut answer = ask(question, &source, &mut |row| {
        listed.push(format!("{row:?}"));
        ControlFlow::Continue(())
    });
    // Rows that are handed over one by one belong to the answer.
    answer.effort.problems.sort();
    answer.effort.bytes_read = 0;
    answer.effort.skipped = 0;
    answer.effort.files = 0;
    answer.effort.records = 0;
    if !listed.is_empty() && answer.effort.problems.is_empty() {
        answer.effort.problems.push(listed.join("\n"));
    }
    answer
}

/// The answer as text.
fn text(answer: &QueryAnswer) -> String {
    format!("{:?} {:?} {:?}", answer.totals, answer.tables, answer.effort)
}

/// Flips every bit of `bytes` and asks all questions each time.
fn flip(kind: FileKind, bytes: &[u8]) {
    let questions = questions();
    let next = AtomicUsize::new(0);
    let silent = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..std::thread::available_parallelism().map_or(1, usize::from))
            .map(|_| scope.spawn(|| flip_some(kind, bytes, &questions, &next)))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(silent.is_empty(), "{} other answers: {:#?}", silent.len(), silent.get(..5));
    assert_eq!(next.into_inner().min(bytes.len()), bytes.len(), "every byte was tried");
}

fn flip_some(
    kind: FileKind,
    bytes: &[u8],
    questions: &[ArchiveQuestion],
    next: &AtomicUsize,
) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a file");
    let entry = CatalogEntry { path: path.clone(), kind, slot: None, part: 1 };
    std::fs::write(&path, bytes).unwrap();
    let right: Vec<String> = questions.iter().map(|one| text(&answer(&entry, one))).collect();
    let mut silent = Vec::new();
    loop {
        let at = next.fetch_add(1, Relaxed);
        let Some(byte) = bytes.get(at) else { return silent };
        let asks_all = all_of_it(kind, bytes, at);
        for bit in 0..8 {
            let mut damaged = bytes.to_vec();
            damaged[at] = byte ^ 1 << bit;
            std::fs::write(&path, damaged).unwrap();
            if !opens(kind, &path) {
                continue;
            }
            let all = questions.iter().zip(&right).enumerate();
            // Within pages, every bit is read by the question for all records and by one of the
            // others in turn; bits that decide which pages are read, by all. A file of version
            // 2 is rarely still open after one of those was flipped; of version 1, two
            // questions take turns.
            let turn = (at * 8 + bit) % questions.len();
            let turns = match at < pages_end(kind, bytes) {
                true => [RECORDS, turn],
                false => [turn, (turn + questions.len() / 2) % questions.len()],
            };
            let is_asked = |number: usize| asks_all || turns.contains(&number);
            for (number, (question, right)) in all.filter(|(number, _)| is_asked(*number)) {
                let found = answer(&entry, question);
                let states =
                    found.effort.problems.iter().any(|messages| messages.contains("a file"));
                if !states && text(&found) != *right {
                    silent.push(format!("byte {at} bit {bit}, question {number}: {found:?}"));
                }
            }
        }
    }
}

/// The index of the question for all records among [`questions`].
const RECORDS: usize = 1;

/// Whether all questions are asked for each bit of a byte.
fn all_of_it(kind: FileKind, bytes: &[u8], at: usize) -> bool {
    let has_checksum = || bytes.windows(16).any(|part| part == b"toptalk.checksum");
    at >= pages_end(kind, bytes) && (kind == FileKind::Journal || has_checksum())
}

/// The offset of the metadata about pages.
fn pages_end(kind: FileKind, bytes: &[u8]) -> usize {
    let trailer = bytes.last_chunk::<8>().and_then(|trailer| trailer.first_chunk::<4>()).copied();
    let metadata = trailer.map_or(0, u32::from_le_bytes) as usize;
    match kind {
        FileKind::Segment => bytes.len() - 8 - metadata - INDEXES,
        _ => 0,
    }
}

/// More bytes than the page indexes have, before the metadata.
const INDEXES: usize = 1_000;

/// Whether a file can be opened at all; otherwise every question gets the error.
fn opens(kind: FileKind, path: &Path) -> bool {
    match kind {
        FileKind::Segment => segment::open(path).is_ok(),
        _ => journal::open(path).is_ok(),
    }
}

#[test]
fn no_bit_of_a_segment_changes_an_answer_silently() {
    flip(FileKind::Segment, &segment_of(4));
}

#[test]
fn no_bit_of_a_segment_of_version_1_changes_an_answer_silently() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats/1");
    let bytes = std::fs::read(folder.join("flows.202611240340Z.parquet")).unwrap();
    flip(FileKind::Segment, &bytes);
}

#[test]
fn no_bit_of_a_journal_changes_an_answer_silently() {
    flip(FileKind::Journal, &journal_of(4));
}

#[test]
fn no_damaged_bit_of_the_exporters_state_is_used() {
    let memory = formats::decoder().memory();
    let bytes = memory.to_file().unwrap();
    assert_eq!(SavedState::of_file(&bytes), Ok(memory));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let read = SavedState::of_file(&damaged).map_err(|error| error.to_string());
            let recalled = read.and_then(|memory| {
                Decoder::new().restore(formats::SLOT, &memory).map_err(|error| error.to_string())
            });
            assert!(recalled.is_err(), "byte {at} bit {bit}");
        }
    }
}
