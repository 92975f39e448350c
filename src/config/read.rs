//! Reads a settings file: TOML text becomes the values of flags.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Diagnostic, Diagnostics};
use super::table::{Form, Setting, TABLE};
use crate::text;
use crate::units::similar_words;

/// Maximum size of a settings file in bytes. Larger groups of networks belong in separate
/// files.
pub const MAX_FILE: usize = 1 << 20;

/// Maximum number of values of all settings: twice the maximum number of networks.
const MAX_WORDS: usize = 20_000;

/// A value as it would be written after the flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingWord {
    /// The text of the value.
    pub text: String,
    /// Its position in the file, in bytes.
    pub span: Range<usize>,
}

/// The value of one setting in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingEntry {
    /// The setting.
    pub setting: &'static Setting,
    /// Its values; several for a list.
    pub words: Vec<SettingWord>,
    /// The line of its key, from 1.
    pub line: usize,
}

/// A file that is valid TOML with known keys. Whether each flag accepts its value is checked
/// in `cli`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsFile {
    /// The path of the file, for messages.
    pub path: PathBuf,
    text: String,
    /// The settings, in the order of the table.
    pub entries: Vec<SettingEntry>,
}

impl SettingsFile {
    /// The values for a flag, with their settings.
    pub fn words<'a>(
        &'a self,
        flag: &'a str,
    ) -> impl Iterator<Item = (&'a SettingEntry, &'a SettingWord)> {
        let of_flag = move |entry: &&SettingEntry| entry.setting.flag == flag;
        let with_entry =
            |entry: &'a SettingEntry| entry.words.iter().map(move |word| (entry, word));
        self.entries.iter().filter(of_flag).flat_map(with_entry)
    }

    /// An error about one value.
    #[must_use]
    pub fn mistake(&self, entry: &SettingEntry, word: &SettingWord, why: &str) -> Diagnostic {
        Diagnostic::at(&self.text, &word.span, format!("{}: {why}", entry.setting.key))
    }
}

/// Reads a file.
///
/// # Errors
/// All errors of syntax, unknown keys and values of the wrong type.
pub fn read(path: &Path, bytes: &[u8]) -> Result<SettingsFile, Diagnostics> {
    let (file, mistakes) = read_what_can_be(path, bytes)?;
    if mistakes.is_empty() { Ok(file) } else { Err(Diagnostics::new(path, mistakes)) }
}

/// Reads the valid part of a file, with all errors in the rest. The caller checks the values
/// of the valid part, so that all errors are reported together.
///
/// # Errors
/// When the file is not text in UTF-8, or too long.
pub fn read_what_can_be(
    path: &Path,
    bytes: &[u8],
) -> Result<(SettingsFile, Vec<Diagnostic>), Diagnostics> {
    let refused = |mistake| Diagnostics::new(path, vec![mistake]);
    let text = std::str::from_utf8(bytes.get(..MAX_FILE).unwrap_or(bytes)).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let valid = String::from_utf8_lossy(valid);
        let end = valid.len()..valid.len();
        refused(Diagnostic::at(&valid, &end, "expected text in UTF-8".to_owned()))
    })?;
    if bytes.len() > MAX_FILE {
        let what = format!("expected at most {MAX_FILE} bytes; groups can be in separate files");
        return Err(refused(Diagnostic::at(text, &(MAX_FILE..MAX_FILE), what)));
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let mistakes = errors.iter().map(|error| {
        let span = error.span().unwrap_or(0..0);
        Diagnostic::at(text, &span, error.message().to_owned())
    });
    let mut mistakes: Vec<Diagnostic> = mistakes.collect();
    // Further errors of a line are consequences of the first.
    mistakes.dedup_by_key(|mistake| mistake.line);
    let mut reader = Reader { text, entries: Vec::new(), mistakes };
    reader.section("", table.get_ref());
    let Reader { mut entries, mut mistakes, .. } = reader;
    let all: usize = entries.iter().map(|entry| entry.words.len()).sum();
    if all > MAX_WORDS {
        let what = format!("expected at most {MAX_WORDS} values, found {all}");
        mistakes.push(Diagnostic::at(text, &(0..0), what));
    }
    let place = |entry: &SettingEntry| TABLE.iter().position(|one| one == entry.setting);
    entries.sort_by_key(place);
    Ok((SettingsFile { path: path.to_owned(), text: text.to_owned(), entries }, mistakes))
}

struct Reader<'a> {
    text: &'a str,
    entries: Vec<SettingEntry>,
    mistakes: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn wrong(&mut self, span: &Range<usize>, what: String) {
        self.mistakes.push(Diagnostic::at(self.text, span, what));
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            let name = match section {
                "" => key.get_ref().to_string(),
                section => format!("{section}.{}", key.get_ref()),
            };
            if let Some(setting) = Setting::named(&name) {
                self.entry(setting, key, value);
                continue;
            }
            let sections = || TABLE.iter().map(|setting| setting.parts().0);
            match value.get_ref().as_table() {
                Some(inner) if sections().any(|one| one == name) => self.section(&name, inner),
                _ => {
                    let what = unknown(section, &name, key.get_ref());
                    self.wrong(&key.span(), what);
                }
            }
        }
    }

    fn entry(
        &mut self,
        setting: &'static Setting,
        key: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let words = match setting.form {
            Form::One => one(value).map(|word| vec![word]).map_err(|found| vec![found]),
            Form::Many => many(value),
            Form::Switch => switch(value, true).map_err(|found| vec![found]),
            Form::Unless => switch(value, false).map_err(|found| vec![found]),
            Form::Names => names(value),
            Form::Sources => sources(value),
        };
        let line = Diagnostic::at(self.text, &key.span(), String::new()).line;
        match words {
            Ok(words) => self.entries.push(SettingEntry { setting, words, line }),
            Err(all) => {
                let expected = setting.form.expected();
                for (span, found) in all {
                    let what = format!("{}: expected {expected}, found {found}", setting.key);
                    self.wrong(&span, what);
                }
            }
        }
    }
}

