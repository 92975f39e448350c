//! The arguments of `toptalk config`, and the flag that names the settings file.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What `toptalk config` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configure {
    /// Checks a file; `None` for the one that the other commands would read.
    Check(Option<PathBuf>),
    /// Prints every setting that this command line results in.
    Show(Vec<OsString>),
}

/// The flag of the commands that read the settings file. It is evaluated before the other
/// arguments: `CommandLine::wanted`.
#[derive(Args)]
pub(super) struct FileArgs {
    /// Settings file [default: /etc/toptalk/toptalk.toml, otherwise toptalk/toptalk.toml in the user's configuration folder]
    #[arg(long, value_name = "FILE", env = "TOPTALK_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum ConfigVerb {
    /// Check a settings file and report every error with its line
    Check {
        /// File to check [default: the settings file that the other commands read]
        file: Option<PathBuf>,
    },
    /// Print a valid settings file that has every setting, its value, and where the value comes from
    Show {
        /// Show the settings of this command line, as in `collect -p 2055` [default: all settings, each with its value for collect, or for the live screen, top or demo if collect does not have it]
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        words: Vec<OsString>,
    },
}

impl ConfigVerb {
    pub(super) fn check(self) -> Configure {
        match self {
            ConfigVerb::Check { file } => Configure::Check(file),
            ConfigVerb::Show { words } => Configure::Show(words),
        }
    }
}
