//! Saved state of exporters survives a restart, and its file is validated.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use toptalk::wire::encode::V9Encoder;

use super::{answer, moments, send, top, uploads};
use crate::common::process::{Running, free_port};
use crate::common::wait_until;

fn start(folder: &Path, port: u16) -> Running {
    let mut command = top(&["--state", folder.to_str().unwrap()], port);
    Running::start(command.env_remove("TOPTALK_NO_STATE"), "listening")
}

fn file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("exporters-127.0.0.1-{port}.json"))
}

/// Number of templates in the file.
fn remembered(path: &Path) -> usize {
    let text = std::fs::read(path).unwrap_or_default();
    let memory: Value = serde_json::from_slice(&text).unwrap_or_default();
    let templates = &memory["exporters"][0]["domains"][0]["templates"];
    templates.as_array().map_or(0, Vec::len)
}

#[test]
fn a_kill_between_template_and_data_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("made/when/needed");
    let port = free_port();
    let (now, boot) = moments();
    let mut router = V9Encoder::new(1).announcing(10);
    let running = start(&state, port);
    send(port, &router.encode(now, boot, &[], true));
    wait_until("the file", || remembered(&file(&state, port)) == 3);
    running.end(Signal::SIGKILL);

    let running = start(&state, port);
    send(port, &router.encode(now, boot, &uploads(now, 20), false));
    let answer = answer(running);
    assert_eq!(answer["totals"]["up"]["flows"], 20);
    assert_eq!(answer["totals"]["up"]["bytes"], 10 * 20_000, "the sampling rate is known, too");
    assert_eq!((&answer["dropped"], &answer["noticed"]), (&json!({}), &json!({})));
    // The flows began before this run, which is said; nothing else is.
    let notes = answer["notes"].as_array().unwrap();
    let others = notes.iter().filter(|note| !note.to_string().contains("before listening began"));
    assert_eq!(others.count(), 0, "{notes:?}");
    assert_eq!(answer["exporters"][0]["lost"], 0);
    // Only the file is left.
    assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1);
}

#[test]
fn a_lost_folder_is_created_again() {
    let folder = tempfile::tempdir().unwrap();
    let (state, port) = (folder.path().join("state"), free_port());
    let (now, boot) = moments();
    let mut router = V9Encoder::new(1);
    let running = start(&state, port);
    send(port, &router.encode(now, boot, &uploads(now, 3), true));
    wait_until("the file", || remembered(&file(&state, port)) == 2);
    std::fs::remove_dir_all(&state).unwrap();
    // Something new to save.
    send(port, &router.announcing(10).encode(now, boot, &uploads(now, 3), true));
    wait_until("the file again", || remembered(&file(&state, port)) == 3);
    assert_eq!(answer(running)["totals"]["up"]["flows"], 6);
}

#[test]
fn an_invalid_file_is_renamed() {
    let (now, boot) = moments();
    let sent = V9Encoder::new(1).encode(now, boot, &uploads(now, 3), true);
    let good = br#"{"version":1,"exporters":[]}"#;
    let kinds: [(&str, &[u8], &str); 7] = [
        ("empty", b"", "EOF"),
        ("text", b"I am a file", "expected value"),
        ("foreign", br#"{"name":"x"}"#, "missing field `version`"),
        ("older", br#"{"version":0,"routers":[]}"#, "version 0, expected 1"),
        ("shape", br#"{"version":1,"exporters":7}"#, "invalid type"),
        ("cut", &good[..20], "EOF"),
        ("bytes", &[0xff; 4096], "expected value"),
    ];
    for (kind, content, said) in kinds {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let path = file(folder.path(), port);
        std::fs::write(&path, content).unwrap();
        let running = start(folder.path(), port);
        send(port, &sent);
        let answer = answer(running);
        assert_eq!(answer["totals"]["up"]["flows"], 3, "{kind}");
        let notes = answer["notes"].to_string();
        assert!(notes.contains(said) && notes.contains("is not used"), "{kind}: {notes}");
        let aside = PathBuf::from(format!("{}.bad", path.display()));
        assert_eq!(std::fs::read(aside).unwrap(), content, "{kind}");
        assert_eq!(remembered(&path), 2, "{kind}: a good one takes its place");
    }
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_a_note() {
    let (now, boot) = moments();
    let sent = V9Encoder::new(1).encode(now, boot, &uploads(now, 3), true);
    let check = |folder: &Path, port: u16, said: &str| {
        let running = start(folder, port);
        send(port, &sent);
        let answer = answer(running);
        assert_eq!(answer["totals"]["up"]["flows"], 3, "{said}");
        assert!(answer["notes"].to_string().contains(said), "{said}: {}", answer["notes"]);
    };
    // Far too large, without using disk space.
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let huge = std::fs::File::create(file(folder.path(), port)).unwrap();
    huge.set_len((64 << 20) + 1).unwrap();
    check(folder.path(), port, "more than 67108864 bytes");
    // A folder in its place.
    let port = free_port();
    std::fs::create_dir(file(folder.path(), port)).unwrap();
    check(folder.path(), port, "not a regular file");
    // A file where the folder should be, and a path at which not even root may write.
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "x").unwrap();
    check(&plain, free_port(), "is not saved");
    check(Path::new("/proc/toptalk"), free_port(), "is not saved");
}
