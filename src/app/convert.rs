//! `toptalk convert`: converts files of nfcapd, or segments, into segments.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use super::messages::tell;
use super::stop::StopSignal;
use super::{AppError, inputs, zone};
use crate::archive::catalog::{CatalogEntry, FileKind};
use crate::archive::convert::{ConvertOutcome, ConvertTarget, convert, known};
use crate::archive::lock::Lock;
use crate::archive::recorder::RealDisk;
use crate::archive::{self, ArchiveError, nfcapd};
use crate::cli::Convert;
use crate::clock::Clock;
use crate::units;

pub(super) fn run(asked: &Convert) -> Result<ExitCode, AppError> {
    let stop = StopSignal::on_signals().map_err(AppError::Start)?;
    let zone = zone::zone(asked.zone.as_deref())?;
    let catalog = inputs::list(&asked.files, &zone)?;
    // No recorder may be active in the folder: it assumes that free names stay free.
    let _lock = Lock::take(&asked.folder, std::process::id())?;
    let clock = Clock::start();
    let began = clock.now();
    let mut tally = ConvertTotals::default();
    for problem in &catalog.problems {
        tally.complain(&problem.to_string());
    }
    let (known, problems) = known(&asked.folder);
    for problem in problems {
        tally.complain(&problem.to_string());
    }
    let mut target = ConvertTarget {
        folder: &asked.folder,
        hierarchy: asked.hierarchy,
        slot_seconds: asked.slot_seconds,
        disk: &RealDisk,
        known,
    };
    tally.bar = bar(catalog.entries.len() as u64);
    for entry in &catalog.entries {
        if stop.code().is_some() {
            break;
        }
        tally.file(entry, &mut target);
        tally.bar.inc(1);
    }
    tally.bar.finish_and_clear();
    let took = units::duration(clock.now().since(began));
    tell(format_args!("{}, in {took}", tally.summary(catalog.entries.len() as u64)));
    Ok(match stop.code() {
        Some(code) => ExitCode::from(code),
        None if tally.problems > 0 || catalog.entries.is_empty() => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    })
}

/// A progress bar, which is visible only on a terminal.
fn bar(files: u64) -> ProgressBar {
    let bar = ProgressBar::new(files);
    let style = ProgressStyle::with_template("{pos} of {len} files {wide_bar} {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Counts of what was done.
struct ConvertTotals {
    bar: ProgressBar,
    converted: u64,
    already: u64,
    empty: u64,
    segments: u64,
    flows: u64,
    bytes: u64,
    written: u64,
    problems: u64,
}

impl Default for ConvertTotals {
    fn default() -> ConvertTotals {
        ConvertTotals {
            bar: ProgressBar::hidden(),
            converted: 0,
            already: 0,
            empty: 0,
            segments: 0,
            flows: 0,
            bytes: 0,
            written: 0,
            problems: 0,
        }
    }
}

impl ConvertTotals {
    fn complain(&mut self, what: &str) {
        self.problems += 1;
        self.bar.suspend(|| tell(what));
    }

    fn file(&mut self, entry: &CatalogEntry, target: &mut ConvertTarget) {
        let path = entry.path.display();
        match one(entry, target) {
            Err(error) => self.complain(&error.to_string()),
            Ok(ConvertOutcome::Already(_)) => self.already += 1,
            Ok(ConvertOutcome::Nothing(problems)) => {
                self.empty += 1;
                problems.iter().for_each(|problem| self.complain(problem));
            }
            Ok(ConvertOutcome::Unfinished(parts)) => {
                let parts: Vec<_> = parts.iter().map(|path| path.display().to_string()).collect();
                self.complain(&format!(
                    "{path} was only partly converted before; remove {} and convert it again",
                    parts.join(", ")
                ));
            }
            Ok(ConvertOutcome::Converted(done)) => {
                self.converted += 1;
                self.segments += done.segments.len() as u64;
                self.flows += done.flows;
                self.bytes += done.bytes;
                self.written += done.written;
                done.problems.iter().for_each(|problem| self.complain(problem));
            }
        }
    }

    fn summary(&self, files: u64) -> String {
        let mut text = format!(
            "converted {} of {files} files: {} flows, {} to {} segments of {}",
            self.converted,
            self.flows,
            units::size(self.bytes),
            self.segments,
            units::size(self.written)
        );
        for (count, what) in [
            (self.already, "were converted before"),
            (self.empty, "without flows"),
            (self.problems, "problems"),
        ] {
            if count > 0 {
                text.push_str(&format!("; {count} {what}"));
            }
        }
        text
    }
}

/// Converts a file, unless it must not be converted.
fn one(entry: &CatalogEntry, target: &mut ConvertTarget) -> Result<ConvertOutcome, ArchiveError> {
    let path = &entry.path;
    let refused = |what: &str| Err(ArchiveError::damaged(path, what));
    let whole =
        |path: &Path| fs::canonicalize(path).map_err(|error| ArchiveError::io("find", path, error));
    if whole(path)?.starts_with(whole(target.folder)?) {
        return refused("it is in the folder that is written to, and would be counted twice");
    }
    let slot = match entry.kind {
        FileKind::Journal => {
            return refused(
                "it is a journal; its recorder turns it into a segment at the next start",
            );
        }
        FileKind::Nfcapd if nfcapd::is_open(path)? => {
            return refused("nfcapd is still writing it, or was killed while writing");
        }
        FileKind::Nfcapd => entry.slot,
        // The arrival time of each flow decides, in slots of the given length.
        FileKind::Segment => None,
    };
    convert(path, slot, || archive::open(entry), target)
}
