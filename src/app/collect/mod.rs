//! `toptalk collect`: receives, warns and records, without a screen, until it is stopped.

mod exporter_notes;
mod hook;
mod log;
mod no_room;
mod ports;
mod reload;
mod report;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use self::hook::Hooks;
use self::ports::ReportedPorts;
use self::reload::ActiveConfig;
use self::report::ReportedChanges;
use super::descriptors::DescriptorNeeds;
use super::metrics::Metrics;
use super::notify::{self, Manager};
use super::resolve::resolve;
use super::runtime::runtime;
use super::serve::{ServedParts, Serving};
use super::signals::StopSignals;
use super::stop::StopSignal;
use super::{AppError, groups, memory, record, state, zone};
use crate::agg::{Config, Windows};
use crate::cli::{Collecting, CommandLine};
use crate::clock::Clock;
use crate::config::memory::MemoryShares;
use crate::ingest::{BoundSocket, Ingest, IngestConfig, LostMessageCounters, RecorderThreads};
use crate::source::Local;

/// Interval at which finished files and new events are logged.
const LOOK: Duration = Duration::from_millis(250);

/// Interval at which alert limits are checked.
const WATCH: Duration = Duration::from_secs(1);

/// Time limit of the whole shutdown with a hook. The hook gets what is left of it, but at
/// least `LEAST_FOR_HOOK`. Without a hook the shutdown takes less than a second.
const END: Duration = Duration::from_millis(9_500);
const LEAST_FOR_HOOK: Duration = Duration::from_secs(1);

pub(super) fn run(collecting: Collecting, line: CommandLine) -> Result<ExitCode, AppError> {
    let zone = zone::zone(None)?;
    let losses = LostMessageCounters::default();
    let log =
        log::start(collecting.level, zone.clone(), losses.clone()).map_err(AppError::Start)?;
    let result = match runtime() {
        Ok(runtime) => runtime.block_on(collect(collecting, line, zone, losses)),
        Err(error) => Err(AppError::Start(error)),
    };
    if let Err(error) = &result {
        error!("{error}");
    }
    // The process does not wait for a reader of the log beyond this.
    log.finish();
    Ok(result.unwrap_or(ExitCode::FAILURE))
}

async fn collect(
    collecting: Collecting,
    line: CommandLine,
    zone: TimeZone,
    losses: LostMessageCounters,
) -> Result<ExitCode, AppError> {
    // Before the first message: who reads it may interrupt at once.
    let mut ends = StopSignals::new().map_err(AppError::Start)?;
    let stop = StopSignal::on_signals().map_err(AppError::Start)?;
    let mut hangups = signal(SignalKind::hangup()).map_err(AppError::Start)?;
    let service = Service::start(collecting, line, zone, losses);
    stop.trust();
    let end = ends.end();
    tokio::pin!(end);
    let mut service = match service {
        Err(error) if notify::is_service() => {
            let pause = notify::AFTER_FAILED_START;
            error!("{error}; exiting in {} s, so that systemd starts it again", pause.as_secs());
            let _ = tokio::time::timeout(pause, &mut end).await;
            return Ok(ExitCode::FAILURE);
        }
        started => started?,
    };
    let mut watches = tokio::time::interval(WATCH);
    // An interval and not a pause, which every SIGHUP would restart.
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !service.ingest.published().has_ended() {
        tokio::select! {
            _ = &mut end => break,
            _ = hangups.recv() => service.reload().await,
            _ = watches.tick() => service.watch(),
            _ = looks.tick() => service.hand_on(),
        }
    }
    service.stop().await
}

/// All parts of the running collector.
struct Service {
    clock: Clock,
    settings: ActiveConfig,
    windows: Arc<Windows>,
    ingest: Ingest,
    recording: Option<RecorderThreads>,
    serving: Serving,
    metrics: Option<Metrics>,
    manager: Manager,
    report: ReportedChanges,
    ports: ReportedPorts,
    no_room: no_room::ReportedNoRoom,
    hooks: Option<Hooks>,
}

