//! Finding and asking the collector that is already running.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::AppError;
use super::messages::tell;
use super::runtime::runtime;
use super::serve::{names, places};
use crate::attach::client::{AttachError, ClientConnection};
use crate::attach::frame::{Reply, Request, Tagged};
use crate::cli::{Attach, Top};
use crate::clock::Clock;
use crate::snapshot::{Snapshot, View};
use crate::source::{self, ScreenChannels};

/// Time limit of one answer: it may have a million rows, and many screens may be asking.
const ANSWER: Duration = Duration::from_secs(60);

/// How long a query waits until the collector has written what it received.
const SYNC: Duration = Duration::from_millis(1_500);

/// Tries the default places one after the other; `None` when no collector is running.
///
/// # Errors
/// When a collector is running, and none can be attached to.
fn first<T>(
    attach: &Attach,
    mut open: impl FnMut(&Path) -> Result<T, AttachError>,
) -> Result<Option<(T, PathBuf)>, AppError> {
    if !attach.allowed {
        return Ok(None);
    }
    let mut failed = None;
    for path in places(attach.socket.clone()).candidates() {
        match open(path) {
            Ok(found) => return Ok(Some((found, path.to_owned()))),
            Err(AttachError::Absent) if attach.socket.is_none() => {}
            // The user named this socket.
            Err(error @ AttachError::Absent) => {
                tell(format_args!("not attached to {}: {error}", path.display()));
            }
            Err(error) => {
                failed.get_or_insert((path.to_owned(), error));
            }
        }
    }
    match failed {
        None => Ok(None),
        Some((path, error)) => Err(AppError::Attached { path, why: error.to_string() }),
    }
}

/// Names the flags that have no effect.
fn tell_unused(attach: &Attach) {
    if !attach.unused.is_empty() {
        let words = attach.unused.join(", ");
        tell(format_args!(
            "the collector has its own settings, not used: {words} (--no-attach to collect in this process)"
        ));
    }
}

/// Attaches a screen to a collector.
///
/// # Errors
/// When a collector is running that it cannot attach to.
pub(super) fn screen(attach: &Attach, clock: Clock) -> Result<Option<ScreenChannels>, AppError> {
    let found = first(attach, |path| source::attach(path, View::default(), clock))?;
    Ok(found.map(|(ends, path)| {
        tell(format_args!("attached to the collector at {}", path.display()));
        tell_unused(attach);
        ends
    }))
}

/// A message about the collector that is running although this process collects by itself, if
/// there is one: it may have the ports.
pub(super) fn owner(top: &Top) -> Option<String> {
    let runtime = runtime().ok()?;
    let attach = Attach { allowed: true, ..top.attach.clone() };
    let (_, path) =
        first(&attach, |path| runtime.block_on(ClientConnection::open(path))).ok()??;
    Some(format!(
        "a collector is running and may have the port: `toptalk top` without --for, -p, -b, -w \
         and --no-attach asks it (socket {}); `toptalk doctor` tells who has which port",
        path.display()
    ))
}

/// One answer from a collector, if one is running.
///
/// # Errors
/// When the collector does not answer.
pub(super) fn answer(
    attach: &Attach,
    view: View,
    runtime: &tokio::runtime::Runtime,
) -> Result<Option<Snapshot>, AppError> {
    let opened = first(attach, |path| runtime.block_on(ClientConnection::open(path)))?;
    let Some((mut connection, path)) = opened else { return Ok(None) };
    tell_unused(attach);
    let request = Request::Ask(Tagged { number: 1, about: view });
    let failed = |why: String| AppError::Attached { path: path.clone(), why };
    match runtime.block_on(connection.ask(&request, ANSWER)) {
        Ok(Reply::Answer(answer)) => {
            let mut snapshot = answer.about;
            snapshot.health.groups = Some(connection.groups);
            Ok(Some(snapshot))
        }
        Ok(_) => Err(failed("expected an answer, found another message".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Asks the running collector, if it records into one of these folders, to write what it
/// has received so far to disk, so that queries find it. Returns what prevents this.
pub(super) fn sync(attach: &Attach, folders: &[PathBuf]) -> Option<String> {
    // A folder that does not exist has no recorder.
    let folders: Vec<PathBuf> =
        folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    if folders.is_empty() {
        return None;
    }
    let runtime = runtime().ok()?;
    let opened = first(attach, |path| runtime.block_on(ClientConnection::open(path)));
    let missing = "flows of the last second may be missing";
    let (mut connection, path) = match opened {
        Ok(Some(opened)) => opened,
        Ok(None) => return None,
        Err(error) => return Some(format!("{error}; {missing}")),
    };
    let request = Request::Sync(folders.iter().map(|path| names(path)).collect());
    let why = match runtime.block_on(connection.ask(&request, SYNC)) {
        Ok(Reply::Synced(true)) => return None,
        Ok(_) => "it could not write everything that it received".to_owned(),
        Err(error) => error.to_string(),
    };
    Some(format!("the collector at {}: {why}; {missing}", path.display()))
}
