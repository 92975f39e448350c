//! Log messages while collecting: ended slots, finished files, recording problems, alerts.

use std::collections::VecDeque;

use jiff::tz::TimeZone;
use tracing::{debug, error, info, warn};

use super::exporter_notes::ExporterNotes;
use super::ports;
use crate::flow::Time;
use crate::ingest::{EndedSlot, Finished, PublishedHealth, RecorderHandle};
use crate::snapshot::{Alert, AlertSubject, Direction, Health};
use crate::units;

/// Maximum number of notes that are remembered, so that none is logged twice. Notes that
/// name a file are all different.
const MAX_NOTES: usize = 1000;

/// What was logged so far, so that nothing is logged twice.
pub(super) struct ReportedChanges {
    recorder: Option<RecorderHandle>,
    published: PublishedHealth,
    /// The time zone of logged times.
    zone: TimeZone,
    /// The numbers of lost and bad flows when the last slot was logged.
    lost: u64,
    bad: u64,
    /// The number of flows sent while no collector ran: as in the line of the last slot, and
    /// as in the last message of its own.
    missed: u64,
    missed_told: u64,
    /// The time since when recording has been stopped or behind, if it is. It is logged once,
    /// even if the reason changes.
    alarm: Option<Time>,
    alerts: Vec<AlertSubject>,
    exporters: ExporterNotes,
    /// The newest notes, at most [`MAX_NOTES`].
    notes: VecDeque<String>,
}

impl ReportedChanges {
    /// Starts with the notes that are already logged.
    pub(super) fn new(
        recorder: Option<RecorderHandle>,
        published: PublishedHealth,
        zone: TimeZone,
        notes: VecDeque<String>,
    ) -> ReportedChanges {
        let alerts = Vec::new();
        let alarm = None;
        let (lost, bad, missed, missed_told) = (0, 0, 0, 0);
        ReportedChanges {
            recorder,
            published,
            zone,
            lost,
            bad,
            missed,
            missed_told,
            alarm,
            alerts,
            exporters: ExporterNotes::default(),
            notes,
        }
    }

    /// Logs what is new and returns the finished files.
    pub(super) fn tell(&mut self) -> Vec<Finished> {
        let health = self.published.read();
        let turned = self.recorder.as_ref().map(RecorderHandle::ended_slots).unwrap_or_default();
        if !turned.is_empty() {
            self.slots(&turned, &health);
        }
        self.missed(&health);
        self.exporters.tell(&health);
        let alarm = alarm(&health);
        if alarm.as_ref().map(|(since, _)| *since) != self.alarm {
            match &alarm {
                Some((_, why)) => error!("{why}"),
                None => info!("recording resumed"),
            }
            self.alarm = alarm.map(|(since, _)| since);
        }
        let recording = health.recording.iter().flat_map(|recording| &recording.notes);
        for note in recording.chain(&health.notes) {
            if !self.notes.contains(note) {
                warn!("{note}");
                self.notes.truncate(MAX_NOTES - 1);
                self.notes.push_front(note.clone());
            }
        }
        let finished = self.recorder.as_ref().map(RecorderHandle::finished).unwrap_or_default();
        for Finished { ident, file, flows, .. } in &finished {
            debug!(ident = named(ident), file = %file.display(), flows, "file finished");
        }
        finished
    }

    /// Logs that exporters were sending while no collector ran.
    fn missed(&mut self, health: &Health) {
        let missed = health.missed_while_down();
        if missed > self.missed_told {
            let exporters = health.exporters.iter().filter(|one| one.missed_while_down > 0).count();
            warn!(missed_while_down = missed, exporters, "flows were sent while no collector ran");
        }
        // Late datagrams reduce the number again.
        self.missed_told = missed;
    }

    /// Logs ended slots. Lost and bad flows belong to no slot: they are logged once, with the
    /// first archive whose slot ends.
    fn slots(&mut self, turned: &[EndedSlot], health: &Health) {
        let (lost, bad) = (health.lost(), bad(health));
        let missed = health.missed_while_down();
        let mut since = (
            lost.saturating_sub(self.lost),
            bad.saturating_sub(self.bad),
            missed.saturating_sub(self.missed),
        );
        for EndedSlot { ident, slot: rotated } in turned {
            let slot = units::rfc3339_in(rotated.slot, &self.zone);
            let (lost, bad, missed) = std::mem::take(&mut since);
            info!(
                slot,
                ident = named(ident),
                flows = rotated.flows,
                packets = rotated.packets,
                bytes = rotated.bytes,
                lost,
                bad,
                parts = rotated.parts,
                missed_while_down = (missed > 0).then_some(missed),
                missing_ports = ports::listed(health),
                not_recorded = (rotated.shed > 0).then_some(rotated.shed),
                "slot ended"
            );
        }
        (self.lost, self.bad, self.missed) = (lost, bad, missed);
    }

    /// Logs the limits that are newly exceeded, and those that are no longer exceeded.
    pub(super) fn alerts(&mut self, alerts: &[Alert]) {
        for alert in alerts.iter().filter(|alert| !self.alerts.contains(&alert.subject)) {
            let (whom, way) = subject(alert.subject);
            warn!(whom, way, rate = alert.now, limit = alert.limit, "over its limit");
        }
        let subjects: Vec<AlertSubject> = alerts.iter().map(|alert| alert.subject).collect();
        for gone in self.alerts.iter().filter(|known| !subjects.contains(known)) {
            let (whom, way) = subject(*gone);
            info!(whom, way, "within its limit again");
        }
        self.alerts = subjects;
    }

    /// Logs the total of flows that were not recorded, by cause.
    pub(super) fn sum_up(&self) {
        let recording = self.published.read().recording;
        for shed in recording.iter().flat_map(|recording| &recording.shed) {
            warn!(cause = %shed.cause, count = shed.count, "{}", shed.explanation);
        }
    }
}

fn named(ident: &str) -> Option<&str> {
    Some(ident).filter(|ident| !ident.is_empty())
}

fn subject(subject: AlertSubject) -> (String, &'static str) {
    let way = |direction| match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    match subject {
        AlertSubject::Link(direction) => ("link".to_owned(), way(direction)),
        AlertSubject::Host(host, direction) => (host.to_string(), way(direction)),
    }
}

/// The number of datagrams and flows that could not be used. Those that the kernel dropped
/// count as lost.
fn bad(health: &Health) -> u64 {
    let counts = health.dropped.iter().filter(|drop| drop.cause != "kernel");
    counts.map(|drop| drop.count).sum()
}

/// The problem that prevents recording or encoding, and since when it has existed.
fn alarm(health: &Health) -> Option<(Time, String)> {
    let recording = health.recording.as_ref()?;
    let (alarm, head) = match (&recording.stopped, &recording.behind) {
        (Some(stopped), _) => (stopped, format!("not recording to {}: ", recording.folder)),
        (None, Some(behind)) => (behind, String::new()),
        (None, None) => return None,
    };
    Some((alarm.since, format!("{head}{}", alarm.why)))
}
