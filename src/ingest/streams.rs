//! IPFIX over TCP (RFC 7011, section 10.4): connections that are accepted, cut
//! into messages and closed.
//!
//! Every connection is a task; all share the thread, so each read is followed by
//! everyone else's turn. Limits keep strangers from taking all there is.

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
use crate::flow::{Host, Time};

/// Bytes read at once: the longest message.
const READ: usize = 65_536;

/// What a read may take in the queue of a worker: its bytes, those of a message
/// that had begun, and much as much again where the messages are short.
const ROOM: usize = 8 * READ;

/// How long to wait where there is no such room.
const NO_ROOM: Duration = Duration::from_millis(10);

/// Reads of a connection at the end: what a kernel holds of one at most (6 MB).
const REST: usize = 128;

/// One connection.
#[derive(Debug)]
struct Connection {
    peer: Host,
    /// Which listener it came by.
    listener: usize,
    stream: TcpStream,
    framer: RefCell<Framer>,
    /// When the message at hand began, or nothing.
    since: Cell<Time>,
    /// Whether it has sent a message.
    spoke: Cell<bool>,
    /// The second of its newest message, and in how many seconds there were any.
    second: Cell<i64>,
    seconds: Cell<u8>,
    /// Told when it has to make room for another.
    displaced: Notify,
}

/// Seconds in which messages came after which a connection counts as known.
const HISTORY: u8 = 3;

/// Of this many connections one is for those that are not known yet, in turn.
const NEWCOMERS: usize = 4;

/// What accepts connections on one port.
pub(super) struct StreamListener {
    number: usize,
    listener: TcpListener,
    shared: Rc<StreamsShared>,
}

/// What the connections of all ports share.
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

    /// Open connections of a listener.
    pub(super) fn count(&self, listener: usize) -> usize {
        self.open.borrow().values().filter(|open| open.listener == listener).count()
    }

    /// Takes a connection in, or closes and counts it.
    fn admit(
        &self,
        dispatcher: &mut Dispatcher,
        listener: usize,
        stream: TcpStream,
        from: SocketAddr,
    ) -> Option<u64> {
        let peer = Host::from(from.ip());
        if !dispatcher.welcomes(peer) {
            return None;
        }
        let mut open = self.open.borrow_mut();
        let of_peer = open.values().filter(|connection| connection.peer == peer).count();
        if of_peer >= self.limits.per_peer {
            dispatcher.refuse(peer);
            return None;
        }
        if open.len() >= self.limits.connections {
            let Some(id) = next_to_go(&open, self.limits.connections) else {
                dispatcher.refuse(peer);
                return None;
            };
            if let Some(gone) = open.remove(&id) {
                dispatcher.refuse(gone.peer);
                gone.displaced.notify_one();
            }
        }
        // Sequence numbers begin anew with every connection.
        dispatcher.reconnected(peer);
        let id = self.next.replace(self.next.get().wrapping_add(1));
        let (framer, since) = (RefCell::default(), Cell::new(dispatcher.now()));
        let connection = Connection {
            peer,
            listener,
            stream,
            framer,
            since,
            spoke: Cell::new(false),
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

    /// Reads once. `Ok` says that the connection goes on.
    fn read(
        &self,
        connection: &Connection,
        dispatcher: &mut Dispatcher,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Result<(), Closed> {
        let mut buffer = self.buffer.borrow_mut();
        match read(&mut buffer) {
            Ok(length @ 1..) => connection.take(dispatcher, buffer.get(..length).unwrap_or(&[])),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Closed::NotYet),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Ok(0) | Err(_) => {
                if connection.framer.borrow().is_midway() {
                    dispatcher.stats.trouble(IngestIssue::TcpHalfMessage);
                }
                Err(Closed::Ended)
            }
        }
    }
}

/// Which connection makes room for one more: of those that are not known yet, the
/// one that has sent no whole message, then the one that was heard least lately.
/// Known ones stay, but for those beyond the part that is theirs.
fn next_to_go(open: &HashMap<u64, Rc<Connection>>, limit: usize) -> Option<u64> {
    let known = open.values().filter(|one| one.is_known()).count();
    let spares_known = known <= limit - limit / NEWCOMERS;
    let may_go = open.iter().filter(|(_, one)| !(spares_known && one.is_known()));
    may_go
        .min_by_key(|(id, one)| (one.is_known(), one.spoke.get(), one.since.get(), **id))
        .map(|(id, _)| *id)
}

/// Why there is nothing more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    NotYet,
    Ended,
}

