//! Answers that standard output does not take.

use std::fs::File;
use std::process::Stdio;

use crate::common::process::toptalk;

/// A disk that is full is told in a line and by the exit code; a reader who has gone
/// has seen enough.
#[test]
fn an_answer_that_is_not_written_is_a_failure() {
    let words: [&[&str]; 7] = [
        &["--version"],
        &["--help"],
        &["query", "--help"],
        &["help", "collect"],
        &["setup", "completions", "bash"],
        &["query", "--macros", "duckdb"],
        &["config", "show"],
    ];
    for words in words {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = toptalk().args(words).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{words:?}: {said}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = toptalk().args(words).stdout(Stdio::from(writer)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{words:?}");
    }
}
