//! The receiving thread: drains sockets, hands on what came, publishes.

use std::cell::RefCell;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::rc::Rc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

use super::dispatcher::Dispatcher;
use super::issue::IngestIssue;
use super::numbering_saver;
use super::options::{IngestConfig, StreamLimits};
use super::pipeline::FlowSink;
use super::ports::{self, PortAttempt, WantedPorts};
use super::repeater::Repeater;
use super::socket::{BACK_OFF, BoundSocket, InboundSocket};
use super::state_saver::{self, StateSaver};
use super::stats::{PUBLISH, PublishedHealth, Stats};
use super::streams::{self, StreamListener, StreamsShared};
use crate::clock::Clock;
use crate::flow::Time;
use crate::snapshot::Transport;
use crate::wire::Policy;
use crate::wire::numbering_states::ExporterNumbering;

/// Datagrams read per wake before other sockets get their turn.
const DATAGRAMS_PER_WAKE: usize = 64;

/// Datagrams taken in at the end: what the largest buffer can hold.
const REST: usize = 100_000;

/// A new policy, and whom to tell that it holds.
pub(super) type PolicyUpdate = (Policy, oneshot::Sender<()>);

/// What the thread is told by, and tells with.
pub(super) struct Channels {
    pub(super) published: PublishedHealth,
    pub(super) ordered: mpsc::UnboundedReceiver<PolicyUpdate>,
    /// Resolves, or loses its sender, when it is to stop.
    pub(super) stopped: oneshot::Receiver<()>,
}

/// A port that is open.
struct OpenPort {
    inbound: Rc<RefCell<InboundSocket>>,
    /// What accepts connections on it.
    streams: Option<Rc<StreamListener>>,
}

/// Everything that tasks share.
struct Receiver {
    dispatcher: Rc<RefCell<Dispatcher>>,
    open: RefCell<Vec<OpenPort>>,
    ports: RefCell<WantedPorts>,
    /// Who saves where numberings stand.
    standing: RefCell<Option<numbering_saver::NumberingSaver>>,
    shared: Rc<StreamsShared>,
    published: PublishedHealth,
}

/// Receives until it is to stop.
pub(super) async fn run(
    mut sockets: Vec<BoundSocket>,
    sink: impl Fn() -> FlowSink,
    clock: Clock,
    options: IngestConfig,
    channels: Channels,
) -> io::Result<()> {
    let Channels { published, ordered, stopped } = channels;
    let mut ports = WantedPorts::new(options.listen, &sockets, clock.now());
    // Says at once why, and takes what has become free meanwhile.
    sockets.extend(ports.retry(clock.now()).sockets);
    let notes = sockets.iter().filter_map(|socket| socket.note.clone()).collect();
    let stats = Stats::new(clock.now(), options.demo, notes);
    let workers = options.workers.count();
    let mut dispatcher =
        Dispatcher::new(workers, options.limits, options.policy, clock, stats, sink);
    if options.recorder.is_some() {
        dispatcher.keep_more();
    }
    if !options.repeat.is_empty() {
        dispatcher.repeat(Repeater::open(&options.repeat)?);
    }
    let folder = options.state.as_deref();
    let saver = folder.and_then(|folder| remembered(folder, &sockets, clock, &mut dispatcher));
    let standing = folder.filter(|_| options.counts_gaps);
    let standing = standing.and_then(|folder| resumed(folder, &sockets, clock, &mut dispatcher));
    dispatcher.start(&published)?;
    let saver = saver.map(|saver| Rc::new(RefCell::new(saver)));
    let tasks = LocalSet::new();
    let room = Rc::new(Receiver::new(dispatcher, (ports, standing), options.streams, published));
    {
        let _context = tasks.enter();
        sockets.into_iter().try_for_each(|socket| room.add(socket))?;
    }
    room.publish();
    tasks.spawn_local(take_missing(room.clone(), clock));
    if let Some(saver) = &saver {
        tasks.spawn_local(save_state(saver.clone(), room.dispatcher.clone()));
    }
    tasks.spawn_local(record_due(room.dispatcher.clone()));
    tasks.spawn_local(apply_policy_updates(ordered, room.dispatcher.clone()));
    let publishing = room.clone();
    tasks.spawn_local(async move { publishing.publish_often().await });
    // An error means that the other end is gone: that is a stop, too.
    let _ = tasks.run_until(stopped).await;
    drop(tasks);
    Rc::into_inner(room).map_or(Ok(()), |room| room.finish(saver.as_deref()))
}

