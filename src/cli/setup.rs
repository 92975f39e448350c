//! The words of `toptalk setup`, and what is made of all words: man pages and
//! completions.

use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Subcommand, ValueEnum};

use super::Words;

/// What belongs around the program on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The files for systemd: printed, or written below a folder.
    Systemd { write: Option<PathBuf> },
    /// Man pages, written into a folder.
    Man { to: PathBuf },
    /// Completions for a shell, printed.
    Completions { shell: Shell },
}

/// A shell that completions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Args)]
pub(super) struct SetupWords {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Print what makes toptalk a service: unit, user, folders, receive buffer
    Systemd {
        /// Write the files below this folder instead, as in / or a package's root
        #[arg(long, value_name = "DIR")]
        write: Option<PathBuf>,
    },
    /// Write a man page for every command
    Man {
        /// The folder to write them into; made when it is not there
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Print completions for a shell
    Completions { shell: Shell },
}

impl SetupWords {
    pub(super) fn check(self) -> Setup {
        match self.what {
            What::Systemd { write } => Setup::Systemd { write },
            What::Man { to } => Setup::Man { to },
            What::Completions { shell } => Setup::Completions { shell },
        }
    }
}

/// A man page for every command: its file's name, and the page.
///
/// # Errors
/// None that writing into memory has.
pub fn man_pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut root = Words::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    pages_of(&root, &mut pages)?;
    Ok(pages)
}

fn pages_of(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name()).replace(' ', "-");
    let page = clap_mangen::Man::new(command.clone()).title(name.to_uppercase());
    let mut text = Vec::new();
    page.render(&mut text)?;
    pages.push((format!("{name}.1"), text));
    command.get_subcommands().try_for_each(|below| pages_of(below, pages))
}

/// Completions for a shell.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Words::command(), "toptalk", &mut out);
    out
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

    #[test]
    fn every_command_has_a_page_that_names_its_flags() {
        let pages = man_pages().unwrap();
        let page = |name: &str| {
            let found = pages.iter().find(|(known, _)| known == name);
            String::from_utf8(found.unwrap_or_else(|| panic!("{name}")).1.clone()).unwrap()
        };
        let commands: Vec<String> =
            Words::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        assert!(commands.len() > 8, "{commands:?}");
        for name in commands {
            assert!(page("toptalk.1").contains(&format!("toptalk\\-{name}(1)")), "{name}");
            let text = page(&format!("toptalk-{name}.1"));
            assert!(text.contains(&format!(".TH TOPTALK-{}", name.to_uppercase())), "{text}");
        }
        assert!(page("toptalk-collect.1").contains("\\-\\-expire\\-size"));
        assert!(page("toptalk-setup-man.1").contains("\\-\\-to"));
    }

    #[test]
    fn completions_know_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = String::from_utf8(completions(shell)).unwrap();
            for word in ["collect", "expire-size", "doctor"] {
                assert!(text.contains(word), "{shell:?}: {word}");
            }
        }
    }
}
