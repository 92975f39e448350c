//! The receiving thread: reads sockets, dispatches datagrams and publishes the health.

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

/// Number of datagrams read from a socket before other sockets are served.
const DATAGRAMS_PER_WAKE: usize = 64;

/// Number of datagrams read at the end: as many as the largest buffer can hold.
const MAX_LEFT_DATAGRAMS: usize = 100_000;

/// A new policy, and a sender that confirms when it applies.
pub(super) type PolicyUpdate = (Policy, oneshot::Sender<()>);

/// Channels between the thread and its owner.
pub(super) struct Channels {
    pub(super) published: PublishedHealth,
    pub(super) new_policies: mpsc::UnboundedReceiver<PolicyUpdate>,
    /// Resolves, or fails because its sender is gone, when the thread is to stop.
    pub(super) stopped: oneshot::Receiver<()>,
}

/// An open port.
struct OpenPort {
    inbound: Rc<RefCell<InboundSocket>>,
    /// Accepts connections on the port.
    streams: Option<Rc<StreamListener>>,
}

/// State that all tasks share.
struct Receiver {
    dispatcher: Rc<RefCell<Dispatcher>>,
    open: RefCell<Vec<OpenPort>>,
    ports: RefCell<WantedPorts>,
    /// Saves the positions of sequence numbers.
    numbering: RefCell<Option<numbering_saver::NumberingSaver>>,
    shared: Rc<StreamsShared>,
    published: PublishedHealth,
}

/// Receives until it is told to stop.
pub(super) async fn run(
    mut sockets: Vec<BoundSocket>,
    sink: impl Fn() -> FlowSink,
    clock: Clock,
    options: IngestConfig,
    channels: Channels,
) -> io::Result<()> {
    let Channels { published, new_policies, stopped } = channels;
    let mut ports = WantedPorts::new(options.listen, &sockets, clock.now());
    // Finds the reason for each missing port, and opens those that have become free.
    sockets.extend(ports.retry(clock.now()).sockets);
    let notes = sockets.iter().filter_map(|socket| socket.note.clone()).collect();
    let mut stats = Stats::new(clock.now(), options.demo, notes);
    if options.count_once {
        stats.count_once();
    }
    let workers = options.workers.count();
    let mut dispatcher =
        Dispatcher::new(workers, options.limits, options.policy, clock, stats, sink);
    if options.recorder.is_some() {
        dispatcher.keep_extras();
    }
    if !options.repeat.is_empty() {
        dispatcher.repeat(Repeater::open(&options.repeat)?);
    }
    let folder = options.state.as_deref();
    let saver = folder.and_then(|folder| restore_state(folder, &sockets, clock, &mut dispatcher));
    let numbering = folder.filter(|_| options.counts_gaps);
    let numbering =
        numbering.and_then(|folder| resume_numbering(folder, &sockets, clock, &mut dispatcher));
    dispatcher.start(&published)?;
    let saver = saver.map(|saver| Rc::new(RefCell::new(saver)));
    let tasks = LocalSet::new();
    let receiver =
        Rc::new(Receiver::new(dispatcher, (ports, numbering), options.streams, published));
    {
        let _context = tasks.enter();
        sockets.into_iter().try_for_each(|socket| receiver.add(socket))?;
    }
    receiver.publish();
    tasks.spawn_local(take_missing(receiver.clone(), clock));
    if let Some(saver) = &saver {
        tasks.spawn_local(save_state(saver.clone(), receiver.dispatcher.clone()));
    }
    tasks.spawn_local(record_due(receiver.dispatcher.clone()));
    tasks.spawn_local(apply_policy_updates(new_policies, receiver.dispatcher.clone()));
    let publishing = receiver.clone();
    tasks.spawn_local(async move { publishing.publish_often().await });
    // An error means that the owner is gone, which stops the thread too.
    let _ = tasks.run_until(stopped).await;
    drop(tasks);
    Rc::into_inner(receiver).map_or(Ok(()), |receiver| receiver.finish(saver.as_deref()))
}

/// Restores what earlier runs learned of exporters. Returns the saver for this run, which uses the
/// file of the first port. A run that could not open that port has saved to the file of another
/// port.
fn restore_state(
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
        let note = reader.load(clock.now(), |state| dispatcher.restore(clock.now(), state));
        note.into_iter().for_each(|note| dispatcher.stats.note(note));
    }
    Some(saver)
}

