//! Reads files with several threads and passes the matching rows to sinks.

use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::answer::QueryEffort;
use super::page::{Page, PageColumns};
use super::question::{ArchiveQuestion, TimeRule};
use super::source::{OpenedFile, ScanSource};
use super::state::may_have_odd_times;
use crate::archive::catalog::CatalogEntry;
use crate::archive::{ArchiveError, ColumnChunk};
use crate::filter::Filter;
use crate::filter::select::{ColumnSource, FilterPlan, MatchedRows};
use crate::flow::Time;
use crate::flow::field::Field;

/// The largest number of problems that are listed; further ones are only counted.
const MOST_PROBLEMS: usize = 100;

/// Takes the rows that a worker finds.
pub(super) trait ScanSink: Send {
    /// The columns that it needs of a page with matching rows.
    fn fields(&self) -> Vec<Field>;

    /// The next file begins.
    fn file(&mut self, _number: usize) {}

    /// The next chunk begins, with other dictionaries.
    fn begin(&mut self) {}

    /// Takes matching rows; all needed columns are loaded. Breaks if no worker needs to
    /// continue.
    fn take(&mut self, page: &Page<'_>, hits: &MatchedRows) -> ControlFlow<()>;

    /// The file has ended.
    fn end(&mut self) {}

    /// The scan ended early: no further file will be begun.
    fn stop(&mut self) {}
}

/// The data that all workers share.
struct Scan<'a> {
    filter: Filter,
    /// Flows that are only counted: they reach across an end of the requested time.
    across: Option<Filter>,
    /// The time of which flows count for their share: from the first time on, before the second.
    prorated: Option<(Time, Time)>,
    no_dedup: bool,
    source: &'a ScanSource<'a>,
    next: AtomicUsize,
    /// Whether the sinks need no further rows.
    enough: AtomicBool,
}

/// Scans all files with a worker per sink; `beside` runs meanwhile in the calling thread.
pub(super) fn scan<S: ScanSink>(
    question: &ArchiveQuestion,
    source: &ScanSource<'_>,
    sinks: Vec<S>,
    beside: impl FnOnce(&AtomicBool),
) -> (Vec<S>, QueryEffort) {
    source.progress.files.store(source.files.len() as u64, Relaxed);
    let (from, to) = (question.from, question.to);
    let scan = Scan {
        filter: match question.times {
            TimeRule::Within => question.filter.within(from, to),
            TimeRule::Overlapping | TimeRule::Prorated => question.filter.overlapping(from, to),
        },
        across: match question.times {
            TimeRule::Within => question.filter.reaching_across(from, to),
            TimeRule::Overlapping | TimeRule::Prorated => None,
        },
        prorated: (question.times == TimeRule::Prorated).then(|| {
            // `to` is the last millisecond of the requested time.
            (from.unwrap_or(Time(i64::MIN)), to.map_or(Time(i64::MAX), |to| to.plus_ms(1)))
        }),
        no_dedup: question.no_dedup,
        source,
        next: AtomicUsize::new(0),
        enough: AtomicBool::new(false),
    };
    let mut effort = QueryEffort { across: Some((0, 0)), ..QueryEffort::default() };
    let mut back = Vec::new();
    let mut unlisted = 0;
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            sinks.into_iter().map(|sink| scope.spawn(|| scan.work(sink))).collect();
        beside(&scan.enough);
        for worker in workers {
            match worker.join() {
                Ok((sink, done)) => {
                    back.push(sink);
                    unlisted += add(&mut effort, done.effort) + done.unlisted;
                }
                Err(_) => effort.problems.push("a thread of the query failed".to_owned()),
            }
        }
    });
    if unlisted > 0 {
        effort.problems.push(format!("and {unlisted} more problems"));
    }
    if scan.is_over() {
        effort.across = None;
    }
    effort.interrupted = source.progress.stop.load(Relaxed);
    (back, effort)
}

/// Adds the effort of a worker; returns the number of problems that are not listed.
fn add(all: &mut QueryEffort, one: QueryEffort) -> usize {
    all.files += one.files;
    all.skipped += one.skipped;
    all.removed += one.removed;
    all.records += one.records;
    all.duplicates += one.duplicates;
    all.bytes_read += one.bytes_read;
    if let (Some(all), Some(one)) = (&mut all.across, one.across) {
        *all = (all.0 + one.0, all.1.saturating_add(one.1));
    }
    let room = MOST_PROBLEMS.saturating_sub(all.problems.len());
    let unlisted = one.problems.len().saturating_sub(room);
    all.problems.extend(one.problems.into_iter().take(room));
    unlisted
}

/// The result of a worker.
#[derive(Default)]
struct WorkerResult {
    effort: QueryEffort,
    unlisted: usize,
}

impl WorkerResult {
    fn problem(&mut self, what: impl ToString) {
        if self.effort.problems.len() < MOST_PROBLEMS {
            self.effort.problems.push(what.to_string());
        } else {
            self.unlisted += 1;
        }
    }
}

