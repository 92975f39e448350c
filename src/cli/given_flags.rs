//! Which flags were given.

use clap::ArgMatches;
use clap::parser::ValueSource;

/// The flags of a command that were given on the command line or in the environment.
/// What the settings file says is not among them: it speaks of every run.
pub(super) struct GivenFlags {
    /// Names in the program of those on the command line.
    typed: Vec<String>,
    /// Names of those in the environment.
    exported: Vec<String>,
}

impl GivenFlags {
    pub(super) fn of(matches: &ArgMatches) -> GivenFlags {
        let from = |source: ValueSource| {
            let ids = matches.ids().filter(|id| matches.value_source(id.as_str()) == Some(source));
            ids.map(ToString::to_string).collect()
        };
        GivenFlags {
            typed: from(ValueSource::CommandLine),
            exported: from(ValueSource::EnvVariable),
        }
    }

    /// Whether the flag of this name in the program was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.has_typed(name) || self.exported.iter().any(|said| said == name)
    }

    /// Whether it was given on the command line itself: the environment may be that of
    /// several commands.
    pub(super) fn has_typed(&self, name: &str) -> bool {
        self.typed.iter().any(|said| said == name)
    }
}
