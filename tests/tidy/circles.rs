//! Files that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Import, imports};

/// The number of lines that are listed for a pair of files.
const LINES_LISTED: usize = 4;

/// The circles among files: sets of files that reach each other by imports.
fn circles(imports: &BTreeSet<Import>) -> Vec<BTreeSet<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        next.entry(&import.from).or_default().insert(&import.to);
        next.entry(&import.to).or_default();
    }
    let mut search = Search {
        next: &next,
        index: BTreeMap::new(),
        low: BTreeMap::new(),
        stack: Vec::new(),
        found: Vec::new(),
    };
    for file in next.keys() {
        if !search.index.contains_key(file) {
            search.visit(file);
        }
    }
    search.found
}

/// Tarjan's search for strongly connected components.
struct Search<'n, 'a> {
    next: &'n BTreeMap<&'a str, BTreeSet<&'a str>>,
    index: BTreeMap<&'a str, usize>,
    low: BTreeMap<&'a str, usize>,
    stack: Vec<&'a str>,
    found: Vec<BTreeSet<&'a str>>,
}

impl<'a> Search<'_, 'a> {
    fn visit(&mut self, file: &'a str) {
        let number = self.index.len();
        self.index.insert(file, number);
        self.low.insert(file, number);
        self.stack.push(file);
        for other in &self.next[file] {
            if !self.index.contains_key(other) {
                self.visit(other);
                self.low.insert(file, self.low[file].min(self.low[other]));
            } else if self.stack.contains(other) {
                self.low.insert(file, self.low[file].min(self.index[other]));
            }
        }
        if self.low[file] == number {
            let start = self.stack.iter().position(|other| *other == file).unwrap();
            let circle: BTreeSet<&str> = self.stack.drain(start..).collect();
            if circle.len() > 1 {
                self.found.push(circle);
            }
        }
    }
}

/// The circles as text: for each, its files, and for every file what it imports from the
/// others, with the first lines.
fn report(imports: &BTreeSet<Import>) -> Vec<String> {
    let told = circles(imports).into_iter().map(|circle| {
        let mut text = format!("{} files in a circle:\n", circle.len());
        let mut pairs: BTreeMap<(&str, &str), BTreeMap<usize, Vec<&str>>> = BTreeMap::new();
        for Import { from, to, line, name } in imports {
            if circle.contains(from.as_str()) && circle.contains(to.as_str()) {
                let lines = pairs.entry((from, to)).or_default();
                lines.entry(*line).or_default().push(name);
            }
        }
        for ((from, to), lines) in pairs {
            let first = lines.iter().take(LINES_LISTED);
            let first = first.map(|(line, names)| format!("line {line} `{}`", names.join("`, `")));
            let first: Vec<String> = first.collect();
            text.push_str(&format!("  {from} imports {to}: {}\n", first.join(", ")));
        }
        text
    });
    told.collect()
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = super::sources("src")
        .into_iter()
        .map(|(path, text)| {
            let path = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            (path, text)
        })
        .collect();
    let imports = imports(&files);
    assert!(imports.len() > 1000, "the imports are no longer found: {}", imports.len());
    let circles = report(&imports);
    assert!(circles.is_empty(), "{} circles\n\n{}", circles.len(), circles.join("\n"));
}

/// A parent that re-exports its child and uses it, while the child uses what the parent
/// defines, is a circle. A parent that only re-exports is not; nor are tests, texts, comments,
/// fields and methods of the same name.
#[test]
fn circles_are_found_through_re_exports_and_only_if_they_exist() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let files = BTreeMap::from([
        file("src/lib.rs", "pub mod shop;\npub mod tool;"),
        file(
            "src/shop/mod.rs",
            "mod till;\nmod shelf;\npub use till::Till;\npub use shelf::Shelf;\n\
            pub struct Price;\npub fn sell(till: &Till) {}",
        ),
        file("src/shop/till.rs", "use super::{Price, Shelf};\npub struct Till { price: Price }"),
        file(
            "src/shop/shelf.rs",
            "// use super::Till;\npub struct Shelf;\nfn fill() { \"super::Till\"; x.Till; }\n\
            #[cfg(test)]\nmod tests { use super::super::Till; }",
        ),
        file("src/tool.rs", "use crate::shop::{self, Till};\nfn f() { shop::sell(&Till) }"),
    ]);
    let imports = imports(&files);
    let told: Vec<String> =
        imports.iter().map(|i| format!("{}:{} {}", i.from, i.line, i.to)).collect();
    let want = [
        "src/shop/mod.rs:6 src/shop/till.rs",
        "src/shop/till.rs:1 src/shop/mod.rs",
        "src/shop/till.rs:1 src/shop/shelf.rs",
        "src/tool.rs:2 src/shop/mod.rs",
        "src/tool.rs:1 src/shop/till.rs",
    ];
    assert_eq!(told, want);
    let report = report(&imports);
    assert_eq!(report.len(), 1, "{report:?}");
    for line in ["src/shop/mod.rs imports src/shop/till.rs: line 6 `Till`", "2 files in a circle"] {
        assert!(report[0].contains(line), "{}", report[0]);
    }
}
