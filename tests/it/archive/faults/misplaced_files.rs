//! Files under the names of others, and copies: each is reported, and no flow counts twice.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::{journal, messages, query, run_query, segment, slot};
use crate::common::process::{Running, free_port, toptalk};
use toptalk::archive::name;

/// The name of a file of a slot.
fn named(folder: &Path, number: i64, part: u32, ending: &str) -> std::path::PathBuf {
    let name = name::segment(slot(number), false, part);
    folder.join(name).with_extension(ending)
}

fn verified(folder: &Path, path: &Path) -> Output {
    query(folder, &["-v", path.to_str().unwrap()]).output().unwrap()
}

/// Checks that a query finds `flows` flows and reports the expected problem of each file.
fn finds(folder: &Path, words: &[&str], flows: u64, problems: &[(&Path, &str)]) {
    let (found, output) = run_query(&mut query(folder, words));
    let code = i32::from(!problems.is_empty());
    assert_eq!((found, output.status.code()), (Some(flows), Some(code)), "{}", messages(&output));
    let messages = messages(&output);
    assert_eq!(messages.lines().count(), problems.len(), "{messages}");
    for (path, what) in problems {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            messages.lines().any(|line| line.contains(name) && line.contains(what)),
            "{messages}"
        );
    }
}

#[test]
fn a_file_under_the_name_of_another_slot_is_reported_and_counts() {
    for (write, ending) in
        [(segment as fn(&Path, i64, usize) -> _, "parquet"), (journal, "journal")]
    {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let (first, second) = (write(root, 0, 2), write(root, 1, 3));
        finds(root, &["-R", "."], 5, &[]);
        // Two files exchange their names.
        let aside = root.join("aside");
        fs::rename(&first, &aside).unwrap();
        fs::rename(&second, &first).unwrap();
        fs::rename(&aside, &second).unwrap();
        let wrong = "its name gives another slot";
        finds(root, &["-R", "."], 5, &[(&first, wrong), (&second, wrong)]);
        let one = format!("./{0}:{0}", second.file_name().unwrap().to_str().unwrap());
        finds(root, &["-R", &one], 2, &[(&second, wrong)]);
        // Also if its times are skipped.
        let late = ["-R", ".", "--from", "2026-11-24T09:00Z"];
        finds(root, &late, 0, &[(&first, wrong), (&second, wrong)]);
        for path in [&first, &second] {
            let output = verified(root, path);
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(!output.status.success() && printed.contains("1 problems"), "{printed}");
            assert!(messages(&output).contains(wrong), "{}", messages(&output));
        }
        // A file with a name of another form makes no statement about the slot.
        let own = root.join("own");
        fs::rename(&first, &own).unwrap();
        finds(root, &["-r", "own"], 3, &[]);
        assert!(verified(root, &own).status.success());
        // As the next part of its slot it is in the right place.
        fs::remove_file(&second).unwrap();
        fs::rename(&own, named(root, 1, 2, ending)).unwrap();
        finds(root, &["-R", "."], 3, &[]);
    }
}

#[test]
fn a_copy_is_reported_and_counts_once() {
    for (write, ending) in
        [(segment as fn(&Path, i64, usize) -> _, "parquet"), (journal, "journal")]
    {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let (first, second) = (write(root, 0, 2), write(root, 1, 3));
        let copy = "is a copy of";
        // A copy over another file: the flows of that file are gone.
        fs::copy(&second, &first).unwrap();
        finds(root, &["-R", "."], 3, &[(&first, copy)]);
        // Twice, also as a part of the same slot and in another folder.
        let (part, other) = (named(root, 1, 2, ending), named(&root.join("more"), 1, 1, ending));
        fs::create_dir(root.join("more")).unwrap();
        fs::copy(&second, &part).unwrap();
        fs::copy(&second, &other).unwrap();
        finds(root, &["-R", "."], 3, &[(&first, copy), (&part, copy), (&other, copy)]);
        // With as many, but other flows: not a copy.
        fs::remove_file(&part).unwrap();
        fs::remove_file(&other).unwrap();
        write(root, 0, 3);
        finds(root, &["-R", "."], 6, &[]);
    }
}

#[test]
fn a_recorder_makes_no_segment_of_a_copy_or_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let first = journal(root, 0, 2);
    let (part, second) = (named(root, 0, 2, "journal"), named(root, 1, 1, "journal"));
    fs::copy(&first, &part).unwrap();
    fs::rename(journal(root, 2, 3), &second).unwrap();
    let mut collect = toptalk();
    collect.args(["collect", "--log-level", "warn"]);
    collect.args(["-b", "127.0.0.1", "-p", &free_port().to_string(), "-w"]).arg(root);
    let running = Running::start(&mut collect, "is a copy of");
    assert_eq!(running.end(nix::sys::signal::Signal::SIGTERM).status.code(), Some(0));
    let (found, output) = run_query(&mut query(root, &["-R", "."]));
    assert_eq!(found, Some(5), "{}", messages(&output));
    // The name stays the same, and so does the problem.
    let of = |path: &Path| path.file_name().unwrap().to_str().unwrap().replace("journal", "");
    assert!(messages(&output).contains(&of(&second)), "{}", messages(&output));
    assert!(messages(&output).contains("its name gives another slot"), "{}", messages(&output));
}

#[test]
fn a_journal_after_a_journal_is_a_loss_and_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let path = journal(root, 0, 2);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, bytes.repeat(2)).unwrap();
    let what = "another journal begins";
    finds(root, &["-R", "."], 2, &[(&path, what)]);
    let output = verified(root, &path);
    assert!(!output.status.success() && messages(&output).contains(what), "{}", messages(&output));
    // Also after a damaged place.
    let garbage = [&bytes[..], &[7; 99][..], &bytes[..]].concat();
    fs::write(&path, garbage).unwrap();
    let (found, output) = run_query(&mut query(root, &["-R", "."]));
    assert_eq!((found, output.status.code()), (Some(2), Some(1)), "{}", messages(&output));
    assert!(messages(&output).contains(what), "{}", messages(&output));
    let mut collect = toptalk();
    collect.args(["collect", "--log-level", "warn"]);
    collect.args(["-b", "127.0.0.1", "-p", &free_port().to_string(), "-w"]).arg(root);
    let running = Running::start(&mut collect, "are lost");
    assert_eq!(running.end(nix::sys::signal::Signal::SIGTERM).status.code(), Some(0));
    finds(root, &["-R", "."], 2, &[]);
}
