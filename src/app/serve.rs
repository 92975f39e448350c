//! Serves the screens that attach to a collector.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::metrics::MetricsSource;
use super::{AppError, xdg};
use crate::attach::server::{AttachEvent, ClientLimits, ServedCollector, Server, Socket};
use crate::attach::{SocketPathError, SocketPaths};
use crate::cli::Serve;
use crate::ingest::RecorderHandle;
use crate::snapshot::Attached;
use crate::source::Local;

/// How long a query waits until received flows are on disk.
const SYNC: Duration = Duration::from_secs(1);

/// The parts of the collector that screens use.
pub(super) struct ServedParts {
    pub local: Local,
    pub recorder: Option<RecorderHandle>,
    /// The folders recorded into. A query names its folder when it asks for a sync.
    pub folders: Vec<PathBuf>,
    pub limits: ClientLimits,
}

/// The threads that serve screens. They end when this is dropped.
pub(super) struct Serving {
    local: Local,
    server: Option<Server>,
}

impl Serving {
    /// Starts them, if screens may attach. If the socket cannot be opened, this is logged and
    /// the collector runs without it.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(super) fn start(parts: ServedParts, serve: Serve) -> Result<Serving, AppError> {
        let local = parts.local.clone();
        let server = match serve.allowed.then(|| socket(serve.socket)) {
            None => None,
            Some(Err(error)) => {
                error!("no screen can attach: {error}");
                None
            }
            Some(Ok(socket)) => {
                info!(socket = %socket.path().display(), "screens attach");
                Some(Server::start(socket, service(parts)).map_err(AppError::Start)?)
            }
        };
        Ok(Serving { local, server })
    }

    /// Returns the health of collecting and serving.
    pub(super) fn health(&self) -> MetricsSource {
        let local = self.local.clone();
        let attached = self.server.as_ref().map(Server::counts);
        Arc::new(move || {
            let (mut health, now) = local.health();
            health.attached = attached.as_ref().map(|counts| counts());
            (health, now)
        })
    }

    /// Logs the number of refused and closed connections.
    pub(super) fn sum_up(&self) {
        let Some(Attached { refused, cut_off, .. }) = self.server.as_ref().map(Server::attached)
        else {
            return;
        };
        if refused + cut_off > 0 {
            info!(refused, cut_off, "connections of screens");
        }
    }
}

fn socket(asked: Option<PathBuf>) -> Result<Socket, SocketPathError> {
    Socket::bind(places(asked).serving_path()?)
}

/// The paths of the socket, for serving and for attaching.
pub(super) fn places(asked: Option<PathBuf>) -> SocketPaths {
    SocketPaths::of(asked, xdg::runtime(|name| std::env::var_os(name)))
}

/// A path as text, as it is sent and compared.
pub(super) fn names(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn service(parts: ServedParts) -> ServedCollector {
    let ServedParts { local, recorder, folders, limits } = parts;
    let (windows, clock) = (local.windows.clone(), local.clock);
    ServedCollector {
        answer: Arc::new(move |view, allowance| local.answer_within(view, allowance)),
        // There is nothing to wait for if another archive is read, or nothing is recorded.
        sync: Arc::new(move |asked| match &recorder {
            Some(recorder) if is_asked(&folders, asked) => recorder.flush(SYNC),
            _ => true,
        }),
        groups: Arc::new(move || windows.groups()),
        tell: Arc::new(tell),
        clock,
        limits,
    }
}

/// Whether one of our folders is one of the folders asked for, or below or above one.
fn is_asked(ours: &[PathBuf], asked: &[String]) -> bool {
    ours.iter().any(|ours| {
        // Since the start, it may have been created, or replaced by a link.
        let ours = names(&ours.canonicalize().unwrap_or_else(|_| ours.clone()));
        let (ours, mut asked) = (Path::new(&ours), asked.iter().map(Path::new));
        asked.any(|asked| asked.starts_with(ours) || ours.starts_with(asked))
    })
}

/// Logs attached screens, with the user and process that the kernel reports.
fn tell(event: &AttachEvent) {
    match event {
        AttachEvent::Attached { screen, user, group, process } => {
            info!(screen, user, group, process, "a screen attached");
        }
        AttachEvent::Left { screen } => info!(screen, "a screen left"),
        AttachEvent::CutOff { screen, why } => warn!(screen, "a screen was cut off: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_for_our_archive_has_it_written() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, link) = (folder.path().join("flows"), folder.path().join("link"));
        std::fs::create_dir(&ours).unwrap();
        std::os::unix::fs::symlink(&ours, &link).unwrap();
        let asked = |path: PathBuf| vec![names(&path.canonicalize().unwrap_or(path))];
        for (path, wanted) in [
            (ours.clone(), true),
            (link.clone(), true),
            (ours.join("2026/11/24"), true),
            (folder.path().to_owned(), true),
            (folder.path().join("flows2"), false),
            (folder.path().join("other"), false),
        ] {
            for recorded in [&ours, &link] {
                let found = is_asked(std::slice::from_ref(recorded), &asked(path.clone()));
                assert_eq!(found, wanted, "{} in {}", path.display(), recorded.display());
            }
        }
        assert!(!is_asked(&[ours], &[]) && !is_asked(&[], &asked(link)));
    }
}
