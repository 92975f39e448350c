//! A command line as it was given, which a file of settings may lie beneath.

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::given_flags::GivenFlags;
use super::settings::{self, SettingValue};
use super::{Cli, Command};
use crate::config::{SettingsFile, Verb};
use crate::text;

/// Words that can be read again when the file has changed.
#[derive(Clone, Debug)]
pub struct CommandLine {
    words: Vec<OsString>,
}

/// Which file of settings a command takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedFile {
    /// None: it has no settings.
    None,
    /// The one in a usual place, if there is one.
    Usual,
    /// This one.
    This(PathBuf),
}

/// Why there is no command: help that was asked for, or something wrong.
#[derive(Debug)]
pub struct UsageError(clap::Error);

impl UsageError {
    /// Whether it is what was asked for, help or the version, and goes to standard output.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        !self.0.use_stderr()
    }

    /// Prints it. Errors repeat words, and help has values of the environment and of a
    /// file, which may come from anywhere.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self) -> std::io::Result<()> {
        let said = self.0.to_string();
        let clean = text::lines_replaced(&said, '\u{fffd}');
        if clean == said {
            self.0.print()?;
        } else if self.0.use_stderr() {
            std::io::stderr().write_all(clean.as_bytes())?;
        } else {
            std::io::stdout().write_all(clean.as_bytes())?;
        }
        std::io::stdout().flush()
    }

    /// Ends the process with the code that goes with it.
    pub fn exit(&self) -> ! {
        std::process::exit(self.0.exit_code())
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<clap::Error> for UsageError {
    fn from(error: clap::Error) -> UsageError {
        UsageError(error)
    }
}

impl CommandLine {
    /// Words, the first being the program's name.
    #[must_use]
    pub fn new(words: Vec<OsString>) -> CommandLine {
        CommandLine { words }
    }

    /// Whether it asks for a collector, whatever else it says.
    #[must_use]
    pub fn collects(&self) -> bool {
        self.words.get(1).is_some_and(|word| word == "collect")
    }

    /// Which file of settings is to be read before it is understood.
    ///
    /// # Errors
    /// When it would not be understood with any file.
    pub fn wanted(&self) -> Result<WantedFile, UsageError> {
        let matches = Cli::command().try_get_matches_from(&self.words)?;
        let Some((verb, own)) = verb(&matches) else { return Ok(WantedFile::None) };
        let given = own.try_get_one::<PathBuf>("config").ok().flatten().cloned();
        Ok(match (verb, given) {
            (_, Some(path)) => WantedFile::This(path),
            (_, None) => WantedFile::Usual,
        })
    }

    /// What is to be done, with the settings of a file beneath.
    ///
    /// # Errors
    /// What is wrong, or help that was asked for.
    pub fn command(&self, file: Option<&SettingsFile>) -> Result<Command, UsageError> {
        let matches = settings::beneath(file).try_get_matches_from(&self.words)?;
        let own = matches.subcommand().map_or(&matches, |(_, own)| own);
        Ok(Cli::from_arg_matches(&matches)?.check(&GivenFlags::of(own))?)
    }

    /// Every setting with its value and where that is from.
    ///
    /// # Errors
    /// As those of [`Line::command`].
    pub fn settings(&self, file: Option<&SettingsFile>) -> Result<Vec<SettingValue>, UsageError> {
        let command = settings::beneath(file);
        let matches = command.clone().try_get_matches_from(&self.words)?;
        let Some((verb, own)) = verb(&matches) else { return Ok(Vec::new()) };
        Ok(settings::values(&command, verb, own, file))
    }
}

/// Which command with settings it is, and its own words.
fn verb(matches: &ArgMatches) -> Option<(Verb, &ArgMatches)> {
    match matches.subcommand() {
        None => Some((Verb::Live, matches)),
        Some((word, own)) => {
            let verb = Verb::ALL.into_iter().find(|verb| verb.word() == Some(word));
            verb.map(|verb| (verb, own))
        }
    }
}

/// Reads a command line given as words, the first being the program's name,
/// without any file.
///
/// # Errors
/// The message that would have been printed.
pub fn read_from<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Command, String> {
    let line = CommandLine::new(words.into_iter().map(OsString::from).collect());
    line.command(None).map_err(|refusal| refusal.to_string())
}
