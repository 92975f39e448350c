//! The collector's end: accepts connections, reads requests, writes answers.
//!
//! One thread does that for all clients; it never waits for any of them. Another
//! makes the answers ([`super::desk`] says which next), and a third those that take
//! long. Between them each client
//! has a box that holds the newest answer only: who reads slowly misses some.

mod answers;
mod guest;
mod socket;

pub use socket::Socket;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use super::desk::{Desk, Id, Speed};
use super::frame::{FrameError, Reply, encode};
use super::{HANDSHAKE, MAX_CLIENTS, MAX_PENDING, QUICK_MS, SLOW_MS, STALL};
use crate::clock::Clock;
use crate::flow::Groups;
use crate::snapshot::{Allowance, Attached, Snapshot, View};

/// Connections are taken this far apart at least: a thousand a second keep
/// nobody out, and no core busy.
const ACCEPT_PACE: Duration = Duration::from_millis(1);

/// How long accepting rests when the system refuses, as when files run out.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What clients may do at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub clients: usize,
    pub pending: usize,
    pub handshake: Duration,
    pub stall: Duration,
    /// Work on one answer until it is slow, and on one that is slow until it is given up.
    pub quick: Duration,
    pub slow: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            clients: MAX_CLIENTS,
            pending: MAX_PENDING,
            handshake: HANDSHAKE,
            stall: STALL,
            quick: Duration::from_millis(QUICK_MS),
            slow: Duration::from_millis(SLOW_MS),
        }
    }
}

/// What there is to tell in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A screen, with the user and process at its other end as the kernel has them.
    Attached {
        screen: u64,
        user: u32,
        group: u32,
        process: Option<i32>,
    },
    Left {
        screen: u64,
    },
    /// We have hung up.
    CutOff {
        screen: u64,
        why: String,
    },
}

/// Answers a view within an allowance.
pub type Answer = dyn Fn(&View, &mut Allowance<'_>) -> Snapshot + Send + Sync;

/// Writes what is recorded into these folders; whether that was done in time.
pub type Write = dyn Fn(&[String]) -> bool + Send + Sync;

/// What is served.
#[derive(Clone)]
pub struct Service {
    /// Answers a view, now, within an allowance.
    pub answer: Arc<Answer>,
    /// Has what was received until now written where queries find it, if it is recorded
    /// into one of these folders, below or above it; `false` when that could not be done
    /// within a second.
    pub sync: Arc<Write>,
    /// The networks that have names, which may become others.
    pub groups: Arc<dyn Fn() -> Arc<Groups> + Send + Sync>,
    pub tell: Arc<dyn Fn(&Event) + Send + Sync>,
    pub clock: Clock,
    pub limits: Limits,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A frame on its way to one client.
struct Parcel {
    frame: Arc<[u8]>,
    /// Says when it is gone that another large one may be made.
    _large: Option<Large>,
    /// Why nothing comes after it, if so.
    last: Option<String>,
}

/// Where answers are put for a client.
struct Seat {
    newest: watch::Sender<Option<Arc<[u8]>>>,
    parcels: mpsc::Sender<Parcel>,
}

#[derive(Default)]
struct State {
    desk: Desk,
    seats: HashMap<Id, Seat>,
    /// Connections that have not asked anything yet, the oldest first.
    pending: VecDeque<(Id, AbortHandle)>,
    stopping: bool,
}

struct Shared {
    service: Service,
    path: String,
    state: Mutex<State>,
    /// Something is to be answered.
    work: Condvar,
    refused: AtomicU64,
    cut_off: AtomicU64,
    /// The names of networks as every connection begins with them: thousands of them are
    /// not compressed for each.
    welcome: Mutex<Option<Welcome>>,
}

/// Names of networks and the frame that says them.
type Welcome = (Arc<Groups>, Arc<[u8]>);

impl Shared {
    /// The frame that says these names.
    fn welcome(&self, names: &Arc<Groups>) -> Result<Arc<[u8]>, FrameError> {
        let mut kept = self.welcome.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, frame)) = &*kept
            && Arc::ptr_eq(known, names)
        {
            return Ok(frame.clone());
        }
        let frame: Arc<[u8]> = encode(&Reply::Welcome(names.clone()))?.into();
        *kept = Some((names.clone(), frame.clone()));
        Ok(frame)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attached(&self) -> Attached {
        Attached {
            path: self.path.clone(),
            clients: self.state().seats.len(),
            limit: self.service.limits.clients,
            refused: self.refused.load(Relaxed),
            cut_off: self.cut_off.load(Relaxed),
        }
    }

    fn now(&self) -> u64 {
        self.service.clock.micros()
    }
}

/// Lets another large answer be made when it is dropped.
struct Large(Arc<Shared>);

impl Drop for Large {
    fn drop(&mut self) {
        self.0.state().desk.large_done();
        self.0.work.notify_all();
    }
}

/// The threads that serve. Dropping it hangs up on everybody.
pub struct Server {
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Serves those who come to `socket`.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn start(socket: Socket, service: Service) -> io::Result<Server> {
        let path = socket.path().display().to_string();
        let shared = Arc::new(Shared {
            service,
            path,
            state: Mutex::default(),
            work: Condvar::new(),
            refused: AtomicU64::new(0),
            cut_off: AtomicU64::new(0),
            welcome: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let mut server = Server { shared, stop: Some(stop), threads: Vec::new() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = server.shared.clone();
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        server.threads.push(named("attach").spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(&socket, &shared) => {}
                    _ = stopped => {}
                }
            });
            // Clients are hung up on before the socket goes.
            drop(runtime);
            drop(socket);
        })?);
        let shared = server.shared.clone();
        let slow = shared.clone();
        server.threads.push(named("answers").spawn(move || answers::make(&shared, Speed::Quick))?);
        server
            .threads
            .push(named("slow answers").spawn(move || answers::make(&slow, Speed::Slow))?);
        Ok(server)
    }

    /// How many screens are attached, and how others fared.
    #[must_use]
    pub fn attached(&self) -> Attached {
        self.shared.attached()
    }

    /// The same for somebody else, whenever it is called.
    pub fn counts(&self) -> impl Fn() -> Attached + Send + Sync + 'static {
        let shared = self.shared.clone();
        move || shared.attached()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.shared.state().stopping = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // There is nobody left to tell of a panic.
            let _ = thread.join();
        }
    }
}

/// Takes connections until it is dropped.
async fn accept(socket: &Socket, shared: &Arc<Shared>) {
    let Ok(listener) = socket.listener().and_then(UnixListener::from_std) else { return };
    let mut next: Id = 1;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(BACK_OFF).await;
            continue;
        };
        let id = next;
        next += 1;
        admit(shared, id, stream);
        tokio::time::sleep(ACCEPT_PACE).await;
    }
}

/// Begins to serve a connection, in the place of the oldest that has not asked
/// anything if there are too many of those.
fn admit(shared: &Arc<Shared>, id: Id, stream: UnixStream) {
    // It must not be over before it is among those that are pending.
    let mut state = shared.state();
    if state.pending.len() >= shared.service.limits.pending
        && let Some((_, oldest)) = state.pending.pop_front()
    {
        oldest.abort();
        shared.refused.fetch_add(1, Relaxed);
    }
    let task = tokio::spawn(guest::attend(shared.clone(), id, stream));
    state.pending.push_back((id, task.abort_handle()));
}
