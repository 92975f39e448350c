//! The fuzz targets are built twice: by `cargo test`, which replays their inputs, and by
//! cargo-fuzz with its own manifest, which nothing else reads.

use std::collections::BTreeSet;

use crate::{code, names, sources};

/// The crates under `[dependencies]` and `[dev-dependencies]` of a manifest.
fn crates(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_list = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_list = line.ends_with("dependencies]");
        } else if let Some((name, _)) = line.split_once('=')
            && is_list
        {
            found.insert(name.trim().replace('-', "_"));
        }
    }
    found
}

fn manifest(path: &str) -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/").to_owned() + path;
    crates(&std::fs::read_to_string(path).expect("a manifest"))
}

#[test]
fn crates_of_fuzz_targets_are_in_their_manifest() {
    let given = manifest("fuzz/Cargo.toml");
    let mut used = BTreeSet::new();
    for (_, text) in sources("tests/fuzz_targets") {
        let code = code(&text);
        used.extend(
            manifest("Cargo.toml").into_iter().filter(|name| names(&code, &format!("{name}::"))),
        );
    }
    assert!(used.contains("netflow_parser"), "the crates are no longer found: {used:?}");
    let missing: Vec<_> = used.difference(&given).collect();
    assert!(missing.is_empty(), "fuzz/Cargo.toml has no {missing:?}");
}
