//! IPFIX over TCP (RFC 7011, section 10.4): accepts connections, cuts them into messages and closes
//! them.
//!
//! Every connection is a task. All tasks share one thread, so each read is followed by turns of the
//! others. Limits keep unknown peers from using up all connections.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::dispatcher::Dispatcher;
use super::framer::Framer;
use super::issue::IngestIssue;
use super::options::StreamLimits;
use super::socket::BACK_OFF;
use crate::flow::{Host, SenderAddress, Time};

/// Bytes read at once: the length of the longest message.
const READ: usize = 65_536;

/// Room in a worker's queue that a read may need: its bytes, those of a message that had
/// begun, and the overhead of short messages.
const QUEUE_ROOM: usize = 8 * READ;

/// How long to wait when the queue has no room.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(10);

/// Number of reads of a connection at the end: as much as a kernel holds of one (6 MB).
const MAX_LEFT_READS: usize = 128;

/// One connection.
#[derive(Debug)]
struct Connection {
    /// Address and port of the exporter.
    peer: SenderAddress,
    /// Index of the listener that accepted it.
    listener: usize,
    stream: TcpStream,
    framer: RefCell<Framer>,
    /// When the current message began, or when data last arrived between messages.
    since: Cell<Time>,
    /// Whether it has sent a message.
    has_sent: Cell<bool>,
    /// The second of its newest message.
    second: Cell<i64>,
    /// In how many seconds it sent messages.
    seconds: Cell<u8>,
    /// Notified when it is closed in favour of another.
    displaced: Notify,
}

/// Number of seconds with messages after which a connection counts as known.
const KNOWN_SECONDS: u8 = 3;

/// One part in this many of all connections is for those that are not known yet.
const NEW_CONNECTIONS_PART: usize = 4;

/// Accepts connections on one port.
pub(super) struct StreamListener {
    number: usize,
    listener: TcpListener,
    shared: Rc<StreamsShared>,
}

/// State that the connections of all ports share.
pub(super) struct StreamsShared {
    limits: StreamLimits,
    open: RefCell<HashMap<u64, Rc<Connection>>>,
    next: Cell<u64>,
    buffer: RefCell<Vec<u8>>,
}

impl StreamsShared {
    pub(super) fn new(limits: StreamLimits) -> Rc<StreamsShared> {
        Rc::new(StreamsShared {
            limits,
            open: RefCell::default(),
            next: Cell::default(),
            buffer: RefCell::new(vec![0; READ]),
        })
    }

    /// Number of open connections of a listener.
    pub(super) fn count(&self, listener: usize) -> usize {
        self.open.borrow().values().filter(|open| open.listener == listener).count()
    }

    /// Admits a connection and returns its id, or closes and counts it.
    fn admit(
        &self,
        dispatcher: &mut Dispatcher,
        listener: usize,
        stream: TcpStream,
        from: SocketAddr,
    ) -> Option<u64> {
        let peer = Host::from(from.ip());
        if !dispatcher.accepts_stream(peer) {
            return None;
        }
        let mut open = self.open.borrow_mut();
        let of_peer = open.values().filter(|connection| connection.peer.host == peer).count();
        if of_peer >= self.limits.per_peer {
            dispatcher.refuse(peer);
            return None;
        }
        if open.len() >= self.limits.connections {
            let Some(id) = connection_to_close(&open, self.limits.connections) else {
                dispatcher.refuse(peer);
                return None;
            };
            if let Some(gone) = open.remove(&id) {
                dispatcher.refuse(gone.peer.host);
                gone.displaced.notify_one();
            }
        }
        // Sequence numbers start again with every connection.
        dispatcher.reconnected(from.into());
        let id = self.next.replace(self.next.get().wrapping_add(1));
        let (framer, since) = (RefCell::default(), Cell::new(dispatcher.now()));
        let connection = Connection {
            peer: from.into(),
            listener,
            stream,
            framer,
            since,
            has_sent: Cell::new(false),
            second: Cell::default(),
            seconds: Cell::default(),
            displaced: Notify::new(),
        };
        open.insert(id, Rc::new(connection));
        Some(id)
    }

    fn get(&self, id: u64) -> Option<Rc<Connection>> {
        self.open.borrow().get(&id).cloned()
    }

    fn close(&self, id: u64) {
        self.open.borrow_mut().remove(&id);
    }

    /// Reads once. `Ok` means that the connection stays open.
    fn read(
        &self,
        connection: &Connection,
        dispatcher: &mut Dispatcher,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Result<(), Closed> {
        let mut buffer = self.buffer.borrow_mut();
        match read(&mut buffer) {
            Ok(length @ 1..) => connection.take(dispatcher, buffer.get(..length).unwrap_or(&[])),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Closed::WouldBlock),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Ok(0) | Err(_) => {
                if connection.framer.borrow().is_midway() {
                    dispatcher.stats.count_issue(IngestIssue::TcpHalfMessage);
                }
                Err(Closed::Ended)
            }
        }
    }
}

/// Chooses the connection to close when another one arrives. Among connections that are not
/// known yet, it is one without a whole message, then the one that was silent for longest.
/// Known connections are closed only when they use more than their part.
fn connection_to_close(open: &HashMap<u64, Rc<Connection>>, limit: usize) -> Option<u64> {
    let known = open.values().filter(|one| one.is_known()).count();
    let spares_known = known <= limit - limit / NEW_CONNECTIONS_PART;
    let may_go = open.iter().filter(|(_, one)| !(spares_known && one.is_known()));
    may_go
        .min_by_key(|(id, one)| (one.is_known(), one.has_sent.get(), one.since.get(), **id))
        .map(|(id, _)| *id)
}

