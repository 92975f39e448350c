//! `toptalk collect`: record, without a screen, until told to stop.

use std::process::ExitCode;
use std::time::Duration;

use super::metrics::{self, Metrics};
use super::notify::Manager;
use super::say::tell;
use super::top::Ends;
use super::{AppError, record, state};
use crate::archive::recorder::Rotated;
use crate::cli::Collecting;
use crate::clock::Clock;
use crate::ingest::{Ingest, Options, Published, Tape};
use crate::snapshot::Health;
use crate::units;

/// How often it is looked whether there is something to say.
const LOOK: Duration = Duration::from_millis(250);

pub(super) fn run(collecting: Collecting) -> Result<ExitCode, AppError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AppError::Start)?;
    // Before anything is announced: whoever reads that may interrupt at once.
    let mut ends = runtime.block_on(async { Ends::new() }).map_err(AppError::Start)?;
    let Collecting { listen, workers, policy, state, record, metrics } = collecting;
    let sockets = listen.open()?;
    let metrics = Metrics::bind(metrics)?;
    let clock = Clock::start();
    let folder = record.folder.display().to_string();
    let Some((recording, recovered)) = record::start(Some(&record), clock)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let ports: Vec<String> = sockets.iter().map(|socket| socket.port().to_string()).collect();
    let ports = ports.join(", ");
    let slot = record.slot_seconds;
    tell(format_args!("listening on port {ports}, recording to {folder} in slots of {slot} s"));
    let notes = sockets.iter().filter_map(|socket| socket.note.clone());
    for note in notes.chain(recovered.text()) {
        tell(note);
    }
    let options = Options {
        workers,
        policy,
        state: state::folder(state, |name| std::env::var_os(name)),
        ..Options::default()
    };
    let tape = recording.tape();
    let ingest =
        Ingest::start_recording(sockets, tape.clone(), clock, options).map_err(AppError::Start)?;
    let metrics = Metrics::serve(metrics, metrics::published(ingest.published(), clock))?;
    let mut manager = Manager::of_environment();
    manager.ready();
    let mut log =
        Log { tape, published: ingest.published(), lost: 0, alarm: None, noted: Vec::new() };
    runtime.block_on(async {
        let end = ends.end();
        tokio::pin!(end);
        loop {
            tokio::select! {
                _ = &mut end => return,
                () = tokio::time::sleep(LOOK) => log.tell(),
            }
            if log.published.has_ended() {
                return;
            }
            manager.alive(log.published.beats(), clock.micros());
        }
    });
    manager.stopping();
    drop(metrics);
    let stopped = ingest.stop().map_err(AppError::Collect);
    recording.stop();
    log.tell();
    log.sum_up();
    stopped.map(|_| ExitCode::SUCCESS)
}

/// What is told on stderr while it records.
struct Log {
    tape: Tape,
    published: Published,
    /// What had gone missing when the last line was printed.
    lost: u64,
    /// Why recording had stopped, if it had.
    alarm: Option<String>,
    /// What was told of single files.
    noted: Vec<String>,
}

impl Log {
    fn tell(&mut self) {
        let health = self.published.read();
        for slot in self.tape.rotated() {
            let lost = health.lost();
            tell(line(&slot, lost.saturating_sub(self.lost)));
            self.lost = lost;
        }
        let alarm = alarm(&health);
        if alarm != self.alarm {
            match &alarm {
                Some(why) => tell(why),
                None => tell("recording goes on"),
            }
            self.alarm = alarm;
        }
        let notes = health.recording.map(|recording| recording.notes).unwrap_or_default();
        notes.iter().filter(|note| !self.noted.contains(note)).for_each(tell);
        self.noted = notes;
    }

    /// What was not recorded in all, by cause.
    fn sum_up(&self) {
        let recording = self.published.read().recording;
        for shed in recording.iter().flat_map(|recording| &recording.shed) {
            tell(format_args!("{} {}: {}", shed.count, shed.cause, shed.explanation));
        }
    }
}

fn alarm(health: &Health) -> Option<String> {
    let recording = health.recording.as_ref()?;
    let stopped = recording.stopped.as_ref();
    let stopped =
        stopped.map(|alarm| format!("not recording to {}: {}", recording.folder, alarm.why));
    stopped.or_else(|| recording.behind.as_ref().map(|alarm| alarm.why.clone()))
}

/// A slot in one line. What is lost never arrived; it cannot be told of which
/// slot it would have been.
fn line(slot: &Rotated, lost: u64) -> String {
    let Rotated { flows, packets, bytes, parts, shed, .. } = slot;
    let shed = if *shed > 0 { format!(", not recorded {shed}") } else { String::new() };
    format!(
        "slot {}: flows {flows}, packets {packets}, bytes {bytes}, lost {lost}, parts {parts}{shed}",
        units::rfc3339(slot.slot)
    )
}
