//! The words of `toptalk config`, and those that name a file of settings.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is asked of the file of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configure {
    /// Whether it is right; `None` for the one that would be taken.
    Check(Option<PathBuf>),
    /// Every setting, as this command line would have it.
    Show(Vec<OsString>),
}

/// The words of commands that take settings from a file. It is looked at before
/// the rest is understood: `Line::wanted`.
#[derive(Args)]
pub(super) struct FileArgs {
    /// The file of settings [default: /etc/toptalk/toptalk.toml, else toptalk/toptalk.toml in the user's configuration folder]
    #[arg(long, value_name = "FILE", env = "TOPTALK_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum ConfigVerb {
    /// Say whether a file is right, and if not, what is wrong where
    Check {
        /// The file [default: the one that would be taken]
        file: Option<PathBuf>,
    },
    /// Print every setting with its value and where that is from, as a file that could be used
    Show {
        /// The command that is asked about, as in `collect -p 2055` [default: each setting of the first of collect, the screen and top that has it]
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORDS")]
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
