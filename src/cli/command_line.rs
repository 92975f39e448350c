//! The command line as given. It is read together with the environment and the settings
//! file.

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;

use clap::{ArgMatches, FromArgMatches};

use super::environment::{self, Variables};
use super::given_flags::GivenFlags;
use super::settings::{self, SettingValue};
use super::{Cli, Command};
use crate::config::{SettingsFile, Verb};
use crate::text;

/// The arguments, which can be read again when the settings file has changed.
#[derive(Clone, Debug)]
pub struct CommandLine {
    words: Vec<OsString>,
    variables: Variables,
}

/// The settings file that a command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedFile {
    /// None: the command has no settings.
    None,
    /// The first one in the default places, if there is one.
    Usual,
    /// The file that the user named.
    This(PathBuf),
}

/// Why there is no command to run: help was asked for, or an argument is wrong.
#[derive(Debug)]
pub struct UsageError(clap::Error);

impl UsageError {
    /// Whether it is help or the version, which goes to standard output.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        !self.0.use_stderr()
    }

    /// Prints it without control characters. Errors repeat arguments, and help shows values
    /// of the environment and of a file, which may come from outside.
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

    /// The message without `error: `, for output that begins with the name of the program.
    #[must_use]
    pub fn message(&self) -> String {
        let said = self.0.to_string();
        said.strip_prefix("error: ").unwrap_or(&said).trim_end().to_owned()
    }

    /// Ends the process with the exit code for it.
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
    /// The arguments, the first being the program's name, and the environment.
    #[must_use]
    pub fn new(words: Vec<OsString>, variables: Variables) -> CommandLine {
        CommandLine { words, variables }
    }

    /// Whether the command is `collect`, even if the rest is wrong.
    #[must_use]
    pub fn collects(&self) -> bool {
        self.words.get(1).is_some_and(|word| word == "collect")
    }

    /// The settings file to read before the rest can be interpreted.
    ///
    /// # Errors
    /// When the arguments are wrong whatever the file contains, or ask for help.
    pub fn wanted(&self) -> Result<WantedFile, UsageError> {
        let (_, matches) = self.read(None)?;
        let Some((_, own)) = verb(&matches) else { return Ok(WantedFile::None) };
        let given = own.try_get_one::<PathBuf>("config").ok().flatten().cloned();
        Ok(given.map_or(WantedFile::Usual, WantedFile::This))
    }

    /// The command to run. The values of the file are the defaults of the flags.
    ///
    /// # Errors
    /// What is wrong, or the help that was asked for.
    pub fn command(&self, file: Option<&SettingsFile>) -> Result<Command, UsageError> {
        let (command, matches) = self.read(file)?;
        Ok(Cli::from_arg_matches(&matches)?.check(&GivenFlags::of(&command, &matches))?)
    }

    /// Every setting with its value and the origin of the value.
    ///
    /// # Errors
    /// As those of [`CommandLine::command`].
    pub fn settings(&self, file: Option<&SettingsFile>) -> Result<Vec<SettingValue>, UsageError> {
        let (command, matches) = self.read(file)?;
        let Some((verb, own)) = verb(&matches) else { return Ok(Vec::new()) };
        Ok(settings::values(&command, verb, own, file))
    }

    fn read(&self, file: Option<&SettingsFile>) -> Result<(clap::Command, ArgMatches), UsageError> {
        let command = environment::command(&self.words, &self.variables);
        let command = settings::beneath(file, command);
        let matches = environment::matches(command.clone(), &self.words, &self.variables)?;
        Ok((command, matches))
    }
}

/// Whether every command that reads the settings file accepts this one as a whole: each
/// value may be valid, and their number or their combination not.
///
/// # Errors
/// The message of the first command that refuses the file.
pub fn check_together(file: &SettingsFile) -> Result<(), String> {
    let command = environment::without_variables(environment::declared());
    let command = settings::beneath(Some(file), command);
    for verb in Verb::ALL {
        let words = std::iter::once("toptalk").chain(verb.word());
        let result = command.clone().try_get_matches_from(words).and_then(|matches| {
            Cli::from_arg_matches(&matches)?.check(&GivenFlags::of(&command, &matches))
        });
        result.map_err(|error| UsageError::from(error).message())?;
    }
    Ok(())
}

/// The command, if it has settings, and its arguments.
fn verb(matches: &ArgMatches) -> Option<(Verb, &ArgMatches)> {
    match matches.subcommand() {
        None => Some((Verb::Live, matches)),
        Some((word, own)) => {
            let verb = Verb::ALL.into_iter().find(|verb| verb.word() == Some(word));
            verb.map(|verb| (verb, own))
        }
    }
}

/// Reads arguments, the first being the program's name, without a settings file.
///
/// # Errors
/// The message that the program would print.
pub fn read_from<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Command, String> {
    let words = words.into_iter().map(OsString::from).collect();
    let line = CommandLine::new(words, Variables::default());
    line.command(None).map_err(|refusal| refusal.to_string())
}
