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

/// What goes wrong before a datagram or message is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Socket,
    TcpRefused,
    TcpBadMessage,
    TcpHalfMessage,
    TcpTimeout,
}

impl Trouble {
    /// All of them, in the order of the enum.
    pub const ALL: [Trouble; 5] = [
        Trouble::Socket,
        Trouble::TcpRefused,
        Trouble::TcpBadMessage,
        Trouble::TcpHalfMessage,
        Trouble::TcpTimeout,
    ];

    /// A short stable name for JSON, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Trouble::Socket => "socket_error",
            Trouble::TcpRefused => "tcp_refused",
            Trouble::TcpBadMessage => "tcp_bad_message",
            Trouble::TcpHalfMessage => "tcp_half_message",
            Trouble::TcpTimeout => "tcp_timeout",
        }
    }

    /// The same in a sentence for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Trouble::Socket => "errors of a socket; it is tried again a moment later",
            Trouble::TcpRefused => {
                "connections refused: outside --allow, or more than 8 of one exporter or 128 in all"
            }
            Trouble::TcpBadMessage => "connections closed because what came is no IPFIX message",
            Trouble::TcpHalfMessage => "IPFIX messages cut off by the end of their connection",
            Trouble::TcpTimeout => {
                "connections closed: a message took over a minute, or none came for an hour"
            }
        }
    }
}

/// Counters of the worker.
#[derive(Debug)]
pub(super) struct Stats {
    started: Time,
    demo: Option<String>,
    notes: Vec<String>,
    causes: Vec<u64>,
    troubles: [u64; Trouble::ALL.len()],
    doubled: u64,
    /// Why the memory could not be saved the last time.
    unsaved: Option<String>,
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
            troubles: [0; Trouble::ALL.len()],
            doubled: 0,
            unsaved: None,
            datagrams: 0,
            flows: 0,
            roster: Roster::default(),
            batch,
        }
    }

    pub(super) fn datagram(&mut self, report: &Report) {
        self.datagrams += 1;
        self.flows += u64::from(report.flows);
        self.causes(report);
    }

    /// Counts what went wrong, but no datagram.
    pub(super) fn causes(&mut self, report: &Report) {
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
    pub(super) fn doubled(&mut self, flows: &[Flow], count: usize) {
        self.doubled += count as u64;
        self.roster.doubled(flows);
    }

    /// Counts something that went wrong outside of datagrams.
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        if let Some(count) = self.troubles.get_mut(trouble as usize) {
            *count += 1;
        }
    }

    /// Something that the user should know, from now on.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Why the memory could not be saved this time, if so.
    pub(super) fn unsaved(&mut self, why: Option<String>) {
        self.unsaved = why;
    }

    pub(super) fn health(
        &mut self,
        now: Time,
        listeners: Vec<Listener>,
        decoder: &Decoder,
    ) -> Health {
        let (dropped, noticed) = self.drops(&listeners);
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
            notes: self.notes.iter().chain(&self.unsaved).cloned().collect(),
            datagrams: self.datagrams,
            flows: self.flows,
            batch_p99_us: self.batch.as_ref().map_or(0, |batch| batch.value_at_quantile(0.99)),
            clock_shift_ms: 0,
        }
    }

    /// What was dropped, and what was odd but used.
    fn drops(&self, listeners: &[Listener]) -> (Vec<DropCount>, Vec<DropCount>) {
        let mut dropped = Vec::new();
        let mut noticed = Vec::new();
        for (cause, count) in Cause::ALL.iter().zip(&self.causes).filter(|(_, count)| **count > 0) {
            let line =
                DropCount { cause: cause.name(), explanation: cause.explanation(), count: *count };
            if cause.loses() { dropped.push(line) } else { noticed.push(line) }
        }
        for (trouble, count) in Trouble::ALL.iter().zip(self.troubles) {
            let (cause, explanation) = (trouble.name(), trouble.explanation());
            dropped.extend((count > 0).then_some(DropCount { cause, explanation, count }));
        }
        let line = |count: u64, cause, explanation| {
            (count > 0).then_some(DropCount { cause, explanation, count })
        };
        let kernel = listeners.iter().map(|listener| listener.kernel_drops).sum();
        dropped.extend(line(
            kernel,
            "kernel",
            "datagrams that found the receive buffer full; enlarge net.core.rmem_max",
        ));
        noticed.extend(line(
            self.doubled,
            "doubled",
            "flows reported before from another interface; counted once, unless --no-dedup",
        ));
        (dropped, noticed)
    }
}
