//! State that the server's threads share, and what the server is given.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::attach::frame::{FrameError, Reply, encode};
use crate::attach::scheduler::{AnswerScheduler, ClientId};
use crate::attach::{HANDSHAKE, MAX_CLIENTS, MAX_PENDING, QUICK_MS, SLOW_MS, STALL};
use crate::clock::Clock;
use crate::flow::NetworkGroups;
use crate::snapshot::{Allowance, Attached, Snapshot, View};

/// Limits for clients.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    /// Maximum number of attached screens.
    pub clients: usize,
    /// Maximum number of connections without a request so far.
    pub pending: usize,
    /// Time within which a connection must have sent its first request.
    pub handshake: Duration,
    /// Time within which a client must read an answer or complete a request.
    pub stall: Duration,
    /// Work on one answer after which it counts as slow.
    pub quick: Duration,
    /// Work on one slow answer after which it is given up.
    pub slow: Duration,
}

impl Default for ClientLimits {
    fn default() -> ClientLimits {
        ClientLimits {
            clients: MAX_CLIENTS,
            pending: MAX_PENDING,
            handshake: HANDSHAKE,
            stall: STALL,
            quick: Duration::from_millis(QUICK_MS),
            slow: Duration::from_millis(SLOW_MS),
        }
    }
}

/// An event for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachEvent {
    /// A screen has attached.
    Attached {
        /// Number of the screen.
        screen: u64,
        /// User id of its process, as the kernel reports it.
        user: u32,
        /// Group id of its process.
        group: u32,
        /// Process id, if the kernel knows it.
        process: Option<i32>,
    },
    /// A screen has closed its connection.
    Left {
        /// Number of the screen.
        screen: u64,
    },
    /// The server has closed the connection of a screen.
    CutOff {
        /// Number of the screen.
        screen: u64,
        /// The reason.
        why: String,
    },
}

/// Answers a view within an allowance.
pub type AnswerView = dyn Fn(&View, &mut Allowance<'_>) -> Snapshot + Send + Sync;

/// Flushes the recorders of these folders. Returns whether that was done in time.
pub type SyncArchive = dyn Fn(&[String]) -> bool + Send + Sync;

/// What the server needs of the collector.
#[derive(Clone)]
pub struct ServedCollector {
    /// Answers a view, now, within an allowance.
    pub answer: Arc<AnswerView>,
    /// Flushes everything received so far, so that queries find it, if it is recorded into one of
    /// these folders, or below or above one. `false` when that takes longer than a second.
    pub sync: Arc<SyncArchive>,
    /// The named networks, which may change.
    pub groups: Arc<dyn Fn() -> Arc<NetworkGroups> + Send + Sync>,
    /// Logs an event.
    pub tell: Arc<dyn Fn(&AttachEvent) + Send + Sync>,
    /// The collector's clock.
    pub clock: Clock,
    /// Limits for clients.
    pub limits: ClientLimits,
}

impl fmt::Debug for ServedCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedCollector").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A frame to be sent to a client.
pub(super) struct OutFrame {
    pub(super) frame: Arc<[u8]>,
    /// Allows another large answer when it is dropped.
    pub(super) _large: Option<LargeAnswerPermit>,
    /// Set in the last frame: the reason for closing the connection.
    pub(super) last: Option<String>,
}

/// Channels for the frames to a client.
pub(super) struct Outbox {
    pub(super) newest: watch::Sender<Option<Arc<[u8]>>>,
    pub(super) out_frames: mpsc::Sender<OutFrame>,
}

#[derive(Default)]
pub(super) struct ServerState {
    pub(super) scheduler: AnswerScheduler,
    pub(super) outboxes: HashMap<ClientId, Outbox>,
    /// Connections that have not sent a request yet, the oldest first.
    pub(super) pending: VecDeque<(ClientId, AbortHandle)>,
    pub(super) stopping: bool,
}

pub(super) struct ServerShared {
    pub(super) service: ServedCollector,
    pub(super) path: String,
    pub(super) state: Mutex<ServerState>,
    /// Notified when there may be something to answer.
    pub(super) work: Condvar,
    pub(super) refused: AtomicU64,
    pub(super) cut_off: AtomicU64,
    /// The frame with the named networks, so that it is not compressed again for each
    /// connection.
    pub(super) welcome: Mutex<Option<Welcome>>,
}

/// The named networks and the frame with them.
type Welcome = (Arc<NetworkGroups>, Arc<[u8]>);

impl ServerShared {
    /// The frame with these named networks.
    pub(super) fn welcome(&self, names: &Arc<NetworkGroups>) -> Result<Arc<[u8]>, FrameError> {
        let mut last_frame = self.welcome.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, frame)) = &*last_frame
            && Arc::ptr_eq(known, names)
        {
            return Ok(frame.clone());
        }
        let frame: Arc<[u8]> = encode(&Reply::Welcome(names.clone()))?.into();
        *last_frame = Some((names.clone(), frame.clone()));
        Ok(frame)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attached(&self) -> Attached {
        Attached {
            path: self.path.clone(),
            clients: self.state().outboxes.len(),
            limit: self.service.limits.clients,
            refused: self.refused.load(Relaxed),
            cut_off: self.cut_off.load(Relaxed),
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.service.clock.micros()
    }
}

/// Allows another large answer when it is dropped.
pub(super) struct LargeAnswerPermit(pub(super) Arc<ServerShared>);

impl Drop for LargeAnswerPermit {
    fn drop(&mut self) {
        self.0.state().scheduler.large_done();
        self.0.work.notify_all();
    }
}
