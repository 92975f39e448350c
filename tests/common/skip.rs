//! Skips a test that cannot run on this machine: with a message, or as a failure where nothing may
//! be skipped.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Set in CI (`.ci/run`): a skipped test fails. `.ci/left-out` lists tests that CI cannot
/// run.
const NO_SKIP: &str = "TOPTALK_NO_SKIP";

/// Prints on stderr that a test did not run. Panics if `TOPTALK_NO_SKIP` is set.
pub fn skip(test: &str, why: &str) {
    assert!(std::env::var_os(NO_SKIP).is_none(), "{test} was skipped: {why}");
    say(test, why);
}

/// Writes to stderr directly, because the test harness hides output of tests that pass.
fn say(test: &str, why: &str) {
    let line = format!("\nSKIPPED {test}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The folder of recorded datagrams: `$TOPTALK_CORPUS`, or `shared/corpus` next to the checkout.
/// `None`, with a message, if there is none. The recordings are not part of the repository, so this
/// is allowed in CI. A folder that exists must be complete.
pub fn corpus(test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("TOPTALK_CORPUS").map_or(beside, PathBuf::from);
    if folder.join("expected.json").is_file() {
        return Some(folder);
    }
    if folder.exists() {
        skip(test, &format!("there is no expected.json in {}", folder.display()));
    } else {
        say(test, "there are no recorded datagrams; set TOPTALK_CORPUS");
    }
    None
}

/// The folder of the captures of what administrators reported: `$TOPTALK_REPORTS`, or
/// `shared/reports` next to the checkout. Like [`corpus`], it is not part of the repository.
pub fn reports(test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reports");
    let folder = std::env::var_os("TOPTALK_REPORTS").map_or(beside, PathBuf::from);
    if folder.join("README.md").is_file() {
        return Some(folder);
    }
    say(test, "there are no captures of reports; set TOPTALK_REPORTS");
    None
}
