//! `toptalk` without a command: the live screen.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::{mpsc, oneshot};

use super::descriptors::DescriptorNeeds;
use super::runtime::runtime;
use super::{AppError, attach, groups, memory, record, save, state, zone};
use crate::agg::{Config, Windows};
use crate::cli::LiveCommand;
use crate::clock::Clock;
use crate::config::memory::MemoryShares;
use crate::flow::NetworkGroups;
use crate::ingest::{self, BoundSocket, Ingest, Listen, RecordPlan, RecorderThreads};
use crate::snapshot::View;
use crate::source::{self, Local, ScreenChannels, SourceQuestion};
use crate::ui::{self, ScreenEnd, ScreenWiring, Theme, UiConfig};
use crate::units::Unit;

/// Maximum number of snapshots that wait to be saved.
const SAVES: usize = 4;

pub(super) fn run(live: LiveCommand) -> Result<ExitCode, AppError> {
    let clock = Clock::start();
    if let Some(ends) = attach::screen(&live.attach, clock)? {
        let options = options(live.window, live.ascii, Arc::default())?;
        return perform(ends, live.snapshots, options).map(exit_code);
    }
    let groups = groups::read(&live.collect.groups)?;
    let sockets = live.collect.listen.open()?;
    let listen = Some(live.collect.listen.clone());
    show(live, groups, (sockets, listen), None)
}

/// Collects from sockets, with the configuration that they were opened from, and shows the
/// screen until the user quits.
pub(super) fn show(
    live: LiveCommand,
    groups: Arc<NetworkGroups>,
    (sockets, listen): (Vec<BoundSocket>, Option<Listen>),
    demo: Option<String>,
) -> Result<ExitCode, AppError> {
    let clock = Clock::start();
    let plan = live.record.clone().map(RecordPlan::one);
    let needs = DescriptorNeeds {
        screen: true,
        ..DescriptorNeeds::of(&live.collect.listen, plan.as_ref())
    };
    let shares = needs.reserve()?;
    let room = MemoryShares::of(memory::find(live.collect.memory).bytes);
    let config = Config {
        started: clock.now(),
        groups: Arc::clone(&groups),
        ..memory::bounded(live.collect.config, &room)
    };
    let windows = Arc::new(Windows::new(config));
    // Only `collect` reports what an earlier run left: the screen has no place for it.
    let recording = record::start(live.record.as_ref(), clock)?.map(|(recording, _)| recording);
    let told = ingest::IngestConfig {
        demo,
        workers: live.collect.workers,
        count_once: live.collect.count_once,
        policy: live.collect.policy,
        streams: shares.streams(),
        state: state::folder(live.collect.state, |name| std::env::var_os(name)),
        recorder: recording.as_ref().map(RecorderThreads::recorder),
        listen,
        limits: memory::limits(&room),
        ..ingest::IngestConfig::default()
    };
    let ingest = Ingest::start(sockets, windows.clone(), clock, told).map_err(AppError::Start)?;
    let options = options(live.window, live.ascii, groups)?;
    let local = Local { windows, published: ingest.published(), clock };
    let ends = source::serve(local, View::default()).map_err(AppError::Start)?;
    let ending = perform(ends, live.snapshots, options);
    let stopped = ingest.stop().map_err(AppError::Collect);
    drop(recording);
    let code = ending.map(exit_code)?;
    stopped.map(|_| code)
}

/// Shows the screen, with data from these channels, until the user quits.
fn perform(
    ends: ScreenChannels,
    snapshots: Option<PathBuf>,
    options: UiConfig,
) -> Result<ScreenEnd, AppError> {
    let folder = snapshots.unwrap_or_else(|| save::default_folder(|name| std::env::var_os(name)));
    let runtime = runtime().map_err(AppError::Start)?;
    let ending = runtime.block_on(async move {
        let (saves, wanted) = mpsc::channel(SAVES);
        let (told, saved) = mpsc::channel(SAVES);
        tokio::spawn(save_all(wanted, ends.questions, folder, options.zone.clone(), told));
        let channels = ScreenWiring { views: ends.views, snapshots: ends.snapshots, saves, saved };
        ui::run(channels, options).await
    });
    drop(runtime);
    ending.map_err(AppError::Screen)
}

/// The exit code for the reason that ended the screen.
fn exit_code(ending: ScreenEnd) -> ExitCode {
    match ending {
        ScreenEnd::Quit | ScreenEnd::TerminalLost => ExitCode::SUCCESS,
        // The exit code that a shell reports for a program ended by this signal.
        ScreenEnd::Signal(number) => ExitCode::from(u8::try_from(128 + number).unwrap_or(1)),
    }
}

fn options(
    window: crate::snapshot::Window,
    ascii: bool,
    groups: Arc<NetworkGroups>,
) -> Result<UiConfig, AppError> {
    let (theme, note) = Theme::detect(|name| std::env::var(name).ok(), ascii);
    let zone = zone::zone(None)?;
    Ok(UiConfig { theme, unit: Unit::Bits, window, zone, groups, note })
}

/// Saves the snapshots that the screen asks for, one after the other.
async fn save_all(
    mut wanted: mpsc::Receiver<View>,
    questions: mpsc::Sender<SourceQuestion>,
    folder: PathBuf,
    zone: TimeZone,
    told: mpsc::Sender<Result<String, String>>,
) {
    while let Some(view) = wanted.recv().await {
        let result = save_one(view, &questions, &folder, &zone).await;
        if told.send(result).await.is_err() {
            return;
        }
    }
}

async fn save_one(
    view: View,
    questions: &mpsc::Sender<SourceQuestion>,
    folder: &Path,
    zone: &TimeZone,
) -> Result<String, String> {
    let gone = |_| "the collector has stopped or is not reachable".to_owned();
    let (reply, answer) = oneshot::channel();
    questions.send((view, reply)).await.map_err(|_| "the collector has stopped".to_owned())?;
    let snapshot = answer.await.map_err(gone)?;
    let (folder, zone) = (folder.to_owned(), zone.clone());
    let written = tokio::task::spawn_blocking(move || save::save(&folder, &snapshot, &zone));
    let path = written.await.map_err(|error| io::Error::other(error).to_string())?;
    path.map(|path| path.display().to_string()).map_err(|error| error.to_string())
}
