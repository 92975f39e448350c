//! Files that change between being listed, opened and read.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use jiff::tz::TimeZone;
use toptalk::archive::catalog::{Bounds, Catalog, CatalogEntry};
use toptalk::archive::lock::Lock;
use toptalk::archive::recorder::{RealDisk, encode, segment_of};
use toptalk::archive::{self, ArchiveError};
use toptalk::filter::Filter;
use toptalk::query::{
    ArchiveQuestion, OpenedFile, Progress, QueryAnswer, QueryMode, ScanSource, ask,
};

use super::{encoder, journal, messages, part, query, run_query, segment};
use crate::common::process::{Running, free_port, toptalk};

fn listed(folder: &Path) -> Vec<CatalogEntry> {
    let mut catalog = Catalog::default();
    catalog.add_folder(folder, Bounds::default(), &TimeZone::UTC);
    catalog.finish();
    assert!(catalog.problems.is_empty(), "{:?}", catalog.problems);
    catalog.entries
}

/// Asks for all flows; `before` is called with each file before it is opened.
fn all(files: &[CatalogEntry], before: &(dyn Fn(&CatalogEntry) + Sync)) -> QueryAnswer {
    let question = ArchiveQuestion {
        filter: Filter::default(),
        from: None,
        to: None,
        times: Default::default(),
        own_rates: false,
        no_dedup: false,
        columns: None,
        ask: QueryMode::Summary,
    };
    let open = |entry: &CatalogEntry| {
        before(entry);
        archive::open(entry).map(OpenedFile::Chunks)
    };
    let progress = Progress::default();
    let source = ScanSource { files, open: &open, progress: &progress, threads: 2 };
    ask(&question, &source, &mut |_| ControlFlow::Continue(()))
}

fn flows(answer: &QueryAnswer) -> u64 {
    answer.totals.all.map_or(0, |all| all.flows)
}

/// The state after a power cut; a recorder at work may be about to write the rest.
#[test]
fn a_journal_that_was_cut_off_within_a_block_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    segment(root, 0, 4);
    let path = journal(root, 1, 3);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let expected =
        "the file was cut off within the block at byte 32: its 3 flows are lost (481 bytes)";
    let (found, output) = run_query(&mut query(root, &["-R", "."]));
    assert_eq!((found, output.status.code()), (Some(4), Some(1)));
    assert!(messages(&output).contains(expected), "{}", messages(&output));
    let output = query(root, &["-v", path.to_str().unwrap()]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &messages(&output);
    assert!(!output.status.success() && printed.contains(expected), "{printed}");
    let lock = Lock::take(root, 1).unwrap();
    let (found, output) = run_query(&mut query(root, &["-R", "."]));
    assert_eq!((found, output.status.code()), (Some(4), Some(0)), "{}", messages(&output));
    drop(lock);
    // The recorder reports it when it takes over the journal.
    let mut collect = toptalk();
    let port = free_port().to_string();
    // It is a loss, so it is also logged if only warnings are.
    collect.args(["collect", "--log-level", "warn"]);
    collect.args(["-b", "127.0.0.1", "-p", &port, "-w"]).arg(root);
    let running = Running::start(&mut collect, "481 bytes of an incomplete block are lost");
    assert_eq!(running.end(nix::sys::signal::Signal::SIGTERM).status.code(), Some(0));
}

#[test]
fn a_file_that_expires_before_it_is_opened_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let first = segment(folder.path(), 0, 1);
    segment(folder.path(), 1, 2);
    let files = listed(folder.path());
    let answer = all(&files, &|entry| {
        if entry.path == first {
            fs::remove_file(&first).unwrap();
        }
    });
    assert_eq!((flows(&answer), answer.effort.files, answer.effort.removed), (2, 1, 1));
    assert!(answer.effort.problems.is_empty(), "{:?}", answer.effort.problems);
    // A dangling link is not an expired file.
    std::os::unix::fs::symlink(folder.path().join("gone"), &first).unwrap();
    let answer = all(&listed(folder.path()), &|_| ());
    assert_eq!((flows(&answer), answer.effort.removed, answer.effort.problems.len()), (2, 0, 1));
}

#[test]
fn a_file_that_expires_while_it_is_read_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = segment(folder.path(), 0, 100_000);
    let files = listed(folder.path());
    let mut chunks = archive::open(&files[0]).unwrap();
    fs::remove_file(&path).unwrap();
    let mut chunk = chunks.next().unwrap().unwrap();
    for page in 0..chunk.pages() {
        assert_eq!(archive::rows(chunk.as_mut(), page).unwrap().0.len(), chunk.page_rows(page));
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_read_is_damaged_from_there_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = segment(folder.path(), 0, 10);
    let mut chunks = archive::open(&listed(folder.path())[0]).unwrap();
    let mut chunk = chunks.next().unwrap().unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(4).unwrap();
    let error = archive::rows(chunk.as_mut(), 0).unwrap_err();
    assert!(matches!(error, ArchiveError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("became shorter"), "{error}");
}

#[test]
fn a_journal_that_becomes_a_segment_before_it_is_opened_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal(folder.path(), 0, 4);
    segment(folder.path(), 1, 8);
    let files = listed(folder.path());
    let encoder = encoder();
    let become_segment = |entry: &CatalogEntry| {
        if entry.path == path {
            encode(&RealDisk, &part(&path, 0, 4), &*encoder).unwrap();
            assert!(segment_of(&path).exists() && !path.exists());
        }
    };
    let answer = all(&files, &become_segment);
    assert_eq!((flows(&answer), answer.effort.files, answer.effort.removed), (12, 2, 0));
    assert!(answer.effort.problems.is_empty(), "{:?}", answer.effort.problems);
    // Both are gone: the file has expired in the meantime.
    fs::remove_file(segment_of(&path)).unwrap();
    let answer = all(&files, &|_| ());
    assert_eq!((flows(&answer), answer.effort.removed), (8, 1));
}

/// A query while journals become segments always finds all flows once.
#[test]
fn a_query_while_journals_become_segments_counts_every_flow_once() {
    const ROUNDS: i64 = 60;
    const EACH: usize = 3;
    let folder = tempfile::tempdir().unwrap();
    // So many names that a listing takes several steps.
    for number in 0..600 {
        fs::write(folder.path().join(format!("{number:0>200}")), "").unwrap();
    }
    let journals: Vec<_> = (0..ROUNDS).map(|number| journal(folder.path(), number, EACH)).collect();
    let encoder = encoder();
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            for (number, journal) in (0..).zip(&journals) {
                encode(&RealDisk, &part(journal, number, EACH), &*encoder).unwrap();
            }
        });
        while !working.is_finished() {
            let answer = all(&listed(folder.path()), &|_| ());
            let (found, effort) = (flows(&answer), &answer.effort);
            assert_eq!((found, effort.removed), (ROUNDS as u64 * EACH as u64, 0), "{effort:?}");
        }
    });
    assert_eq!(flows(&all(&listed(folder.path()), &|_| ())), ROUNDS as u64 * EACH as u64);
}
