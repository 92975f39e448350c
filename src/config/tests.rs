//! Valid files, and the errors about others.

use std::path::Path;

use proptest::prelude::*;

use super::{MAX_FILE, Setting, TABLE, read};

fn words(text: &str) -> Vec<(&'static str, Vec<String>)> {
    let file = read(Path::new("f"), text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let words = |entry: super::SettingEntry| {
        (entry.setting.key, entry.words.into_iter().map(|word| word.text).collect())
    };
    file.entries.into_iter().map(words).collect()
}

fn wrong(text: &str) -> String {
    read(Path::new("f.toml"), text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn keys_are_declared_once_each_in_a_section() {
    for (at, setting) in TABLE.iter().enumerate() {
        assert_eq!(TABLE.iter().position(|one| one.key == setting.key), Some(at));
        let (section, key) = setting.parts();
        assert!(!section.is_empty() && !key.contains('.'), "{}", setting.key);
        assert_eq!(Setting::named(setting.key), Some(setting));
    }
}

#[test]
fn values_become_the_words_behind_a_flag() {
    let text = "[listen]\nports = [2055, \"4739\"]\nbind = \"::1\"\n\
                [windows]\ndedup = false\nlag = 60\nlocal = \"10.0.0.0/8\"\n\
                [screen]\nascii = true\n\
                [groups]\nfiles = [\"vlans\"]\nnames = { lab = \"10.20.3.0/24\" }\n";
    let one = |word: &str| vec![word.to_owned()];
    assert_eq!(
        words(text),
        [
            ("listen.ports", vec!["2055".to_owned(), "4739".to_owned()]),
            ("listen.bind", one("::1")),
            ("windows.local", one("10.0.0.0/8")),
            ("windows.lag", one("60")),
            ("windows.dedup", one("true")),
            ("groups.files", one("vlans")),
            ("groups.names", one("10.20.3.0/24=lab")),
            ("screen.ascii", one("true")),
        ]
    );
    assert_eq!(words(""), []);
    let source = "[[record.sources]]\nident = \"r1\"\naddress = \"192.0.2.1\"\nfolder = \"/a\"\n";
    assert_eq!(words(source), [("record.sources", one("r1,192.0.2.1,/a"))]);
    let lines = read(Path::new("f"), text.as_bytes()).unwrap();
    assert_eq!(lines.entries.iter().map(|entry| entry.line).max(), Some(12));
}

#[test]
fn mistakes_say_where_and_what_was_expected() {
    for (text, expected) in [
        ("[alerts]\nupp = 5", "f.toml:2:1: unknown key `alerts.upp`: try up\n  upp = 5\n  ^^^"),
        ("[alert]\nup = 5", "f.toml:1:2: unknown section `alert`: try alerts\n  [alert]\n   ^^^^^"),
        ("alerts = 5", "f.toml:1:1: unknown section `alerts`"),
        ("[alerts.up]\nx = 1", "alerts.up: expected a text or a number, found a table"),
        ("[zzzzzzzzz]", "known are listen memory exporters windows"),
        (
            "[screen]\nascii = 1",
            "f.toml:2:9: screen.ascii: expected true or false, found the number 1",
        ),
        ("[alerts]\nup = true", "expected a text or a number, found true"),
        ("[alerts]\nup = 0x10", "found the number"),
        (
            "[listen]\nports = [1, [2]]",
            "f.toml:2:13: listen.ports: expected a list of texts or numbers, found a list",
        ),
        ("[groups]\nnames = \"x\"", "a table of names, each with a network"),
        ("[record]\nsources = [{ ident = \"a\" }]", "found none for address"),
        ("[record]\nsources = [{ indent = \"a\" }]", "found the key `indent`"),
        ("[alerts]\nup = ", "f.toml:2:6: "),
        ("[alerts]\nup = 1\nup = 2", "f.toml:3:1: duplicate key"),
        ("# \u{e4}\u{e4}\n[screen]\n\tascii = \"\u{e4}\"", "f.toml:3:10: "),
    ] {
        let said = wrong(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
    let said = wrong("[alerts]\nup = true\nupp = 1\n[screen]\nascii = 2");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("f.toml:")).collect();
    assert_eq!(lines.len(), 3, "all at once: {said}");
    assert!(lines[0].starts_with("f.toml:2:6:") && lines[2].starts_with("f.toml:5:9:"), "{said}");
}

#[test]
fn what_is_no_text_or_too_long_is_refused() {
    let said = read(Path::new("f"), b"[alerts]\n\xff").unwrap_err().to_string();
    assert!(said.starts_with("f:2:1: expected text in UTF-8"), "{said}");
    let long = "#".repeat(MAX_FILE + 1);
    assert!(wrong(&long).contains("at most 1048576 bytes"));
    let many = format!("[listen]\nports = [{}]", "1,".repeat(30_000));
    assert!(wrong(&many).contains("at most 20000 values, found 30000"));
    let deep = format!("[listen]\nports = {}", "[".repeat(100_000));
    assert!(wrong(&deep).len() < 1000);
}

proptest! {
    #[test]
    fn no_text_panics(text in "(\\[?\\[?(alerts|record|groups|x)(\\.[a-z]{1,5})?\\]?\\]?\n|[a-z]{1,6} ?= ?.{0,20}\n|.{0,12}){0,6}") {
        if let Err(mistakes) = read(Path::new("f"), text.as_bytes()) {
            prop_assert!(!mistakes.to_string().is_empty());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(Path::new("f"), &bytes);
    }
}
