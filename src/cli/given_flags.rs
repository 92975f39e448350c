//! Which flags were given.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command};

/// The flags of a command that were given on the command line or in the environment, by
/// their long names. Flags that the settings file gives are not among them: the file is
/// the same for every run and every command.
pub(super) struct GivenFlags {
    typed: Vec<String>,
    exported: Vec<String>,
}

impl GivenFlags {
    /// The flags in what was read by this command line.
    pub(super) fn of(command: &Command, matches: &ArgMatches) -> GivenFlags {
        let (command, matches) = match matches.subcommand() {
            Some((word, own)) => (command.find_subcommand(word).unwrap_or(command), own),
            None => (command, matches),
        };
        let from = |source: ValueSource| {
            let is_given = |arg: &&Arg| {
                matches.try_contains_id(arg.get_id().as_str()).is_ok()
                    && matches.value_source(arg.get_id().as_str()) == Some(source)
            };
            let given = command.get_arguments().filter(is_given);
            given.filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
        };
        GivenFlags {
            typed: from(ValueSource::CommandLine),
            exported: from(ValueSource::EnvVariable),
        }
    }

    /// Whether the flag of this long name was given.
    pub(super) fn has(&self, flag: &str) -> bool {
        self.has_typed(flag) || self.exported.iter().any(|one| one == flag)
    }

    /// Whether it was given on the command line itself. The environment may be meant for
    /// several commands.
    pub(super) fn has_typed(&self, flag: &str) -> bool {
        self.typed.iter().any(|one| one == flag)
    }
}

/// The long names of all flags that a type declares, in its order.
pub(super) fn flags_of<A: Args>() -> Vec<String> {
    let command = A::augment_args(Command::new("toptalk"));
    command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}

/// Flags with their dashes, separated by commas, for messages.
pub(super) fn listed<'a>(flags: impl Iterator<Item = &'a str>) -> String {
    flags.map(|flag| format!("--{flag}")).collect::<Vec<_>>().join(", ")
}
