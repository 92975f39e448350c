//! Messages to the user on stderr. A failure to write them does not end the program.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::signals::StopSignals;
use super::stderr::Stderr;
use super::{AppError, output};
use crate::ingest::LostMessageCounters;
use crate::text;

/// How long the program waits for the reader of an answer after a signal.
const PATIENCE: Duration = Duration::from_millis(500);

/// Prints a message on stderr. Control characters are replaced: names of files come from
/// outside. Errors are ignored.
pub(super) fn tell(text: impl Display) {
    let _ = io::stderr().write_all(line(text).as_bytes());
}

/// Makes panic messages free of control characters: they may quote data from outside.
/// Commands that listen replace this by [`Stderr::tell_panics`].
pub(super) fn clean_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let said = info.to_string();
        if is_clean(&said) { usual(info) } else { tell(said) }
    }));
}

/// Whether a text of several lines has no control or hidden characters.
fn is_clean(said: &str) -> bool {
    said.chars().all(|c| c == '\n' || !text::is_hidden(c))
}

/// The line that [`tell`] prints.
pub(super) fn line(text: impl Display) -> String {
    let text = format!("toptalk: {text}");
    format!("{}\n", text::lines_replaced(&text, '\u{fffd}'))
}

/// Standard error for a command that listens: it never waits for the reader.
///
/// # Errors
/// When no thread can be started.
pub(super) fn beside() -> Result<Stderr, AppError> {
    let note = |lost| line(format_args!("{lost} lines could not be written"));
    let stderr = Stderr::start(LostMessageCounters::default(), note).map_err(AppError::Start)?;
    stderr.tell_panics(line);
    Ok(stderr)
}

/// Prints an answer for a command that handles signals itself. If nobody reads the answer, a
/// signal ends the wait at once; after an earlier signal the wait ends after [`PATIENCE`].
/// Returns the exit code of the signal, if there was one.
///
/// # Errors
/// When it cannot be written for another reason than a closed pipe.
pub(super) fn print_or_end(
    text: Vec<u8>,
    ends: &mut StopSignals,
    cut_short: Option<u8>,
    runtime: &Runtime,
) -> Result<Option<u8>, AppError> {
    let (tell, told) = oneshot::channel();
    let write = move || {
        let mut out = io::stdout().lock();
        // Sending fails if nobody waits any more; the process then ends.
        let _ = tell.send(out.write_all(&text).and_then(|()| out.flush()));
    };
    let thread = std::thread::Builder::new().name("print".to_owned());
    thread.spawn(write).map_err(AppError::Print)?;
    let (printed, code) = runtime.block_on(async {
        tokio::select! {
            biased;
            printed = told => (printed.unwrap_or(Ok(())), cut_short),
            code = ends.end() => (Ok(()), Some(code)),
            () = tokio::time::sleep(PATIENCE), if cut_short.is_some() => (Ok(()), cut_short),
        }
    });
    output::written(printed)?;
    Ok(code)
}
