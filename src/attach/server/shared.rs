//! What the threads of the server share: what is served, to whom, within which limits.

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

/// What clients may do at most.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    pub clients: usize,
    pub pending: usize,
    pub handshake: Duration,
    pub stall: Duration,
    /// Work on one answer until it is slow, and on one that is slow until it is given up.
    pub quick: Duration,
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

/// What there is to tell in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachEvent {
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
pub type AnswerView = dyn Fn(&View, &mut Allowance<'_>) -> Snapshot + Send + Sync;

/// Writes what is recorded into these folders; whether that was done in time.
pub type SyncArchive = dyn Fn(&[String]) -> bool + Send + Sync;

/// What is served.
#[derive(Clone)]
pub struct ServedCollector {
    /// Answers a view, now, within an allowance.
    pub answer: Arc<AnswerView>,
    /// Has what was received until now written where queries find it, if it is recorded
    /// into one of these folders, below or above it; `false` when that could not be done
    /// within a second.
    pub sync: Arc<SyncArchive>,
    /// The networks that have names, which may become others.
    pub groups: Arc<dyn Fn() -> Arc<NetworkGroups> + Send + Sync>,
    pub tell: Arc<dyn Fn(&AttachEvent) + Send + Sync>,
    pub clock: Clock,
    pub limits: ClientLimits,
}

impl fmt::Debug for ServedCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A frame on its way to one client.
pub(super) struct OutFrame {
    pub(super) frame: Arc<[u8]>,
    /// Says when it is gone that another large one may be made.
    pub(super) _large: Option<LargeAnswerPermit>,
    /// Why nothing comes after it, if so.
    pub(super) last: Option<String>,
}

/// Where answers are put for a client.
pub(super) struct Outbox {
    pub(super) newest: watch::Sender<Option<Arc<[u8]>>>,
    pub(super) out_frames: mpsc::Sender<OutFrame>,
}

#[derive(Default)]
pub(super) struct ServerState {
    pub(super) scheduler: AnswerScheduler,
    pub(super) outboxes: HashMap<ClientId, Outbox>,
    /// Connections that have not asked anything yet, the oldest first.
    pub(super) pending: VecDeque<(ClientId, AbortHandle)>,
    pub(super) stopping: bool,
}

pub(super) struct ServerShared {
    pub(super) service: ServedCollector,
    pub(super) path: String,
    pub(super) state: Mutex<ServerState>,
    /// Something is to be answered.
    pub(super) work: Condvar,
    pub(super) refused: AtomicU64,
    pub(super) cut_off: AtomicU64,
    /// The names of networks as every connection begins with them: thousands of them are
    /// not compressed for each.
    pub(super) welcome: Mutex<Option<Welcome>>,
}

/// Names of networks and the frame that says them.
type Welcome = (Arc<NetworkGroups>, Arc<[u8]>);

impl ServerShared {
    /// The frame that says these names.
    pub(super) fn welcome(&self, names: &Arc<NetworkGroups>) -> Result<Arc<[u8]>, FrameError> {
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

/// Lets another large answer be made when it is dropped.
pub(super) struct LargeAnswerPermit(pub(super) Arc<ServerShared>);

impl Drop for LargeAnswerPermit {
    fn drop(&mut self) {
        self.0.state().scheduler.large_done();
        self.0.work.notify_all();
    }
}
