//! Letters of other programs that are understood and refused with what to write
//! instead.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// A letter.
pub(super) struct UnsupportedLetter {
    pub(super) letter: char,
    /// What clap calls it.
    pub(super) id: &'static str,
    /// Whether a value follows; `None` when that is not known.
    pub(super) takes: Option<bool>,
    /// What to write instead.
    pub(super) hint: &'static str,
}

/// The same command that knows these letters, too.
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

/// Those that were given.
pub(super) fn given(
    matches: &ArgMatches,
    letters: &'static [UnsupportedLetter],
) -> impl Iterator<Item = &'static UnsupportedLetter> {
    let is_given =
        |one: &&UnsupportedLetter| matches.value_source(one.id) == Some(ValueSource::CommandLine);
    letters.iter().filter(is_given)
}

/// That words make no sense, in a message of our own.
pub(super) fn wrong(message: String) -> clap::Error {
    clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{message}\n"))
}
