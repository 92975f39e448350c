//! `toptalk query`: queries of recorded flows.

mod error;
mod hints;
mod save;
mod watch;

pub use error::QueryError;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;

use jiff::tz::TimeZone;

use indicatif::ProgressBar;

use self::save::{GatheredRows, SaveTarget};
use super::messages::tell;
use super::output::{Written, print, written};
use super::stop::StopSignal;
use super::{AppError, attach, xdg, zone};
use crate::archive::catalog::{Bounds, Catalog, CatalogEntry, FileKind};
use crate::archive::macros::macros;
use crate::archive::{self, ArchiveError, regular, verify};
use crate::attach::who_may;
use crate::cli::{self, FilterFrom, Query, QueryAction};
use crate::clock::Clock;
use crate::filter::Filter;
use crate::flow::Time;
use crate::query::files::{self, FileSelection};
use crate::query::format::{CoveredSpan, QueryFormat, QueryPrinter};
use crate::query::when::{End, TimeWindow, WrittenTime};
use crate::query::{
    AnswerRow, AnswerTable, ArchiveQuestion, OpenedFile, Progress, QueryAnswer, QueryMode,
    ScanSource, TimeRule, ask,
};
use crate::text;

/// The archive of the system service.
const SYSTEM: &str = "/var/lib/toptalk";

/// Number of bytes that are written at once.
const WRITE_BYTES: usize = 1 << 16;

/// Maximum size of a filter file in bytes. The filter language has its own limit.
const MAX_FILTER: usize = 16 << 20;

pub(super) fn run(query: Query) -> Result<ExitCode, AppError> {
    query.notes.iter().for_each(tell);
    match &query.action {
        QueryAction::Ask => Session::new(query)?.run(),
        QueryAction::CheckFilter(text) => check(text.as_deref(), &query.filter),
        QueryAction::Verify(path) => verified(path),
        QueryAction::Macros(dialect) => print(macros(*dialect)).map(|_| ExitCode::SUCCESS),
    }
}

/// Prints the normal form of a filter.
fn check(text: Option<&str>, from: &FilterFrom) -> Result<ExitCode, AppError> {
    let filter = match (text, from) {
        (Some(text), _) => cli::filter(text).map_err(AppError::Usage)?,
        (None, FilterFrom::File(path)) => read_filter(path)?,
        (None, FilterFrom::Words(filter)) => filter.clone(),
    };
    print(format!("{filter}\n")).map(|_| ExitCode::SUCCESS)
}

fn read_filter(path: &Path) -> Result<Filter, QueryError> {
    let path = || path.to_owned();
    let bytes = regular::read(&path(), MAX_FILTER)
        .map_err(|source| QueryError::ReadFilter { path: path(), source })?;
    let text = String::from_utf8(bytes)
        .map_err(|source| QueryError::FilterText { path: path(), source })?;
    cli::filter(&text).map_err(|why| QueryError::Filter { path: path(), why })
}

