//! The lines of docs/service.md, as they are written there.

use std::path::Path;
use std::process::Command;

use crate::common::process::{have, toptalk};

/// The mark before a block whose lines are run here; the others need root or a
/// running systemd.
const MARK: &str = "<!-- run -->\n```sh\n";

fn blocks(text: &str) -> Vec<&str> {
    text.split(MARK).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn its_lines_work_as_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/service.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = blocks(&text);
    assert_eq!(blocks.len(), text.matches("<!-- run -->").count(), "a mark without a block");
    assert!(!blocks.is_empty());
    let program = Path::new(env!("CARGO_BIN_EXE_toptalk")).parent().unwrap();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let places = std::iter::once(program.to_owned()).chain(std::env::split_paths(&others));
    let places = std::env::join_paths(places).unwrap();
    for block in blocks {
        let needed = block.lines().filter_map(|line| line.split(' ').next());
        if !needed
            .filter(|word| *word != "toptalk")
            .all(|word| have("its_lines_work_as_written", word))
        {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-euc", block]).current_dir(folder.path()).env("PATH", &places);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{block}\n{said}");
    }
}

#[test]
fn its_other_lines_name_commands_and_flags_that_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/service.md");
    let text = std::fs::read_to_string(path).unwrap();
    let ours = text.lines().filter_map(|line| line.strip_prefix("toptalk "));
    let mut seen = 0;
    for line in ours {
        let verb: Vec<&str> = line.split(' ').take_while(|word| !word.starts_with('-')).collect();
        let output = toptalk().args(&verb[..1]).arg("--help").output().unwrap();
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{line}");
        // Flags of commands below are in their own help.
        for flag in line.split(' ').filter(|word| word.starts_with("--")) {
            let known = help.contains(flag) || verb[0] == "setup";
            assert!(known, "{flag} of `toptalk {line}`");
        }
        seen += 1;
    }
    assert!(seen > 3);
}
