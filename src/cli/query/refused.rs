//! Flags of nfdump, of this release or another, that are understood and refused
//! with what to write instead.

use clap::{Arg, ArgAction, ArgMatches, Command};

/// A letter, what clap calls it, and what to write instead.
const REFUSED: &[(char, &str, &str)] = &[
    ('m', "refused-m", "1.6's -m sorted by time: write -O tstart"),
    (
        'S',
        "refused-S",
        "1.6's -S made a statistic of records: write -s record/packets -s record/bytes",
    ),
    ('l', "refused-l", "write the limit into the filter: packets > 1000"),
    ('L', "refused-L", "write the limit into the filter: bytes > 1M"),
    ('K', "refused-K", "addresses are not made anonymous"),
    ('H', "refused-H", "write -R or -r"),
    (
        'i',
        "refused-i",
        "files of nfcapd are only read: nfdump -i changes a file's name of its source",
    ),
    ('j', "refused-j", "files that -w writes are compressed: leave it out"),
    ('J', "refused-J", "files of nfcapd are only read: nfdump -J changes their compression"),
    ('y', "refused-y", "files that -w writes are compressed: leave it out"),
    ('z', "refused-z", "files that -w writes are compressed: leave it out"),
    ('W', "refused-W", "1.8's -W N is --threads N"),
    ('X', "refused-X", "write -Z: it prints how the filter is understood"),
    ('E', "refused-E", "write -s router for the exporters"),
    (
        'x',
        "refused-x",
        "extension maps are of nfdump 1.6, whose files nfdump 1.7 rewrites: nfdump -r OLD -w NEW",
    ),
    ('g', "refused-g", "write -I with -t or --from and --to for each time"),
    ('G', "refused-G", "no database of countries is kept"),
    ('D', "refused-D", "names are not looked up: write addresses into the filter"),
    ('C', "refused-C", "there is no file of formats: write -o fmt:..."),
    ('T', "refused-T", "addresses are not marked: write -o csv or -o json for programs"),
    ('k', "refused-k", "write toptalk query --help for the words there are"),
];

/// The first of these flags that was given.
#[derive(Default)]
pub(in crate::cli) struct Refused(Option<String>);

impl Refused {
    /// Says what to write instead.
    pub(in crate::cli) fn check(&self) -> Result<(), String> {
        self.0.clone().map_or(Ok(()), Err)
    }
}

impl clap::Args for Refused {
    fn augment_args(command: Command) -> Command {
        command.args(REFUSED.iter().map(|(letter, name, _)| {
            Arg::new(*name)
                .short(*letter)
                .hide(true)
                .num_args(0..=1)
                .allow_hyphen_values(true)
                .action(ArgAction::Append)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Refused::augment_args(command)
    }
}

impl clap::FromArgMatches for Refused {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Refused, clap::Error> {
        let given =
            |name: &str| matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
        let first = REFUSED.iter().find(|(_, name, _)| given(name));
        Ok(Refused(first.map(|(letter, _, hint)| format!("-{letter}: {hint}"))))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Refused::from_arg_matches(matches)?;
        Ok(())
    }
}
