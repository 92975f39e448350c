//! The state of the collector as a whole, published for its readers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::issue::IngestIssue;
use super::lost_messages::LostMessageCounters;
use super::pipeline_counters::PipelineReport;
use super::recorder::RecorderHandle;
use super::same_flows::SameFlows;
use crate::archive::recorder::DropReason;
use crate::flow::{Host, Time};
use crate::snapshot::{DropCount, Health, Listener, MAX_NO_ROOM, MissingPort, NoRoom, WorkHealth};
use crate::wire::Cause;
use crate::wire::policy::MAX_REFUSED;

/// Interval at which health is published, and saving is checked.
pub(super) const PUBLISH: Duration = Duration::from_millis(250);

/// The newest health, shared by the collector and its readers.
#[derive(Clone, Debug, Default)]
pub struct PublishedHealth {
    health: Arc<Mutex<Health>>,
    ended: Arc<AtomicBool>,
    /// Number of times that health was published.
    beats: Arc<AtomicU64>,
    /// The recorder, which has its own status.
    recorder: Option<RecorderHandle>,
    /// Counters of lost messages to the outside.
    losses: LostMessageCounters,
}

impl PublishedHealth {
    pub(super) fn new(
        recorder: Option<RecorderHandle>,
        losses: LostMessageCounters,
    ) -> PublishedHealth {
        PublishedHealth { recorder, losses, ..PublishedHealth::default() }
    }

    /// A copy of the newest health.
    #[must_use]
    pub fn read(&self) -> Health {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        health.noticed.extend(self.losses.counts());
        let mut health =
            Health { recording: self.recorder.as_ref().map(RecorderHandle::recording), ..health };
        let shed = self.recorder.iter().flat_map(RecorderHandle::shed_of);
        health.no_room.extend(shed.map(|(exporter, count)| NoRoom {
            exporter,
            cause: DropReason::Queue.name().into(),
            count,
        }));
        health.no_room.sort_by(|a, b| b.count.cmp(&a.count).then(a.exporter.cmp(&b.exporter)));
        health.no_room.truncate(MAX_NO_ROOM);
        health
    }

