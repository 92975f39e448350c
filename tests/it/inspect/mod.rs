//! `toptalk inspect`, run as a program on recorded datagrams.

pub mod build;
mod captures;
mod corpus;
mod damage;
mod live;
mod records;

use crate::common;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

/// A recorded datagram.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The bytes of a recorded datagram.
fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// Runs `toptalk inspect` on files, with options before them.
fn inspect<P: AsRef<Path>>(words: &[&str], files: &[P]) -> Output {
    let mut command = common::process::toptalk();
    command.arg("inspect").args(words).args(files.iter().map(AsRef::as_ref));
    command.output().unwrap()
}

/// The lines of `-o ndjson`.
fn lines<P: AsRef<Path>>(files: &[P]) -> Vec<Value> {
    parse(&inspect(&["-o", "ndjson"], files))
}

fn parse(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of a kind.
fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A temporary folder of a test.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Scratch {
        Scratch(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}
