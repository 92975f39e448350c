//! Options of nfdump, of any release, that toptalk does not have, with what to write
//! instead.

use clap::{ArgMatches, Command};

use crate::cli::unsupported::{self, UnsupportedLetter};

const REFUSED: &[UnsupportedLetter] = &[
    letter('m', "refused-m", "write -O tstart to sort by time (-m of nfdump 1.6)"),
    letter('S', "refused-S", "write -s record/packets -s record/bytes (-S of nfdump 1.6)"),
    letter('l', "refused-l", "write the limit into the filter: packets > 1000"),
    letter('L', "refused-L", "write the limit into the filter: bytes > 1M"),
    letter('K', "refused-K", "toptalk does not anonymise addresses"),
    letter('H', "refused-H", "write -R or -r"),
    letter(
        'i',
        "refused-i",
        "toptalk only reads files of nfcapd; nfdump -i changes the ident in a file",
    ),
    letter('j', "refused-j", "leave it out: files that -w writes are always compressed"),
    letter(
        'J',
        "refused-J",
        "toptalk only reads files of nfcapd; nfdump -J changes their compression",
    ),
    letter('y', "refused-y", "leave it out: files that -w writes are always compressed"),
    letter('z', "refused-z", "leave it out: files that -w writes are always compressed"),
    letter('W', "refused-W", "write --threads N (-W N of nfdump 1.8)"),
    letter('X', "refused-X", "write -Z, which prints the normal form of the filter"),
    letter('E', "refused-E", "write -s router to list the exporters"),
    letter(
        'x',
        "refused-x",
        "extension maps exist only in files of nfdump 1.6; convert these with nfdump 1.7: nfdump -r OLD -w NEW",
    ),
    letter('g', "refused-g", "write -I with -t, or with --from and --to, for each time"),
    letter('G', "refused-G", "toptalk has no database of countries"),
    letter('D', "refused-D", "names are not looked up in the DNS: write addresses into the filter"),
    letter('C', "refused-C", "there is no configuration file of formats: write -o fmt:..."),
    letter(
        'T',
        "refused-T",
        "addresses are not marked with tags: write -o csv or -o json for programs",
    ),
    letter('k', "refused-k", "toptalk query --help lists the elements and formats"),
];

const fn letter(letter: char, id: &'static str, hint: &'static str) -> UnsupportedLetter {
    UnsupportedLetter { letter, id, takes: None, hint }
}

/// The message about the first of these options that was given.
#[derive(Default)]
pub(in crate::cli) struct UnsupportedFlag(Option<String>);

impl UnsupportedFlag {
    /// Fails with what to write instead.
    pub(in crate::cli) fn check(&self) -> Result<(), String> {
        self.0.clone().map_or(Ok(()), Err)
    }
}

impl clap::Args for UnsupportedFlag {
    fn augment_args(command: Command) -> Command {
        unsupported::augment(command, REFUSED)
    }

    fn augment_args_for_update(command: Command) -> Command {
        UnsupportedFlag::augment_args(command)
    }
}

impl clap::FromArgMatches for UnsupportedFlag {
    fn from_arg_matches(matches: &ArgMatches) -> Result<UnsupportedFlag, clap::Error> {
        let first = unsupported::given(matches, REFUSED).next();
        Ok(UnsupportedFlag(first.map(|one| format!("-{}: {}", one.letter, one.hint))))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = UnsupportedFlag::from_arg_matches(matches)?;
        Ok(())
    }
}
