//! The table of docs/CONFIG.md is that of the code, and its example is right.
//! `UPDATE_DOCS=1` writes the table.

use std::path::PathBuf;

use toptalk::cli::{check_file, described, mistakes_in};
use toptalk::config::{self, Form, TABLE};

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

/// Values of every kind that TOML has, most of them wrong for most settings.
const VALUES: &[&str] = &[
    "\"\"",
    "\"?/'=\"",
    "-1",
    "0",
    "1.5",
    "0x10",
    "99999999999999999999",
    "\"a,b\"",
    "true",
    "1979-05-27",
    "[]",
    "[1, true]",
    "{}",
    "[{}]",
    "{ a = [] , b = 1 }",
    "[{ ident = \"a\", address = \"?\", folder = \"\" }]",
];

/// The errors about a file with one setting, without those about its form alone.
fn errors(key: &str, value: &str) -> Vec<String> {
    let text = format!("{key} = {value}\n");
    let (file, mut mistakes) = config::read_what_can_be(&path(), text.as_bytes()).unwrap();
    mistakes.extend(mistakes_in(&file));
    mistakes.into_iter().map(|mistake| mistake.what).collect()
}

#[test]
fn every_wrong_value_of_every_setting_is_named_with_what_is_expected() {
    for setting in TABLE {
        for value in VALUES {
            for error in errors(setting.key, value) {
                let start = format!("{}: expected ", setting.key);
                assert!(error.starts_with(&start), "{} = {value}: {error}", setting.key);
                assert!(error.contains(", found "), "{} = {value}: {error}", setting.key);
                assert!(!error.contains("--"), "{} = {value}: {error}", setting.key);
            }
        }
    }
}

#[test]
fn every_setting_refuses_values_of_another_type() {
    for setting in described() {
        let key = setting.setting.key;
        let is_switch = matches!(setting.setting.form, Form::Switch | Form::Unless);
        let refused = |value: &str| !errors(key, value).is_empty();
        assert_eq!(refused("true"), !is_switch, "{key}");
        for value in ["1979-05-27", "[1, true]", "\"\""] {
            assert!(refused(value), "{key} = {value}");
        }
        // Paths may be called anything.
        let is_path = matches!(setting.takes.as_str(), "DIR" | "PATH");
        assert_eq!(refused("\"?/'=\""), !is_path, "{key}");
    }
}

#[test]
fn forms_are_those_of_the_flags() {
    for setting in described() {
        let is_unless = setting.setting.flag.starts_with("no-");
        assert_eq!(setting.setting.form == Form::Unless, is_unless, "{}", setting.setting.key);
        assert!(!setting.setting.verbs().is_empty(), "{}", setting.setting.key);
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