/// Continues sequence numbers where an earlier run ended. Returns the saver for this run.
/// The files are in the same folder as those of [`restore_state`].
fn resume_numbering(
    folder: &Path,
    sockets: &[BoundSocket],
    clock: Clock,
    dispatcher: &mut Dispatcher,
) -> Option<numbering_saver::NumberingSaver> {
    let path = |socket: &BoundSocket| {
        numbering_saver::sequences_path(&state_saver::path(folder, socket.address(), socket.port()))
    };
    let own = path(sockets.first()?);
    let (states, notes) = numbering_saver::load(sockets.iter().map(path).collect());
    dispatcher.resume(clock.now(), states);
    notes.into_iter().for_each(|note| dispatcher.stats.note(note));
    Some(numbering_saver::NumberingSaver::new(clock.now(), own))
}

impl Receiver {
    /// A receiver without open ports.
    fn new(
        dispatcher: Dispatcher,
        (ports, numbering): (WantedPorts, Option<numbering_saver::NumberingSaver>),
        limits: StreamLimits,
        published: PublishedHealth,
    ) -> Receiver {
        let dispatcher = Rc::new(RefCell::new(dispatcher));
        let (open, ports) = (RefCell::default(), RefCell::new(ports));
        let numbering = RefCell::new(numbering);
        Receiver {
            dispatcher,
            open,
            ports,
            numbering,
            shared: StreamsShared::new(limits),
            published,
        }
    }

    /// Receives from a socket from now on, in tasks of the current local set.
    fn add(&self, mut socket: BoundSocket) -> io::Result<()> {
        let number = self.open.borrow().len();
        let streams = socket.take_stream();
        let streams = streams.map(|listener| self.accept(number, listener)).transpose()?;
        let inbound = Rc::new(RefCell::new(InboundSocket::new(socket)?));
        tokio::task::spawn_local(receive(inbound.clone(), self.dispatcher.clone()));
        self.open.borrow_mut().push(OpenPort { inbound, streams });
        Ok(())
    }

    /// Accepts connections on the port with this index.
    fn accept(&self, number: usize, listener: TcpListener) -> io::Result<Rc<StreamListener>> {
        let streams = Rc::new(StreamListener::new(number, listener, self.shared.clone())?);
        let (accepting, dispatcher) = (streams.clone(), self.dispatcher.clone());
        tokio::task::spawn_local(async move { accepting.accept(dispatcher).await });
        Ok(streams)
    }

    /// Starts receiving on ports that were missing.
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

    /// Adds a port to the missing ones, because the runtime cannot register its socket (too few
    /// file descriptors).
    fn put_back(&self, now: Time, port: u16, transport: Transport, error: &io::Error) {
        self.dispatcher.borrow_mut().stats.count_issue(IngestIssue::Socket);
        self.ports.borrow_mut().put_back(now, port, transport, error.to_string());
    }

    /// Publishes the health. Returns the positions of sequence numbers.
    fn publish(&self) -> Vec<ExporterNumbering> {
        let listener = |(number, open): (usize, &OpenPort)| {
            let mut listener = open.inbound.borrow().listener().clone();
            listener.connections = listener.connections.map(|_| self.shared.count(number));
            listener
        };
        let listeners: Vec<_> = self.open.borrow().iter().enumerate().map(listener).collect();
        let mut dispatcher = self.dispatcher.borrow_mut();
        dispatcher.stats.missing(self.ports.borrow().missing());
        let now = dispatcher.now();
        dispatcher.stats.compare_exporters(now);
        let mut parts = dispatcher.parts();
        let numbering = parts.iter_mut().flat_map(|part| std::mem::take(&mut part.standing));
        let numbering = numbering.collect();
        self.published.write(dispatcher.stats.health(listeners, parts, dispatcher.work()));
        numbering
    }

