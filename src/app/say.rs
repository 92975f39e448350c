//! Words for whoever started the program: what goes wrong there is no reason to end.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use super::AppError;

/// Says something on stderr. Names of files come from outside: none of them may
/// command a terminal. Whether anybody still listens does not matter.
pub(super) fn tell(text: impl Display) {
    let text = format!("toptalk: {text}");
    let shown = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
    let text: String = text.chars().map(shown).collect();
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints text; whoever read us may have seen enough.
///
/// # Errors
/// When it cannot be written for another reason.
pub(super) fn print(text: &str) -> Result<ExitCode, AppError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(AppError::Print(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}