/// Reads a whole file and reports problems.
fn verified(path: &Path) -> Result<ExitCode, AppError> {
    let mut catalog = Catalog::default();
    catalog.add_file(path, &TimeZone::UTC).map_err(QueryError::from)?;
    let Some(entry) = catalog.entries.first() else {
        return Err(QueryError::NoArchiveFile(path.to_owned()).into());
    };
    let kind = match entry.kind {
        FileKind::Segment => "segment",
        FileKind::Journal => "journal",
        FileKind::Nfcapd => "file of nfcapd",
    };
    let found = verify::verify(path, archive::open(entry).map_err(QueryError::from)?);
    let (name, problems) = (text::clean(&path.display().to_string()), found.problems.len());
    print(format!("{name}: {kind}, {} flows, {problems} problems\n", found.rows))?;
    found.problems.iter().for_each(tell);
    Ok(if found.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Session {
    query: Query,
    zone: TimeZone,
    clock: Clock,
    stop: StopSignal,
    catalog: Catalog,
    /// The progress bar, shown if the query takes long.
    bar: ProgressBar,
}

impl Session {
    fn new(query: Query) -> Result<Session, AppError> {
        let clock = Clock::start();
        let stop = StopSignal::on_signals().map_err(AppError::Start)?;
        let zone = zone::zone(query.zone.as_deref())?;
        let asked = FileSelection {
            one: query.files.one.as_deref(),
            range: query.files.range.as_deref(),
            folders: query.files.folders.as_deref(),
        };
        let usual = usual(|name| std::env::var_os(name));
        // A file that is named alone is not being written.
        let unwritten = match query.files.one {
            None => {
                let folders = files::searched_folders(asked, &usual, &zone, &|path| path.is_dir());
                attach::sync(&query.attach, &folders)
            }
            Some(_) => None,
        };
        let catalog = files::list(asked, &usual, &zone, &|path| path.is_dir())
            .map_err(|error| AppError::Files(Box::new(error)))?;
        if catalog.entries.is_empty() {
            let asked = query.files.range.as_ref().or(query.files.folders.as_ref());
            let place = asked.cloned().unwrap_or_else(|| usual.display().to_string());
            return Err(nothing_there(place, &catalog.problems).into());
        }
        // Reported only now: a query that fails has no answer with missing flows.
        unwritten.iter().for_each(tell);
        Ok(Session { query, zone, clock, stop, catalog, bar: ProgressBar::hidden() })
    }

    fn run(mut self) -> Result<ExitCode, AppError> {
        let question = self.question()?;
        let saves = self.query.write.is_some() || self.is_parquet();
        if saves && matches!(question.ask, QueryMode::Statistics { .. } | QueryMode::Summary) {
            return Err(QueryError::WritesFlows.into());
        }
        if let Some(path) = &self.query.write
            && save::is_input(path, &self.catalog.entries)
        {
            return Err(QueryError::WritesInput(path.clone()).into());
        }
        if saves && self.query.write.is_none() && io::stdout().is_terminal() {
            return Err(QueryError::ParquetOnTerminal.into());
        }
        let answer = if saves { self.save(&question)? } else { self.print(&question)? };
        let Some(answer) = answer else { return Ok(ExitCode::SUCCESS) };
        self.hint(&question, &answer)?;
        let folders = self.catalog.problems.iter().map(ToString::to_string);
        let problems: Vec<String> = folders.chain(answer.effort.problems.iter().cloned()).collect();
        problems.iter().for_each(tell);
        if answer.effort.removed > 0 {
            tell(format_args!(
                "files that expired before they could be read and are not in the answer: {}",
                answer.effort.removed
            ));
        }
        if answer.effort.interrupted
            && let Some(code) = self.stop.code()
        {
            tell("interrupted: the answer covers only what was read so far");
            return Ok(ExitCode::from(code));
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn is_parquet(&self) -> bool {
        matches!(self.query.output.shape, QueryFormat::Parquet)
    }

    /// The question, with its times resolved.
    fn question(&mut self) -> Result<ArchiveQuestion, AppError> {
        let filter = match &self.query.filter {
            FilterFrom::Words(filter) => filter.clone(),
            FilterFrom::File(path) => read_filter(path)?,
        };
        let now = self.clock.now();
        let resolve = |flag, when: Option<WrittenTime>, end| {
            let time = when.map(|when| when.resolve(end, now, &self.zone)).transpose();
            // The message must propose a format that the given flag accepts.
            time.map_err(|source| match self.query.in_window {
                true => QueryError::Time { flag: "-t", source: source.in_slashes() },
                false => QueryError::Time { flag, source },
            })
        };
        let mut from = resolve("--from", self.query.from, End::From)?;
        let mut to = resolve("--to", self.query.to, End::To)?;
        match (self.query.from, from, self.query.to, to) {
            (Some(written), Some(_), None, _) if written.is_past_day() && !self.query.in_window => {
                to = resolve("--from", Some(written), End::To)?;
                tell("--from yesterday alone is that whole day; --to now adds the time since then");
            }
            (_, Some(begin), Some(written), Some(end)) if end < begin => {
                let after = written.resolve_after(begin, now, &self.zone);
                to = Some(after.map_err(|source| QueryError::Time { flag: "--to", source })?);
            }
            _ => {}
        }
        if let (Some(from), Some(to)) = (from, to)
            && to < from
        {
            return Err(QueryError::EndsBeforeItBegins.into());
        }
        if let Some(bounds) = self.whole()? {
            (from, to) = (bounds.from, bounds.to);
        }
        let (ask, no_dedup) = (self.query.ask.clone(), self.query.no_dedup);
        let times = match (self.query.in_window, self.query.prorate) {
            (true, _) => TimeRule::Within,
            (false, true) => TimeRule::Prorated,
            (false, false) => TimeRule::Overlapping,
        };
        let own_rates = self.query.output.own_rates;
        Ok(ArchiveQuestion { filter, from, to, times, own_rates, no_dedup, columns: None, ask })
    }

    /// The window of `-t +N` and `-t -N`, which begins with the first flow of all files or
    /// ends with the last one. Both bounds are set, because the first and the last flow
    /// are those whose times are plausible: a flow that an exporter with a wrong clock
    /// reported for 1970 is in no such window.
    fn whole(&self) -> Result<Option<Bounds>, AppError> {
        let Some(window) = self.query.window else { return Ok(None) };
        let question = ArchiveQuestion::sums_of_everything();
        let files = &self.catalog.entries;
        let answer = self.ask(&question, files, &mut |_| ControlFlow::Continue(()))?;
        let Some(all) = answer.totals.all else { return Ok(None) };
        Ok(Some(match window {
            TimeWindow::Head(ms) => {
                Bounds { from: Some(all.first), to: Some(all.first.plus_ms(ms).min(all.last)) }
            }
            TimeWindow::Tail(ms) => {
                Bounds { from: Some(all.last.plus_ms(-ms).max(all.first)), to: Some(all.last) }
            }
            TimeWindow::Between(..) => Bounds::default(),
        }))
    }

    fn ask(
        &self,
        question: &ArchiveQuestion,
        files: &[CatalogEntry],
        row: &mut dyn FnMut(&AnswerRow) -> ControlFlow<()>,
    ) -> Result<QueryAnswer, AppError> {
        let progress = Progress::default();
        let open = |entry: &CatalogEntry| open(entry, question.from, question.to);
        let source = ScanSource {
            files,
            open: &open,
            progress: &progress,
            threads: self.query.threads.unwrap_or_else(cores),
        };
        let (done, finished) = mpsc::channel::<()>();
        Ok(std::thread::scope(|scope| {
            let (progress, stop, clock, bar) = (&progress, &self.stop, &self.clock, &self.bar);
            scope.spawn(move || watch::watch(progress, stop, clock, bar, &finished));
            let answer = ask(question, &source, row);
            drop(done);
            answer
        }))
    }

    /// Prints the answer; `None` when the reader closed the pipe.
    fn print(&self, question: &ArchiveQuestion) -> Result<Option<QueryAnswer>, AppError> {
        let mut printer = QueryPrinter::new(question, &self.query.output, self.zone.clone());
        let question = &ArchiveQuestion { columns: printer.needs(), ..question.clone() };
        let mut out = io::stdout().lock();
        let mut failed = None;
        printer.begin();
        let answer = self.ask(question, &self.catalog.entries, &mut |row| {
            printer.row(row);
            if printer.written().len() < WRITE_BYTES {
                return ControlFlow::Continue(());
            }
            match self.bar.suspend(|| drain(&mut out, printer.written())) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        let effort = &answer.effort;
        if effort.files + effort.skipped == 0 && !effort.problems.is_empty() {
            // Nothing could be read, which the caller reports.
            return Ok(Some(answer));
        }
        if failed.is_none() {
            let span = CoveredSpan::of(question.from, question.to, &answer.totals);
            printer.tables(&answer, span);
            printer.end(&answer, span, self.clock.micros());
            failed = drain(&mut out, printer.written()).err();
        }
        Ok(match written(failed.map_or(Ok(()), Err))? {
            Written::Whole => Some(answer),
            Written::ReaderLeft => None,
        })
    }

    /// Writes the matching flows to a file or to the standard output.
    fn save(&self, question: &ArchiveQuestion) -> Result<Option<QueryAnswer>, AppError> {
        let path = self.query.write.as_deref().unwrap_or(Path::new(""));
        let cannot = |source| AppError::Save { path: path.to_owned(), source };
        let target = self.query.write.as_ref().map(|path| SaveTarget::begin(path));
        let target = target.transpose().map_err(cannot)?;
        let mut gathered = GatheredRows::default();
        let answer = self.ask(question, &self.catalog.entries, &mut |row| {
            gathered.add(row, false);
            if gathered.is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let by_groups = matches!(question.ask, QueryMode::Groups { .. });
        for table in &answer.tables {
            if let AnswerTable::Rows { rows, .. } = table {
                rows.iter().for_each(|row| gathered.add(row, by_groups));
            }
        }
        if gathered.is_full {
            return Err(QueryError::TooManyFlows.into());
        }
        if gathered.len() == 0 {
            answer.effort.problems.iter().for_each(tell);
            self.hint(question, &answer)?;
            return Err(QueryError::NothingMatches.into());
        }
        let Some(target) = target else {
            let mut out = BufWriter::new(io::stdout());
            return Ok(match written(gathered.write(&mut out).and_then(|()| out.flush()))? {
                Written::Whole => Some(answer),
                Written::ReaderLeft => None,
            });
        };
        target.save(&gathered).map_err(cannot)?;
        Ok(Some(answer))
    }
}

/// Why there is no file to read, each cause once.
fn nothing_there(place: String, problems: &[ArchiveError]) -> QueryError {
    if problems.is_empty() {
        return QueryError::NoFiles { place };
    }
    let mut causes: Vec<String> = Vec::new();
    for problem in problems {
        let who = match problem {
            ArchiveError::Io { path, source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                who_may(path).map(|who| format!(": {who}"))
            }
            _ => None,
        };
        let cause = format!("{problem}{}", who.unwrap_or_default());
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    QueryError::Unlisted(causes)
}

fn drain(out: &mut impl Write, written: &mut Vec<u8>) -> io::Result<()> {
    out.write_all(written)?;
    written.clear();
    out.flush()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Opens a file, or skips it if its footer has no flows within these times.
fn open(
    entry: &CatalogEntry,
    from: Option<Time>,
    to: Option<Time>,
) -> Result<OpenedFile, ArchiveError> {
    let chunks = archive::open_within(entry, from, to)?;
    Ok(chunks.map_or(OpenedFile::Skipped, OpenedFile::Chunks))
}

/// The default folder of the archive: that of the system if it exists, otherwise the user's.
fn usual(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    if Path::new(SYSTEM).is_dir() {
        return SYSTEM.into();
    }
    xdg::data(variable).unwrap_or_else(|| SYSTEM.into())
}
