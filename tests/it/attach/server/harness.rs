//! A server with simulated answers, and clients of every kind.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use toptalk::attach::client::{AttachError, ClientConnection};
use toptalk::attach::frame::{Hello, Reply, Request, encode};
use toptalk::attach::server::{
    AnswerView, AttachEvent, ClientLimits, ServedCollector, Server, Socket,
};
use toptalk::clock::Clock;
use toptalk::flow::NetworkGroups;
use toptalk::snapshot::{Snapshot, View};

use crate::common::terminal::PATIENCE;

/// A limit that is reached almost at once.
pub const SOON: Duration = Duration::from_millis(50);

/// Answers without limit of work.
type Plain = dyn Fn(&View) -> Snapshot + Send + Sync;

/// A server with its own socket.
pub struct Harness {
    pub folder: TempDir,
    pub path: PathBuf,
    pub server: Option<Server>,
    pub events: Receiver<AttachEvent>,
    tell: Sender<AttachEvent>,
    /// Number of answers that were made.
    pub made: Arc<AtomicUsize>,
    /// The named networks.
    pub names: Arc<Mutex<Arc<NetworkGroups>>>,
}

/// Groups with a single network.
pub fn named(network: &str, name: &str) -> Arc<NetworkGroups> {
    Arc::new(NetworkGroups::new([(network.parse().unwrap(), name.into())]))
}

impl Harness {
    pub fn start(limits: ClientLimits) -> Harness {
        Harness::answering(limits, Arc::new(plain))
    }

    pub fn answering(limits: ClientLimits, answer: Arc<Plain>) -> Harness {
        Harness::within(limits, Arc::new(move |view, _| answer(view)))
    }

    /// A server whose answers have allowances.
    pub fn within(limits: ClientLimits, answer: Arc<AnswerView>) -> Harness {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.sock");
        let (tell, events) = channel();
        let made = Arc::default();
        let names = Arc::new(Mutex::new(named("10.20.3.0/24", "lab")));
        let mut harness = Harness { folder, path, server: None, events, tell, made, names };
        harness.serve(limits, answer);
        harness
    }

    /// Starts the server, or restarts it.
    pub fn serve(&mut self, limits: ClientLimits, answer: Arc<AnswerView>) {
        self.server = None;
        let socket = Socket::bind(&self.path).unwrap();
        let (tell, made) = (Mutex::new(self.tell.clone()), self.made.clone());
        let names = self.names.clone();
        let service = ServedCollector {
            answer: Arc::new(move |view, allowance| {
                made.fetch_add(1, Relaxed);
                answer(view, allowance)
            }),
            sync: Arc::new(|_| true),
            groups: Arc::new(move || names.lock().unwrap().clone()),
            tell: Arc::new(move |event| drop(tell.lock().unwrap().send(event.clone()))),
            clock: Clock::start(),
            limits,
        };
        self.server = Some(Server::start(socket, service).unwrap());
    }

    /// The next event for which `wanted` returns true.
    pub fn event(&self, wanted: impl Fn(&AttachEvent) -> bool) -> AttachEvent {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("there is such an event");
            if wanted(&event) {
                return event;
            }
        }
    }

    pub fn client(&self) -> Client {
        Client::open(&self.path).unwrap()
    }

    /// A connection that sends these bytes and nothing else.
    pub fn raw(&self, bytes: &[u8]) -> UnixStream {
        let mut stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The server may have closed it by then.
        drop(stream.write_all(bytes));
        stream
    }
}

/// An answer from which its view can be recognised.
pub fn plain(view: &View) -> Snapshot {
    Snapshot { view: view.clone(), ..Snapshot::default() }
}

/// An answer of this many bytes that cannot be compressed.
pub fn large(view: &View, bytes: usize) -> Snapshot {
    let mut state = 1u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(33 + (state % 90) as u8)
    };
    Snapshot { notes: vec![(0..bytes).map(|_| noise()).collect()], ..plain(view) }
}

/// A view with this number of rows.
pub fn view(limit: usize) -> View {
    View { limit, ..View::default() }
}

/// The first bytes of a valid client.
pub fn greeting(request: &Request) -> Vec<u8> {
    [Hello::ours().bytes(), encode(request).unwrap()].concat()
}

/// All bytes until the other side closes the connection.
pub fn rest(mut stream: UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("the connection is not closed")
        }
        // Not all bytes that were sent have been read.
        Ok(_) | Err(_) => bytes,
    }
}

/// A valid client.
pub struct Client {
    runtime: Runtime,
    pub connection: ClientConnection,
}

impl Client {
    pub fn open(path: &std::path::Path) -> Result<Client, AttachError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(ClientConnection::open(path))?;
        Ok(Client { runtime, connection })
    }

    pub fn send(&mut self, request: Request) {
        self.runtime.block_on(self.connection.send(&request)).unwrap();
    }

    pub fn next(&mut self) -> Result<Reply, AttachError> {
        let next = async { timeout(PATIENCE, self.connection.next()).await };
        self.runtime.block_on(next).expect("there is an answer")
    }

    /// The next answer to the watched view.
    pub fn snapshot(&mut self) -> Snapshot {
        match self.next().unwrap() {
            Reply::Snapshot(snapshot) => *snapshot,
            other => panic!("{other:?}"),
        }
    }
}
