//! The ingest thread: drains sockets, decodes, records, publishes.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

use super::memory::{self, Keeper};
use super::pipeline::Pipeline;
use super::socket::{Bound, Inbound};
use super::stats::{Published, Stats, Trouble};
use super::streams::{self, Shared, Streams};
use super::{BACK_OFF, Options};
use crate::agg::Windows;
use crate::clock::Clock;

/// Datagrams read per wake before other sockets get their turn.
const DATAGRAMS_PER_WAKE: usize = 64;

/// Datagrams taken in at the end: what the largest buffer can hold.
const REST: usize = 100_000;

/// How often health is published, and looked whether something is to be saved.
const PUBLISH: Duration = Duration::from_millis(250);

/// Everything that tasks share.
struct Room {
    pipeline: Rc<RefCell<Pipeline>>,
    inbound: Vec<Rc<RefCell<Inbound>>>,
    streams: Vec<Rc<Streams>>,
    shared: Rc<Shared>,
    published: Published,
}

/// Receives until `stopped` resolves or its sender is gone.
pub(super) async fn run(
    sockets: Vec<Bound>,
    windows: Arc<Windows>,
    clock: Clock,
    options: Options,
    published: Published,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let notes = sockets.iter().filter_map(|socket| socket.note.clone()).collect();
    let stats = Stats::new(clock.now(), options.demo, notes);
    let mut pipeline = Pipeline::new(options.policy, windows, clock, stats);
    let first = sockets.first().map(|socket| (socket.address(), socket.port()));
    let mut keeper = first.zip(options.state).map(|((address, port), folder)| {
        Keeper::new(clock.now(), memory::path(&folder, address, port))
    });
    if let Some(keeper) = &mut keeper
        && let Some(note) = keeper.load(clock.now(), &mut pipeline.decoder)
    {
        pipeline.stats.note(note);
    }
    let keeper = keeper.map(|keeper| Rc::new(RefCell::new(keeper)));
    let room = Rc::new(Room::new(sockets, pipeline, options.streams, published)?);
    room.publish();
    let tasks = LocalSet::new();
    for socket in &room.inbound {
        tasks.spawn_local(receive(socket.clone(), room.pipeline.clone()));
    }
    for streams in &room.streams {
        let (streams, pipeline) = (streams.clone(), room.pipeline.clone());
        tasks.spawn_local(async move { streams.accept(pipeline).await });
    }
    if let Some(keeper) = &keeper {
        tasks.spawn_local(remember(keeper.clone(), room.pipeline.clone()));
    }
    let publishing = room.clone();
    tasks.spawn_local(async move {
        let mut ticks = tokio::time::interval(PUBLISH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            publishing.publish();
        }
    });
    // An error means that the other end is gone: that is a stop, too.
    let _ = tasks.run_until(stopped).await;
    drop(tasks);
    if let Some(room) = Rc::into_inner(room) {
        room.finish(keeper.as_deref());
    }
    Ok(())
}

impl Room {
    fn new(
        mut sockets: Vec<Bound>,
        pipeline: Pipeline,
        limits: streams::StreamLimits,
        published: Published,
    ) -> io::Result<Room> {
        let shared = Shared::new(limits);
        let streams: io::Result<Vec<_>> = sockets
            .iter_mut()
            .filter_map(Bound::take_stream)
            .enumerate()
            .map(|(nth, listener)| Streams::new(nth, listener, shared.clone()).map(Rc::new))
            .collect();
        let inbound: io::Result<Vec<_>> = sockets
            .into_iter()
            .map(|socket| Inbound::new(socket).map(|socket| Rc::new(RefCell::new(socket))))
            .collect();
        let pipeline = Rc::new(RefCell::new(pipeline));
        Ok(Room { pipeline, inbound: inbound?, streams: streams?, shared, published })
    }

    fn publish(&self) {
        let mut listeners: Vec<_> =
            self.inbound.iter().map(|socket| socket.borrow().listener().clone()).collect();
        let connections = listeners.iter_mut().filter_map(|one| one.connections.as_mut());
        for (nth, count) in connections.enumerate() {
            *count = self.shared.count(nth);
        }
        let Pipeline { stats, decoder, clock, .. } = &mut *self.pipeline.borrow_mut();
        self.published.write(stats.health(clock.now(), listeners, decoder));
    }

    /// Takes in what the kernel still holds, and saves what was learned.
    fn finish(mut self, keeper: Option<&RefCell<Keeper>>) {
        {
            let mut pipeline = self.pipeline.borrow_mut();
            for socket in &self.inbound {
                take_rest(&mut socket.borrow_mut(), &mut pipeline);
            }
            for streams in self.streams.drain(..).filter_map(Rc::into_inner) {
                streams.rest(&mut pipeline);
            }
            streams::take_rest(&self.shared, &mut pipeline);
            let last = keeper.and_then(|keeper| keeper.borrow_mut().last(&pipeline.decoder));
            if let Some(job) = last {
                let outcome = job.run();
                pipeline.stats.unsaved(outcome.err());
            }
        }
        self.publish();
    }
}

#[allow(clippy::await_holding_refcell_ref, reason = "only this task borrows it mutably")]
async fn receive(socket: Rc<RefCell<Inbound>>, pipeline: Rc<RefCell<Pipeline>>) {
    loop {
        let ready = socket.borrow().ready().await;
        if ready.is_err() {
            return;
        }
        let drained = {
            let mut pipeline = pipeline.borrow_mut();
            let began = pipeline.clock.micros();
            let drained = socket.borrow_mut().drain(DATAGRAMS_PER_WAKE, |sender, bytes| {
                pipeline.datagram(sender, bytes);
            });
            pipeline.flush(began);
            drained
        };
        if drained.is_err() {
            // It may fail again at once: others go first.
            pipeline.borrow_mut().stats.trouble(Trouble::Socket);
            tokio::time::sleep(BACK_OFF).await;
        }
        tokio::task::yield_now().await;
    }
}

/// Saves what was learned, now and then, in a thread that may wait for a disk.
async fn remember(keeper: Rc<RefCell<Keeper>>, pipeline: Rc<RefCell<Pipeline>>) {
    let mut ticks = tokio::time::interval(PUBLISH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let job = {
            let mut pipeline = pipeline.borrow_mut();
            let (learned, clock) = (pipeline.has_learned(), pipeline.clock);
            keeper.borrow_mut().due(clock.now(), || clock.micros(), learned, &pipeline.decoder)
        };
        let Some(job) = job else { continue };
        let outcome = tokio::task::spawn_blocking(move || job.run()).await;
        let failure = match outcome {
            Ok(outcome) => outcome.err(),
            Err(error) => Some(error.to_string()),
        };
        if failure.is_some() {
            keeper.borrow_mut().failed();
        }
        pipeline.borrow_mut().stats.unsaved(failure);
    }
}

fn take_rest(socket: &mut Inbound, pipeline: &mut Pipeline) {
    let began = pipeline.clock.micros();
    socket.drain_rest(REST, |sender, bytes| {
        pipeline.datagram(sender, bytes);
    });
    pipeline.flush(began);
}
