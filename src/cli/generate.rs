//! Man pages and shell completions, generated from the command line.

use std::io;

use super::environment;
use super::setup::Shell;

/// A man page for every command: its file's name, and the page.
///
/// # Errors
/// None that writing into memory has.
pub fn man_pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut root = environment::declared().disable_help_subcommand(true);
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
    clap_complete::generate(shell, &mut environment::declared(), "toptalk", &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_names_its_flags() {
        let pages = man_pages().unwrap();
        let page = |name: &str| {
            let found = pages.iter().find(|(known, _)| known == name);
            String::from_utf8(found.unwrap_or_else(|| panic!("{name}")).1.clone()).unwrap()
        };
        let commands: Vec<String> = environment::declared()
            .get_subcommands()
            .map(|verb| verb.get_name().to_owned())
            .collect();
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