    /// Publishes the health periodically, and saves the positions of sequence numbers on a
    /// thread that may wait for a disk.
    async fn publish_often(&self) {
        let mut ticks = tokio::time::interval(PUBLISH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (numbering, now) = (self.publish(), self.dispatcher.borrow().now());
            let job = self.numbering.borrow_mut().as_mut().and_then(|one| one.due(now, numbering));
            let Some(job) = job else { continue };
            let dispatcher = self.dispatcher.clone();
            tokio::task::spawn_local(async move {
                let outcome = tokio::task::spawn_blocking(move || job.run()).await;
                let failure = outcome.unwrap_or_else(|error| Err(error.to_string())).err();
                dispatcher.borrow_mut().stats.numbering_unsaved(failure);
            });
        }
    }

    /// Reads what is left in the kernel's buffers, and saves the state of exporters.
    fn finish(mut self, saver: Option<&RefCell<StateSaver>>) -> io::Result<()> {
        let ended = {
            let mut dispatcher = self.dispatcher.borrow_mut();
            dispatcher.start_shutdown();
            for open in self.open.get_mut() {
                read_left(&mut open.inbound.borrow_mut(), &mut dispatcher);
            }
            let streams = self.open.get_mut().iter_mut().filter_map(|open| open.streams.take());
            for streams in streams.filter_map(Rc::into_inner) {
                streams.accept_left(&mut dispatcher);
            }
            streams::read_left(&self.shared, &mut dispatcher);
            let ended = dispatcher.end();
            // For a dead worker this is the last state that it reported.
            if let Some(saver) = saver
                && let Some((state, _)) = dispatcher.state()
                && let Some(job) = saver.borrow_mut().last(state)
            {
                dispatcher.stats.unsaved(job.run().err());
            }
            ended
        };
        let (numbering, now) = (self.publish(), self.dispatcher.borrow().now());
        if let Some(job) =
            self.numbering.get_mut().as_mut().and_then(|one| one.last(now, numbering))
            && let Err(why) = job.run()
        {
            self.dispatcher.borrow_mut().stats.numbering_unsaved(Some(why));
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
            // It may fail again at once, so others are served first.
            dispatcher.borrow_mut().stats.count_issue(IngestIssue::Socket);
            tokio::time::sleep(BACK_OFF).await;
        }
        tokio::task::yield_now().await;
    }
}

/// Retries missing ports until there are none.
async fn take_missing(receiver: Rc<Receiver>, clock: Clock) {
    let mut ticks = tokio::time::interval(ports::RETRY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !receiver.ports.borrow().missing().is_empty() {
        ticks.tick().await;
        let now = clock.now();
        let taken = receiver.ports.borrow_mut().retry(now);
        receiver.take(now, taken);
    }
}

/// Applies new policies.
async fn apply_policy_updates(
    mut new_policies: mpsc::UnboundedReceiver<PolicyUpdate>,
    dispatcher: Rc<RefCell<Dispatcher>>,
) {
    while let Some((policy, confirm)) = new_policies.recv().await {
        dispatcher.borrow_mut().set_policy(policy);
        // An error means that the sender no longer waits.
        let _ = confirm.send(());
    }
}

/// Records flows when no further datagram has arrived for them.
async fn record_due(dispatcher: Rc<RefCell<Dispatcher>>) {
    let waiting = dispatcher.borrow().waiting();
    loop {
        waiting.notified().await;
        loop {
            let Some(pause) = dispatcher.borrow().time_left() else { break };
            if pause.is_zero() {
                // The remaining work can wait: sockets are served first.
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause).await;
            }
            dispatcher.borrow_mut().record_due();
        }
    }
}

/// Saves the state of exporters periodically, on a thread that may wait for a disk.
async fn save_state(saver: Rc<RefCell<StateSaver>>, dispatcher: Rc<RefCell<Dispatcher>>) {
    let mut ticks = tokio::time::interval(PUBLISH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let job = {
            let (mut saver, mut dispatcher) = (saver.borrow_mut(), dispatcher.borrow_mut());
            let (learned, now) = (dispatcher.has_learned(), dispatcher.now());
            let gathered = if saver.wants(now, learned) { dispatcher.state() } else { None };
            gathered.and_then(|(state, micros)| saver.gathered(now, state, micros))
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

fn read_left(socket: &mut InboundSocket, dispatcher: &mut Dispatcher) {
    let began = dispatcher.clock.micros();
    socket.drain_rest(MAX_LEFT_DATAGRAMS, |sender, bytes| {
        dispatcher.datagram(sender, bytes);
    });
    dispatcher.pause(began);
}
