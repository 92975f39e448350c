//! Letters of nfcapd that are refused, with what to write instead: for those that
//! make a service of it, the whole line.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};

use crate::cli::unsupported::{self, UnsupportedLetter};

const fn letter(
    letter: char,
    id: &'static str,
    takes: bool,
    hint: &'static str,
) -> UnsupportedLetter {
    UnsupportedLetter { letter, id, takes: Some(takes), hint }
}

/// What whoever runs the service does.
const SERVICE: &[UnsupportedLetter] = &[
    letter('D', "refused-D", false, "toptalk stays in the foreground; systemd or & does the rest"),
    letter(
        'P',
        "refused-P",
        true,
        "systemd knows the number of the process, there is no file of it",
    ),
    letter('u', "refused-u", true, "a service has its user from the start, it never runs as root"),
    letter('g', "refused-g", true, "a service has its group from the start, it never runs as root"),
];

const OTHERS: &[UnsupportedLetter] = &[
    letter(
        'J',
        "refused-J",
        true,
        "groups are not joined: have the routers send to an address of this machine",
    ),
    letter('E', "refused-E", false, "toptalk inspect --port PORT prints every record"),
    letter(
        'T',
        "refused-T",
        true,
        "1.6's -T chose extensions: every field is recorded, leave it out",
    ),
    letter(
        'X',
        "refused-X",
        true,
        "1.7's -X chose extensions: every field is recorded, leave it out",
    ),
    letter(
        'f',
        "refused-f",
        true,
        "toptalk replay -r FILE --to HOST:PORT sends what is in a capture",
    ),
    letter(
        'C',
        "refused-C",
        true,
        "write --config FILE; toptalk config show prints one to begin with",
    ),
    letter('W', "refused-W", true, "one thread of low priority compresses: leave it out"),
    letter('v', "refused-v", true, "write --log-level debug"),
    letter('V', "refused-V", false, "write toptalk --version"),
];

/// Says nothing of what is wanted, only of what nobody has to choose.
const PACKING: [&str; 3] = ["z", "y", "j"];

/// The words, where such letters are among them.
#[derive(Default)]
pub(super) struct UnsupportedFlags(Option<ArgMatches>);

impl UnsupportedFlags {
    /// Says what to write instead; `all` are the arguments that `collect` has.
    pub(super) fn check(&self, all: &Command) -> Result<(), String> {
        self.0.as_ref().map_or(Ok(()), |matches| Err(instead(matches, all)))
    }
}

impl Args for UnsupportedFlags {
    fn augment_args(command: Command) -> Command {
        unsupported::augment(unsupported::augment(command, SERVICE), OTHERS)
    }

    fn augment_args_for_update(command: Command) -> Command {
        UnsupportedFlags::augment_args(command)
    }
}

impl clap::FromArgMatches for UnsupportedFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<UnsupportedFlags, clap::Error> {
        let is_any =
            unsupported::given(matches, OTHERS).chain(unsupported::given(matches, SERVICE)).next();
        Ok(UnsupportedFlags(is_any.map(|_| matches.clone())))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = UnsupportedFlags::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What to write instead of the letters that were given.
fn instead(matches: &ArgMatches, all: &Command) -> String {
    let said = |one: &UnsupportedLetter| format!("-{}: {}\n", one.letter, one.hint);
    let others: String = unsupported::given(matches, OTHERS).map(said).collect();
    let service: String = unsupported::given(matches, SERVICE).map(said).collect();
    let mut text = format!("{service}{others}");
    if !service.is_empty() {
        text.push_str("\nthe same with toptalk:\n  ");
        text.push_str(&line(matches, all));
        text.push_str(
            "\nas a service that systemd starts and keeps running, by a unit made of it:\n  ",
        );
        text.push_str("toptalk setup systemd");
    }
    text.trim_end().to_owned()
}

/// The line of all that is not refused, in the order in which it was given.
fn line(matches: &ArgMatches, all: &Command) -> String {
    let mut words: Vec<(usize, String)> = Vec::new();
    for arg in all.get_arguments() {
        let id = arg.get_id().as_str();
        let is_given = matches.value_source(id) == Some(ValueSource::CommandLine);
        if !is_given || id.starts_with("refused-") || PACKING.contains(&id) {
            continue;
        }
        let flag = match (id, arg.get_short(), arg.get_long()) {
            ("log", ..) => "-w".to_owned(),
            (_, Some(letter), _) => format!("-{letter}"),
            (_, None, long) => format!("--{}", long.unwrap_or(id)),
        };
        let places = matches.indices_of(id).into_iter().flatten();
        let values: Vec<_> = matches.get_raw(id).into_iter().flatten().collect();
        if arg.get_action().takes_values() {
            // The -w that only aligns has none.
            let valued = places.zip(values);
            words.extend(
                valued.map(|(at, value)| {
                    (at, format!("{flag} {}", quoted(&value.to_string_lossy())))
                }),
            );
        } else {
            words.extend(places.take(1).map(|at| (at, flag.clone())));
        }
    }
    words.sort();
    let words: String = words.into_iter().map(|(_, word)| format!(" {word}")).collect();
    format!("toptalk collect{words}")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
