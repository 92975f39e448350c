//! Finding a collector that runs already.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::AppError;
use super::messages::tell;
use super::runtime::runtime;
use super::serve::{names, places};
use crate::attach::client::{AttachError, ClientConnection};
use crate::attach::frame::{Reply, Request, Tagged};
use crate::cli::Attach;
use crate::clock::Clock;
use crate::snapshot::{Snapshot, View};
use crate::source::{self, ScreenChannels};

/// How long a single answer may take: a million rows, while many screens ask.
const ANSWER: Duration = Duration::from_secs(60);

/// How long a query waits until all that came is written.
const SYNC: Duration = Duration::from_millis(1_500);

/// Tries the usual places, and where one fails the next; `None` when nobody serves.
///
/// # Errors
/// When somebody serves, and nobody whom we could attach to.
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
            // Who names a socket wants to hear that nobody is there.
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

/// Says which words are of no use.
fn tell_unused(attach: &Attach) {
    if !attach.unused.is_empty() {
        let words = attach.unused.join(", ");
        tell(format_args!("the collector has its own settings, not used: {words} (--no-attach)"));
    }
}

/// A screen's ends at a collector.
///
/// # Errors
/// When one runs that it cannot attach to.
pub(super) fn screen(attach: &Attach, clock: Clock) -> Result<Option<ScreenChannels>, AppError> {
    let found = first(attach, |path| source::attach(path, View::default(), clock))?;
    Ok(found.map(|(ends, path)| {
        tell(format_args!("attached to the collector at {}", path.display()));
        tell_unused(attach);
        ends
    }))
}

/// One answer from a collector, if one runs.
///
/// # Errors
/// When it does not give it.
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

/// Has a collector, if one runs and records into one of these folders, write what it
/// received until now where queries find it. Says what stands in the way of that.
pub(super) fn sync(attach: &Attach, folders: &[PathBuf]) -> Option<String> {
    // Where there is no such folder nobody records into it.
    let folders: Vec<PathBuf> =
        folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    if folders.is_empty() {
        return None;
    }
    let runtime = runtime().ok()?;
    let opened = first(attach, |path| runtime.block_on(ClientConnection::open(path)));
    let missing = "what came in the last second may be missing";
    let (mut connection, path) = match opened {
        Ok(Some(opened)) => opened,
        Ok(None) => return None,
        Err(error) => return Some(format!("{error}; {missing}")),
    };
    let request = Request::Sync(folders.iter().map(|path| names(path)).collect());
    let why = match runtime.block_on(connection.ask(&request, SYNC)) {
        Ok(Reply::Synced(true)) => return None,
        Ok(_) => "it could not write all that came".to_owned(),
        Err(error) => error.to_string(),
    };
    Some(format!("the collector at {}: {why}; {missing}", path.display()))
}
