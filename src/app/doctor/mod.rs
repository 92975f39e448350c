//! `toptalk doctor`: checks for common problems and prints what solves them.
//!
//! `gather` collects facts about this machine, `checks` judges them. To see what arrives,
//! `doctor` listens on the ports; if a running collector has them, it asks the collector.

mod checks;
mod facts;
mod gather;

use std::process::ExitCode;
use std::sync::Arc;

use self::checks::FindingLevel;
use self::facts::{Facts, HeardTraffic};
use super::messages::tell;
use super::runtime::runtime;
use super::signals::StopSignals;
use super::stop::StopSignal;
use super::{AppError, attach, memory, output};
use crate::agg::{Config, Windows};
use crate::cli::Doctor;
use crate::clock::Clock;
use crate::flow::Time;
use crate::ingest::{self, BoundSocket, DEFAULT_PORTS, Ingest, IngestConfig, Workers};
use crate::snapshot::{Basis, Snapshot, View, Window};
use crate::text;

/// Rows of the windows. Nobody looks at them, so that few are enough.
const ROWS: usize = 1000;

pub(super) fn run(doctor: &Doctor) -> Result<ExitCode, AppError> {
    let asked = !doctor.listen.ports.is_empty();
    let numbers = if asked { doctor.listen.ports.as_slice() } else { &DEFAULT_PORTS };
    let address = doctor.listen.address;
    // The collector is asked first: it may be waiting for a port that the check below
    // would take for a moment.
    let collector = collector(doctor)?;
    let concerns = |HeardTraffic { health, .. }: &&HeardTraffic| {
        numbers.iter().any(|number| health.listens(*number) || health.misses(*number))
    };
    let (ports, heard) = if let Some(heard) = collector.as_ref().filter(concerns) {
        let beside = |number: &u16| gather::beside(&heard.health, address, *number);
        (numbers.iter().map(beside).collect(), Some(heard.clone()))
    } else {
        let tried = numbers.iter().map(|number| gather::port(address, *number));
        let (ports, bound): (Vec<_>, Vec<_>) = tried.unzip();
        let bound: Vec<BoundSocket> = bound.into_iter().flatten().collect();
        if bound.is_empty() || !asked && checks::is_beside_toptalk(&ports) {
            (ports, collector.clone())
        } else {
            (ports, Some(listen(bound, doctor.for_ms)?))
        }
    };
    let facts = Facts {
        ports,
        asked,
        rmem_max: gather::rmem_max(),
        memory: Some(memory::sentence(&memory::find(doctor.memory))),
        elsewhere: collector.map(|heard| heard.health.listeners).unwrap_or_default(),
        heard,
        archive: doctor.folder.as_deref().map(gather::archive),
        address: doctor.listen.address.or_else(ingest::own_address),
        time: gather::time_synchroniser(),
        terminal: gather::terminal(),
    };
    let findings = checks::judge(&facts);
    let text = if doctor.json {
        let mut json = Vec::new();
        text::json_pretty(&mut json, &findings).map_err(AppError::Print)?;
        json.push(b'\n');
        String::from_utf8(json).unwrap_or_default()
    } else {
        text::lines_replaced(&checks::text(&findings), '\u{fffd}')
    };
    output::print(text)?;
    let failed = findings.iter().any(|finding| finding.state == FindingLevel::Fail);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the running collector has received, if there is one and it may be asked.
fn collector(doctor: &Doctor) -> Result<Option<HeardTraffic>, AppError> {
    let runtime = runtime().map_err(AppError::Start)?;
    let view = View { window: Window::Hour, limit: 0, ..View::default() };
    Ok(match attach::answer(&doctor.attach, view, &runtime) {
        Ok(answer) => answer.map(|snapshot| {
            let (now, started) = (snapshot.captured_at, snapshot.health.started);
            heard(snapshot, now.since(started), now)
        }),
        // The report then has the state of the ports only.
        Err(error) => {
            tell(error);
            None
        }
    })
}

fn heard(snapshot: Snapshot, for_ms: i64, now: Time) -> HeardTraffic {
    let Snapshot { health, basis, .. } = snapshot;
    let transit = match basis {
        Basis::UpDown => Vec::new(),
        Basis::SourceDestination { candidates } => {
            candidates.iter().map(ToString::to_string).collect()
        }
    };
    HeardTraffic { for_ms, now, health, transit }
}

/// Listens for this many milliseconds, or until it is interrupted.
fn listen(bound: Vec<BoundSocket>, for_ms: i64) -> Result<HeardTraffic, AppError> {
    let runtime = runtime().map_err(AppError::Start)?;
    // Before the first message: who reads it may interrupt at once.
    let mut ends = runtime.block_on(async { StopSignals::new() }).map_err(AppError::Start)?;
    StopSignal::on_signals().map_err(AppError::Start)?;
    let ports: Vec<String> = bound.iter().map(|socket| socket.port().to_string()).collect();
    let span = crate::units::duration(for_ms);
    tell(format_args!("listening on port {} for {span}", ports.join(", ")));
    let clock = Clock::start();
    let started = clock.now();
    let config = Config {
        started,
        max_hosts: ROWS,
        max_conversations: ROWS,
        keep_all: true,
        ..Config::default()
    };
    let windows = Arc::new(Windows::new(config));
    let options = IngestConfig { workers: Workers::Exactly(1), ..IngestConfig::default() };
    let ingest = Ingest::start(bound, windows.clone(), clock, options).map_err(AppError::Start)?;
    runtime.block_on(ends.cut_short(for_ms.unsigned_abs()));
    let mut health = ingest.stop().map_err(AppError::Collect)?;
    health.clock_shift_ms = clock.shift_ms();
    let now = clock.now();
    // The windows know the active timeouts, and how much traffic is local.
    let view = View { window: Window::All, limit: 0, ..View::default() };
    Ok(heard(windows.snapshot(&view, now, health), now.since(started).min(for_ms), now))
}