    /// Whether a thread of the collector has ended, for any reason.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Number of times that health was published. A watchdog sees from it that the receiving thread
    /// runs.
    #[must_use]
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    pub(super) fn write(&self, health: Health) {
        self.beats.fetch_add(1, Ordering::Relaxed);
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

/// Marks a thread as ended when it is dropped, also by a panic.
pub(super) struct ThreadEndGuard(pub(super) PublishedHealth);

impl Drop for ThreadEndGuard {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

/// Counters of the receiving thread, besides those of its workers.
#[derive(Debug)]
pub(super) struct Stats {
    started: Time,
    demo: Option<String>,
    notes: Vec<String>,
    /// Ports that cannot be opened.
    missing: Vec<MissingPort>,
    issues: [u64; IngestIssue::ALL.len()],
    /// Why exporters' state could not be saved the last time.
    unsaved: Option<String>,
    /// Why sequence numbers could not be saved the last time.
    numbering_unsaved: Option<String>,
    /// Number of datagrams that could not be forwarded.
    not_repeated: u64,
    /// Reports of workers that have died.
    ended_reports: Vec<PipelineReport>,
    /// The table in which all workers compare flows of several exporters, and what it tells.
    same: SameFlows,
    same_notes: Vec<String>,
}

impl Stats {
    pub(super) fn new(started: Time, demo: Option<String>, notes: Vec<String>) -> Stats {
        let issues = [0; IngestIssue::ALL.len()];
        Stats {
            started,
            demo,
            notes,
            missing: Vec::new(),
            issues,
            unsaved: None,
            numbering_unsaved: None,
            not_repeated: 0,
            ended_reports: Vec::new(),
            same: SameFlows::new(false),
            same_notes: Vec::new(),
        }
    }

    /// Has flows that several exporters report counted once.
    pub(super) fn count_once(&mut self) {
        self.same = SameFlows::new(true);
    }

    /// The table in which workers compare flows of several exporters.
    pub(super) fn same_flows(&self) -> &SameFlows {
        &self.same
    }

    /// Updates the notes on exporters that report the same flows.
    pub(super) fn compare_exporters(&mut self, now: Time) {
        self.same_notes = self.same.notes(now);
    }

    /// Counts a problem outside of datagrams.
    pub(super) fn count_issue(&mut self, issue: IngestIssue) {
        if let Some(count) = self.issues.get_mut(issue as usize) {
            *count += 1;
        }
    }

    /// Sets the number of datagrams that were dropped from full queues.
    pub(super) fn dropped_from_queues(&mut self, count: u64) {
        let known = &mut self.issues[IngestIssue::WorkerQueue as usize];
        *known = count.max(*known);
    }

    /// Sets the number of datagrams that could not be forwarded.
    pub(super) fn not_repeated(&mut self, count: u64) {
        self.not_repeated = count;
    }

    /// Keeps the last reports of dead workers.
    pub(super) fn keep(&mut self, parts: Vec<PipelineReport>) {
        self.ended_reports.extend(parts);
    }

    /// Adds a note for the user.
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Sets the ports that cannot be opened now.
    pub(super) fn missing(&mut self, missing: &[MissingPort]) {
        self.missing = missing.to_vec();
    }

    /// Sets why exporters' state could not be saved; `None` if it was saved.
    pub(super) fn unsaved(&mut self, why: Option<String>) {
        self.unsaved = why;
    }

    /// Sets why sequence numbers could not be saved; `None` if they were saved.
    pub(super) fn numbering_unsaved(&mut self, why: Option<String>) {
        self.numbering_unsaved = why;
    }

    /// The health of the collector, from the reports of all pipelines.
    pub(super) fn health(
        &self,
        listeners: Vec<Listener>,
        mut parts: Vec<PipelineReport>,
        work: WorkHealth,
    ) -> Health {
        parts.extend(self.ended_reports.iter().cloned());
        let (dropped, noticed) = self.drops(&listeners, &parts);
        let (refused, refused_others) = refused(&parts);
        let defect = parts.iter().filter_map(|part| part.defect.as_ref()).max_by_key(|one| one.0);
        let notes = self
            .notes
            .iter()
            .chain(&self.unsaved)
            .chain(&self.numbering_unsaved)
            .chain(&self.same_notes)
            .chain(defect.map(|(_, note)| note));
        let mut health = Health {
            started: self.started,
            demo: self.demo.clone(),
            listeners,
            missing: self.missing.clone(),
            exporters: Vec::new(),
            dropped,
            noticed,
            refused,
            refused_others,
            no_room: parts.iter().flat_map(|part| part.no_room.iter().cloned()).collect(),
            work,
            recording: None,
            attached: None,
            ended: false,
            gone: None,
            groups: None,
            notes: notes.cloned().collect(),
            datagrams: parts.iter().map(|part| part.datagrams).sum(),
            flows: parts.iter().map(|part| part.flows).sum(),
            batch_p99_us: parts.iter().map(|part| part.batch_p99_us).max().unwrap_or(0),
            clock_shift_ms: 0,
        };
        health.exporters = parts.into_iter().flat_map(|part| part.exporters).collect();
        // In the order of a single decoder.
        health.exporters.sort_by(|a, b| b.flows.cmp(&a.flows).then(a.address.cmp(&b.address)));
        health
    }

    /// The counts of what was dropped, and of what was unusual but used.
    fn drops(
        &self,
        listeners: &[Listener],
        parts: &[PipelineReport],
    ) -> (Vec<DropCount>, Vec<DropCount>) {
        let mut dropped = Vec::new();
        let mut noticed = Vec::new();
        for cause in Cause::ALL {
            let counts = parts.iter().filter_map(|part| part.causes.get(*cause as usize));
            let line = counted(counts.sum(), cause.name(), cause.explanation());
            if cause.loses() { dropped.extend(line) } else { noticed.extend(line) }
        }
        for (issue, own) in IngestIssue::ALL.iter().zip(self.issues) {
            let theirs = parts.iter().filter_map(|part| part.issues.get(*issue as usize));
            let count = own + theirs.sum::<u64>();
            dropped.extend(counted(count, issue.name(), issue.explanation()));
        }
        let kernel = listeners.iter().map(|listener| listener.kernel_drops).sum();
        dropped.extend(counted(
            kernel,
            "kernel",
            "datagrams dropped because the receive buffer was full; enlarge net.core.rmem_max",
        ));
        noticed.extend(counted(
            parts.iter().map(|part| part.doubled).sum(),
            "doubled",
            "flows reported before from another interface; counted once, unless --no-dedup is given",
        ));
        noticed.extend(counted(
            self.not_repeated,
            "not_repeated",
            "datagrams that could not be forwarded to the addresses of -R",
        ));
        (dropped, noticed)
    }
}

fn counted(count: u64, cause: &'static str, explanation: &'static str) -> Option<DropCount> {
    (count > 0).then(|| DropCount { cause: cause.into(), explanation: explanation.into(), count })
}

/// Refused senders of all workers, limited as for one worker.
fn refused(parts: &[PipelineReport]) -> (Vec<(Host, u64)>, u64) {
    let mut sums: HashMap<Host, u64> = HashMap::new();
    for (sender, count) in parts.iter().flat_map(|part| &part.refused) {
        *sums.entry(*sender).or_default() += count;
    }
    let mut list: Vec<_> = sums.into_iter().collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let others: u64 = parts.iter().map(|part| part.refused_others).sum();
    let more: u64 = list.iter().skip(MAX_REFUSED).map(|(_, count)| count).sum();
    list.truncate(MAX_REFUSED);
    (list, others + more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::ExporterHealth;

    fn exporter(last: u8, flows: u64) -> ExporterHealth {
        ExporterHealth { address: Host::octets(192, 0, 2, last), flows, ..Default::default() }
    }

    #[test]
    fn reports_of_workers_add_up() {
        let mut causes = vec![0; Cause::ALL.len()];
        causes[Cause::NotAllowed as usize] = 70;
        let mut issues = [0; IngestIssue::ALL.len()];
        issues[IngestIssue::WorkerPanic as usize] = 2;
        let one = PipelineReport {
            causes: causes.clone(),
            issues,
            doubled: 1,
            datagrams: 100,
            flows: 50,
            defect: Some((Time(5), "later".to_owned())),
            exporters: vec![exporter(1, 40), exporter(3, 10)],
            refused: (0..MAX_REFUSED as u32).map(|n| (Host::v4(n), 1)).collect(),
            refused_others: 6,
            no_room: Vec::new(),
            batch_p99_us: 30,
            standing: Vec::new(),
        };
        let two = PipelineReport {
            causes,
            flows: 20,
            defect: Some((Time(3), "earlier".to_owned())),
            exporters: vec![exporter(2, 20)],
            refused: vec![(Host::v4(7), 2), (Host::v4(1000), 9)],
            batch_p99_us: 20,
            ..PipelineReport::default()
        };
        let stats = Stats::new(Time(1), None, Vec::new());
        let health = stats.health(Vec::new(), vec![one, two], WorkHealth::default());
        assert_eq!((health.datagrams, health.flows, health.batch_p99_us), (100, 70, 30));
        let flows: Vec<u64> = health.exporters.iter().map(|exporter| exporter.flows).collect();
        assert_eq!(flows, [40, 20, 10]);
        let dropped: Vec<_> =
            health.dropped.iter().map(|drop| (drop.cause.as_ref(), drop.count)).collect();
        assert_eq!(dropped, [("not_allowed", 140), ("worker_panic", 2)]);
        assert_eq!((health.noticed[0].cause.as_ref(), health.noticed[0].count), ("doubled", 1));
        assert_eq!(health.notes, ["later"]);
        assert_eq!(health.refused[..2], [(Host::v4(1000), 9), (Host::v4(7), 3)]);
        assert_eq!((health.refused.len(), health.refused_others), (MAX_REFUSED, 7));
    }
}
