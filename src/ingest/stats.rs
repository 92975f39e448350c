//! What the ingest worker knows about its work, published for whoever asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hdrhistogram::Histogram;

use super::roster::Roster;
use crate::flow::{Flow, Time};
use crate::snapshot::{DropCount, Health, Listener};
use crate::wire::{Cause, Decoder, Report};

/// The newest health, shared between the worker and its readers.
#[derive(Clone, Debug, Default)]
pub struct Published {
    health: Arc<Mutex<Health>>,
    ended: Arc<AtomicBool>,
}

impl Published {
    /// A copy of what was published last.
    #[must_use]
    pub fn read(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the worker is gone, for whatever reason.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn write(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

/// Says that the worker has ended when it is dropped, also by a panic.
pub(super) struct Ending(pub(super) Published);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

/// Counters of the worker.
#[derive(Debug)]
pub(super) struct Stats {
    started: Time,
    demo: Option<String>,
    notes: Vec<String>,
    causes: Vec<u64>,
    datagrams: u64,
    flows: u64,
    roster: Roster,
    /// Time per batch in microseconds.
    batch: Option<Histogram<u64>>,
}

impl Stats {
    pub(super) fn new(started: Time, demo: Option<String>, notes: Vec<String>) -> Stats {
        let batch = Histogram::new_with_bounds(1, 60_000_000, 2).ok();
        Stats {
            started,
            demo,
            notes,
            causes: vec![0; Cause::ALL.len()],
            datagrams: 0,
            flows: 0,
            roster: Roster::default(),
            batch,
        }
    }

    pub(super) fn datagram(&mut self, report: &Report) {
        self.datagrams += 1;
        self.flows += u64::from(report.flows);
        for (cause, count) in report.causes.iter() {
            if let Some(sum) = self.causes.get_mut(cause as usize) {
                *sum += u64::from(count);
            }
        }
    }

    pub(super) fn batch(&mut self, micros: u64) {
        if let Some(histogram) = &mut self.batch {
            histogram.saturating_record(micros);
        }
    }

    /// Counts the flows of a batch that were marked as reported before.
    pub(super) fn doubled(&mut self, flows: &[Flow]) {
        self.roster.doubled(flows);
    }

    pub(super) fn health(
        &mut self,
        now: Time,
        listeners: Vec<Listener>,
        decoder: &Decoder,
    ) -> Health {
        let kernel: u64 = listeners.iter().map(|listener| listener.kernel_drops).sum();
        let mut dropped = Vec::new();
        let mut noticed = Vec::new();
        for (cause, count) in Cause::ALL.iter().zip(&self.causes).filter(|(_, count)| **count > 0) {
            let line =
                DropCount { cause: cause.name(), explanation: cause.explanation(), count: *count };
            if cause.loses() { dropped.push(line) } else { noticed.push(line) }
        }
        if kernel > 0 {
            dropped.push(DropCount {
                cause: "kernel",
                explanation: "datagrams that found the receive buffer full; enlarge net.core.rmem_max",
                count: kernel,
            });
        }
        let (refused, refused_others) = decoder.refused();
        Health {
            started: self.started,
            demo: self.demo.clone(),
            listeners,
            exporters: self.roster.list(now, decoder),
            dropped,
            noticed,
            refused,
            refused_others,
            ended: false,
            notes: self.notes.clone(),
            datagrams: self.datagrams,
            flows: self.flows,
            batch_p99_us: self.batch.as_ref().map_or(0, |batch| batch.value_at_quantile(0.99)),
            clock_shift_ms: 0,
        }
    }
}
