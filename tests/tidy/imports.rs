//! Determines from the source which file imports which, with as much of Rust's name lookup as
//! `use` and module paths need.
//!
//! A file imports the file that defines what it names, also if a parent module re-exports it.
//! Naming a module alone is not an import, and a module that only declares and re-exports its
//! children does not import them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::tokens::{Token, tokens};

/// Lookups that form a ring end here.
const MAX_ALIASES: usize = 16;

/// A file that names something that another file defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: String,
    pub to: String,
    pub line: usize,
    pub name: String,
}

/// What a name stands for in a module.
enum Name {
    Item,
    Module(usize),
    /// Imported by `use`.
    Alias(Vec<String>),
}

struct Module {
    parent: Option<usize>,
    file: String,
    /// The folder of its children.
    folder: String,
    names: HashMap<String, Name>,
    globs: Vec<Vec<String>>,
    tokens: Vec<Token>,
}

/// One name of a `use`, as a full path.
struct Use {
    path: Vec<String>,
    /// The name here; `None` for `*`.
    name: Option<String>,
    line: usize,
    /// Whether it has a visibility, so that others may name it by this module.
    shown: bool,
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    ItemIn(usize),
}

/// The imports among files, beginning with `src/lib.rs`. `files` are texts by path.
pub fn imports(files: &BTreeMap<String, String>) -> BTreeSet<Import> {
    let mut tree = Tree { files, modules: Vec::new() };
    tree.load(None, "src/lib.rs", "src", tokens(&files["src/lib.rs"]));
    let mut found = BTreeSet::new();
    for module in 0..tree.modules.len() {
        tree.imports_of(module, &mut found);
    }
    found
}

struct Tree<'a> {
    files: &'a BTreeMap<String, String>,
    modules: Vec<Module>,
}

impl Tree<'_> {
    /// Reads a module and the modules that it declares.
    fn load(&mut self, parent: Option<usize>, file: &str, folder: &str, all: Vec<Token>) -> usize {
        let number = self.modules.len();
        self.modules.push(Module {
            parent,
            file: file.into(),
            folder: folder.into(),
            names: HashMap::new(),
            globs: Vec::new(),
            tokens: Vec::new(),
        });
        let (mut own, mut depth, mut at) = (Vec::new(), 0, 0);
        while let Some(token) = all.get(at) {
            match token.text.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                "mod" if depth == 0 => {
                    at = self.child(number, &all, at);
                    continue;
                }
                "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static"
                    if depth == 0 =>
                {
                    let name = all.get(at + 1).filter(|name| name.is_word());
                    self.define(number, name, Name::Item);
                }
                "macro_rules" => self.define(number, all.get(at + 2), Name::Item),
                _ => {}
            }
            own.push(token.clone());
            at += 1;
        }
        for used in uses(&own).0 {
            match used.name {
                Some(name) => {
                    let names = &mut self.modules[number].names;
                    names.entry(name).or_insert(Name::Alias(used.path));
                }
                None => self.modules[number].globs.push(used.path),
            }
        }
        self.modules[number].tokens = own;
        number
    }

    fn define(&mut self, module: usize, name: Option<&Token>, meaning: Name) {
        if let Some(name) = name {
            self.modules[module].names.insert(name.text.clone(), meaning);
        }
    }

    /// Reads the child that is declared at `at`; returns the index after its declaration.
    fn child(&mut self, parent: usize, all: &[Token], at: usize) -> usize {
        let name = &all[at + 1];
        let (folder, file) = (&self.modules[parent].folder, &self.modules[parent].file);
        let (inside, mut end) = (format!("{folder}/{}", name.text), at + 3);
        let child = if all[at + 2].is(";") {
            let file = [format!("{inside}.rs"), format!("{inside}/mod.rs")]
                .into_iter()
                .find(|file| self.files.contains_key(file))
                .unwrap_or_else(|| panic!("{file}:{}: no file of `{}`", name.line, name.text));
            self.load(Some(parent), &file, &inside, tokens(&self.files[&file]))
        } else {
            let mut depth = 1;
            while depth > 0 {
                depth += i32::from(all[end].is("{")) - i32::from(all[end].is("}"));
                end += 1;
            }
            let file = file.clone();
            self.load(Some(parent), &file, &inside, all[at + 3..end - 1].to_vec())
        };
        self.define(parent, Some(name), Name::Module(child));
        end
    }

    /// What a path in `module` leads to; `None` if it leaves the crate.
    fn resolve(&self, module: usize, path: &[String], depth: usize) -> Option<Target> {
        let mut here = module;
        for (place, word) in path.iter().enumerate() {
            let step = match word.as_str() {
                "crate" => Target::Module(0),
                "self" => Target::Module(here),
                "super" => Target::Module(self.modules[here].parent?),
                _ => match self.look_up(here, word, depth) {
                    Some(Some(target)) => target,
                    Some(None) => return None,
                    // Not declared explicitly: generated by a macro, or a crate.
                    None if place == 0 => return None,
                    None => Target::ItemIn(here),
                },
            };
            match step {
                Target::Module(next) => here = next,
                Target::ItemIn(_) => return Some(step),
            }
        }
        Some(Target::Module(here))
    }

    /// What a name stands for in a module. `Some(None)`: something of another crate.
    fn look_up(&self, module: usize, name: &str, depth: usize) -> Option<Option<Target>> {
        if depth == 0 {
            return Some(None);
        }
        match self.modules[module].names.get(name) {
            Some(Name::Item) => Some(Some(Target::ItemIn(module))),
            Some(Name::Module(child)) => Some(Some(Target::Module(*child))),
            Some(Name::Alias(path)) => Some(self.resolve(module, path, depth - 1)),
            None => self.modules[module].globs.iter().find_map(|path| {
                match self.resolve(module, path, depth - 1)? {
                    Target::Module(other) => self.look_up(other, name, depth - 1),
                    Target::ItemIn(_) => None,
                }
            }),
        }
    }

    fn is_within(&self, mut module: usize, parent: usize) -> bool {
        while let Some(next) = self.modules[module].parent {
            if next == parent {
                return true;
            }
            module = next;
        }
        false
    }

    fn imports_of(&self, module: usize, found: &mut BTreeSet<Import>) {
        let (uses, rest) = uses(&self.modules[module].tokens);
        let mut contents = BTreeSet::new();
        for used in uses {
            let target = self.resolve(module, &used.path, MAX_ALIASES);
            let shown_child = used.shown
                && target.is_some_and(|target| match target {
                    Target::Module(other) | Target::ItemIn(other) => self.is_within(other, module),
                });
            if shown_child {
                contents.extend(used.name);
            } else {
                self.note(module, &used.path, used.line, found);
            }
        }
        for (path, line) in paths(&rest) {
            let is_path = path.len() > 1 || contents.contains(&path[0]);
            if is_path {
                self.note(module, &path, line, found);
            }
        }
    }

    fn note(&self, module: usize, path: &[String], line: usize, found: &mut BTreeSet<Import>) {
        if let Some(Target::ItemIn(other)) = self.resolve(module, path, MAX_ALIASES) {
            let (from, to) = (&self.modules[module].file, &self.modules[other].file);
            if from != to {
                let name = path.join("::");
                found.insert(Import { from: from.clone(), to: to.clone(), line, name });
            }
        }
    }
}

