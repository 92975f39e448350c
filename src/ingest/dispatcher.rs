//! Passes what the receiving thread reads to a pipeline on the same thread, or to the queues of
//! workers.

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
use crate::flow::{Host, SenderAddress, Time};
use crate::snapshot::{NoRoom, QueueHealth, WorkHealth};
use crate::wire::numbering_states::NumberingStates;
use crate::wire::policy::RefusedSenders;
use crate::wire::saved_state::SavedState;
use crate::wire::{Policy, SharedLimits};

/// Distributes datagrams and messages, and collects the counters of all pipelines.
pub(super) struct Dispatcher {
    pub(super) stats: Stats,
    pub(super) clock: Clock,
    policy: Policy,
    repeater: Option<Repeater>,
    /// Peers whose connections were refused.
    refused: RefusedSenders,
    /// Peers whose connections were closed because of a limit.
    no_room_peers: RefusedSenders,
    /// The pipeline of this thread; none while workers run, and those of all workers after
    /// they have ended.
    pipelines: Vec<Pipeline>,
    /// The workers; none when this thread does the work.
    workers: Vec<WorkerHandle>,
    /// The restored state for each worker before it starts; after the end, the last saved state of
    /// workers that died.
    known: Vec<SavedState>,
    hasher: RandomState,
    /// Whether the workers were asked for their state.
    gathering_state: bool,
    shutting_down: bool,
    /// Notified when flows wait in this thread.
    waiting: Arc<Notify>,
    limits: IngestLimits,
}

impl Dispatcher {
    /// Creates `workers` pipelines. They run on this thread until [`Dispatcher::start`].
    pub(super) fn new(
        workers: usize,
        limits: IngestLimits,
        policy: Policy,
        clock: Clock,
        stats: Stats,
        sink: impl Fn() -> FlowSink,
    ) -> Dispatcher {
        let budget = SharedLimits::new(limits.exporters, workers.max(1));
        let (among, same) = (workers.max(1), stats.same_flows().clone());
        let pipeline = |_| {
            let (policy, budget) = (policy.clone(), budget.clone());
            Pipeline::new(policy, budget, clock, among, same.clone(), sink())
        };
        let pipelines = (0..workers.max(1)).map(pipeline).collect();
        Dispatcher {
            stats,
            clock,
            policy,
            repeater: None,
            refused: RefusedSenders::default(),
            no_room_peers: RefusedSenders::default(),
            pipelines,
            workers: Vec::new(),
            known: Vec::new(),
            hasher: RandomState::default(),
            gathering_state: false,
            shutting_down: false,
            waiting: Arc::default(),
            limits,
        }
    }

    /// Lets pipelines pass extra fields of flows to the recorder. Called before
    /// [`Dispatcher::start`].
    pub(super) fn keep_extras(&mut self) {
        self.pipelines.iter_mut().for_each(Pipeline::keep_extras);
    }

    /// Sets where datagrams are forwarded to.
    pub(super) fn repeat(&mut self, repeater: Repeater) {
        self.repeater = Some(repeater);
    }

    /// Replaces the policy. It also applies to datagrams that wait in queues.
    pub(super) fn set_policy(&mut self, policy: Policy) {
        for worker in &self.workers {
            worker.shared.set_policy(policy.clone());
        }
        for pipeline in &mut self.pipelines {
            pipeline.set_policy(policy.clone());
        }
        self.policy = policy;
    }

    /// The index of an exporter's worker among `among` workers. Senders can choose their
    /// addresses, but they do not know the seed of the hash.
    pub(super) fn place(&self, exporter: Host, among: usize) -> usize {
        let hash = self.hasher.hash_one(exporter);
        usize::try_from(hash % among.max(1) as u64).unwrap_or(0)
    }

    /// Continues sequence numbers where an earlier run ended. Called after
    /// [`Dispatcher::restore`].
    pub(super) fn resume(&mut self, now: Time, standing: NumberingStates) {
        let among = self.pipelines.len();
        for one in standing.exporters {
            let place = self.place(one.address, among);
            if let Some(pipeline) = self.pipelines.get_mut(place) {
                pipeline.resume(now, &[one]);
            }
        }
    }

