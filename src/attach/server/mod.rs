//! The collector's end: accepts connections, reads requests, writes answers.
//!
//! One thread does that for all clients and never waits for a single client. A second thread makes
//! quick answers (`scheduler` decides which is next), a third makes slow ones. Each client has an
//! outbox with the newest answer to its view only, so a slow client misses some answers.

mod answers;
mod connection;
mod shared;
mod socket;

pub use shared::{AnswerView, AttachEvent, ClientLimits, ServedCollector, SyncArchive};
pub use socket::Socket;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;

use self::shared::ServerShared;
use super::scheduler::{AnswerSpeed, ClientId};
use crate::snapshot::Attached;

/// Minimum interval between accepted connections. A thousand per second are enough for real
/// clients, and do not load the core.
const ACCEPT_PACE: Duration = Duration::from_millis(1);

/// How long accepting pauses after an error, for example when file descriptors run out.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The threads of the server. Dropping it closes all connections.
pub struct Server {
    shared: Arc<ServerShared>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Serves the clients of `socket`.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn start(socket: Socket, service: ServedCollector) -> io::Result<Server> {
        let path = socket.path().display().to_string();
        let shared = Arc::new(ServerShared {
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
            // Connections are closed before the socket is removed.
            drop(runtime);
            drop(socket);
        })?);
        let shared = server.shared.clone();
        let slow = shared.clone();
        server
            .threads
            .push(named("answers").spawn(move || answers::make(&shared, AnswerSpeed::Quick))?);
        server
            .threads
            .push(named("slow answers").spawn(move || answers::make(&slow, AnswerSpeed::Slow))?);
        Ok(server)
    }

    /// The number of attached screens, and of connections that were refused or cut off.
    #[must_use]
    pub fn attached(&self) -> Attached {
        self.shared.attached()
    }

    /// A function that returns these numbers at any time.
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
            // A panic cannot be reported to anyone here.
            let _ = thread.join();
        }
    }
}

/// Accepts connections until it is dropped.
async fn accept(socket: &Socket, shared: &Arc<ServerShared>) {
    let Ok(listener) = socket.listener().and_then(UnixListener::from_std) else { return };
    let mut next: ClientId = 1;
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

/// Starts to serve a connection. If too many connections have not sent a request yet, the oldest of
/// these is closed.
fn admit(shared: &Arc<ServerShared>, id: ClientId, stream: UnixStream) {
    // The lock is held so that the task cannot end before it is listed as pending.
    let mut state = shared.state();
    if state.pending.len() >= shared.service.limits.pending
        && let Some((_, oldest)) = state.pending.pop_front()
    {
        oldest.abort();
        shared.refused.fetch_add(1, Relaxed);
    }
    let task = tokio::spawn(connection::serve(shared.clone(), id, stream));
    state.pending.push_back((id, task.abort_handle()));
}
