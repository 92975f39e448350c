//! Serving screens that attach, and watching the limits while nobody does.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::AppError;
use crate::agg::Windows;
use crate::attach::server::{Event, Limits, Server, Service, Socket};
use crate::attach::{PlaceError, Places};
use crate::cli::Serve;
use crate::clock::Clock;
use crate::flow::Groups;
use crate::ingest::{Published, Tape};
use crate::source::Local;

/// How often the limits are evaluated.
const WATCH: Duration = Duration::from_secs(1);

/// How long whoever wants everything written waits for the disk.
const SYNC: Duration = Duration::from_secs(1);

/// What is served, by a collector that goes on whatever becomes of this.
pub(super) struct Parts {
    pub windows: Arc<Windows>,
    pub published: Published,
    pub clock: Clock,
    pub groups: Arc<Groups>,
    pub tape: Option<Tape>,
}

/// The threads that watch and serve. Dropping it ends them.
pub(super) struct Serving {
    server: Option<Server>,
    _watch: Sender<()>,
}

impl Serving {
    /// Starts them. Where no screen can attach, `tell` hears why, and the limits
    /// are watched all the same.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(super) fn start(
        parts: Parts,
        serve: Serve,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Serving, AppError> {
        let (watch, ended) = channel::<()>();
        let (windows, clock) = (parts.windows.clone(), parts.clock);
        std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || {
                while ended.recv_timeout(WATCH) == Err(RecvTimeoutError::Timeout) {
                    windows.watch(clock.now());
                }
            })
            .map_err(AppError::Start)?;
        let server = match serve.allowed.then(|| socket(serve.socket)) {
            None => None,
            Some(Err(error)) => {
                tell(&format!("no screen can attach: {error}"));
                None
            }
            Some(Ok(socket)) => {
                tell(&format!("screens attach at {}", socket.path().display()));
                let service = service(parts, tell);
                Some(Server::start(socket, service).map_err(AppError::Start)?)
            }
        };
        Ok(Serving { server, _watch: watch })
    }

    /// How screens fared, if any could attach.
    pub(super) fn sum_up(&self) -> Option<String> {
        let attached = self.server.as_ref()?.attached();
        let (refused, cut_off) = (attached.refused, attached.cut_off);
        (refused + cut_off > 0)
            .then(|| format!("connections refused {refused}, screens cut off {cut_off}"))
    }
}

fn socket(asked: Option<PathBuf>) -> Result<Socket, PlaceError> {
    Socket::bind(places(asked).to_serve()?)
}

/// Where a collector serves, or is looked for.
pub(super) fn places(asked: Option<PathBuf>) -> Places {
    Places::of(asked, std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from))
}

fn service(parts: Parts, tell: impl Fn(&str) + Send + Sync + 'static) -> Service {
    let Parts { windows, published, clock, groups, tape } = parts;
    let local = Local { windows, published, clock };
    Service {
        answer: Arc::new(move |view| local.answer(view)),
        // Without a recorder queries have nothing to wait for.
        sync: Arc::new(move || tape.as_ref().is_none_or(|tape| tape.flush(SYNC))),
        groups,
        tell: Arc::new(move |event: &Event| tell(&event.to_string())),
        clock,
        limits: Limits::default(),
    }
}