/// Takes over what earlier runs learned of exporters; hands out who keeps what this
/// one learns, in the file of its first port. What a run without that port has saved
/// (it was somebody else's then) lies in the file of another port.
fn remembered(
    folder: &Path,
    sockets: &[BoundSocket],
    clock: Clock,
    dispatcher: &mut Dispatcher,
) -> Option<StateSaver> {
    let path = |socket: &BoundSocket| state_saver::path(folder, socket.address(), socket.port());
    let own = path(sockets.first()?);
    let mut saver = StateSaver::new(clock.now(), own.clone());
    for file in state_saver::newest_first(sockets.iter().map(path).collect()) {
        let mut other = (file != own).then(|| StateSaver::new(clock.now(), file));
        let reader = other.as_mut().unwrap_or(&mut saver);
        let note = reader.load(clock.now(), |memory| dispatcher.restore(clock.now(), memory));
        note.into_iter().for_each(|note| dispatcher.stats.note(note));
    }
    Some(saver)
}

/// Has numberings go on where an earlier run left them; hands out who keeps where they
/// stand in this one. The files lie beside those of [`remembered`].
fn resumed(
    folder: &Path,
    sockets: &[BoundSocket],
    clock: Clock,
    dispatcher: &mut Dispatcher,
) -> Option<numbering_saver::NumberingSaver> {
    let path = |socket: &BoundSocket| {
        numbering_saver::beside(&state_saver::path(folder, socket.address(), socket.port()))
    };
    let own = path(sockets.first()?);
    let (stood, notes) = numbering_saver::load(sockets.iter().map(path).collect());
    dispatcher.resume(clock.now(), stood);
    notes.into_iter().for_each(|note| dispatcher.stats.note(note));
    Some(numbering_saver::NumberingSaver::new(clock.now(), own))
}

impl Receiver {
    /// Where no port is open yet.
    fn new(
        dispatcher: Dispatcher,
        (ports, standing): (WantedPorts, Option<numbering_saver::NumberingSaver>),
        limits: StreamLimits,
        published: PublishedHealth,
    ) -> Receiver {
        let dispatcher = Rc::new(RefCell::new(dispatcher));
        let (open, ports) = (RefCell::default(), RefCell::new(ports));
        let standing = RefCell::new(standing);
        Receiver {
            dispatcher,
            open,
            ports,
            standing,
            shared: StreamsShared::new(limits),
            published,
        }
    }

    /// Receives from a socket from now on, in tasks of the set that is entered.
    fn add(&self, mut socket: BoundSocket) -> io::Result<()> {
        let number = self.open.borrow().len();
        let streams = socket.take_stream();
        let streams = streams.map(|listener| self.accept(number, listener)).transpose()?;
        let inbound = Rc::new(RefCell::new(InboundSocket::new(socket)?));
        tokio::task::spawn_local(receive(inbound.clone(), self.dispatcher.clone()));
        self.open.borrow_mut().push(OpenPort { inbound, streams });
        Ok(())
    }

    /// Accepts connections on the port of this number.
    fn accept(&self, number: usize, listener: TcpListener) -> io::Result<Rc<StreamListener>> {
        let streams = Rc::new(StreamListener::new(number, listener, self.shared.clone())?);
        let (accepting, dispatcher) = (streams.clone(), self.dispatcher.clone());
        tokio::task::spawn_local(async move { accepting.accept(dispatcher).await });
        Ok(streams)
    }

