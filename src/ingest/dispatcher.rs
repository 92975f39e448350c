//! Where the receiving thread puts what it reads: into a pipeline of its own, or
//! into the queues of workers.

use std::hash::BuildHasher;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use foldhash::quality::RandomState;
use tokio::sync::Notify;

use super::issue::IngestIssue;
use super::options::IngestLimits;
use super::pipeline::{FlowSink, Pipeline};
use super::pipeline_counters::PipelineReport;
use super::queue::{DatagramBatch, DatagramQueue, Urgency};
use super::repeater::Repeater;
use super::stats::{PublishedHealth, Stats};
use super::worker::{self, WorkerShared};
use super::worker_handle::WorkerHandle;
use crate::clock::Clock;
use crate::flow::{Host, Time};
use crate::snapshot::{NoRoom, QueueHealth, WorkHealth};
use crate::wire::numbering_states::NumberingStates;
use crate::wire::policy::RefusedSenders;
use crate::wire::saved_state::SavedState;
use crate::wire::{Policy, SharedLimits};

/// Takes in datagrams, and knows how that goes.
pub(super) struct Dispatcher {
    pub(super) stats: Stats,
    pub(super) clock: Clock,
    policy: Policy,
    repeater: Option<Repeater>,
    /// Peers whose connections were refused.
    refused: RefusedSenders,
    /// Peers whose connections found no room.
    cut: RefusedSenders,
    /// The one of this thread, or none; at the end those of all workers.
    pipelines: Vec<Pipeline>,
    /// The workers; none when this thread does the work.
    lanes: Vec<WorkerHandle>,
    /// What was remembered for each worker before it began; at the end, what those
    /// knew that had died.
    known: Vec<SavedState>,
    hasher: RandomState,
    /// Whether the workers were asked for their memories.
    gathering: bool,
    ending: bool,
    /// Told when flows wait in this thread.
    waiting: Arc<Notify>,
    limits: IngestLimits,
}

impl Dispatcher {
    /// With so many `workers`; nothing but this thread works until [`Intake::start`].
    pub(super) fn new(
        workers: usize,
        limits: IngestLimits,
        policy: Policy,
        clock: Clock,
        stats: Stats,
        sink: impl Fn() -> FlowSink,
    ) -> Dispatcher {
        let budget = SharedLimits::new(limits.exporters, workers.max(1));
        let pipeline =
            |_| Pipeline::new(policy.clone(), budget.clone(), clock, workers.max(1), sink());
        let pipelines = (0..workers.max(1)).map(pipeline).collect();
        Dispatcher {
            stats,
            clock,
            policy,
            repeater: None,
            refused: RefusedSenders::default(),
            cut: RefusedSenders::default(),
            pipelines,
            lanes: Vec::new(),
            known: Vec::new(),
            hasher: RandomState::default(),
            gathering: false,
            ending: false,
            waiting: Arc::default(),
            limits,
        }
    }

    /// Has what came with flows kept, for whoever records; before [`Intake::start`].
    pub(super) fn keep_more(&mut self) {
        self.pipelines.iter_mut().for_each(Pipeline::keep_more);
    }

    /// Has datagrams sent on.
    pub(super) fn repeat(&mut self, repeater: Repeater) {
        self.repeater = Some(repeater);
    }

