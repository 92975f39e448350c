//! `toptalk collect`: record and serve, without a screen, until told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::serve::{Parts, Serving};
use super::top::Ends;
use super::{AppError, groups, record, state};
use crate::agg::{Config, Windows};
use crate::archive::recorder::{Rotated, Settings};
use crate::cli::Collecting;
use crate::clock::Clock;
use crate::ingest::{Bound, Ingest, Options, Published, Recording, Tape};
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
    let Collecting { listen, workers, config, groups, policy, state, record, serve } = collecting;
    let groups = groups::read(&groups)?;
    let sockets = listen.open()?;
    let clock = Clock::start();
    let started = record::start(record.as_ref(), clock)?;
    announce(&sockets, record.as_ref());
    let notes = sockets.iter().filter_map(|socket| socket.note.clone());
    for note in notes.chain(started.as_ref().and_then(|(_, recovered)| recovered.text())) {
        eprintln!("toptalk: {note}");
    }
    let recording = started.map(|(recording, _)| recording);
    let tape = recording.as_ref().map(Recording::tape);
    let config = Config { started: clock.now(), groups: groups.clone(), ..config };
    let windows = Arc::new(Windows::new(config));
    let options = Options {
        tape: tape.clone(),
        workers,
        policy,
        state: state::folder(state, |name| std::env::var_os(name)),
        ..Options::default()
    };
    let ingest =
        Ingest::start(sockets, windows.clone(), clock, options).map_err(AppError::Start)?;
    let published = ingest.published();
    let parts = Parts { windows, published: published.clone(), clock, groups, tape: tape.clone() };
    let serving = Serving::start(parts, serve, |said| eprintln!("toptalk: {said}"))?;
    let mut log = Log { tape, published, lost: 0, alarm: None };
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
        }
    });
    let stopped = ingest.stop().map_err(AppError::Collect);
    drop(recording);
    log.tell();
    log.sum_up();
    serving.sum_up().iter().for_each(|said| eprintln!("toptalk: {said}"));
    stopped.map(|_| ExitCode::SUCCESS)
}

/// Says where it listens and where to it records.
fn announce(sockets: &[Bound], record: Option<&Settings>) {
    let ports: Vec<String> = sockets.iter().map(|socket| socket.port().to_string()).collect();
    let recording = match record {
        Some(Settings { folder, slot_seconds, .. }) => {
            format!("recording to {} in slots of {slot_seconds} s", folder.display())
        }
        None => "recording nothing: -w DIR would".to_owned(),
    };
    eprintln!("toptalk: listening on port {}, {recording}", ports.join(", "));
}

/// What is told on stderr while it records.
struct Log {
    tape: Option<Tape>,
    published: Published,
    /// What had gone missing when the last line was printed.
    lost: u64,
    /// Why recording had stopped, if it had.
    alarm: Option<String>,
}

impl Log {
    fn tell(&mut self) {
        let health = self.published.read();
        for slot in self.tape.iter().flat_map(Tape::rotated) {
            let lost = health.lost();
            eprintln!("toptalk: {}", line(&slot, lost.saturating_sub(self.lost)));
            self.lost = lost;
        }
        let alarm = alarm(&health);
        if alarm != self.alarm {
            match &alarm {
                Some(why) => eprintln!("toptalk: {why}"),
                None => eprintln!("toptalk: recording goes on"),
            }
            self.alarm = alarm;
        }
    }
}

impl Log {
    /// What was not recorded in all, by cause.
    fn sum_up(&self) {
        let recording = self.published.read().recording;
        for shed in recording.iter().flat_map(|recording| &recording.shed) {
            eprintln!("toptalk: {} {}: {}", shed.count, shed.cause, shed.explanation);
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