impl Service {
    /// Starts all parts. Called within a runtime.
    fn start(
        collecting: Collecting,
        line: CommandLine,
        zone: TimeZone,
        losses: LostMessageCounters,
    ) -> Result<Service, AppError> {
        let settings = ActiveConfig::new(line, collecting.record.clone())?;
        let groups = groups::read(&collecting.collect.groups)?;
        let repeat = collecting.repeat.iter().map(resolve).collect::<Result<_, _>>()?;
        let policy = collecting.policy_for(&collecting.record);
        let shares = needs(&collecting).reserve()?;
        let sockets = collecting.collect.listen.open()?;
        let metrics = Metrics::bind(collecting.metrics)?;
        let clock = Clock::start();
        let budget = memory::find(collecting.collect.memory);
        let room = MemoryShares::of(budget.bytes);
        let slot = collecting.record.slot_seconds();
        let folders = collecting.record.folders();
        let (recording, recovered) =
            record::start_all(collecting.record.with_parts_of(room.part_rows), clock, &room)?;
        let recorder = recording.as_ref().map(RecorderThreads::recorder);
        let told = announce(&sockets, &folders, slot);
        info!(bytes = budget.bytes, "memory: {}", memory::sentence(&budget));
        collecting.notes.iter().for_each(|note| warn!("{note}"));
        for (folder, recovered) in recovered {
            match recovered.text() {
                Some(text) if recovered.is_damage() => {
                    warn!(folder = %folder.display(), "{text}");
                }
                Some(text) => info!(folder = %folder.display(), "{text}"),
                None => {}
            }
        }
        let config = memory::bounded(collecting.collect.config, &room);
        let config = Config { started: clock.now(), groups, ..config };
        let windows = Arc::new(Windows::new(config));
        let options = IngestConfig {
            workers: collecting.collect.workers,
            count_once: collecting.collect.count_once,
            policy,
            state: state::folder(collecting.collect.state, |name| std::env::var_os(name)),
            recorder: recorder.clone(),
            repeat,
            listen: Some(collecting.collect.listen),
            counts_gaps: true,
            losses: losses.clone(),
            streams: shares.streams(),
            limits: memory::limits(&room),
            ..IngestConfig::default()
        };
        let ingest =
            Ingest::start(sockets, windows.clone(), clock, options).map_err(AppError::Start)?;
        let local = Local { windows: windows.clone(), published: ingest.published(), clock };
        let parts =
            ServedParts { local, recorder: recorder.clone(), folders, limits: shares.attach() };
        let serving = Serving::start(parts, collecting.serve)?;
        let metrics = Metrics::serve(metrics, serving.health(), shares.scrapes, losses.clone())?;
        let report = ReportedChanges::new(recorder, ingest.published(), zone, told);
        let hooks = collecting.hook.map(|hook| Hooks::start(hook, losses.clone()));
        let mut manager = Manager::of_environment(losses);
        manager.ready();
        Ok(Service {
            clock,
            settings,
            windows,
            ingest,
            recording,
            serving,
            metrics,
            manager,
            report,
            ports: ReportedPorts::default(),
            no_room: no_room::ReportedNoRoom::default(),
            hooks,
        })
    }

    /// Applies the new settings, if they are valid.
    async fn reload(&mut self) {
        self.manager.reloading();
        self.settings.reload(&self.windows, &self.ingest).await;
        self.manager.ready();
    }

    /// Looks at the limits.
    fn watch(&mut self) {
        self.windows.watch(self.clock.now());
        self.report.alerts(&self.windows.alerts());
    }

    /// Tells what is new, and gives a sign of life.
    fn hand_on(&mut self) {
        for finished in self.report.tell() {
            self.hooks.iter().for_each(|hooks| hooks.push(finished.clone()));
        }
        let (health, micros) = (self.ingest.published().read(), self.clock.micros());
        self.ports.tell(&health, micros, &mut self.manager);
        self.no_room.tell(&health.no_room, micros);
        self.manager.alive(self.ingest.published().beats(), self.clock.micros());
    }

    /// Takes in what the kernel still holds, and closes everything.
    async fn stop(self) -> Result<ExitCode, AppError> {
        let Service {
            clock,
            ingest,
            recording,
            serving,
            metrics,
            mut manager,
            mut report,
            hooks,
            ..
        } = self;
        let began = clock.micros();
        info!("stopping");
        manager.stopping();
        drop(metrics);
        // What it takes in at the end is still recorded.
        let stopped = ingest.stop().map_err(AppError::Collect);
        drop(recording);
        for finished in report.tell() {
            hooks.iter().for_each(|hooks| hooks.push(finished.clone()));
        }
        report.sum_up();
        serving.sum_up();
        if let Some(hooks) = hooks {
            let spent = Duration::from_micros(clock.micros().saturating_sub(began));
            hooks.end(END.saturating_sub(spent).max(LEAST_FOR_HOOK)).await;
        }
        stopped.map(|_| ExitCode::SUCCESS)
    }
}

/// What it opens.
fn needs(collecting: &Collecting) -> DescriptorNeeds {
    DescriptorNeeds {
        repeats: collecting.repeat.len(),
        hook: collecting.hook.is_some(),
        attach: collecting.serve.allowed,
        metrics: collecting.metrics.is_some(),
        ..DescriptorNeeds::of(&collecting.collect.listen, Some(&collecting.record))
    }
}

/// Says where it listens and where it records; what else was said is returned.
fn announce(sockets: &[BoundSocket], folders: &[PathBuf], slot: u32) -> VecDeque<String> {
    let ports: Vec<String> = sockets.iter().map(|socket| socket.port().to_string()).collect();
    info!(ports = ports.join(","), "listening");
    for folder in folders {
        info!(folder = %folder.display(), slot, "recording");
    }
    if folders.is_empty() {
        info!("recording nothing: -w DIR would");
    }
    let notes: VecDeque<String> = sockets.iter().filter_map(|socket| socket.note.clone()).collect();
    notes.iter().for_each(|note| warn!("{note}"));
    notes
}
