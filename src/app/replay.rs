//! `toptalk replay`: sends recorded flows again.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::inputs::{self, Input, open};
use super::messages::tell;
use super::resolve::resolve;
use super::stop::StopSignal;
use super::{AppError, zone};
use crate::archive::catalog::CatalogEntry;
use crate::archive::{self, ColumnChunks, rows};
use crate::capture::{self, CaptureIssue, CapturedDatagram, ExpectedContent, Item, Unreadable};
use crate::cli::Replay;
use crate::clock::Clock;
use crate::flow::{Flow, FlowExtras, SenderAddress, Time, extras_of};
use crate::ingest::sender_sockets::SenderSockets;
use crate::replay::{FlowEncoder, ReplayProtocol, Schedule, UnsupportedFields};
use crate::units;
use crate::wire::Decoder;

/// Maximum number of flows that are encoded at once.
const BATCH: usize = 1_000;

/// Flows that are due within this many milliseconds after the first of a batch are sent with
/// it, so that datagrams are full.
const TICK_MS: i64 = 10;

pub(super) fn run(replay: &Replay) -> Result<ExitCode, AppError> {
    let stop = StopSignal::on_signals().map_err(AppError::Start)?;
    let mut failed = false;
    let mut files: Vec<(PathBuf, Option<CatalogEntry>)> =
        replay.files.iter().map(|path| (path.clone(), None)).collect();
    if let Some(archive) = &replay.archive {
        let catalog = inputs::list(archive, &zone::zone(replay.zone.as_deref())?)?;
        catalog.problems.iter().for_each(tell);
        failed = !catalog.problems.is_empty();
        files.extend(catalog.entries.into_iter().map(|entry| (entry.path.clone(), Some(entry))));
    }
    let to = resolve(&replay.to)?;
    let sockets = SenderSockets::open(to, false).map_err(|source| AppError::Send { to, source })?;
    let clock = Clock::start();
    let mut sender = Sender {
        replay,
        sockets,
        to,
        clock,
        started: clock.now(),
        schedule: Schedule::new(replay.pace),
        encoder: FlowEncoder::new(replay.what.unwrap_or(ReplayProtocol::Ipfix)),
        decoder: Decoder::new(),
        stop,
        waiting: Vec::new(),
        due: 0,
        failed,
        sent: Sent::default(),
    };
    // Filters may use the extra fields of flows, and lost fields are reported.
    sender.decoder.keep_more(replay.what.is_some());
    tell(format_args!("sending to {to}; Ctrl-C ends it"));
    for (path, entry) in &files {
        if let Err(error) = sender.file(path, entry.as_ref()) {
            match error {
                Ended::Failed(error) => return Err(error),
                Ended::Stopped => break,
                Ended::File(what) => sender.complain(what),
            }
        }
    }
    // After a signal nothing more is sent.
    let code = sender.stop.code();
    if code.is_none() {
        // A signal while sending is not a failure; it is reported below.
        if let Err(Ended::Failed(error)) = sender.flush() {
            return Err(error);
        }
    }
    sender.summary();
    let nothing = sender.sent.datagrams == 0;
    Ok(match sender.stop.code() {
        Some(code) => ExitCode::from(code),
        None if sender.failed || nothing => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    })
}

/// Why sending ended.
enum Ended {
    /// Ctrl-C.
    Stopped,
    /// Sending failed.
    Failed(AppError),
    /// This file cannot be read any further, for this reason.
    File(String),
}

/// Counts of what was sent.
#[derive(Default)]
struct Sent {
    datagrams: u64,
    /// Bytes of payload.
    bytes: u64,
    /// Flows in datagrams that were sent unchanged.
    flows: u64,
    /// Datagrams of captures that are not NetFlow, IPFIX or sFlow.
    foreign: u64,
    /// Flows that do not match the filter.
    filtered: u64,
}

struct Sender<'a> {
    replay: &'a Replay,
    sockets: SenderSockets,
    to: SocketAddr,
    clock: Clock,
    started: Time,
    schedule: Schedule,
    encoder: FlowEncoder,
    decoder: Decoder,
    stop: StopSignal,
    /// The flows of the next batch, and the milliseconds after the start at which it is due.
    waiting: Vec<Flow>,
    due: i64,
    /// Whether something could not be read or sent.
    failed: bool,
    sent: Sent,
}

