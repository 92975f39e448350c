//! Fuzz target: any bytes as a file of an archive, which is opened, read to the end, verified
//! and queried.

use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::path::Path;

use tempfile::NamedTempFile;
use toptalk::archive::catalog::{CatalogEntry, FileKind};
use toptalk::archive::{self, ColumnChunk, ColumnChunks, journal, nfcapd, rows, segment, verify};
use toptalk::filter::Filter;
use toptalk::flow::field::FIELDS;
use toptalk::query::element::{five_tuple, statistic};
use toptalk::query::{
    ArchiveQuestion, FlowDirection, OpenedFile, Progress, QueryMode, ScanSource, StatOrder, ask,
};

thread_local! {
    /// The file that the bytes are written to; it is used again and again.
    static FILE: OnceCell<NamedTempFile> = const { OnceCell::new() };
}

/// Maximum number of rows for reading every row and for queries: a small file can have millions
/// of equal rows.
const MANY: u64 = 200_000;

/// The first byte chooses the kind of file; the rest is the file.
pub fn run(bytes: &[u8]) {
    let Some((choice, file)) = bytes.split_first() else { return };
    let kind = match choice % 3 {
        0 => FileKind::Segment,
        1 => FileKind::Journal,
        _ => FileKind::Nfcapd,
    };
    FILE.with(|cell| {
        let place = cell.get_or_init(|| NamedTempFile::new().expect("a file"));
        std::fs::write(place.path(), file).expect("a file is written");
        look_at(
            &CatalogEntry { path: place.path().to_owned(), kind, slot: None, part: 1 },
            file.len(),
        );
    });
}

fn look_at(entry: &CatalogEntry, length: usize) {
    let path = entry.path.as_path();
    let listed = archive::catalog::Catalog::default().add_file(path, &jiff::tz::TimeZone::UTC);
    let _ = (listed, segment::footer(path), nfcapd::is_open(path));
    if let Ok(scan) = journal::scan(path) {
        assert!(scan.cut as usize <= length, "{scan:?} of {length} bytes");
    }
    let _ = journal::read_all(path, 100_000);
    let Ok(chunks) = archive::open(entry) else { return };
    let count = read(chunks, length);
    if count > MANY {
        return;
    }
    if let Ok(chunks) = archive::open(entry) {
        // Damage may hide rows from both ways of reading, but neither may find more rows than
        // there are.
        assert!(verify::verify(path, chunks).rows <= count);
    }
    questions(entry, path, count);
}

/// Reads everything. Returns the number of rows.
fn read(chunks: ColumnChunks, length: usize) -> u64 {
    let (mut count, mut number) = (0, 0);
    for chunk in chunks {
        number += 1;
        assert!(number <= 2 * length + 2, "more chunks than bytes");
        let Ok(mut chunk) = chunk else { continue };
        assert!(chunk.rows() > 0);
        count += chunk.rows() as u64;
        if count <= MANY {
            (0..chunk.pages()).for_each(|page| columns(chunk.as_mut(), page));
        }
    }
    count
}

fn columns(chunk: &mut dyn ColumnChunk, page: usize) {
    if let Ok((flows, more)) = rows(chunk, page) {
        assert_eq!(flows.len(), chunk.page_rows(page));
        assert!(more.len() <= flows.len());
    }
    let mut out = toptalk::flow::column::Vector::default();
    for info in FIELDS {
        let _ = (chunk.dictionary(info.field), chunk.bounds(info.field));
        if chunk.read(info.field, page, &mut out).is_ok() {
            assert_eq!(out.len(), chunk.page_rows(page), "{}", info.name);
        }
    }
}

/// Runs queries of every kind, with filters that use dictionaries and with filters that do not.
fn questions(entry: &CatalogEntry, path: &Path, rows: u64) {
    let one = |word| QueryMode::Statistics { asked: vec![statistic(word).expect(word)], limit: 3 };
    let both = toptalk::query::Aggregation { direction: FlowDirection::Both, ..five_tuple() };
    for (text, ask_for) in [
        ("", QueryMode::Summary),
        ("", QueryMode::Records { order: None, limit: 0 }),
        (
            "src net 10.0.0.0/8 or not proto tcp",
            QueryMode::Records { order: Some(StatOrder::Bps), limit: 5 },
        ),
        ("", QueryMode::Groups { by: both, order: Some(StatOrder::Bytes), limit: 0 }),
        ("port 443 or bytes > 100", one("record")),
        ("flags S or duration > 5", one("ip:p/bps/bytes")),
        ("", one("srcnet/packets")),
    ] {
        let question = ArchiveQuestion {
            filter: Filter::parse(text).expect(text),
            from: None,
            to: None,
            times: Default::default(),
            own_rates: false,
            no_dedup: rows.is_multiple_of(2),
            columns: None,
            ask: ask_for,
        };
        let open = |entry: &CatalogEntry| archive::open(entry).map(OpenedFile::Chunks);
        let progress = Progress::default();
        let files = std::slice::from_ref(entry);
        let source = ScanSource { files, open: &open, progress: &progress, threads: 1 };
        let mut given = 0;
        let answer = ask(&question, &source, &mut |_| {
            given += 1;
            ControlFlow::Continue(())
        });
        let panicked = answer.effort.problems.iter().find(|problem| problem.contains("failed"));
        assert_eq!(panicked, None, "{}", path.display());
        let flows = answer.totals.all.map_or(0, |all| all.flows);
        // A row counts as many flows as its `flow_count` says, which has 32 bits.
        let most = rows.saturating_mul(u64::from(u32::MAX));
        assert!(flows <= most && given <= rows, "{flows} and {given} of {rows}");
        assert!(answer.effort.records <= rows && answer.effort.duplicates <= rows);
    }
}