/// The names that `use` imports, and the tokens that belong to no `use`.
fn uses(tokens: &[Token]) -> (Vec<Use>, Vec<Token>) {
    let (mut found, mut rest, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(token) = tokens.get(at) {
        // `impl Trait + use<'a>` is not an import.
        if !token.is("use") || tokens.get(at + 1).is_some_and(|next| next.is("<")) {
            rest.push(token.clone());
            at += 1;
            continue;
        }
        let shown = at > 0 && (tokens[at - 1].is("pub") || tokens[at - 1].is(")"));
        at += 1;
        branch(tokens, &mut at, &[], shown, &mut found);
        at += 1;
    }
    (found, rest)
}

/// One branch of the tree after `use`; stops at the `;`, `,` or `}` that ends it.
fn branch(tokens: &[Token], at: &mut usize, before: &[String], shown: bool, found: &mut Vec<Use>) {
    let (mut path, mut name, line) = (before.to_vec(), None, tokens[*at].line);
    loop {
        let token = &tokens[*at];
        *at += 1;
        match token.text.as_str() {
            "::" => {}
            "{" => {
                while !tokens[*at].is("}") {
                    branch(tokens, at, &path, shown, found);
                    *at += usize::from(tokens[*at].is(","));
                }
                *at += 1;
                return;
            }
            "*" => {
                found.push(Use { path, name: None, line, shown });
                return;
            }
            "as" => {
                name = Some(tokens[*at].text.clone());
                *at += 1;
            }
            "self" if path.len() == before.len() && !path.is_empty() => {}
            word if token.is_word() => path.push(word.into()),
            _ => {
                *at -= 1;
                let name = name.or(path.last().cloned());
                found.push(Use { path, name, line, shown });
                return;
            }
        }
    }
}

/// The paths in code, `a::b::c` and plain names, with their lines; without fields, methods, and
/// names that are being defined.
fn paths(tokens: &[Token]) -> Vec<(Vec<String>, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.is(text));
    while at < tokens.len() {
        let start = at;
        at += 1;
        if !tokens[start].is_word() {
            continue;
        }
        let mut path = vec![tokens[start].text.clone()];
        while is(at, "::") && tokens.get(at + 1).is_some_and(Token::is_word) {
            path.push(tokens[at + 1].text.clone());
            at += 2;
        }
        let follows = |text: &str| start > 0 && is(start - 1, text);
        let is_label = path.len() == 1 && is(at, ":");
        if !(is_label || follows(".") || follows("::") || follows("fn") || follows("let")) {
            found.push((path, tokens[start].line));
        }
    }
    found
}