impl Sender<'_> {
    /// Reports a problem, which also sets the exit code.
    fn complain(&mut self, what: impl Display) {
        self.failed = true;
        tell(what);
    }

    /// Sends a file that was named on the command line or listed in an archive.
    fn file(&mut self, path: &Path, entry: Option<&CatalogEntry>) -> Result<(), Ended> {
        let name = path.display().to_string();
        let opened = match entry {
            Some(entry) => archive::open(entry).map(Input::Flows),
            None => open(path),
        };
        match opened.map_err(|error| Ended::File(error.to_string()))? {
            Input::Flows(chunks) => self.chunks(chunks),
            Input::Datagrams(file) => self.capture(file, &name).map_err(|ended| match ended {
                Ended::File(what) => Ended::File(format!("{name}: {what}")),
                ended => ended,
            }),
        }
    }

    /// Sends the flows of a file. Damaged parts are reported and skipped.
    fn chunks(&mut self, chunks: ColumnChunks) -> Result<(), Ended> {
        for chunk in chunks {
            let mut chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    self.complain(error);
                    continue;
                }
            };
            for page in 0..chunk.pages() {
                match rows(chunk.as_mut(), page) {
                    Ok((flows, more)) => self.flows(&flows, &more)?,
                    Err(error) => self.complain(error),
                }
            }
        }
        Ok(())
    }

    fn capture(&mut self, file: Box<dyn io::Read + Send>, name: &str) -> Result<(), Ended> {
        if self.replay.what.is_none() && !self.replay.filter.is_any() {
            let what = "datagrams of captures are sent unchanged: with a filter, add --as";
            return Err(Ended::File(what.to_owned()));
        }
        let mut ended = Ok(());
        let read = capture::read(file, ExpectedContent::by(name), &mut |item| {
            ended = match item {
                Item::Datagram(datagram) => self.datagram(&datagram),
                Item::Problem(problem) => {
                    if problem.issue == CaptureIssue::Damaged {
                        self.complain(format_args!("{name}: {}", problem.issue));
                    }
                    Ok(())
                }
            };
            if ended.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        ended?;
        read.map_err(|error: Unreadable| Ended::File(error.to_string()))
    }

    /// Sends a datagram of a capture unchanged, or its flows.
    fn datagram(&mut self, datagram: &CapturedDatagram) -> Result<(), Ended> {
        let recorded = datagram.time.unwrap_or(self.started);
        let source = datagram.sender();
        let mut flows = Vec::new();
        self.decoder.forget_more();
        let report = self.decoder.decode(recorded, source, &datagram.payload, &mut flows);
        if report.protocol.is_none() {
            self.sent.foreign += 1;
            return Ok(());
        }
        if self.replay.what.is_some() {
            let more = self.decoder.more().to_vec();
            return self.flows(&flows, &more);
        }
        let due = self.schedule.due(datagram.time);
        self.wait(due)?;
        self.sent.flows += flows.len() as u64;
        self.send(source, &datagram.payload)
    }

    /// Sends flows; `more` has their extra fields ([`Flow::more`]).
    fn flows(&mut self, flows: &[Flow], more: &[FlowExtras]) -> Result<(), Ended> {
        for flow in flows {
            let more = extras_of(flow, more);
            if !self.replay.filter.matches(&(flow, more)) {
                self.sent.filtered += 1;
                continue;
            }
            let due = self.schedule.due(Some(flow.arrival));
            let full = self.waiting.len() >= BATCH;
            if full || (!self.waiting.is_empty() && due > self.due.saturating_add(TICK_MS)) {
                self.flush()?;
            }
            if self.waiting.is_empty() {
                self.due = due;
            }
            self.waiting.push(*flow);
        }
        Ok(())
    }

    /// Sends the batch when it is due.
    fn flush(&mut self) -> Result<(), Ended> {
        let Some(latest) = self.waiting.iter().map(|flow| flow.arrival).max() else {
            return Ok(());
        };
        self.wait(self.due)?;
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut now = latest;
        if !self.replay.keep_times {
            now = self.clock.now().plus_ms(self.clock.shift_ms());
            for flow in &mut waiting {
                // The age of the flow is the same as when it was recorded.
                let later = now.since(flow.arrival);
                flow.first = flow.first.plus_ms(later);
                flow.last = flow.last.plus_ms(later);
            }
        }
        for datagram in self.encoder.encode(now, &waiting) {
            self.send(SenderAddress::default(), &datagram)?;
        }
        waiting.clear();
        self.waiting = waiting;
        Ok(())
    }

    fn wait(&self, due: i64) -> Result<(), Ended> {
        let left = self.started.plus_ms(due).since(self.clock.now()).max(0);
        if self.stop.wait(left.unsigned_abs()) { Err(Ended::Stopped) } else { Ok(()) }
    }

    /// Sends a datagram; those of one sender of a capture have a port of their own.
    fn send(&mut self, from: SenderAddress, datagram: &[u8]) -> Result<(), Ended> {
        let to = self.to;
        self.sockets
            .of(from)
            .send_to(datagram, to)
            .map_err(|source| Ended::Failed(AppError::Send { to, source }))?;
        self.sent.datagrams += 1;
        self.sent.bytes += datagram.len() as u64;
        Ok(())
    }

    fn summary(&self) {
        let tally = self.encoder.tally();
        let Sent { datagrams, bytes, flows, foreign, filtered } = &self.sent;
        let took = units::duration(self.clock.now().since(self.started));
        let (flows, size, to) = (flows + tally.flows, units::size(*bytes), self.to);
        tell(format_args!(
            "sent {flows} flows in {datagrams} datagrams, {size}, to {to} in {took}"
        ));
        let lost = UnsupportedFields::ALL.map(|what| (tally.lost(what), what.text()));
        let others = [
            (*filtered, "flows not sent: they do not match the filter"),
            (*foreign, "datagrams not sent: not NetFlow, IPFIX or sFlow"),
        ];
        for (count, what) in lost.into_iter().chain(others).filter(|(count, _)| *count > 0) {
            tell(format_args!("{count} {what}"));
        }
    }
}
