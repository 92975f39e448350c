//! The environment variables of the command line: which flags have one, which of them are
//! wrong, and which ones no command knows.
//!
//! For the commands that read the settings file, the variable of a setting comes from the
//! table in `config`. Other flags (`--config`, `--tz`), and flags of other commands, name
//! their variable where they are declared.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, CommandFactory};

use super::Cli;
use super::collect::HOOK_VARIABLES;
use super::unsupported::wrong;
use crate::config::{TABLE, Verb};
use crate::text;
use crate::units::similar_words;

/// The environment, by the names of its variables. clap reads the variables of flags
/// itself; this is for what it does not tell of them.
pub type Variables = HashMap<OsString, OsString>;

/// What the names of all variables begin with.
const PREFIX: &str = "TOPTALK_";

/// A variable of hooks that is no setting, by which the environment of a hook is known.
const ONLY_IN_HOOKS: &str = "TOPTALK_UNIX";

/// Flags with the name of a setting that have no variable. The demo must not write its
/// invented flows into the archive that `TOPTALK_RECORD` names, and the window of `top`
/// may be `all`, which no screen has.
const WITHOUT_VARIABLE: [(Verb, &str); 2] = [(Verb::Demo, "record"), (Verb::Top, "window")];

/// The whole command line with every variable, also those that are set to nothing.
pub(super) fn declared() -> Command {
    Verb::ALL.into_iter().fold(Cli::command(), |command, verb| match verb.word() {
        Some(word) => command.mut_subcommand(word, |own| with_variables(own, verb)),
        None => with_variables(command, verb),
    })
}

fn with_variables(command: Command, verb: Verb) -> Command {
    command.mut_args(|arg| {
        let variable = arg.get_long().and_then(|flag| variable(flag, verb));
        if let Some(name) = variable { arg.env(name) } else { arg }
    })
}

/// The variable of a flag, if it is a setting of this command.
fn variable(flag: &str, verb: Verb) -> Option<String> {
    if WITHOUT_VARIABLE.contains(&(verb, flag)) {
        return None;
    }
    TABLE.iter().find(|setting| setting.flag == flag)?.variable()
}

/// The whole command line for reading these arguments, the first being the program's
/// name. A variable that is set to the empty string counts as not set, so that a service
/// file or a container can reset it. Where a command is named, the flags of the live
/// screen have no variables: clap would read them, too, and a variable that another
/// command has no use for would be an error. In the environment of a hook, the variables
/// of the hook are no settings: `TOPTALK_SLOT` is the start of a slot there.
pub(super) fn command(words: &[OsString], variables: &Variables) -> Command {
    let mut command = declared();
    if named(&command, words).is_some() {
        command = command.mut_args(without_variable);
    }
    let is_hook = variables.contains_key(OsStr::new(ONLY_IN_HOOKS));
    for_all_args(command, &|arg| {
        let is_unset = |name: &OsStr| {
            let is_empty = variables.get(name).is_some_and(|value| value.is_empty());
            is_empty || (is_hook && HOOK_VARIABLES.iter().any(|own| name == *own))
        };
        if arg.get_env().is_some_and(is_unset) { without_variable(arg) } else { arg }
    })
}

/// The command that these arguments name. Flags of the live screen cannot stand before it.
fn named<'a>(command: &'a Command, words: &[OsString]) -> Option<&'a Command> {
    words.get(1).and_then(|word| command.find_subcommand(word))
}

