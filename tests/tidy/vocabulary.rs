//! Names: a type that is visible to other files has a unique name in the crate, and names that
//! were replaced by standard terms are not used again.

use std::collections::BTreeMap;

use crate::{code, sources};

/// Words in names of types that are not terms of the field: they are pictures of a thing
/// instead of its name. They are compared with whole words of names in CamelCase.
const RETIRED: &[&str] = &[
    "Desk", "Door", "Doors", "Errand", "Guest", "Keeper", "More", "Newcomer", "Parcel", "Pastime",
    "Pen", "Rig", "Roster", "Seat", "Stage", "Tape", "Trouble", "Ways", "Wires", "Words",
];

/// The name of a struct, enum, trait, type or union that a line of code declares for other
/// files.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start().strip_prefix("pub")?;
    let line = match line.strip_prefix('(') {
        Some(rest) => rest.split_once(')')?.1,
        None => line,
    };
    let (kind, rest) = line.trim_start().split_once(' ')?;
    let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
    (end > 0 && ["struct", "enum", "trait", "type", "union"].contains(&kind)).then(|| &rest[..end])
}

/// The words of a name in CamelCase.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word) if !letter.is_uppercase() => word.push(letter),
            _ => words.push(letter.into()),
        }
    }
    words
}

fn all_declared() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (path, text) in sources("src") {
        for line in code(&text).lines() {
            // Associated types in implementations of traits are indented and not public.
            if let Some(name) = declared(line) {
                all.push((name.to_owned(), path.display().to_string()));
            }
        }
    }
    assert!(all.len() > 500, "{} types: the types are no longer found", all.len());
    all
}

#[test]
fn visible_types_have_unique_names() {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, file) in all_declared() {
        files.entry(name).or_default().push(file);
    }
    let twice = files.iter().filter(|(_, files)| files.len() > 1);
    let twice: Vec<String> = twice.map(|(name, files)| format!("{name}: {files:?}")).collect();
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

#[test]
fn retired_names_are_not_used_again() {
    let mut wrong = Vec::new();
    for (name, file) in all_declared() {
        if words(&name).iter().any(|word| RETIRED.contains(&word.as_str())) {
            wrong.push(format!("{file}: {name}"));
        }
    }
    for path in sources("src").into_keys() {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if RETIRED
            .iter()
            .any(|word| *word != "Words" && stem.split('_').any(|part| part == word.to_lowercase()))
        {
            wrong.push(path.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn declarations_are_distinguished_from_other_lines() {
    assert_eq!(declared("pub struct Flow {"), Some("Flow"));
    assert_eq!(declared("    pub(in crate::x) enum A<'a> {"), Some("A"));
    assert_eq!(declared("pub fn type_of() {"), None);
    assert_eq!(declared("struct Private;"), None);
    assert_eq!(words("ExporterStats"), ["Exporter", "Stats"]);
}
