//! `toptalk top`: one answer, from the running collector or after collecting for a while.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use jiff::tz::TimeZone;
use tokio::runtime::Runtime;

use super::descriptors::DescriptorNeeds;
use super::messages::{self, line};
use super::runtime::runtime;
use super::signals::StopSignals;
use super::stderr::{LogPriority, Stderr};
use super::stop::StopSignal;
use super::{AppError, attach, groups, memory, output, record, state, zone};
use crate::agg::{Config, Windows};
use crate::cli::{Top, TopOutput};
use crate::clock::Clock;
use crate::config::memory::MemoryShares;
use crate::ingest::{BindError, BoundSocket, Ingest, IngestConfig, RecordPlan};
use crate::snapshot::{Allowance, Basis, Grouping, RowOrder, Snapshot, Subject, View, Window};
use crate::table;

pub(super) fn run(top: &Top) -> Result<ExitCode, AppError> {
    let runtime = runtime().map_err(AppError::Start)?;
    // Before collecting, so that an unknown time zone is reported at once.
    let zone = zone::zone(None)?;
    // The window of the screen: a collector may have run for weeks.
    let asked = view(top, Window::default());
    if let Some(snapshot) = attach::answer(&top.attach, asked, &runtime)? {
        let named = snapshot.health.groups.as_ref().is_some_and(|groups| !groups.is_empty());
        return finish(top, &zone, snapshot, named).map(|()| ExitCode::SUCCESS);
    }
    let stderr = messages::beside()?;
    let result = collect(top, &zone, &runtime, &stderr);
    if let Err(error) = &result {
        stderr.push(LogPriority::Alarm, line(error));
        if let (AppError::Bind(BindError::Busy { .. }), Some(owner)) = (error, attach::owner(top)) {
            stderr.push(LogPriority::Warning, line(owner));
        }
    }
    stderr.finish();
    Ok(result.unwrap_or(ExitCode::FAILURE))
}

