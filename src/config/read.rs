//! Text to words.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Mistake, Mistakes};
use super::table::{Form, Setting, TABLE};
use crate::text;
use crate::units::near;

/// Bytes of a file: groups of networks go into files of their own.
pub const MAX_FILE: usize = 1 << 20;

/// Words of all settings together: as many as there may be networks, twice.
const MAX_WORDS: usize = 20_000;

/// A value as one would write it behind the flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// Where it stands.
    pub span: Range<usize>,
}

/// What the file says of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub setting: &'static Setting,
    pub words: Vec<Word>,
    /// The line of its key, from 1.
    pub line: usize,
}

/// A file that was understood as far as its form goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    text: String,
    /// In the order of the table.
    pub entries: Vec<Entry>,
}

impl File {
    /// The words that it has for a flag, with the settings they are of.
    pub fn words<'a>(&'a self, flag: &'a str) -> impl Iterator<Item = (&'a Entry, &'a Word)> {
        let of_flag = move |entry: &&Entry| entry.setting.flag == flag;
        let with_entry = |entry: &'a Entry| entry.words.iter().map(move |word| (entry, word));
        self.entries.iter().filter(of_flag).flat_map(with_entry)
    }

    /// A mistake in it.
    #[must_use]
    pub fn mistake(&self, entry: &Entry, word: &Word, why: &str) -> Mistake {
        Mistake::at(&self.text, &word.span, format!("{}: {why}", entry.setting.key))
    }
}

/// Reads a file.
///
/// # Errors
/// All that is wrong in it.
pub fn read(path: &Path, bytes: &[u8]) -> Result<File, Mistakes> {
    let refused = |mistake| Mistakes::new(path, vec![mistake]);
    let text = std::str::from_utf8(bytes.get(..MAX_FILE).unwrap_or(bytes)).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let valid = String::from_utf8_lossy(valid);
        let end = valid.len()..valid.len();
        refused(Mistake::at(&valid, &end, "expected text in UTF-8".to_owned()))
    })?;
    if bytes.len() > MAX_FILE {
        let what =
            format!("expected at most {MAX_FILE} bytes; groups can be in files of their own");
        return Err(refused(Mistake::at(text, &(MAX_FILE..MAX_FILE), what)));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        refused(Mistake::at(text, &span, error.message().to_owned()))
    })?;
    let mut reader = Reader { text, entries: Vec::new(), mistakes: Vec::new() };
    reader.section("", table.get_ref());
    let Reader { mut entries, mut mistakes, .. } = reader;
    let all: usize = entries.iter().map(|entry| entry.words.len()).sum();
    if all > MAX_WORDS {
        let what = format!("expected at most {MAX_WORDS} values, found {all}");
        mistakes.push(Mistake::at(text, &(0..0), what));
    }
    if !mistakes.is_empty() {
        return Err(Mistakes::new(path, mistakes));
    }
    let place = |entry: &Entry| TABLE.iter().position(|one| one == entry.setting);
    entries.sort_by_key(place);
    Ok(File { path: path.to_owned(), text: text.to_owned(), entries })
}

struct Reader<'a> {
    text: &'a str,
    entries: Vec<Entry>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, span: &Range<usize>, what: String) {
        self.mistakes.push(Mistake::at(self.text, span, what));
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
            Form::One => one(value).map(|word| vec![word]),
            Form::Many => many(value),
            Form::Switch => switch(value, true),
            Form::Unless => switch(value, false),
            Form::Names => names(value),
            Form::Sources => sources(value),
        };
        let line = Mistake::at(self.text, &key.span(), String::new()).line;
        match words {
            Ok(words) => self.entries.push(Entry { setting, words, line }),
            Err((span, found)) => {
                let expected = setting.form.expected();
                self.wrong(&span, format!("{}: expected {expected}, found {found}", setting.key));
            }
        }
    }
}

/// What a key is that nobody knows.
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
    format!("unknown {kind} `{}`: {}", short(name), near::hint(key, inside.into_iter()))
}

/// Keys may be as long as the file.
fn short(name: &str) -> String {
    text::clean(name).chars().take(60).collect()
}

/// Where, and what was found instead.
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

fn one(value: &Spanned<DeValue<'_>>) -> Result<Word, Found> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        // As it is written, but for 0x and the like, which flags do not take.
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        _ => return Err(found(value)),
    };
    Ok(Word { text, span: value.span() })
}

fn many(value: &Spanned<DeValue<'_>>) -> Result<Vec<Word>, Found> {
    match value.get_ref().as_array() {
        Some(list) => list.iter().map(one).collect(),
        None => one(value).map(|word| vec![word]),
    }
}

/// A word when the value is `given`.
fn switch(value: &Spanned<DeValue<'_>>, given: bool) -> Result<Vec<Word>, Found> {
    let yes = value.get_ref().as_bool().ok_or_else(|| found(value))?;
    Ok(vec![Word { text: (yes == given).to_string(), span: value.span() }])
}

fn names(value: &Spanned<DeValue<'_>>) -> Result<Vec<Word>, Found> {
    let table = value.get_ref().as_table().ok_or_else(|| found(value))?;
    let mut words = Vec::new();
    for (name, networks) in table.iter() {
        let named = many(networks)?.into_iter().map(|network| Word {
            text: format!("{}={}", network.text, name.get_ref()),
            span: network.span,
        });
        words.extend(named);
    }
    Ok(words)
}

/// The keys of a source, in the order of nfcapd's `-n`.
const SOURCE: [&str; 3] = ["ident", "address", "folder"];

fn sources(value: &Spanned<DeValue<'_>>) -> Result<Vec<Word>, Found> {
    let list = value.get_ref().as_array().ok_or_else(|| found(value))?;
    let mut words = Vec::new();
    for source in list.iter() {
        let table = source.get_ref().as_table().ok_or_else(|| found(source))?;
        if let Some((key, _)) = table.iter().find(|(key, _)| !SOURCE.contains(&&**key.get_ref())) {
            return Err((key.span(), format!("the key `{}`", short(key.get_ref()))));
        }
        let mut texts = Vec::new();
        for key in SOURCE {
            let text = table.get(key).and_then(|text| text.get_ref().as_str());
            let missing = || (source.span(), format!("none for {key}"));
            texts.push(text.ok_or_else(missing)?);
        }
        words.push(Word { text: texts.join(","), span: source.span() });
    }
    Ok(words)
}
