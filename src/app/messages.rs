//! Words for whoever started the program: what goes wrong there is no reason to end.

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

/// How long an answer that was cut short by a signal may take to be read.
const PATIENCE: Duration = Duration::from_millis(500);

/// Says something on stderr. Names of files come from outside: none of them may
/// command a terminal. Whether anybody still listens does not matter.
pub(super) fn tell(text: impl Display) {
    let _ = io::stderr().write_all(line(text).as_bytes());
}

/// From now on a panic repeats nothing that a terminal would obey: its message may
/// quote what came from outside. Commands that listen tell panics their own way.
pub(super) fn clean_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let said = info.to_string();
        if is_clean(&said) { usual(info) } else { tell(said) }
    }));
}

/// Whether a terminal would obey or hide nothing of a text of several lines.
fn is_clean(said: &str) -> bool {
    said.chars().all(|c| c == '\n' || !text::is_hidden(c))
}

/// The same as a line for whoever writes it.
pub(super) fn line(text: impl Display) -> String {
    let text = format!("toptalk: {text}");
    format!("{}\n", text::lines_replaced(&text, '\u{fffd}'))
}

/// Standard error for a command that listens: it never waits for whoever reads there.
///
/// # Errors
/// When there is no thread to be had.
pub(super) fn beside() -> Result<Stderr, AppError> {
    let note = |lost| line(format_args!("{lost} lines could not be written"));
    let stderr = Stderr::start(LostMessageCounters::default(), note).map_err(AppError::Start)?;
    stderr.tell_panics(line);
    Ok(stderr)
}

/// Prints an answer for a command that has signals of its own. Where nobody reads it,
/// a signal ends that at once; where one had cut it short already, soon. The exit
/// code is that of the signal.
///
/// # Errors
/// When it cannot be written, other than by a reader who has seen enough.
pub(super) fn print_or_end(
    text: Vec<u8>,
    ends: &mut StopSignals,
    cut_short: Option<u8>,
    runtime: &Runtime,
) -> Result<Option<u8>, AppError> {
    let (tell, told) = oneshot::channel();
    let write = move || {
        let mut out = io::stdout().lock();
        // Where it is not waited for any more the process ends.
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