/// Collects for a while and prints the answer. After a signal it does not wait for readers
/// of its output.
fn collect(
    top: &Top,
    zone: &TimeZone,
    runtime: &Runtime,
    stderr: &Stderr,
) -> Result<ExitCode, AppError> {
    let tell = |text: &str| stderr.push(LogPriority::Warning, line(text));
    let collect = top.collect.clone();
    let groups = groups::read(&collect.groups)?;
    if top.subject == Subject::Groups(Grouping::Group) && groups.is_empty() {
        return Err(AppError::NoNames);
    }
    // Before the first message: who reads it may interrupt at once.
    let mut ends = runtime.block_on(async { StopSignals::new() }).map_err(AppError::Start)?;
    StopSignal::on_signals().map_err(AppError::Start)?;
    let plan = top.record.clone().map(RecordPlan::one);
    let shares = DescriptorNeeds::of(&collect.listen, plan.as_ref()).reserve()?;
    let sockets = collect.listen.open()?;
    let clock = Clock::start();
    let recording = record::start(top.record.as_ref(), clock)?;
    tell(&listening(&sockets, top.for_ms));
    sockets.iter().filter_map(|socket| socket.note.as_ref()).for_each(|note| tell(note));
    collect.listen.missing(&sockets, clock.now()).iter().for_each(|port| tell(&port.sentence()));
    let room = MemoryShares::of(memory::find(collect.memory).bytes);
    let config = memory::bounded(collect.config, &room);
    let config = Config { started: clock.now(), groups, ..config };
    let windows = Arc::new(Windows::new(config));
    for said in recording.iter().filter_map(|(_, recovered)| recovered.text()) {
        tell(&said);
    }
    let options = IngestConfig {
        recorder: recording.as_ref().map(|(recording, _)| recording.recorder()),
        workers: collect.workers,
        count_once: collect.count_once,
        policy: collect.policy,
        streams: shares.streams(),
        listen: Some(collect.listen),
        state: state::folder(collect.state, |name| std::env::var_os(name)),
        limits: memory::limits(&room),
        ..IngestConfig::default()
    };
    let ingest =
        Ingest::start(sockets, windows.clone(), clock, options).map_err(AppError::Start)?;
    let cut_short = runtime.block_on(ends.cut_short(top.for_ms.unsigned_abs()));
    let published = ingest.published();
    ingest.stop().map_err(AppError::Start)?;
    drop(recording);
    let mut health = published.read();
    health.clock_shift_ms = clock.shift_ms();
    let (asked, stop) = (view(top, Window::All), Arc::new(AtomicBool::new(false)));
    let stopped = stop.clone();
    let made = runtime.block_on(async {
        let answer = tokio::task::spawn_blocking(move || {
            let mut go_on = |_: u64| !stopped.load(Relaxed);
            let mut allowance = Allowance::new(&mut go_on);
            windows.snapshot_within(&asked, clock.now(), health, &mut allowance)
        });
        tokio::select! {
            answer = answer => Ok(answer),
            code = ends.end() => Err(code),
        }
    });
    // After a signal the computation of the answer is stopped.
    stop.store(true, Relaxed);
    let mut snapshot = match made {
        Ok(answer) => answer.map_err(|error| AppError::Start(error.into()))?,
        Err(code) => return Ok(ExitCode::from(code)),
    };
    let owner = (!snapshot.health.missing.is_empty()).then(|| attach::owner(top)).flatten();
    snapshot.health.notes.extend(owner);
    advise(&mut snapshot);
    let mut text = Vec::new();
    print(top.output, &snapshot, zone, &mut text).map_err(AppError::Print)?;
    let code = messages::print_or_end(text, &mut ends, cut_short, runtime)?;
    Ok(code.map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// The message that collecting begins.
fn listening(sockets: &[BoundSocket], for_ms: i64) -> String {
    let ports: Vec<String> = sockets.iter().map(|socket| socket.port().to_string()).collect();
    format!("listening on port {} for {}", ports.join(", "), crate::units::duration(for_ms))
}

/// The view to ask for, of the window `usual` if none was given.
fn view(top: &Top, usual: Window) -> View {
    View {
        window: top.window.unwrap_or(usual),
        filter: top.filter.clone(),
        subject: top.subject,
        order: RowOrder { key: top.sort, reverse: false },
        limit: top.limit,
        ..View::default()
    }
}

/// Prints the answer; `named` says whether there are names of networks.
fn finish(top: &Top, zone: &TimeZone, mut snapshot: Snapshot, named: bool) -> Result<(), AppError> {
    if top.subject == Subject::Groups(Grouping::Group) && !named {
        return Err(AppError::NoNames);
    }
    if let Some(why) = snapshot.unanswered {
        return Err(AppError::Unanswered(why));
    }
    advise(&mut snapshot);
    output::written(print(top.output, &snapshot, zone, &mut io::stdout().lock()))?;
    Ok(())
}

/// Adds notes on what the figures lack, and if the local networks match too little of the
/// traffic.
fn advise(snapshot: &mut Snapshot) {
    let running = snapshot.captured_at.since(snapshot.health.started);
    let gaps = table::gaps(&snapshot.health, running.max(1000));
    snapshot.health.notes.extend(gaps);
    if let Basis::SourceDestination { candidates } = &snapshot.basis {
        let names: Vec<String> = candidates.iter().map(ToString::to_string).collect();
        snapshot.notes.push(format!(
            "most traffic is transit: no local network matches it; busiest networks, for --local: {}",
            names.join(", ")
        ));
    }
}

fn print(
    output: TopOutput,
    snapshot: &Snapshot,
    zone: &TimeZone,
    out: &mut impl Write,
) -> io::Result<()> {
    match output {
        TopOutput::Table => out.write_all(table::text(snapshot, zone).as_bytes())?,
        TopOutput::Json => writeln!(out, "{}", table::json(snapshot, zone))?,
        TopOutput::Csv => table::write_csv(snapshot, zone, &mut *out)?,
    }
    out.flush()
}