/// The error about an unknown key or section.
fn unknown(section: &str, name: &str, key: &str) -> String {
    let mut inside: Vec<&str> = TABLE
        .iter()
        .filter_map(|setting| match section {
            "" => Some(setting.parts().0),
            section => (setting.parts().0 == section).then_some(setting.parts().1),
        })
        .collect();
    inside.dedup();
    let kind = if section.is_empty() { "section" } else { "key" };
    format!("unknown {kind} `{}`: {}", short(name), similar_words::hint(key, inside.into_iter()))
}

/// A key, shortened: it may be as long as the file.
fn short(name: &str) -> String {
    text::clean(name).chars().take(60).collect()
}

/// The position of a value of the wrong type, and a description of the value.
type Found = (Range<usize>, String);

fn found(value: &Spanned<DeValue<'_>>) -> Found {
    let kind = match value.get_ref() {
        DeValue::String(text) => format!("the text `{}`", short(text)),
        DeValue::Integer(number) => format!("the number {}", short(number.as_str())),
        DeValue::Float(number) => format!("the number {}", short(number.as_str())),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(_) => "a time".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    (value.span(), kind)
}

fn one(value: &Spanned<DeValue<'_>>) -> Result<SettingWord, Found> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        // As written. Flags do not accept other bases such as 0x.
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        _ => return Err(found(value)),
    };
    Ok(SettingWord { text, span: value.span() })
}

/// All values, or all errors.
fn all<T>(results: impl Iterator<Item = Result<T, Found>>) -> Result<Vec<T>, Vec<Found>> {
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => right.push(value),
            Err(found) => wrong.push(found),
        }
    }
    if wrong.is_empty() { Ok(right) } else { Err(wrong) }
}

fn many(value: &Spanned<DeValue<'_>>) -> Result<Vec<SettingWord>, Vec<Found>> {
    match value.get_ref().as_array() {
        Some(list) => all(list.iter().map(one)),
        None => one(value).map(|word| vec![word]).map_err(|found| vec![found]),
    }
}

/// The value `true` if the file has the value `given`, which has the effect of the flag.
fn switch(value: &Spanned<DeValue<'_>>, given: bool) -> Result<Vec<SettingWord>, Found> {
    let yes = value.get_ref().as_bool().ok_or_else(|| found(value))?;
    Ok(vec![SettingWord { text: (yes == given).to_string(), span: value.span() }])
}

fn names(value: &Spanned<DeValue<'_>>) -> Result<Vec<SettingWord>, Vec<Found>> {
    let table = value.get_ref().as_table().ok_or_else(|| vec![found(value)])?;
    let (mut words, mut wrong) = (Vec::new(), Vec::new());
    for (name, networks) in table.iter() {
        match many(networks) {
            Ok(networks) => words.extend(networks.into_iter().map(|network| SettingWord {
                text: format!("{}={}", network.text, name.get_ref()),
                span: network.span,
            })),
            Err(more) => wrong.extend(more),
        }
    }
    if wrong.is_empty() { Ok(words) } else { Err(wrong) }
}

/// The keys of a source, in the order of `-n` of nfcapd.
const SOURCE: [&str; 3] = ["ident", "address", "folder"];

fn sources(value: &Spanned<DeValue<'_>>) -> Result<Vec<SettingWord>, Vec<Found>> {
    let list = value.get_ref().as_array().ok_or_else(|| vec![found(value)])?;
    let (mut words, mut wrong) = (Vec::new(), Vec::new());
    for one in list.iter() {
        match source(one) {
            Ok(word) => words.push(word),
            Err(more) => wrong.extend(more),
        }
    }
    if wrong.is_empty() { Ok(words) } else { Err(wrong) }
}

fn source(value: &Spanned<DeValue<'_>>) -> Result<SettingWord, Vec<Found>> {
    let table = value.get_ref().as_table().ok_or_else(|| vec![found(value)])?;
    let foreign = table.iter().filter(|(key, _)| !SOURCE.contains(&&**key.get_ref()));
    let foreign =
        foreign.map(|(key, _)| Err((key.span(), format!("the key `{}`", short(key.get_ref())))));
    let texts = SOURCE.iter().map(|key| {
        let text = table.get(*key).and_then(|text| text.get_ref().as_str());
        text.ok_or_else(|| (value.span(), format!("none for {key}")))
    });
    let texts = all(texts.chain(foreign))?;
    Ok(SettingWord { text: texts.join(","), span: value.span() })
}
