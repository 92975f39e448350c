//! Options of nfcapd that toptalk does not have, with what to write instead. For the
//! options that run nfcapd as a service, the message has the whole command line.

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

/// Options that systemd replaces.
const SERVICE: &[UnsupportedLetter] = &[
    letter(
        'D',
        "refused-D",
        false,
        "toptalk always runs in the foreground; run it as a systemd service, or with &",
    ),
    letter('P', "refused-P", true, "there is no PID file; systemd knows the process"),
    letter('u', "refused-u", true, "set User= in the systemd unit; toptalk never needs root"),
    letter('g', "refused-g", true, "set Group= in the systemd unit; toptalk never needs root"),
];

const OTHERS: &[UnsupportedLetter] = &[
    letter(
        'J',
        "refused-J",
        true,
        "multicast is not supported: let the routers send to an address of this machine",
    ),
    letter('E', "refused-E", false, "write toptalk inspect --port PORT to print every record"),
    letter(
        'T',
        "refused-T",
        true,
        "leave it out: every field is recorded (nfcapd 1.6 chose extensions with -T)",
    ),
    letter(
        'X',
        "refused-X",
        true,
        "leave it out: every field is recorded (nfcapd 1.7 chose extensions with -X)",
    ),
    letter(
        'f',
        "refused-f",
        true,
        "write toptalk replay -r FILE --to HOST:PORT to send the datagrams of a capture",
    ),
    letter(
        'C',
        "refused-C",
        true,
        "write --config FILE; toptalk config show prints a file to start with",
    ),
    letter('W', "refused-W", true, "leave it out: one thread of low priority compresses"),
    letter('v', "refused-v", true, "write --log-level debug"),
    letter('V', "refused-V", false, "write toptalk --version"),
];

/// Options for compression, which have no effect.
const PACKING: [&str; 3] = ["z", "y", "j"];

/// The arguments, if they contain one of these options.
#[derive(Default)]
pub(super) struct UnsupportedFlags(Option<ArgMatches>);

impl UnsupportedFlags {
    /// Returns what to write instead; `all` is the command `collect` with its arguments.
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

/// What to write instead of the given options.
fn instead(matches: &ArgMatches, all: &Command) -> String {
    let said = |one: &UnsupportedLetter| format!("-{}: {}\n", one.letter, one.hint);
    let others: String = unsupported::given(matches, OTHERS).map(said).collect();
    let service: String = unsupported::given(matches, SERVICE).map(said).collect();
    let mut text = format!("{service}{others}");
    if !service.is_empty() {
        text.push_str("\nThe same with toptalk:\n  ");
        text.push_str(&line(matches, all));
        text.push_str(
            "\nAs a service that systemd starts and restarts, with the unit that this command prints:\n  ",
        );
        text.push_str("toptalk setup systemd");
    }
    text.trim_end().to_owned()
}

/// The command line of all arguments that toptalk has, in the order in which they were given.
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
            // -w together with -l has no value.
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

/// A word quoted for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
