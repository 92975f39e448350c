//! What a test does that cannot run here: it says so loudly, and fails where nothing may
//! be left out.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Set in CI (`.ci/run`): a test that skips fails. What CI cannot run is in `.ci/left-out`.
const NO_SKIP: &str = "TOPTALK_NO_SKIP";

/// Says on stderr, where nobody can overlook it, that a test did not run; panics where
/// `TOPTALK_NO_SKIP` is set.
pub fn skip(test: &str, why: &str) {
    assert!(std::env::var_os(NO_SKIP).is_none(), "{test} was skipped: {why}");
    say(test, why);
}

/// The test harness keeps what `eprintln!` says of tests that pass to itself.
fn say(test: &str, why: &str) {
    let line = format!("\nSKIPPED {test}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The folder of recorded datagrams: `$TOPTALK_CORPUS`, or `shared/corpus` beside the
/// checkout. `None`, said loudly, when there is none. The recordings are not part of the
/// repository, so that this is allowed in CI; a folder that is there has to be whole.
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
