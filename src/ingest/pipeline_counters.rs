//! The counters of one pipeline, and the report of them that is published.

use hdrhistogram::Histogram;

use super::exporter_stats::ExporterStats;
use super::issue::IngestIssue;
use crate::flow::{Flow, Host, Time};
use crate::snapshot::{ExporterHealth, MAX_NO_ROOM, NoRoom};
use crate::units::rfc3339;
use crate::wire::numbering_states::ExporterNumbering;
use crate::wire::{Cause, DatagramReport, Decoder};

/// Counters of a pipeline.
#[derive(Debug)]
pub(super) struct PipelineCounters {
    causes: Vec<u64>,
    issues: [u64; IngestIssue::ALL.len()],
    doubled: u64,
    datagrams: u64,
    flows: u64,
    /// The time of the last panic, and the note about it.
    defect: Option<(Time, String)>,
    exporter_stats: ExporterStats,
    /// Time per batch in microseconds.
    batch: Option<Histogram<u64>>,
}

/// The counters as plain data, with the decoder's exporters.
#[derive(Clone, Debug, Default)]
pub(super) struct PipelineReport {
    pub(super) causes: Vec<u64>,
    pub(super) issues: [u64; IngestIssue::ALL.len()],
    pub(super) doubled: u64,
    pub(super) datagrams: u64,
    pub(super) flows: u64,
    pub(super) defect: Option<(Time, String)>,
    pub(super) exporters: Vec<ExporterHealth>,
    pub(super) refused: Vec<(Host, u64)>,
    pub(super) refused_others: u64,
    pub(super) no_room: Vec<NoRoom>,
    pub(super) batch_p99_us: u64,
    /// Positions of sequence numbers.
    pub(super) standing: Vec<ExporterNumbering>,
}

impl PipelineCounters {
    /// Counters at zero, for one of `workers` workers.
    pub(super) fn new(workers: usize) -> PipelineCounters {
        PipelineCounters {
            causes: vec![0; Cause::ALL.len()],
            issues: [0; IngestIssue::ALL.len()],
            doubled: 0,
            datagrams: 0,
            flows: 0,
            defect: None,
            exporter_stats: ExporterStats::new(workers),
            batch: Histogram::new_with_bounds(1, 60_000_000, 2).ok(),
        }
    }

    pub(super) fn datagram(&mut self, report: &DatagramReport) {
        self.datagrams += 1;
        self.released(report);
    }

    /// Counts flows of pending data sets, whose datagrams were counted before.
    pub(super) fn released(&mut self, report: &DatagramReport) {
        self.flows += u64::from(report.flows);
        for (cause, count) in report.causes.iter() {
            self.cause(cause, u64::from(count));
        }
    }

    pub(super) fn cause(&mut self, cause: Cause, count: u64) {
        if let Some(sum) = self.causes.get_mut(cause as usize) {
            *sum += count;
        }
    }

    /// Counts a datagram of `sender` whose decoding panicked.
    pub(super) fn undecoded(&mut self, now: Time, sender: Host, why: &str) {
        self.datagrams += 1;
        self.issue(IngestIssue::WorkerPanic, 1);
        let what = format!("a datagram of {sender} was lost");
        self.defect(now, &what, why);
    }

    /// Counts flows whose recording panicked. Some of them may have been recorded.
    pub(super) fn unrecorded(&mut self, now: Time, flows: usize, why: &str) {
        self.issue(IngestIssue::RecordPanic, flows as u64);
        self.defect(now, &format!("{flows} flows may be missing"), why);
    }

    fn defect(&mut self, now: Time, what: &str, why: &str) {
        let note = format!(
            "{what} because of a defect in toptalk at {}, please report it: {why}",
            rfc3339(now)
        );
        self.defect = Some((now, note));
    }

    fn issue(&mut self, issue: IngestIssue, more: u64) {
        if let Some(count) = self.issues.get_mut(issue as usize) {
            *count += more;
        }
    }

    pub(super) fn batch(&mut self, micros: u64) {
        if let Some(histogram) = &mut self.batch {
            histogram.saturating_record(micros);
        }
    }

    /// Counts the duplicates in a batch.
    pub(super) fn doubled(&mut self, flows: &[Flow], count: usize) {
        self.doubled += count as u64;
        self.exporter_stats.doubled(flows);
    }

    /// What to publish at `now`.
    pub(super) fn part(&mut self, now: Time, decoder: &Decoder) -> PipelineReport {
        let (refused, refused_others) = decoder.refused();
        PipelineReport {
            causes: self.causes.clone(),
            issues: self.issues,
            doubled: self.doubled,
            datagrams: self.datagrams,
            flows: self.flows,
            defect: self.defect.clone(),
            exporters: self.exporter_stats.list(now, decoder),
            refused,
            refused_others,
            standing: decoder.standing(),
            no_room: no_room(decoder),
            batch_p99_us: self.batch.as_ref().map_or(0, |batch| batch.value_at_quantile(0.99)),
        }
    }
}

/// The exporters that reached a limit, by how often that happened.
fn no_room(decoder: &Decoder) -> Vec<NoRoom> {
    let mut list = decoder.no_room();
    list.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
    list.truncate(MAX_NO_ROOM);
    let one = |(exporter, cause, count): (_, Cause, _)| NoRoom {
        exporter,
        cause: cause.name().into(),
        count,
    };
    list.into_iter().map(one).collect()
}
