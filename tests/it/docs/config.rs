//! The table of docs/CONFIG.md is that of the code, and its example is right.
//! `UPDATE_DOCS=1` writes the table.

use std::path::PathBuf;

use toptalk::cli::{check_file, described};
use toptalk::config::{self, TABLE};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/CONFIG.md")
}

fn table() -> String {
    let code = |text: &str| format!("`{text}`");
    let cell = |text: &str| text.replace('|', "\\|");
    let mut lines = String::new();
    let mut section = "";
    for one in described() {
        let (own, key) = one.setting.parts();
        if own != section {
            section = own;
            lines.push_str(&format!(
                "\n### [{own}]\n\n| key | takes | default | flag, variable | reload | |\n|---|---|---|---|---|---|\n"
            ));
        }
        let default = if one.default.is_empty() { String::new() } else { code(&one.default) };
        let variable = one.variable.map(|name| format!(", {}", code(&name))).unwrap_or_default();
        let cells = [
            code(key),
            one.takes,
            default,
            format!("{}{variable}", code(&one.flags)),
            if one.setting.reload { "yes" } else { "restart" }.to_owned(),
            one.help,
        ];
        lines.push_str(&format!("| {} |\n", cells.map(|text| cell(&text)).join(" | ")));
    }
    lines
}

#[test]
fn the_table_is_that_of_the_code() {
    let mut text = std::fs::read_to_string(path()).unwrap();
    let before = text.clone();
    let begin = "<!-- table: settings -->\n";
    let start = text.find(begin).unwrap() + begin.len();
    let end = start + text[start..].find("<!-- end -->").unwrap();
    text.replace_range(start..end, &format!("{}\n", table()));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path(), text).unwrap();
    } else {
        assert!(text == before, "docs/CONFIG.md: UPDATE_DOCS=1 cargo test --test it docs");
    }
}

#[test]
fn every_setting_has_a_flag_and_a_help() {
    let all = described();
    assert_eq!(all.len(), TABLE.len(), "a setting without its flag");
    for one in all {
        assert!(!one.help.is_empty() && !one.takes.is_empty(), "{one:?}");
    }
}

#[test]
fn the_example_is_right_and_names_every_section() {
    let text = std::fs::read_to_string(path()).unwrap();
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = config::read(&path(), example.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    check_file(&file).unwrap_or_else(|error| panic!("{error}"));
    for setting in TABLE {
        let (section, _) = setting.parts();
        let named = file.entries.iter().any(|entry| entry.setting.parts().0 == section);
        assert!(named, "{section}");
    }
}
