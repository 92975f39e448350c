//! The settings file: its values become the defaults of flags, are checked and documented.
//!
//! The table in `config` assigns keys to flags. Everything else about a setting (type,
//! default, help, checks) is declared with its flag.

use std::ffi::OsStr;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use super::environment::{self, expected, takes};
use crate::config::{
    Diagnostic, Diagnostics, Form, Setting, SettingEntry, SettingWord, SettingsFile, TABLE, Verb,
};

/// A setting with everything that the documentation says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingDescription {
    /// The setting.
    pub setting: &'static Setting,
    /// Its flags, as in `-p, --port`.
    pub flags: String,
    /// The environment variable, if it has one.
    pub variable: Option<String>,
    /// The name of its values in the help, as in `SECONDS`.
    pub takes: String,
    /// The default value; empty for none.
    pub default: String,
    /// The help text of the flag.
    pub help: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueOrigin {
    /// The default.
    Default,
    /// This line of the file.
    File(usize),
    /// This environment variable.
    Environment(String),
    /// This flag on the command line.
    Flag(String),
}

/// Options of one letter that mean the same as a long flag and take precedence over it: the
/// flag, the id of the letter in clap, and the letter.
const LETTERS: [(&str, &str, char); 2] = [("record", "write", 'w'), ("record", "log", 'l')];

/// A setting with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingValue {
    /// The setting.
    pub setting: &'static Setting,
    /// The values as they would be written after the flag; empty if it is not set.
    pub words: Vec<String>,
    /// Where they come from.
    pub origin: ValueOrigin,
}

/// The clap command of a verb.
fn of_verb(command: &clap::Command, verb: Verb) -> &clap::Command {
    verb.word().and_then(|word| command.find_subcommand(word)).unwrap_or(command)
}

fn arg_of<'a>(command: &'a clap::Command, flag: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(flag))
}

/// The command line with the values of a file as defaults. The environment and flags take
/// precedence.
pub(super) fn beneath(file: Option<&SettingsFile>, command: clap::Command) -> clap::Command {
    let Some(file) = file else { return command };
    Verb::ALL.into_iter().fold(command, |command, verb| match verb.word() {
        Some(word) => command.mut_subcommand(word, |own| feed(own, verb, file)),
        None => feed(command, verb, file),
    })
}

fn feed(mut command: clap::Command, verb: Verb, file: &SettingsFile) -> clap::Command {
    let args: Vec<(String, String)> = command
        .get_arguments()
        .filter_map(|arg| Some((arg.get_id().to_string(), arg.get_long()?.to_owned())))
        .collect();
    for (id, flag) in args {
        let words = file.words(&flag).filter(|(entry, _)| entry.setting.verbs().contains(&verb));
        let words: Vec<String> = words.map(|(_, word)| word.text.clone()).collect();
        if !words.is_empty() {
            command = command.mut_arg(id, |arg| arg.default_values(words));
        }
    }
    command
}

/// Checks that each flag accepts its value in the file.
///
/// # Errors
/// All errors, with what was expected.
pub fn check(file: &SettingsFile) -> Result<(), Diagnostics> {
    let mistakes = mistakes(file);
    if mistakes.is_empty() { Ok(()) } else { Err(Diagnostics::new(&file.path, mistakes)) }
}

/// The errors about values in a file that their flags do not accept.
#[must_use]
pub fn mistakes(file: &SettingsFile) -> Vec<Diagnostic> {
    let command = environment::declared();
    let mut mistakes = Vec::new();
    for entry in &file.entries {
        let arg = entry
            .setting
            .verbs()
            .iter()
            .find_map(|verb| arg_of(of_verb(&command, *verb), entry.setting.flag));
        let Some(arg) = arg else { continue };
        let wrong = entry.words.iter().filter_map(|word| wrong(file, entry, word, arg));
        mistakes.extend(wrong);
    }
    mistakes
}

