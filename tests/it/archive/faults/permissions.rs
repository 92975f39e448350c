//! Files and folders without permission to read or write, as a user who is not root.

use std::fs;

use super::{messages, query, run_query, segment};
use crate::common::process::{free_port, toptalk};
use crate::common::skip;
use crate::common::users::{Nobody, is_root, mode};

/// A folder that everyone may enter, and a user without privileges.
fn shared_folder(test: &str) -> Option<(tempfile::TempDir, Nobody)> {
    let folder = tempfile::tempdir().unwrap();
    mode(folder.path(), 0o755);
    Some((folder, Nobody::new(test)?))
}

#[test]
fn unreadable_files_are_named_and_the_rest_is_read() {
    let Some((folder, nobody)) = shared_folder("unreadable_files_are_named_and_the_rest_is_read")
    else {
        return;
    };
    let root = folder.path();
    segment(root, 0, 1);
    let file = segment(root, 1, 2);
    segment(&root.join("closed"), 2, 4);
    mode(&file, 0o000);
    mode(&root.join("closed"), 0o000);
    let (found, output) = run_query(&mut nobody.runs(&query(root, &["-R", "."])));
    mode(&root.join("closed"), 0o755);
    assert_eq!((found, output.status.code()), (Some(1), Some(1)));
    let messages = messages(&output);
    assert!(messages.contains("cannot read the folder ./closed: Permission denied"), "{messages}");
    assert!(messages.contains("flows.202611240345Z.parquet: Permission denied"), "{messages}");
}

#[test]
fn a_read_only_archive_answers() {
    let Some((folder, nobody)) = shared_folder("a_read_only_archive_answers") else { return };
    let root = folder.path();
    let archive = root.join("archive");
    let file = segment(&archive, 0, 3);
    super::journal(&archive, 1, 4);
    mode(&file, 0o444);
    mode(&archive, 0o555);
    let (found, output) = run_query(&mut nobody.runs(&query(root, &["-R", "archive"])));
    assert_eq!((found, output.status.code()), (Some(7), Some(0)), "{}", messages(&output));
    let verify = nobody.runs(&query(root, &["-v", file.to_str().unwrap()])).output().unwrap();
    assert!(verify.status.success(), "{}", messages(&verify));
    // The error comes before the query runs.
    let write = ["-R", "archive", "-w", "archive/found.parquet"];
    let output = nobody.runs(&query(root, &write)).output().unwrap();
    assert!(!output.status.success());
    assert!(messages(&output).contains("cannot save archive/found.parquet: Permission denied"));
}

#[test]
fn recording_into_a_read_only_folder_is_refused() {
    let Some((folder, nobody)) = shared_folder("recording_into_a_read_only_folder_is_refused")
    else {
        return;
    };
    let root = folder.path();
    fs::create_dir(root.join("archive")).unwrap();
    mode(&root.join("archive"), 0o555);
    mode(root, 0o555);
    for (place, expected) in [
        ("archive", "cannot open archive/.toptalk-recorder: Permission denied"),
        ("new", "cannot make the folder new: Permission denied"),
    ] {
        let port = free_port().to_string();
        let mut command = toptalk();
        command.args(["collect", "-b", "127.0.0.1", "-p", &port, "-w", place]).current_dir(root);
        let output = nobody.runs(&command).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{place}");
        assert!(messages(&output).contains(expected), "{place}: {}", messages(&output));
    }
    mode(root, 0o755);
}

#[test]
fn a_refused_query_gives_its_cause_once_and_who_may_ask() {
    let test = "a_refused_query_gives_its_cause_once_and_who_may_ask";
    if !is_root() {
        return skip(test, "only root can run it as another user");
    }
    let Some((folder, nobody)) = shared_folder(test) else { return };
    let closed = folder.path().join("closed");
    segment(&closed, 0, 1);
    let socket = closed.join("t.sock");
    let _served = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    mode(&closed, 0o750);
    let mut command = toptalk();
    command.args(["query", "-R", closed.to_str().unwrap(), "--socket"]).arg(&socket);
    command.env_remove("TOPTALK_NO_ATTACH");
    let output = nobody.runs(command.arg("any")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(messages.lines().count(), 1, "{messages}");
    assert_eq!(messages.matches("Permission denied").count(), 1, "{messages}");
    assert!(messages.contains("`sudo usermod -aG root nobody`, then log in again"), "{messages}");
    // A screen gets the same message.
    let mut command = toptalk();
    command.args(["top", "--socket"]).arg(&socket).env_remove("TOPTALK_NO_ATTACH");
    command.env("TOPTALK_CONFIG", "/dev/null");
    let output = nobody.runs(&command).output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(messages.lines().count(), 1, "{messages}");
    assert!(
        messages.contains("permission denied: only user root and group root may"),
        "{messages}"
    );
    assert!(messages.contains("`sudo usermod -aG root nobody`"), "{messages}");
}