    /// Gives each pipeline the saved state of its exporters.
    pub(super) fn restore(&mut self, now: Time, state: &SavedState) -> Result<(), String> {
        let among = self.pipelines.len();
        let mut parts = vec![SavedState { version: state.version, exporters: Vec::new() }; among];
        for exporter in &state.exporters {
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

    /// Starts the worker threads, if there is more than one pipeline.
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
            let (pending, last_state) = (DatagramBatch::default(), known.next());
            self.workers.push(WorkerHandle {
                shared,
                thread: Some(thread),
                pending,
                dropped: 0,
                last_state,
            });
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    fn worker(&mut self, exporter: Host) -> Option<&mut WorkerHandle> {
        // Without workers no hash is needed.
        if self.workers.is_empty() {
            return None;
        }
        let place = self.place(exporter, self.workers.len());
        self.workers.get_mut(place)
    }

    /// The urgency of a push: during shutdown it may wait for room.
    fn urgency(&self, usual: Urgency) -> Urgency {
        if self.shutting_down { Urgency::Shutdown } else { usual }
    }

    /// Handles a datagram.
    pub(super) fn datagram(&mut self, sender: SenderAddress, bytes: &[u8]) {
        // Datagrams that the policy refuses are not forwarded either.
        if let Some(repeater) = &mut self.repeater
            && self.policy.allows(sender.host)
        {
            repeater.send(sender, bytes);
        }
        self.take(sender, bytes, Urgency::Datagrams);
    }

    /// Handles a message of a stream.
    pub(super) fn message(&mut self, sender: SenderAddress, bytes: &[u8]) {
        self.take(sender, bytes, Urgency::Streams);
    }

    fn take(&mut self, sender: SenderAddress, bytes: &[u8], urgency: Urgency) {
        let (now, urgency) = (self.clock.now(), self.urgency(urgency));
        if let Some(worker) = self.worker(sender.host) {
            worker.pending.datagram(now, sender, bytes);
            if worker.pending.is_full() {
                worker.push_pending(urgency);
            }
        } else if let Some(pipeline) = self.pipelines.first_mut() {
            pipeline.datagram(now, sender, bytes);
        }
    }

    /// Ends a round of reading that began at `began` (microseconds) with datagrams.
    pub(super) fn pause(&mut self, began: u64) {
        self.push_pending(began, Urgency::Datagrams);
    }

    /// Ends a round of reading that began at `began` (microseconds) with messages of a
    /// stream.
    pub(super) fn pause_stream(&mut self, began: u64) {
        self.push_pending(began, Urgency::Streams);
    }

    fn push_pending(&mut self, began: u64, urgency: Urgency) {
        let urgency = self.urgency(urgency);
        for worker in &mut self.workers {
            worker.push_pending(urgency);
        }
        if let Some(pipeline) = self.pipelines.first_mut() {
            pipeline.pause(began);
            if pipeline.is_waiting() {
                self.waiting.notify_one();
            }
        }
    }

    /// Notified when flows wait in this thread, so that [`Dispatcher::record_due`] must be
    /// called.
    pub(super) fn waiting(&self) -> Arc<Notify> {
        self.waiting.clone()
    }

    /// How long the flows that wait in this thread may still wait, or `None` if there are
    /// none.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let pipeline = self.pipelines.first()?;
        pipeline.is_waiting().then(|| pipeline.time_left())
    }

    /// Records flows that have waited long enough.
    pub(super) fn record_due(&mut self) {
        self.pipelines.iter_mut().for_each(Pipeline::idle);
    }

    /// Whether a stream from this peer is allowed. A refusal is counted.
    pub(super) fn accepts_stream(&mut self, peer: Host) -> bool {
        if self.policy.allows(peer) {
            return true;
        }
        self.refused.count(peer);
        self.stats.count_issue(IngestIssue::TcpRefused);
        false
    }

    /// Counts a connection of this peer that was refused or closed because of a limit.
    pub(super) fn refuse(&mut self, peer: Host) {
        self.stats.count_issue(IngestIssue::TcpRefused);
        self.no_room_peers.count(peer);
    }

    /// Resets the sequence numbers of an exporter that has opened a new connection.
    pub(super) fn reconnected(&mut self, exporter: SenderAddress) {
        let (now, urgency) = (self.clock.now(), self.urgency(Urgency::Streams));
        if let Some(worker) = self.worker(exporter.host) {
            worker.pending.reconnected(now, exporter);
            worker.push_pending(urgency);
        } else if let Some(pipeline) = self.pipelines.first_mut() {
            pipeline.reconnected(exporter);
        }
    }

    /// Ends the session of a connection that was closed.
    pub(super) fn disconnected(&mut self, exporter: SenderAddress) {
        let (now, urgency) = (self.clock.now(), self.urgency(Urgency::Streams));
        if let Some(worker) = self.worker(exporter.host) {
            worker.pending.disconnected(now, exporter);
            worker.push_pending(urgency);
        } else if let Some(pipeline) = self.pipelines.first_mut() {
            pipeline.disconnected(exporter);
        }
    }

    /// Whether the queue for this peer has room for `bytes` bytes of a stream.
    pub(super) fn has_room(&mut self, peer: Host, bytes: usize) -> bool {
        self.worker(peer).is_none_or(|worker| worker.shared.queue.has_room(bytes))
    }

    /// The reports of all pipelines.
    pub(super) fn parts(&mut self) -> Vec<PipelineReport> {
        let (refused, refused_others) = self.refused.list();
        let entry = |(exporter, count)| NoRoom {
            exporter,
            cause: IngestIssue::TcpRefused.name().into(),
            count,
        };
        let no_room = self.no_room_peers.list().0.into_iter().map(entry).collect();
        let own = PipelineReport { refused, refused_others, no_room, ..PipelineReport::default() };
        let queued: u64 = self.workers.iter().map(WorkerHandle::dropped).sum();
        self.stats.dropped_from_queues(queued);
        if let Some(repeater) = &self.repeater {
            self.stats.not_repeated(repeater.failed());
        }
        let theirs = self.workers.iter().map(|worker| worker.shared.part());
        let ours = self.pipelines.iter_mut().map(Pipeline::part);
        std::iter::once(own).chain(theirs).chain(ours).collect()
    }

    /// The state of the workers and their queues.
    pub(super) fn work(&self) -> WorkHealth {
        let queue = |worker: &WorkerHandle| {
            let (held, limit) = worker.shared.queue.level();
            QueueHealth { held, limit, dropped: worker.dropped() }
        };
        let workers = self.workers.len().max(self.pipelines.len());
        WorkHealth { workers, queues: self.workers.iter().map(queue).collect() }
    }

    /// Whether any decoder has learned templates or options since the last call.
    pub(super) fn has_learned(&mut self) -> bool {
        // While state is being gathered, it may not contain what is learned now.
        if self.gathering_state {
            return false;
        }
        let ours = self.pipelines.iter_mut().map(Pipeline::has_learned);
        let theirs = self.workers.iter().map(|worker| worker.shared.has_learned());
        ours.chain(theirs).fold(false, |any, one| any | one)
    }

    /// The state to save, and how many microseconds it took to gather. With workers, the first call
    /// requests it, and later calls return it once all workers have answered. For a worker that has
    /// died, its last answer is used, so that the others are saved.
    pub(super) fn state(&mut self) -> Option<(SavedState, u64)> {
        if self.workers.is_empty() {
            let dead = self.known.iter().map(|state| (state.clone(), 0));
            return merged(self.pipelines.iter().map(Pipeline::state).chain(dead));
        }
        if !self.gathering_state {
            self.gathering_state = true;
            self.workers.iter().for_each(|worker| worker.shared.request_state());
            return None;
        }
        if !self.workers.iter().all(|worker| worker.shared.has_state() || worker.has_ended()) {
            return None;
        }
        self.gathering_state = false;
        merged(self.workers.iter_mut().filter_map(WorkerHandle::state))
    }

    /// Ends a worker and loses its state, as a panic that is not caught does.
    #[cfg(test)]
    pub(super) fn lose_worker(&mut self, nth: usize) {
        let worker = &mut self.workers[nth];
        worker.shared.queue.close();
        drop(worker.thread.take().map(JoinHandle::join));
        worker.shared.queue.abandon();
    }

    /// From now on nothing is dropped when a queue is full: pushes wait for room.
    pub(super) fn start_shutdown(&mut self) {
        self.shutting_down = true;
    }

    /// Waits for the workers to finish their queues, and takes back their pipelines.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.push_pending(self.clock.micros(), Urgency::Shutdown);
        let mut dead = false;
        let mut lost = 0;
        self.workers.iter().for_each(|worker| worker.shared.queue.close());
        let mut parts = Vec::new();
        for mut worker in self.workers.drain(..) {
            match worker.thread.take().map(JoinHandle::join) {
                Some(Ok(pipeline)) => self.pipelines.push(pipeline),
                _ => {
                    dead = true;
                    parts.push(worker.shared.part());
                    self.known.extend(worker.state().map(|(state, _)| state));
                }
            }
            lost += worker.dropped();
        }
        self.stats.dropped_from_queues(lost);
        self.stats.keep(parts);
        self.pipelines.iter_mut().for_each(Pipeline::finish);
        if dead { Err(io::Error::other("a worker thread panicked")) } else { Ok(()) }
    }
}

/// Merges saved states, in the order in which a single decoder would have them.
fn merged(parts: impl Iterator<Item = (SavedState, u64)>) -> Option<(SavedState, u64)> {
    let mut sum: Option<(SavedState, u64)> = None;
    for (state, micros) in parts {
        match &mut sum {
            Some((all, most)) => {
                all.exporters.extend(state.exporters);
                *most = micros.max(*most);
            }
            None => sum = Some((state, micros)),
        }
    }
    if let Some((all, _)) = &mut sum {
        all.exporters.sort_by(|a, b| a.address.cmp(&b.address));
    }
    sum
}
