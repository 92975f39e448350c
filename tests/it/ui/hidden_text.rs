//! Text from outside (names of interfaces, files or arguments): no control sequence or
//! invisible character of it is printed to a terminal.

use std::process::{Output, Stdio};

use crate::common::process::toptalk;
use toptalk::text::is_hidden;

/// A control sequence, an 8-bit control character, a right-to-left override, an invisible tag,
/// a joiner, a filler that takes a column, and a name.
const HOSTILE: &str = "eth\u{1b}[31m\u{9b}2J\u{202e}\u{e0041}\u{200d}\u{3164}界0";

fn assert_clean(output: &Output, what: &str) -> String {
    let text = [&output.stdout[..], b"\n", &output.stderr].concat();
    let text = String::from_utf8(text).expect("it prints text");
    let hidden: Vec<char> = text.chars().filter(|c| *c != '\n' && is_hidden(*c)).collect();
    assert!(hidden.is_empty(), "{what}: {hidden:?} in {text:?}");
    text
}

/// IPFIX: an options template that contains a name (RFC 7011, section 3.4.2.2), and its data.
fn options() -> Vec<u8> {
    let name = HOSTILE.as_bytes();
    let template = [
        &[0, 3, 0, 18][..],
        // Template 256: ingressInterface (10) as the scope, and interfaceName (82).
        &[1, 0, 0, 2, 0, 1, 0, 10, 0, 4, 0, 82, 255, 255],
    ]
    .concat();
    let length = u16::try_from(4 + 4 + 1 + name.len()).unwrap();
    let mut data = vec![1, 0];
    data.extend(length.to_be_bytes());
    data.extend([0, 0, 0, 7, u8::try_from(name.len()).unwrap()]);
    data.extend(name);
    let whole = u16::try_from(16 + template.len() + data.len()).unwrap();
    let mut message = vec![0, 10];
    message.extend(whole.to_be_bytes());
    message.extend([0x5f, 0x5e, 0x0f, 0, 0, 0, 0, 1, 0, 0, 0, 5]);
    message.extend(template);
    message.extend(data);
    message
}

#[test]
fn names_from_exporters_are_clean_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    // Also the name of the file itself.
    let path = folder.path().join(format!("{HOSTILE}.ipfix"));
    std::fs::write(&path, options()).unwrap();
    for shape in ["table", "ndjson"] {
        let mut command = toptalk();
        let output = command.args(["inspect", "-o", shape]).arg(&path).output().unwrap();
        let text = assert_clean(&output, shape);
        assert!(output.status.success() && text.contains("界0"), "{shape}: {text}");
        if shape == "ndjson" {
            let lines: Vec<serde_json::Value> = text
                .lines()
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            assert!(
                lines.iter().any(|line| line.to_string().contains(HOSTILE) || found(line)),
                "{lines:?}"
            );
        }
    }
}

/// Whether a value contains the name as it was sent: JSON loses nothing.
fn found(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text == HOSTILE,
        serde_json::Value::Array(all) => all.iter().any(found),
        serde_json::Value::Object(all) => all.values().any(found),
        _ => false,
    }
}

#[test]
fn errors_that_repeat_an_argument_are_clean() {
    for words in [
        &["doctor", HOSTILE][..],
        &["doctor", "--for", HOSTILE],
        &["doctor", "-w", HOSTILE, "--socket", HOSTILE, "--for", "1x"],
        &[HOSTILE],
        &["top", HOSTILE],
        &["query", "--no-attach", HOSTILE],
        &["query", "--no-attach", "-v", HOSTILE],
        &["query", "--no-attach", "-r", HOSTILE],
        &["query", "--no-attach", "-R", HOSTILE],
        &["query", "--no-attach", "-s", HOSTILE],
        &["query", "--no-attach", "-A", HOSTILE],
        &["query", "--no-attach", "-O", HOSTILE],
        &["query", "--no-attach", "-o", HOSTILE],
        &["query", "--no-attach", "-t", HOSTILE],
        &["query", "--no-attach", "-f", HOSTILE],
        &["query", "--no-attach", "-Z", HOSTILE],
        &["query", "--no-attach", "--tz", HOSTILE],
        &["inspect", HOSTILE],
        &["replay", "-r", HOSTILE, "--to", "127.0.0.1:9"],
        &["replay", "-r", "x", "--to", HOSTILE],
        &["convert", "-r", HOSTILE, "-w", "/dev/null/x"],
        &["collect", "-x", HOSTILE, "-I", HOSTILE],
        &["collect", "-D", "-x", HOSTILE],
        &["collect", "--group", HOSTILE, "-p", "1"],
        &["config", "check", HOSTILE],
        &["config", "show", HOSTILE],
        &["config", "show", "collect", "-w", HOSTILE],
        &["--group", HOSTILE],
        &["setup", HOSTILE],
    ] {
        let output = toptalk().args(words).stdin(Stdio::null()).output().unwrap();
        assert_clean(&output, &words.join(" "));
    }
}

#[test]
fn errors_of_a_settings_file_are_clean() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toptalk.toml");
    for text in [
        format!("[record]\nfolder = 5\n# {HOSTILE}\n[{HOSTILE}]\n"),
        format!("[listen]\nbind = \"{HOSTILE}\"\n"),
        format!("[listen]\n\"{HOSTILE}\" = 1\n"),
    ] {
        std::fs::write(&path, text).unwrap();
        let output = toptalk().args(["config", "check"]).arg(&path).output().unwrap();
        assert_clean(&output, "a settings file");
        assert!(!output.status.success());
    }
    // A correct file with a hostile name, and the folder of the service's files.
    let named = folder.path().join(HOSTILE);
    std::fs::write(&named, "[listen]\nports = 5\n").unwrap();
    for words in [&["config", "check"][..], &["config", "show", "collect", "--config"]] {
        let output = toptalk().args(words).arg(&named).output().unwrap();
        assert!(assert_clean(&output, &words.join(" ")).contains("界0"), "{output:?}");
        assert!(output.status.success(), "{output:?}");
    }
    let below = folder.path().join(format!("below {HOSTILE}"));
    for _ in 0..2 {
        let output = toptalk().args(["setup", "systemd", "--write"]).arg(&below).output().unwrap();
        assert!(assert_clean(&output, "setup").contains("界0"), "{output:?}");
    }
    // The value of an environment variable appears in the help of its flag.
    let output = toptalk().args(["collect", "--help"]).env("TOPTALK_RECORD", HOSTILE).output();
    assert!(assert_clean(&output.unwrap(), "help").contains("界0"));
}