    /// Has other rules hold from now on. What workers have not yet looked at is
    /// judged by the new ones, too.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        for lane in &self.lanes {
            lane.shared.set_policy(policy.clone());
        }
        for pipeline in &mut self.pipelines {
            pipeline.set_policy(policy.clone());
        }
        self.policy = policy;
    }

    /// Which of several workers an exporter belongs to: strangers choose their
    /// addresses, but not the seed.
    pub(super) fn place(&self, exporter: Host, among: usize) -> usize {
        let hash = self.hasher.hash_one(exporter);
        usize::try_from(hash % among.max(1) as u64).unwrap_or(0)
    }

    /// Has numberings go on where an earlier run left them; after [`Intake::recall`].
    pub(super) fn resume(&mut self, now: Time, standing: NumberingStates) {
        let among = self.pipelines.len();
        for one in standing.exporters {
            let place = self.place(one.address, among);
            if let Some(pipeline) = self.pipelines.get_mut(place) {
                pipeline.resume(now, &[one]);
            }
        }
    }

    /// Hands what an earlier run remembered to those whom it concerns.
    pub(super) fn restore(&mut self, now: Time, memory: &SavedState) -> Result<(), String> {
        let among = self.pipelines.len();
        let mut parts = vec![SavedState { version: memory.version, exporters: Vec::new() }; among];
        for exporter in &memory.exporters {
            let Ok(address) = exporter.address.parse::<Host>() else { continue };
            if let Some(part) = parts.get_mut(self.place(address, among)) {
                part.exporters.push(exporter.clone());
            }
        }
        self.pipelines.iter_mut().zip(&parts).try_for_each(|(one, part)| one.restore(now, part))?;
        if among > 1 {
            self.known = parts;
        }
        Ok(())
    }

    /// Lets the workers begin, when there are several.
    pub(super) fn start(&mut self, published: &PublishedHealth) -> io::Result<()> {
        if self.pipelines.len() < 2 {
            return Ok(());
        }
        let limit = self.limits.queue_bytes / self.pipelines.len();
        let mut known = std::mem::take(&mut self.known).into_iter();
        for (nth, pipeline) in self.pipelines.drain(..).enumerate() {
            let shared = Arc::new(WorkerShared::new(DatagramQueue::new(limit)));
            let (theirs, published) = (shared.clone(), published.clone());
            let name = format!("worker-{}", nth + 1);
            let thread = std::thread::Builder::new()
                .name(name)
                .spawn(move || worker::work(pipeline, &theirs, published))?;
            let (pending, known) = (DatagramBatch::default(), known.next());
            self.lanes.push(WorkerHandle {
                shared,
                thread: Some(thread),
                pending,
                dropped: 0,
                known,
            });
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    fn lane(&mut self, exporter: Host) -> Option<&mut WorkerHandle> {
        // Without workers there is nothing to choose from, and no cost.
        if self.lanes.is_empty() {
            return None;
        }
        let place = self.place(exporter, self.lanes.len());
        self.lanes.get_mut(place)
    }

    /// How this is to be handed on: at the end there is time to wait.
    fn urgency(&self, usual: Urgency) -> Urgency {
        if self.ending { Urgency::Rest } else { usual }
    }

    /// Takes in a datagram.
    pub(super) fn datagram(&mut self, sender: Host, bytes: &[u8]) {
        // What strangers send is not passed on to others either.
        if let Some(repeater) = &mut self.repeater
            && self.policy.allows(sender)
        {
            repeater.send(bytes);
        }
        self.take(sender, bytes, Urgency::Datagrams);
    }

    /// Takes in a message of a stream.
    pub(super) fn message(&mut self, sender: Host, bytes: &[u8]) {
        self.take(sender, bytes, Urgency::Streams);
    }

    fn take(&mut self, sender: Host, bytes: &[u8], urgency: Urgency) {
        let (now, urgency) = (self.clock.now(), self.urgency(urgency));
        if let Some(lane) = self.lane(sender) {
            lane.pending.datagram(now, sender, bytes);
            if lane.pending.is_full() {
                lane.hand_on(urgency);
            }
        } else if let Some(pipeline) = self.pipelines.first_mut() {
            pipeline.datagram(now, sender, bytes);
        }
    }

    /// The end of a turn that began at `began` (microseconds) with datagrams.
    pub(super) fn pause(&mut self, began: u64) {
        self.hand_on(began, Urgency::Datagrams);
    }

    /// The same of a turn with messages of a stream.
    pub(super) fn pause_stream(&mut self, began: u64) {
        self.hand_on(began, Urgency::Streams);
    }

    fn hand_on(&mut self, began: u64, urgency: Urgency) {
        let urgency = self.urgency(urgency);
        for lane in &mut self.lanes {
            lane.hand_on(urgency);
        }
        if let Some(pipeline) = self.pipelines.first_mut() {
            pipeline.pause(began);
            if pipeline.is_waiting() {
                self.waiting.notify_one();
            }
        }
    }

    /// Whom to wait for before [`Intake::record_due`] is worth calling.
    pub(super) fn waiting(&self) -> Arc<Notify> {
        self.waiting.clone()
    }

    /// How long what waits in this thread may still do so, if anything does.
    pub(super) fn patience(&self) -> Option<Duration> {
        let pipeline = self.pipelines.first()?;
        pipeline.is_waiting().then(|| pipeline.patience())
    }

    /// Records what has waited for long enough.
    pub(super) fn record_due(&mut self) {
        self.pipelines.iter_mut().for_each(Pipeline::idle);
    }

    /// Whether a stream of this peer may begin; a refusal is counted.
    pub(super) fn welcomes(&mut self, peer: Host) -> bool {
        if self.policy.allows(peer) {
            return true;
        }
        self.refused.count(peer);
        self.stats.trouble(IngestIssue::TcpRefused);
        false
    }

    /// A connection of this peer found no room, or made room for another.
    pub(super) fn refuse(&mut self, peer: Host) {
        self.stats.trouble(IngestIssue::TcpRefused);
        self.cut.count(peer);
    }

    /// A connection of this exporter was opened: its numbers begin anew.
    pub(super) fn reconnected(&mut self, exporter: Host) {
        let (now, urgency) = (self.clock.now(), self.urgency(Urgency::Streams));
        if let Some(lane) = self.lane(exporter) {
            lane.pending.reconnected(now, exporter);
            lane.hand_on(urgency);
        } else if let Some(pipeline) = self.pipelines.first_mut() {
            pipeline.reconnected(exporter);
        }
    }

    /// Whether so many bytes of a stream of this peer will find room.
    pub(super) fn has_room(&mut self, peer: Host, bytes: usize) -> bool {
        self.lane(peer).is_none_or(|lane| lane.shared.queue.has_room(bytes))
    }

    /// What all workers have counted.
    pub(super) fn parts(&mut self) -> Vec<PipelineReport> {
        let (refused, refused_others) = self.refused.list();
        let cut = |(exporter, count)| NoRoom {
            exporter,
            cause: IngestIssue::TcpRefused.name().into(),
            count,
        };
        let no_room = self.cut.list().0.into_iter().map(cut).collect();
        let own = PipelineReport { refused, refused_others, no_room, ..PipelineReport::default() };
        let queued: u64 = self.lanes.iter().map(WorkerHandle::dropped).sum();
        self.stats.dropped_from_queues(queued);
        if let Some(repeater) = &self.repeater {
            self.stats.not_repeated(repeater.failed());
        }
        let theirs = self.lanes.iter().map(|lane| lane.shared.part());
        let ours = self.pipelines.iter_mut().map(Pipeline::part);
        std::iter::once(own).chain(theirs).chain(ours).collect()
    }

    /// The workers and their queues.
    pub(super) fn work(&self) -> WorkHealth {
        let queue = |lane: &WorkerHandle| {
            let (held, limit) = lane.shared.queue.level();
            QueueHealth { held, limit, dropped: lane.dropped() }
        };
        let workers = self.lanes.len().max(self.pipelines.len());
        WorkHealth { workers, queues: self.lanes.iter().map(queue).collect() }
    }

    /// Whether exporters taught anybody something new since this was asked.
    pub(super) fn has_learned(&mut self) -> bool {
        // While memories are gathered, what is learned may not be in them.
        if self.gathering {
            return false;
        }
        let ours = self.pipelines.iter_mut().map(Pipeline::has_learned);
        let theirs = self.lanes.iter().map(|lane| lane.shared.has_learned());
        ours.chain(theirs).fold(false, |any, one| any | one)
    }

    /// What to remember, and how many microseconds it took to gather: at once,
    /// or when the workers have told, for which this is to be asked again. Of a worker
    /// that has died it is what it last told: it must not keep others from being saved.
    pub(super) fn memory(&mut self) -> Option<(SavedState, u64)> {
        if self.lanes.is_empty() {
            let dead = self.known.iter().map(|memory| (memory.clone(), 0));
            return merged(self.pipelines.iter().map(Pipeline::memory).chain(dead));
        }
        if !self.gathering {
            self.gathering = true;
            self.lanes.iter().for_each(|lane| lane.shared.want_memory());
            return None;
        }
        if !self.lanes.iter().all(|lane| lane.shared.has_memory() || lane.has_ended()) {
            return None;
        }
        self.gathering = false;
        merged(self.lanes.iter_mut().filter_map(WorkerHandle::memory))
    }

    /// Ends a worker and loses what it knows, as a panic outside of the guard does.
    #[cfg(test)]
    pub(super) fn lose_worker(&mut self, nth: usize) {
        let lane = &mut self.lanes[nth];
        lane.shared.queue.close();
        drop(lane.thread.take().map(JoinHandle::join));
        lane.shared.queue.abandon();
    }

    /// From now on nothing is dropped for want of room.
    pub(super) fn begin_end(&mut self) {
        self.ending = true;
    }

    /// Waits for the workers to finish what they have, and takes over what they
    /// know.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.hand_on(self.clock.micros(), Urgency::Rest);
        let mut dead = false;
        let mut lost = 0;
        self.lanes.iter().for_each(|lane| lane.shared.queue.close());
        let mut parts = Vec::new();
        for mut lane in self.lanes.drain(..) {
            match lane.thread.take().map(JoinHandle::join) {
                Some(Ok(pipeline)) => self.pipelines.push(pipeline),
                _ => {
                    dead = true;
                    parts.push(lane.shared.part());
                    self.known.extend(lane.memory().map(|(memory, _)| memory));
                }
            }
            lost += lane.dropped();
        }
        self.stats.dropped_from_queues(lost);
        self.stats.keep(parts);
        self.pipelines.iter_mut().for_each(Pipeline::finish);
        if dead { Err(io::Error::other("a worker thread panicked")) } else { Ok(()) }
    }
}

/// One memory of several, in the order in which a single decoder would have it.
fn merged(parts: impl Iterator<Item = (SavedState, u64)>) -> Option<(SavedState, u64)> {
    let mut sum: Option<(SavedState, u64)> = None;
    for (memory, micros) in parts {
        match &mut sum {
            Some((all, most)) => {
                all.exporters.extend(memory.exporters);
                *most = micros.max(*most);
            }
            None => sum = Some((memory, micros)),
        }
    }
    if let Some((all, _)) = &mut sum {
        all.exporters.sort_by(|a, b| a.address.cmp(&b.address));
    }
    sum
}
