//! The receiving thread: drains sockets, hands on what came, publishes.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

use super::intake::Intake;
use super::memory::{self, Keeper};
use super::pipeline::{LONGEST_WAIT, Sink};
use super::repeat::Repeater;
use super::socket::{Bound, Inbound};
use super::stats::{Published, Stats, Trouble};
use super::streams::{self, Shared, Streams};
use super::{BACK_OFF, Options, Order, PUBLISH};
use crate::clock::Clock;

/// Datagrams read per wake before other sockets get their turn.
const DATAGRAMS_PER_WAKE: usize = 64;

/// Datagrams taken in at the end: what the largest buffer can hold.
const REST: usize = 100_000;

/// What the thread is told by, and tells with.
pub(super) struct Wires {
    pub(super) published: Published,
    pub(super) ordered: mpsc::UnboundedReceiver<Order>,
    /// Resolves, or loses its sender, when it is to stop.
    pub(super) stopped: oneshot::Receiver<()>,
}

/// Everything that tasks share.
struct Room {
    intake: Rc<RefCell<Intake>>,
    inbound: Vec<Rc<RefCell<Inbound>>>,
    streams: Vec<Rc<Streams>>,
    shared: Rc<Shared>,
    published: Published,
}

/// Receives until it is to stop.
pub(super) async fn run(
    sockets: Vec<Bound>,
    sink: impl Fn() -> Sink,
    clock: Clock,
    options: Options,
    wires: Wires,
) -> io::Result<()> {
    let Wires { published, ordered, stopped } = wires;
    let notes = sockets.iter().filter_map(|socket| socket.note.clone()).collect();
    let stats = Stats::new(clock.now(), options.demo, notes);
    let workers = options.workers.count();
    let mut intake = Intake::new(workers, options.policy, clock, stats, sink);
    if options.tape.is_some() {
        intake.keep_more();
    }
    if !options.repeat.is_empty() {
        intake.repeat(Repeater::open(&options.repeat)?);
    }
    let first = sockets.first().map(|socket| (socket.address(), socket.port()));
    let mut keeper = first.zip(options.state).map(|((address, port), folder)| {
        Keeper::new(clock.now(), memory::path(&folder, address, port))
    });
    if let Some(keeper) = &mut keeper
        && let Some(note) = keeper.load(clock.now(), |memory| intake.recall(clock.now(), memory))
    {
        intake.stats.note(note);
    }
    intake.start(&published)?;
    let keeper = keeper.map(|keeper| Rc::new(RefCell::new(keeper)));
    let room = Rc::new(Room::new(sockets, intake, options.streams, published)?);
    room.publish();
    let tasks = LocalSet::new();
    for socket in &room.inbound {
        tasks.spawn_local(receive(socket.clone(), room.intake.clone()));
    }
    for streams in &room.streams {
        let (streams, intake) = (streams.clone(), room.intake.clone());
        tasks.spawn_local(async move { streams.accept(intake).await });
    }
    if let Some(keeper) = &keeper {
        tasks.spawn_local(remember(keeper.clone(), room.intake.clone()));
    }
    tasks.spawn_local(record_due(room.intake.clone()));
    tasks.spawn_local(obey(ordered, room.intake.clone()));
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
    Rc::into_inner(room).map_or(Ok(()), |room| room.finish(keeper.as_deref()))
}

impl Room {
    fn new(
        mut sockets: Vec<Bound>,
        intake: Intake,
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
        let intake = Rc::new(RefCell::new(intake));
        Ok(Room { intake, inbound: inbound?, streams: streams?, shared, published })
    }

    fn publish(&self) {
        let mut listeners: Vec<_> =
            self.inbound.iter().map(|socket| socket.borrow().listener().clone()).collect();
        let connections = listeners.iter_mut().filter_map(|one| one.connections.as_mut());
        for (nth, count) in connections.enumerate() {
            *count = self.shared.count(nth);
        }
        let mut intake = self.intake.borrow_mut();
        let parts = intake.parts();
        self.published.write(intake.stats.health(listeners, parts, intake.work()));
    }

    /// Takes in what the kernel still holds, and saves what was learned.
    fn finish(mut self, keeper: Option<&RefCell<Keeper>>) -> io::Result<()> {
        let ended = {
            let mut intake = self.intake.borrow_mut();
            intake.begin_end();
            for socket in &self.inbound {
                take_rest(&mut socket.borrow_mut(), &mut intake);
            }
            for streams in self.streams.drain(..).filter_map(Rc::into_inner) {
                streams.rest(&mut intake);
            }
            streams::take_rest(&self.shared, &mut intake);
            let ended = intake.end();
            // What a dead worker knew is in the file as it was saved last.
            if let (Some(keeper), Ok(())) = (keeper, &ended)
                && let Some((memory, _)) = intake.memory()
                && let Some(job) = keeper.borrow_mut().last(memory)
            {
                intake.stats.unsaved(job.run().err());
            }
            ended
        };
        self.publish();
        ended
    }
}

#[allow(clippy::await_holding_refcell_ref, reason = "only this task borrows it mutably")]
async fn receive(socket: Rc<RefCell<Inbound>>, intake: Rc<RefCell<Intake>>) {
    loop {
        let ready = socket.borrow().ready().await;
        if ready.is_err() {
            return;
        }
        let drained = {
            let mut intake = intake.borrow_mut();
            let began = intake.clock.micros();
            let drained = socket.borrow_mut().drain(DATAGRAMS_PER_WAKE, |sender, bytes| {
                intake.datagram(sender, bytes);
            });
            intake.pause(began);
            drained
        };
        if drained.is_err() {
            // It may fail again at once: others go first.
            intake.borrow_mut().stats.trouble(Trouble::Socket);
            tokio::time::sleep(BACK_OFF).await;
        }
        tokio::task::yield_now().await;
    }
}

/// Has new policies hold.
async fn obey(mut ordered: mpsc::UnboundedReceiver<Order>, intake: Rc<RefCell<Intake>>) {
    while let Some((policy, tell)) = ordered.recv().await {
        intake.borrow_mut().set_policy(policy);
        // Who no longer waits does not want to know.
        let _ = tell.send(());
    }
}

/// Records what no further datagram came for.
async fn record_due(intake: Rc<RefCell<Intake>>) {
    let waiting = intake.borrow().waiting();
    loop {
        waiting.notified().await;
        tokio::time::sleep(LONGEST_WAIT).await;
        if intake.borrow_mut().record_due() {
            waiting.notify_one();
        }
    }
}

/// Saves what was learned, now and then, in a thread that may wait for a disk.
async fn remember(keeper: Rc<RefCell<Keeper>>, intake: Rc<RefCell<Intake>>) {
    let mut ticks = tokio::time::interval(PUBLISH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let job = {
            let (mut keeper, mut intake) = (keeper.borrow_mut(), intake.borrow_mut());
            let (learned, now) = (intake.has_learned(), intake.now());
            let gathered = if keeper.wants(now, learned) { intake.memory() } else { None };
            gathered.and_then(|(memory, micros)| keeper.gathered(now, memory, micros))
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
        intake.borrow_mut().stats.unsaved(failure);
    }
}

fn take_rest(socket: &mut Inbound, intake: &mut Intake) {
    let began = intake.clock.micros();
    socket.drain_rest(REST, |sender, bytes| {
        intake.datagram(sender, bytes);
    });
    intake.pause(began);
}
