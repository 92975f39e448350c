//! The arguments of `toptalk setup`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The files for systemd: printed, or written below a folder.
    Systemd {
        /// The folder to write below; `None` to print.
        write: Option<PathBuf>,
    },
    /// Man pages, written into a folder.
    Man {
        /// The folder to write to.
        to: PathBuf,
    },
    /// Completions for a shell, printed.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// A shell with completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
}

#[derive(Args)]
pub(super) struct SetupArgs {
    #[command(subcommand)]
    what: SetupVerb,
}

#[derive(Subcommand)]
enum SetupVerb {
    /// Print the files for systemd: the unit, and the files that create its user and folders and set the receive buffer
    Systemd {
        /// Write the files below this folder instead of printing them: / for this machine, another folder to build a package
        #[arg(long, value_name = "DIR")]
        write: Option<PathBuf>,
    },
    /// Write a man page for every command
    Man {
        /// Folder to write to; created if it does not exist
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Print completions for a shell
    Completions {
        /// Shell to complete for
        shell: Shell,
    },
}

impl SetupArgs {
    pub(super) fn check(self) -> Setup {
        match self.what {
            SetupVerb::Systemd { write } => Setup::Systemd { write },
            SetupVerb::Man { to } => Setup::Man { to },
            SetupVerb::Completions { shell } => Setup::Completions { shell },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, read_from};

    #[test]
    fn words_say_what_to_set_up() {
        let setup = |words: &str| -> Result<Setup, String> {
            match read_from(words.split_whitespace())? {
                Command::Setup(setup) => Ok(setup),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(setup("toptalk setup systemd"), Ok(Setup::Systemd { write: None }));
        let written = Setup::Systemd { write: Some("/x".into()) };
        assert_eq!(setup("toptalk setup systemd --write /x"), Ok(written));
        assert_eq!(setup("toptalk setup man --to m"), Ok(Setup::Man { to: "m".into() }));
        let zsh = Setup::Completions { shell: Shell::Zsh };
        assert_eq!(setup("toptalk setup completions zsh"), Ok(zsh));
        for (words, expected) in [
            ("toptalk setup", "systemd"),
            ("toptalk setup man", "--to <DIR>"),
            ("toptalk setup completions csh", "bash, zsh, fish"),
        ] {
            let message = setup(words).unwrap_err();
            assert!(message.contains(expected), "{words}: {message}");
        }
    }
}
