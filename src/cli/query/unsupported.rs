//! Flags of nfdump, of this release or another, that are understood and refused
//! with what to write instead.

use clap::{ArgMatches, Command};

use crate::cli::unsupported::{self, UnsupportedLetter};

const REFUSED: &[UnsupportedLetter] = &[
    letter('m', "refused-m", "1.6's -m sorted by time: write -O tstart"),
    letter(
        'S',
        "refused-S",
        "1.6's -S made a statistic of records: write -s record/packets -s record/bytes",
    ),
    letter('l', "refused-l", "write the limit into the filter: packets > 1000"),
    letter('L', "refused-L", "write the limit into the filter: bytes > 1M"),
    letter('K', "refused-K", "addresses are not made anonymous"),
    letter('H', "refused-H", "write -R or -r"),
    letter(
        'i',
        "refused-i",
        "files of nfcapd are only read: nfdump -i changes a file's name of its source",
    ),
    letter('j', "refused-j", "files that -w writes are compressed: leave it out"),
    letter('J', "refused-J", "files of nfcapd are only read: nfdump -J changes their compression"),
    letter('y', "refused-y", "files that -w writes are compressed: leave it out"),
    letter('z', "refused-z", "files that -w writes are compressed: leave it out"),
    letter('W', "refused-W", "1.8's -W N is --threads N"),
    letter('X', "refused-X", "write -Z: it prints how the filter is understood"),
    letter('E', "refused-E", "write -s router for the exporters"),
    letter(
        'x',
        "refused-x",
        "extension maps are of nfdump 1.6, whose files nfdump 1.7 rewrites: nfdump -r OLD -w NEW",
    ),
    letter('g', "refused-g", "write -I with -t or --from and --to for each time"),
    letter('G', "refused-G", "no database of countries is kept"),
    letter('D', "refused-D", "names are not looked up: write addresses into the filter"),
    letter('C', "refused-C", "there is no file of formats: write -o fmt:..."),
    letter('T', "refused-T", "addresses are not marked: write -o csv or -o json for programs"),
    letter('k', "refused-k", "write toptalk query --help for the words there are"),
];

const fn letter(letter: char, id: &'static str, hint: &'static str) -> UnsupportedLetter {
    UnsupportedLetter { letter, id, takes: None, hint }
}

/// The first of these flags that was given.
#[derive(Default)]
pub(in crate::cli) struct UnsupportedFlag(Option<String>);

impl UnsupportedFlag {
    /// Says what to write instead.
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
