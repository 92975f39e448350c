//! Options of other programs that toptalk does not have. They are recognised so that the
//! error can say what to write instead.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// An option of one letter.
pub(super) struct UnsupportedLetter {
    pub(super) letter: char,
    /// Its id in clap.
    pub(super) id: &'static str,
    /// Whether a value follows; `None` when that depends on the release of the other program.
    pub(super) takes: Option<bool>,
    /// What to write instead.
    pub(super) hint: &'static str,
}

/// Adds these options to a command.
pub(super) fn augment(command: Command, letters: &'static [UnsupportedLetter]) -> Command {
    command.args(letters.iter().map(|one| {
        let arg = Arg::new(one.id).short(one.letter).hide(true).action(ArgAction::Append);
        match one.takes {
            Some(false) => arg.action(ArgAction::Count),
            Some(true) => arg.num_args(1),
            None => arg.num_args(0..=1).allow_hyphen_values(true),
        }
    }))
}

/// The ones that were given.
pub(super) fn given(
    matches: &ArgMatches,
    letters: &'static [UnsupportedLetter],
) -> impl Iterator<Item = &'static UnsupportedLetter> {
    let is_given =
        |one: &&UnsupportedLetter| matches.value_source(one.id) == Some(ValueSource::CommandLine);
    letters.iter().filter(is_given)
}

/// An error about the arguments with this message.
pub(super) fn wrong(message: String) -> clap::Error {
    clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{message}\n"))
}