fn without_variable(arg: Arg) -> Arg {
    arg.env(None::<&'static str>)
}

/// The command line without any variable.
pub(super) fn without_variables(command: Command) -> Command {
    for_all_args(command, &without_variable)
}

fn for_all_args(command: Command, change: &dyn Fn(Arg) -> Arg) -> Command {
    command.mut_args(change).mut_subcommands(|own| for_all_args(own, change))
}

/// Reads the arguments, the first being the program's name.
///
/// # Errors
/// What is wrong. Where a variable is the cause, the message names the variable and not
/// the flag, which the user has not written.
pub(super) fn matches(
    command: Command,
    words: &[OsString],
    variables: &Variables,
) -> Result<ArgMatches, clap::Error> {
    command.clone().try_get_matches_from(words).map_err(|error| {
        let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        let found = if is_answer { None } else { wrong_variables(command, words, variables) };
        found.unwrap_or(error)
    })
}

/// The error about the variables of the given command that cannot be read; `None` when
/// the arguments are wrong without any variable.
fn wrong_variables(
    command: Command,
    words: &[OsString],
    variables: &Variables,
) -> Option<clap::Error> {
    without_variables(command.clone()).try_get_matches_from(words).ok()?;
    let given = named(&command, words).unwrap_or(&command);
    let mistakes = given.get_arguments().filter_map(|arg| wrong_variable(arg, variables));
    let mistakes: Vec<String> = mistakes.collect();
    (!mistakes.is_empty()).then(|| wrong(mistakes.join("\n")))
}

/// What is wrong with the variable of a flag.
fn wrong_variable(arg: &Arg, variables: &Variables) -> Option<String> {
    let name = arg.get_env()?;
    let value = variables.get(name)?;
    let alone = Command::new("toptalk").no_binary_name(true).arg(arg.clone());
    let error = alone.try_get_matches_from(std::iter::empty::<OsString>()).err()?;
    let why = expected(arg, &error, &value.to_string_lossy());
    Some(format!("{}: {why}", name.to_string_lossy()))
}

/// What a flag expects, and what was found instead, from clap's error about the value.
pub(super) fn expected(arg: &Arg, error: &clap::Error, found: &str) -> String {
    let why = std::error::Error::source(error).map(ToString::to_string);
    let takes = if arg.get_action().takes_values() { takes(arg) } else { "true or false".into() };
    match why {
        Some(why) if why.contains("expected") => why,
        Some(why) => format!("expected {takes}, found `{found}`: {why}"),
        None => format!("expected {takes}, found `{found}`"),
    }
}

/// The names of the values of a flag, as in its help.
pub(super) fn takes(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// A warning for each of these variables whose name begins with `TOPTALK_` and which no
/// command reads: a name with a spelling mistake would otherwise have no effect and give
/// no sign.
#[must_use]
pub fn unknown_variables(variables: &Variables) -> Vec<String> {
    let names = variables.keys().map(|name| name.to_string_lossy().into_owned());
    let mut ours: Vec<String> = names.filter(|name| name.starts_with(PREFIX)).collect();
    if ours.is_empty() {
        return ours;
    }
    let mut known = Vec::new();
    add_variables(&declared(), &mut known);
    ours.retain(|name| !known.contains(name) && !HOOK_VARIABLES.contains(&name.as_str()));
    ours.sort_unstable();
    ours.iter().map(|name| unknown(name, &known)).collect()
}

fn add_variables(command: &Command, known: &mut Vec<String>) {
    let names = command.get_arguments().filter_map(Arg::get_env);
    known.extend(names.map(|name| name.to_string_lossy().into_owned()));
    command.get_subcommands().for_each(|own| add_variables(own, known));
}

fn unknown(name: &str, known: &[String]) -> String {
    let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
    known.sort_unstable();
    known.dedup();
    let shown: String = text::clean(name).chars().take(60).collect();
    let hint = similar_words::hint(name, known.into_iter());
    let hint = if hint.starts_with("try ") { format!(": {hint}") } else { String::new() };
    format!("warning: unknown environment variable {shown}, it has no effect{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(names: &[&str]) -> Vec<String> {
        let pair = |name: &&str| (OsString::from(name), OsString::from("1"));
        unknown_variables(&names.iter().map(pair).collect())
    }

    #[test]
    fn unknown_variables_are_named_with_similar_ones() {
        let told = warnings(&["PATH", "TOPTALK_ALERT_UPP", "TOPTALK_ZZZZZZZZZZZZ", "TOPTALK_"]);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[1].ends_with("TOPTALK_ALERT_UPP, it has no effect: try TOPTALK_ALERT_UP"));
        assert!(told[2].ends_with("TOPTALK_ZZZZZZZZZZZZ, it has no effect"), "{told:?}");
    }

    #[test]
    fn variables_of_settings_other_flags_and_hooks_are_known() {
        let settings: Vec<String> = TABLE.iter().filter_map(|setting| setting.variable()).collect();
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let others = ["TOPTALK_CONFIG", "TOPTALK_TZ", "TOPTALK_FILE", "TOPTALK_FLOWS"];
        assert_eq!(warnings(&[&settings[..], &others].concat()), Vec::<String>::new());
    }

    #[test]
    fn every_setting_of_a_command_has_its_variable() {
        let command = declared();
        for verb in Verb::ALL {
            let own = verb.word().and_then(|word| command.find_subcommand(word));
            for setting in TABLE.iter().filter(|setting| setting.verbs().contains(&verb)) {
                let args = own.unwrap_or(&command).get_arguments();
                for arg in args.filter(|arg| arg.get_long() == Some(setting.flag)) {
                    let name = arg.get_env().map(|name| name.to_string_lossy().into_owned());
                    assert_eq!(name, setting.variable(), "{verb:?} {}", setting.key);
                }
            }
        }
        let of = |word: &str, flag: &str| {
            let args = command.find_subcommand(word).into_iter().flat_map(Command::get_arguments);
            args.filter(|arg| arg.get_long() == Some(flag)).find_map(Arg::get_env)
        };
        assert_eq!((of("demo", "record"), of("top", "window")), (None, None));
        assert_eq!(of("collect", "log-level"), Some(OsStr::new("TOPTALK_LOG")));
    }
}