impl Connection {
    /// Decodes what is complete with these bytes.
    fn take(&self, dispatcher: &mut Dispatcher, bytes: &[u8]) -> Result<(), Closed> {
        let began = dispatcher.clock.micros();
        let mut framer = self.framer.borrow_mut();
        let was_midway = framer.is_midway();
        let pushed = framer.push(bytes, |message| dispatcher.message(self.peer, message));
        dispatcher.pause_stream(began);
        let Ok(messages) = pushed else {
            dispatcher.stats.trouble(IngestIssue::TcpBadMessage);
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
        self.spoke.set(self.spoke.get() || messages > 0);
        Ok(())
    }

    /// Whether messages came by it for a while.
    fn is_known(&self) -> bool {
        self.seconds.get() >= HISTORY
    }

    /// How long to wait for more at `now`; `None` when it has been too long.
    fn patience(&self, now: Time, limits: &StreamLimits) -> Option<Duration> {
        let waits = self.framer.borrow().is_midway() || !self.spoke.get();
        let limit = if waits { limits.message_ms } else { limits.idle_ms };
        let left = limit.saturating_sub(now.since(self.since.get()));
        (left > 0).then(|| Duration::from_millis(left.unsigned_abs()))
    }
}

impl StreamListener {
    /// Hands a bound listener to the running tokio runtime.
    pub(super) fn new(
        number: usize,
        listener: std::net::TcpListener,
        shared: Rc<StreamsShared>,
    ) -> io::Result<StreamListener> {
        Ok(StreamListener { number, listener: TcpListener::from_std(listener)?, shared })
    }

    /// Accepts until it is dropped; every connection is a task of its own.
    pub(super) async fn accept(&self, dispatcher: Rc<RefCell<Dispatcher>>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    let id =
                        self.shared.admit(&mut dispatcher.borrow_mut(), self.number, stream, from);
                    if let Some(id) = id {
                        tokio::task::spawn_local(converse(
                            id,
                            self.shared.clone(),
                            dispatcher.clone(),
                        ));
                    }
                }
                Err(_) => {
                    // Out of file descriptors, or the peer is gone already.
                    dispatcher.borrow_mut().stats.trouble(IngestIssue::Socket);
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Takes in what the kernel still holds of connections that were not even
    /// accepted: for the end of collecting.
    pub(super) fn rest(self, dispatcher: &mut Dispatcher) {
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
async fn converse(id: u64, shared: Rc<StreamsShared>, dispatcher: Rc<RefCell<Dispatcher>>) {
    let Some(connection) = shared.get(id) else { return };
    loop {
        if !dispatcher.borrow_mut().has_room(connection.peer, ROOM) {
            // Its worker has enough to do: the exporter waits, and nothing is lost.
            tokio::time::sleep(NO_ROOM).await;
            continue;
        }
        let now = dispatcher.borrow().now();
        let left = connection.patience(now, &shared.limits).unwrap_or(Duration::ZERO);
        let ready = tokio::select! {
            ready = tokio::time::timeout(left, connection.stream.readable()) => ready,
            () = connection.displaced.notified() => break,
        };
        match ready {
            Ok(Ok(())) => {
                let stream = &connection.stream;
                let more = shared.read(&connection, &mut dispatcher.borrow_mut(), |buffer| {
                    // On `WouldBlock` the runtime forgets the readiness by itself.
                    stream.try_io(Interest::READABLE, || receive(stream, buffer))
                });
                if more == Err(Closed::Ended) {
                    break;
                }
            }
            Ok(Err(_)) => break,
            Err(_) => {
                dispatcher.borrow_mut().stats.trouble(IngestIssue::TcpTimeout);
                break;
            }
        }
        tokio::task::yield_now().await;
    }
    shared.close(id);
}

fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let received = recv(stream.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT);
    received.map_err(|errno: Errno| errno.into())
}

/// Takes in what the kernel still holds of every connection.
pub(super) fn take_rest(shared: &StreamsShared, dispatcher: &mut Dispatcher) {
    let open: Vec<Rc<Connection>> = shared.open.borrow().values().cloned().collect();
    for connection in open {
        for _ in 0..REST {
            let read = |buffer: &mut [u8]| receive(&connection.stream, buffer);
            if shared.read(&connection, dispatcher, read).is_err() {
                break;
            }
        }
    }
}