    /// Receives from ports that were missing.
    fn take(&self, now: Time, PortAttempt { sockets, streams }: PortAttempt) {
        for socket in sockets {
            let (port, note) = (socket.port(), socket.note.clone());
            match self.add(socket) {
                Ok(()) => {
                    let mut dispatcher = self.dispatcher.borrow_mut();
                    note.into_iter().for_each(|note| dispatcher.stats.note(note));
                }
                Err(error) => self.put_back(now, port, Transport::Udp, &error),
            }
        }
        for (port, listener) in streams {
            let of_port = |one: &OpenPort| one.inbound.borrow().port() == port;
            let number = self.open.borrow().iter().position(of_port);
            let Some(number) = number else { continue };
            match (self.accept(number, listener), self.open.borrow_mut().get_mut(number)) {
                (Ok(streams), Some(open)) => {
                    open.inbound.borrow_mut().takes_streams();
                    open.streams = Some(streams);
                }
                (Err(error), _) => self.put_back(now, port, Transport::Tcp, &error),
                (Ok(_), None) => {}
            }
        }
    }

    /// The runtime cannot watch a socket, for want of file descriptors.
    fn put_back(&self, now: Time, port: u16, transport: Transport, error: &io::Error) {
        self.dispatcher.borrow_mut().stats.trouble(IngestIssue::Socket);
        self.ports.borrow_mut().put_back(now, port, transport, error.to_string());
    }

    /// Publishes how it goes; hands out where numberings stand.
    fn publish(&self) -> Vec<ExporterNumbering> {
        let listener = |(number, open): (usize, &OpenPort)| {
            let mut listener = open.inbound.borrow().listener().clone();
            listener.connections = listener.connections.map(|_| self.shared.count(number));
            listener
        };
        let listeners: Vec<_> = self.open.borrow().iter().enumerate().map(listener).collect();
        let mut dispatcher = self.dispatcher.borrow_mut();
        dispatcher.stats.missing(self.ports.borrow().missing());
        let mut parts = dispatcher.parts();
        let standing = parts.iter_mut().flat_map(|part| std::mem::take(&mut part.standing));
        let standing = standing.collect();
        self.published.write(dispatcher.stats.health(listeners, parts, dispatcher.work()));
        standing
    }

    /// Publishes how it goes, again and again, and saves where numberings stand in a
    /// thread that may wait for a disk.
    async fn publish_often(&self) {
        let mut ticks = tokio::time::interval(PUBLISH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (standing, now) = (self.publish(), self.dispatcher.borrow().now());
            let job = self.standing.borrow_mut().as_mut().and_then(|one| one.due(now, standing));
            let Some(job) = job else { continue };
            let dispatcher = self.dispatcher.clone();
            tokio::task::spawn_local(async move {
                let outcome = tokio::task::spawn_blocking(move || job.run()).await;
                let failure = outcome.unwrap_or_else(|error| Err(error.to_string())).err();
                dispatcher.borrow_mut().stats.unnumbered(failure);
            });
        }
    }

    /// Takes in what the kernel still holds, and saves what was learned.
    fn finish(mut self, saver: Option<&RefCell<StateSaver>>) -> io::Result<()> {
        let ended = {
            let mut dispatcher = self.dispatcher.borrow_mut();
            dispatcher.begin_end();
            for open in self.open.get_mut() {
                take_rest(&mut open.inbound.borrow_mut(), &mut dispatcher);
            }
            let streams = self.open.get_mut().iter_mut().filter_map(|open| open.streams.take());
            for streams in streams.filter_map(Rc::into_inner) {
                streams.rest(&mut dispatcher);
            }
            streams::take_rest(&self.shared, &mut dispatcher);
            let ended = dispatcher.end();
            // Of a dead worker it is what it last told.
            if let Some(saver) = saver
                && let Some((memory, _)) = dispatcher.memory()
                && let Some(job) = saver.borrow_mut().last(memory)
            {
                dispatcher.stats.unsaved(job.run().err());
            }
            ended
        };
        let (standing, now) = (self.publish(), self.dispatcher.borrow().now());
        if let Some(job) = self.standing.get_mut().as_mut().and_then(|one| one.last(now, standing))
            && let Err(why) = job.run()
        {
            self.dispatcher.borrow_mut().stats.unnumbered(Some(why));
            self.publish();
        }
        ended
    }
}

