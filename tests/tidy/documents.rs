//! Paths and names of the code in documents exist: if a file is moved or a type renamed, the
//! documents must change as well.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{code, sources};

/// A code span that begins with one of these folders is a path that must exist.
const FOLDERS: &[&str] = &["src", "tests", "fuzz", "benches", "examples", "docs", "packaging"];

/// Documents for programmers. The names of modules, types and constants in their code spans
/// must exist, too.
const FOR_PROGRAMMERS: &[&str] = &["docs/ARCHITECTURE.md", "docs/DESIGN.md", "CONTRIBUTING.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The code spans of a document, without its code blocks.
fn spans(text: &str) -> Vec<String> {
    let mut is_block = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The identifiers in all code of `src/`; functions also as `fn name`.
fn identifiers() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in sources("src").into_values() {
        let code = code(&text);
        let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        found.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        let functions = code.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
        found.extend(functions.map(|name| format!("fn {name}")));
    }
    found
}

/// README.md, CONTRIBUTING.md and the documents in docs/.
fn documents() -> Vec<String> {
    let mut all = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            all.push(format!("docs/{name}"));
        }
    }
    all.retain(|path| root().join(path).exists());
    all
}

/// Whether a path stands for several files.
fn is_pattern(path: &str) -> bool {
    path.contains(['*', '{', '<', '…', ' ', '$'])
}

#[test]
fn paths_in_documents_exist() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for document in documents() {
        for span in spans(&read(&document)) {
            let folder = span.split('/').next().unwrap_or("");
            let is_path = span.contains('/') && (FOLDERS.contains(&folder) || folder == ".ci");
            if is_path && !is_pattern(&span) {
                count += 1;
                if !root().join(&span).exists() {
                    wrong.push(format!("{document}: {span}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 150, "{count} paths: the paths are no longer found");
}

/// The modules at the beginning of a path, as the file or folder of the last one; `None` if
/// there is no such module.
fn module(names: &[&str]) -> Option<PathBuf> {
    let folder = names.iter().fold(root().join("src"), |path, name| path.join(name));
    let file = folder.with_extension("rs");
    [folder.join("mod.rs"), file].into_iter().find(|path| path.exists())
}

/// Prefixes of names in code spans that are not names of the crate.
const FOREIGN: &[&str] = &["TOPTALK_", "SO_", "SKIPPED"];

/// What is wrong with a code span that names an item, such as `wire::Decoder` or `MAX_HELD`.
fn fault(span: &str, identifiers: &BTreeSet<String>) -> Option<String> {
    let path = span.trim_start_matches('&').split(['(', '<']).next().unwrap_or("");
    let parts: Vec<&str> = path.split("::").collect();
    let is_name = |part: &&str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !parts.iter().all(is_name) {
        return None;
    }
    let is_room = module(&parts[..1]).is_some();
    let is_item = |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase());
    if FOREIGN.iter().any(|head| path.starts_with(head)) {
        return None;
    }
    if parts.len() == 1 && !(is_item(parts[0]) && parts[0].len() > 4) {
        return None;
    }
    if !is_room && !is_item(parts[0]) {
        return Some(format!("no room {}", parts[0]));
    }
    let items = parts.iter().position(|part| is_item(part)).unwrap_or(parts.len());
    // A function of a room begins with a small letter, like a module.
    let modules = &parts[..items];
    if !modules.is_empty() && module(modules).is_none() {
        let (last, before) = modules.split_last()?;
        if module(before).is_none() || !identifiers.contains(&format!("fn {last}")) {
            return Some(format!("no module {}", modules.join("::")));
        }
    }
    let missing = parts[items..].iter().find(|name| !identifiers.contains(**name))?;
    Some(format!("no {missing}"))
}

#[test]
fn names_of_the_code_in_documents_exist() {
    let identifiers = identifiers();
    let mut wrong = Vec::new();
    for document in FOR_PROGRAMMERS.iter().filter(|path| root().join(path).exists()) {
        for span in spans(&read(document)) {
            let is_ours = !span.contains([' ', '/', '.', '-', '=']) || span.contains("::");
            if is_ours {
                let fault = fault(&span, &identifiers);
                wrong.extend(fault.map(|fault| format!("{document}: {span}: {fault}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_that_are_missing_are_found() {
    let identifiers = identifiers();
    for span in ["wire::Decoder", "flow::FlowExtras", "MAX_HELD", "Decoder::reset_exporter"] {
        assert_eq!(fault(span, &identifiers), None, "{span}");
    }
    for span in ["wire::Desk", "gone::Decoder", "MAX_SEATS", "Decoder::heal", "ingest::doubling"] {
        assert!(fault(span, &identifiers).is_some(), "{span}");
    }
}