/// Why a read returned no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    WouldBlock,
    Ended,
}

impl Connection {
    /// Passes on the messages that are complete with these bytes.
    fn take(&self, dispatcher: &mut Dispatcher, bytes: &[u8]) -> Result<(), Closed> {
        let began = dispatcher.clock.micros();
        let mut framer = self.framer.borrow_mut();
        let was_midway = framer.is_midway();
        let pushed = framer.push(bytes, |message| dispatcher.message(self.peer, message));
        dispatcher.pause_stream(began);
        let Ok(messages) = pushed else {
            dispatcher.stats.count_issue(IngestIssue::TcpBadMessage);
            return Err(Closed::Ended);
        };
        let now = dispatcher.now();
        if messages > 0 || !was_midway {
            self.since.set(now);
        }
        let second = now.0.div_euclid(1000);
        if messages > 0 && self.second.replace(second) != second {
            self.seconds.set(self.seconds.get().saturating_add(1));
        }
        self.has_sent.set(self.has_sent.get() || messages > 0);
        Ok(())
    }

    /// Whether it has sent messages for some time.
    fn is_known(&self) -> bool {
        self.seconds.get() >= KNOWN_SECONDS
    }

    /// How long to wait for more data at `now`, or `None` after a timeout.
    fn time_left(&self, now: Time, limits: &StreamLimits) -> Option<Duration> {
        let waits = self.framer.borrow().is_midway() || !self.has_sent.get();
        let limit = if waits { limits.message_ms } else { limits.idle_ms };
        let left = limit.saturating_sub(now.since(self.since.get()));
        (left > 0).then(|| Duration::from_millis(left.unsigned_abs()))
    }
}

impl StreamListener {
    /// Registers a bound listener with the running tokio runtime.
    pub(super) fn new(
        number: usize,
        listener: std::net::TcpListener,
        shared: Rc<StreamsShared>,
    ) -> io::Result<StreamListener> {
        Ok(StreamListener { number, listener: TcpListener::from_std(listener)?, shared })
    }

    /// Accepts connections until it is dropped. Every connection is a task.
    pub(super) async fn accept(&self, dispatcher: Rc<RefCell<Dispatcher>>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    let id =
                        self.shared.admit(&mut dispatcher.borrow_mut(), self.number, stream, from);
                    if let Some(id) = id {
                        tokio::task::spawn_local(serve(
                            id,
                            self.shared.clone(),
                            dispatcher.clone(),
                        ));
                    }
                }
                Err(_) => {
                    // Out of file descriptors, or the peer is gone already.
                    dispatcher.borrow_mut().stats.count_issue(IngestIssue::Socket);
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Accepts the connections that the kernel still has, at the end of collecting.
    pub(super) fn accept_left(self, dispatcher: &mut Dispatcher) {
        let Ok(listener) = self.listener.into_std() else { return };
        while let Ok((stream, from)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            let Ok(stream) = stream else { continue };
            if self.shared.admit(dispatcher, self.number, stream, from).is_none() {
                break;
            }
        }
    }
}

/// Reads from a connection until it ends.
async fn serve(id: u64, shared: Rc<StreamsShared>, dispatcher: Rc<RefCell<Dispatcher>>) {
    let Some(connection) = shared.get(id) else { return };
    loop {
        if !dispatcher.borrow_mut().has_room(connection.peer.host, QUEUE_ROOM) {
            // The worker is busy. The exporter waits, and nothing is lost.
            tokio::time::sleep(QUEUE_FULL_PAUSE).await;
            continue;
        }
        let now = dispatcher.borrow().now();
        let left = connection.time_left(now, &shared.limits).unwrap_or(Duration::ZERO);
        let ready = tokio::select! {
            ready = tokio::time::timeout(left, connection.stream.readable()) => ready,
            () = connection.displaced.notified() => break,
        };
        match ready {
            Ok(Ok(())) => {
                let stream = &connection.stream;
                let more = shared.read(&connection, &mut dispatcher.borrow_mut(), |buffer| {
                    // On `WouldBlock` the runtime clears the readiness.
                    stream.try_io(Interest::READABLE, || receive(stream, buffer))
                });
                if more == Err(Closed::Ended) {
                    break;
                }
            }
            Ok(Err(_)) => break,
            Err(_) => {
                dispatcher.borrow_mut().stats.count_issue(IngestIssue::TcpTimeout);
                break;
            }
        }
        tokio::task::yield_now().await;
    }
    shared.close(id);
    dispatcher.borrow_mut().disconnected(connection.peer);
}

fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let received = recv(stream.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT);
    received.map_err(|errno: Errno| errno.into())
}

/// Reads what the kernel still has of every connection.
pub(super) fn read_left(shared: &StreamsShared, dispatcher: &mut Dispatcher) {
    let open: Vec<Rc<Connection>> = shared.open.borrow().values().cloned().collect();
    for connection in open {
        for _ in 0..MAX_LEFT_READS {
            let read = |buffer: &mut [u8]| receive(&connection.stream, buffer);
            if shared.read(&connection, dispatcher, read).is_err() {
                break;
            }
        }
    }
}