#[allow(clippy::await_holding_refcell_ref, reason = "only this task borrows it mutably")]
async fn receive(socket: Rc<RefCell<InboundSocket>>, dispatcher: Rc<RefCell<Dispatcher>>) {
    loop {
        let ready = socket.borrow().ready().await;
        if ready.is_err() {
            return;
        }
        let drained = {
            let mut dispatcher = dispatcher.borrow_mut();
            let began = dispatcher.clock.micros();
            let drained = socket.borrow_mut().drain(DATAGRAMS_PER_WAKE, |sender, bytes| {
                dispatcher.datagram(sender, bytes);
            });
            dispatcher.pause(began);
            drained
        };
        if drained.is_err() {
            // It may fail again at once: others go first.
            dispatcher.borrow_mut().stats.trouble(IngestIssue::Socket);
            tokio::time::sleep(BACK_OFF).await;
        }
        tokio::task::yield_now().await;
    }
}

/// Tries missing ports again until there are none.
async fn take_missing(room: Rc<Receiver>, clock: Clock) {
    let mut ticks = tokio::time::interval(ports::RETRY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !room.ports.borrow().missing().is_empty() {
        ticks.tick().await;
        let now = clock.now();
        let taken = room.ports.borrow_mut().retry(now);
        room.take(now, taken);
    }
}

/// Has new policies hold.
async fn apply_policy_updates(
    mut ordered: mpsc::UnboundedReceiver<PolicyUpdate>,
    dispatcher: Rc<RefCell<Dispatcher>>,
) {
    while let Some((policy, tell)) = ordered.recv().await {
        dispatcher.borrow_mut().set_policy(policy);
        // Who no longer waits does not want to know.
        let _ = tell.send(());
    }
}

/// Records what no further datagram came for.
async fn record_due(dispatcher: Rc<RefCell<Dispatcher>>) {
    let waiting = dispatcher.borrow().waiting();
    loop {
        waiting.notified().await;
        loop {
            let Some(pause) = dispatcher.borrow().patience() else { break };
            if pause.is_zero() {
                // There is work left that can wait: sockets have their turn first.
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause).await;
            }
            dispatcher.borrow_mut().record_due();
        }
    }
}

/// Saves what was learned, now and then, in a thread that may wait for a disk.
async fn save_state(saver: Rc<RefCell<StateSaver>>, dispatcher: Rc<RefCell<Dispatcher>>) {
    let mut ticks = tokio::time::interval(PUBLISH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let job = {
            let (mut saver, mut dispatcher) = (saver.borrow_mut(), dispatcher.borrow_mut());
            let (learned, now) = (dispatcher.has_learned(), dispatcher.now());
            let gathered = if saver.wants(now, learned) { dispatcher.memory() } else { None };
            gathered.and_then(|(memory, micros)| saver.gathered(now, memory, micros))
        };
        let Some(job) = job else { continue };
        let outcome = tokio::task::spawn_blocking(move || job.run()).await;
        let failure = match outcome {
            Ok(outcome) => outcome.err(),
            Err(error) => Some(error.to_string()),
        };
        if failure.is_some() {
            saver.borrow_mut().failed();
        }
        dispatcher.borrow_mut().stats.unsaved(failure);
    }
}

fn take_rest(socket: &mut InboundSocket, dispatcher: &mut Dispatcher) {
    let began = dispatcher.clock.micros();
    socket.drain_rest(REST, |sender, bytes| {
        dispatcher.datagram(sender, bytes);
    });
    dispatcher.pause(began);
}