/// The error about a value, if its flag does not accept it.
fn wrong(
    file: &SettingsFile,
    entry: &SettingEntry,
    word: &SettingWord,
    arg: &Arg,
) -> Option<Diagnostic> {
    if matches!(entry.setting.form, Form::Switch | Form::Unless) {
        return None;
    }
    if arg.get_value_delimiter().is_some_and(|between| word.text.contains(between)) {
        let why = format!("expected a value without a comma, found `{}`", word.text);
        return Some(file.mistake(entry, word, &why));
    }
    let given = format!("--{}={}", entry.setting.flag, word.text);
    let alone = clap::Command::new("toptalk").no_binary_name(true).arg(arg.clone());
    let error = alone.try_get_matches_from([given]).err()?;
    let why = expected(arg, &error, &word.text);
    Some(file.mistake(entry, word, &why))
}

/// All settings, as they are documented.
#[must_use]
pub fn described() -> Vec<SettingDescription> {
    let command = environment::declared();
    let described = TABLE.iter().filter_map(|setting| {
        let arg = setting
            .verbs()
            .iter()
            .find_map(|verb| arg_of(of_verb(&command, *verb), setting.flag))?;
        let short = arg.get_short().map(|letter| format!("-{letter}, ")).unwrap_or_default();
        let defaults = arg.get_default_values().iter().map(|word| word.to_string_lossy());
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        Some(SettingDescription {
            setting,
            flags: format!("{short}--{}", setting.flag),
            variable: arg.get_env().map(|name| name.to_string_lossy().into_owned()),
            takes: match setting.form {
                Form::One => takes(arg),
                Form::Many => format!("{}, or a list", takes(arg)),
                Form::Switch | Form::Unless => "true, false".to_owned(),
                Form::Names => "a table: NAME = NET, or a list".to_owned(),
                Form::Sources => "a list of { ident, address, folder }".to_owned(),
            },
            default: match setting.form {
                Form::Unless => "true".to_owned(),
                Form::Switch => "false".to_owned(),
                _ => defaults.collect::<Vec<_>>().join(", "),
            },
            help: if setting.form == Form::Unless { format!("false: {help}") } else { help },
        })
    });
    described.collect()
}

/// The resulting settings of one command.
pub(super) fn values(
    command: &clap::Command,
    verb: Verb,
    matches: &ArgMatches,
    file: Option<&SettingsFile>,
) -> Vec<SettingValue> {
    let command = of_verb(command, verb);
    let of_verb = TABLE.iter().filter(|setting| setting.verbs().contains(&verb));
    of_verb.filter_map(|setting| value(setting, command, matches, file)).collect()
}

fn value(
    setting: &'static Setting,
    command: &clap::Command,
    matches: &ArgMatches,
    file: Option<&SettingsFile>,
) -> Option<SettingValue> {
    let arg = arg_of(command, setting.flag)?;
    let id = arg.get_id().as_str();
    let in_file = file.and_then(|file| {
        file.entries.iter().find(|entry| entry.setting == setting).map(|entry| (entry, file))
    });
    let raw = |id: &str| -> Vec<String> {
        let words = matches.get_raw(id).into_iter().flatten();
        words.map(|word: &OsStr| word.to_string_lossy().into_owned()).collect()
    };
    // A letter without a value does not set the folder.
    let lettered = LETTERS.iter().filter(|(flag, ..)| *flag == setting.flag).find_map(|one| {
        let word = matches.try_get_raw(one.1).ok()??.next()?;
        Some((word.to_string_lossy().into_owned(), one.2))
    });
    if let Some((word, letter)) = lettered {
        let origin = ValueOrigin::Flag(format!("-{letter}"));
        return Some(SettingValue { setting, words: vec![word], origin });
    }
    let (words, origin) = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => {
            (raw(id), ValueOrigin::Flag(format!("--{}", setting.flag)))
        }
        Some(ValueSource::EnvVariable) => {
            let name = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            (raw(id), ValueOrigin::Environment(name.unwrap_or_default()))
        }
        _ => match in_file {
            // Not the values of the flag, which may come from two settings.
            Some((entry, _)) => {
                let words = entry.words.iter().map(|word| word.text.clone()).collect();
                (words, ValueOrigin::File(entry.line))
            }
            None if file.is_some_and(|file| file.words(setting.flag).next().is_some()) => {
                (Vec::new(), ValueOrigin::Default)
            }
            None => (raw(id), ValueOrigin::Default),
        },
    };
    let is_switch = matches!(setting.form, Form::Switch | Form::Unless);
    // A switch is set by the flag alone.
    let words = if is_switch && words.is_empty() { vec!["true".to_owned()] } else { words };
    Some(SettingValue { setting, words, origin })
}