impl Scan<'_> {
    fn is_over(&self) -> bool {
        self.enough.load(Relaxed) || self.source.progress.stop.load(Relaxed)
    }

    fn work<S: ScanSink>(&self, mut sink: S) -> (S, WorkerResult) {
        let mut done = WorkerResult::default();
        let mut columns = PageColumns::new();
        let fields = sink.fields();
        while !self.is_over() {
            let number = self.next.fetch_add(1, Relaxed);
            let Some(entry) = self.source.files.get(number) else { break };
            sink.file(number);
            let file = || self.file(entry, &mut columns, &fields, &mut sink, &mut done);
            if catch_unwind(AssertUnwindSafe(file)).is_err() {
                done.problem(format!("{}: reading it failed", entry.path.display()));
                columns = PageColumns::new();
            }
            sink.end();
            self.source.progress.done.fetch_add(1, Relaxed);
        }
        if self.is_over() {
            sink.stop();
        }
        (sink, done)
    }

    fn file<S: ScanSink>(
        &self,
        entry: &CatalogEntry,
        columns: &mut PageColumns,
        fields: &[Field],
        sink: &mut S,
        done: &mut WorkerResult,
    ) {
        let chunks = match (self.source.open)(entry) {
            Ok(OpenedFile::Chunks(chunks)) => chunks,
            Ok(OpenedFile::Skipped) => {
                done.effort.skipped += 1;
                return;
            }
            // The file was removed between listing and opening: it expired. A dangling link
            // still exists.
            Err(ArchiveError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && !entry.path.is_symlink() =>
            {
                done.effort.removed += 1;
                return;
            }
            Err(error) => {
                done.problem(error);
                return;
            }
        };
        done.effort.files += 1;
        for chunk in chunks {
            if self.is_over() {
                return;
            }
            let mut chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    done.problem(error);
                    continue;
                }
            };
            columns.begin();
            sink.begin();
            self.chunk(&mut *chunk, columns, fields, sink, done);
            let (bytes, rows) = (chunk.bytes_read(), chunk.rows() as u64);
            done.effort.bytes_read += bytes;
            done.effort.records += rows;
            self.source.progress.bytes.fetch_add(bytes, Relaxed);
            self.source.progress.records.fetch_add(rows, Relaxed);
        }
    }

    fn chunk<S: ScanSink>(
        &self,
        chunk: &mut dyn ColumnChunk,
        columns: &mut PageColumns,
        fields: &[Field],
        sink: &mut S,
        done: &mut WorkerResult,
    ) {
        let rows = chunk.page_rows(0);
        let pages = chunk.pages();
        let prorated = self.prorated;
        let mut page = Page { chunk, columns, number: 0, rows, has_odd_times: false, prorated };
        let plan = match self.filter.plan(&mut page) {
            Ok(plan) => plan,
            Err(error) => return done.problem(error),
        };
        let across = match self.across.as_ref().map(|filter| filter.plan(&mut page)).transpose() {
            Ok(plan) => plan.filter(|plan| !plan.is_never()),
            Err(error) => return done.problem(error),
        };
        if plan.is_never() && across.is_none() {
            return;
        }
        match may_have_odd_times(&mut page) {
            Ok(may) => page.has_odd_times = may && fields.contains(&Field::First),
            Err(error) => return done.problem(error),
        }
        for number in 0..pages {
            if self.is_over() {
                return;
            }
            page.number = number;
            page.rows = page.chunk.page_rows(number);
            if let Some(across) = &across
                && let Err(error) = self.count_across(across, &mut page, done)
            {
                return done.problem(error);
            }
            if plan.is_never() {
                continue;
            }
            match self.page(&plan, &mut page, fields) {
                Ok((hits, duplicates)) => {
                    done.effort.duplicates += duplicates;
                    if !hits.is_empty() && sink.take(&page, &hits).is_break() {
                        self.enough.store(true, Relaxed);
                    }
                }
                Err(error) => done.problem(error),
            }
        }
    }

    /// The rows that match, without duplicates, and the number of duplicates.
    fn select(
        &self,
        plan: &FilterPlan<'_>,
        page: &mut Page<'_>,
    ) -> Result<(MatchedRows, u64), ArchiveError> {
        let mut hits = plan.select(page)?;
        let mut duplicates = 0;
        if !hits.is_empty() && !self.no_dedup {
            let matched = hits.len();
            page.load(Field::Duplicate)?;
            hits = page.without(Field::Duplicate, hits);
            duplicates = (matched - hits.len()) as u64;
        }
        Ok((hits, duplicates))
    }

    /// Counts the flows that reach across an end of the requested time.
    fn count_across(
        &self,
        plan: &FilterPlan<'_>,
        page: &mut Page<'_>,
        done: &mut WorkerResult,
    ) -> Result<(), ArchiveError> {
        let (hits, _) = self.select(plan, page)?;
        if hits.is_empty() {
            return Ok(());
        }
        page.load(Field::Bytes)?;
        page.load(Field::Sampling)?;
        let mut bytes = vec![0; hits.len()];
        page.numbers(Field::Bytes, &hits, |at, number| bytes[at] = number);
        page.numbers(Field::Sampling, &hits, |at, rate| {
            bytes[at] = bytes[at].saturating_mul(rate.max(1));
        });
        let (flows, sum) = done.effort.across.get_or_insert_default();
        *flows += hits.len() as u64;
        *sum = bytes.into_iter().fold(*sum, u64::saturating_add);
        Ok(())
    }

    /// The rows that count, with their columns loaded, and the number of duplicates that were
    /// left out.
    fn page(
        &self,
        plan: &FilterPlan<'_>,
        page: &mut Page<'_>,
        fields: &[Field],
    ) -> Result<(MatchedRows, u64), ArchiveError> {
        let (hits, duplicates) = self.select(plan, page)?;
        if !hits.is_empty() {
            for field in fields {
                page.load(*field)?;
            }
            if page.has_odd_times {
                page.load(Field::Arrival)?;
                page.load(Field::ClockOffset)?;
            }
        }
        Ok((hits, duplicates))
    }
}
