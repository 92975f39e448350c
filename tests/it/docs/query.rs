//! The tables of docs/QUERY.md are those of the code. `UPDATE_DOCS=1` writes them.

use std::path::PathBuf;

use toptalk::query::element::{ELEMENTS, PARTS, UNANSWERED};
use toptalk::query::format::layout::PREDEFINED;
use toptalk::query::format::{SHAPES, tag};
use toptalk::query::order::ORDERS;

type Rows = Vec<[String; 2]>;

fn row(names: &[&str], text: &str) -> [String; 2] {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    [names.join(", "), text.to_owned()]
}

fn with<'a>(name: &'a str, aliases: &[&'a str]) -> Vec<&'a str> {
    [&[name], aliases].concat()
}

fn tables() -> Vec<(&'static str, &'static str, Rows)> {
    let formats = PREDEFINED.iter().map(|(name, layout, help)| {
        let [name, help] = row(&[name], help);
        [name, format!("{help}: `{layout}`")]
    });
    let shapes = SHAPES.iter().map(|(name, help)| row(&[name], help));
    let tags = tag::TAGS.iter().map(|tag| row(&[&format!("%{}", tag.name)], tag.help));
    let missing = tag::UNANSWERED.iter().map(|(names, why)| {
        let names: Vec<String> = names.iter().map(|name| format!("%{name}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        row(&names, &format!("not supported: {why}"))
    });
    vec![
        (
            "elements",
            "| element | prints |",
            ELEMENTS.iter().map(|one| row(&with(one.name, one.aliases), one.label)).collect(),
        ),
        (
            "unanswered",
            "| element | reason |",
            UNANSWERED.iter().map(|(names, why)| row(names, why)).collect(),
        ),
        (
            "orders",
            "| order | comes first |",
            ORDERS.iter().map(|word| row(&with(word.name, word.aliases), word.help)).collect(),
        ),
        (
            "parts",
            "| field | tag |",
            PARTS
                .iter()
                .map(|part| row(&with(part.name, part.aliases), &format!("`%{}`", part.tag)))
                .collect(),
        ),
        ("formats", "| format | prints |", formats.chain(shapes).collect()),
        ("tags", "| tag | prints |", tags.chain(missing).collect()),
    ]
}

#[test]
fn tables_are_those_of_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/QUERY.md");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let before = text.clone();
    for (name, head, rows) in tables() {
        let begin = format!("<!-- table: {name} -->\n");
        let start = text.find(&begin).unwrap_or_else(|| panic!("no table {name}")) + begin.len();
        let end = start + text[start..].find("<!-- end -->").unwrap();
        let lines = rows.iter().map(|[left, right]| format!("| {left} | {right} |\n"));
        let table = format!("\n{head}\n|---|---|\n{}\n", lines.collect::<String>());
        text.replace_range(start..end, &table);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    } else {
        assert!(text == before, "docs/QUERY.md: UPDATE_DOCS=1 cargo test --test it docs");
    }
}
