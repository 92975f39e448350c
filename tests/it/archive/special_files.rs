//! Files whose kind is not that of their name: a FIFO, a device, a socket, a link to its own
//! folder. No command waits for them.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::process::{Running, free_port, toptalk};
use nix::sys::signal::Signal;
use nix::sys::socket::{Backlog, listen};
use nix::sys::stat::Mode;
use toptalk::archive::name;
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::flow::{Flow, Time};

const SLOT: Time = Time(1_795_491_600_000);

fn segment(folder: &Path, rows: usize) {
    let slot = SlotInfo { start: SLOT, length_ms: 300_000 };
    let flow = Flow { arrival: SLOT, first: SLOT, last: SLOT, ..Flow::EMPTY };
    let out = fs::File::create(folder.join(name::segment(SLOT, false, 1))).unwrap();
    encode(&vec![flow; rows], &[], &slot, out).unwrap();
}

fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap();
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_fifo_in_an_archive_is_reported_and_skipped() {
    let folder = tempfile::tempdir().unwrap();
    segment(folder.path(), 3);
    for (n, name) in ["flows.202611240345Z.parquet", "flows.202611240350Z.journal"]
        .into_iter()
        .chain(["nfcapd.202611240355"])
        .enumerate()
    {
        fifo(&folder.path().join(name));
        let mut query = toptalk();
        query.args(["query", "-I", "-R"]).arg(folder.path());
        let (code, out, errors) = run(&mut query);
        assert!(out.contains("Flows: 3\n"), "{out}{errors}");
        assert_eq!((code, errors.matches("found a FIFO").count()), (Some(1), n + 1), "{errors}");
        for words in [["query", "-r"], ["query", "-v"], ["inspect", ""]] {
            let mut command = toptalk();
            command.args(words.into_iter().filter(|word| !word.is_empty()));
            let (code, _, errors) = run(command.arg(folder.path().join(name)));
            assert_eq!(code, Some(1), "{words:?} {errors}");
            assert!(errors.contains("found a FIFO"), "{words:?} {errors}");
        }
    }
}

#[test]
fn a_file_that_is_no_flow_file_is_not_read_completely() {
    // Sparse files of 16 TB: reading them would take too long.
    let folder = tempfile::tempdir().unwrap();
    segment(folder.path(), 3);
    for name in
        ["flows.202611240345Z.parquet", "flows.202611240350Z.journal", "nfcapd.202611240355"]
    {
        fs::File::create(folder.path().join(name)).unwrap().set_len(15 << 40).unwrap();
    }
    let target = tempfile::tempdir().unwrap();
    let mut convert = toptalk();
    convert.args(["convert", "-R"]).arg(folder.path()).arg("-w").arg(target.path());
    let (code, _, errors) = run(&mut convert);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("converted 1 of"), "{errors}");
    let (code, out, errors) = run(toptalk().args(["query", "-I", "-R"]).arg(folder.path()));
    assert!(code == Some(1) && out.contains("Flows: 3\n"), "{out}{errors}");
}

#[test]
fn settings_files_must_be_regular_and_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    segment(folder.path(), 3);
    fifo(&folder.path().join("fifo"));
    let large = folder.path().join("large");
    fs::File::create(&large).unwrap().set_len(64 << 20).unwrap();
    for (path, messages) in [
        (Path::new("/dev/zero"), "found a device"),
        (&folder.path().join("fifo"), "found a FIFO"),
        (folder.path(), "found a folder"),
        (&large, "expected at most"),
    ] {
        let mut filter = toptalk();
        filter.args(["query", "-I", "-R"]).arg(folder.path()).arg("-f").arg(path);
        let mut group = toptalk();
        group.args(["top", "--for", "1s", "-p", &free_port().to_string(), "--group"]).arg(path);
        let mut settings = toptalk();
        settings.env("TOPTALK_CONFIG", path).args(["config", "show"]);
        for command in [&mut filter, &mut group, &mut settings] {
            let (code, _, errors) = run(command);
            assert_ne!(code, Some(0), "{command:?}");
            assert!(errors.contains(messages), "{command:?} {errors}");
        }
    }
}

#[test]
fn links_to_their_own_folder_are_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    segment(folder.path(), 3);
    fs::create_dir(folder.path().join("below")).unwrap();
    for name in ["self", "below/up", "below/up2"] {
        symlink(folder.path(), folder.path().join(name)).unwrap();
    }
    let mut query = toptalk();
    query.args(["query", "-I", "-R"]).arg(folder.path());
    let (code, out, errors) = run(&mut query);
    assert!(out.contains("Flows: 3\n"), "{out}");
    assert_eq!((code, errors.as_str()), (Some(0), ""));
}

#[test]
fn a_socket_that_accepts_no_connection_does_not_delay_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    // The backlog is filled with connections that are never accepted.
    let mut waiting = Vec::new();
    loop {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
        let flags = SockFlag::SOCK_NONBLOCK;
        let one = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
        let raw = std::os::fd::AsRawFd::as_raw_fd(&one);
        if connect(raw, &UnixAddr::new(&path).unwrap()).is_err() {
            break;
        }
        waiting.push(one);
    }
    let mut collect = toptalk();
    collect.env_remove("TOPTALK_NO_SERVE").args(["collect", "-b", "127.0.0.1", "--socket"]);
    collect.arg(&path).args(["-p", &free_port().to_string()]);
    // It is reported, and collecting starts nevertheless.
    let collector = Running::start(&mut collect, "another collector serves screens there");
    assert_eq!(collector.end(Signal::SIGTERM).status.code(), Some(0));
    let mut top = toptalk();
    top.env_remove("TOPTALK_NO_ATTACH").args(["top", "--socket"]).arg(&path);
    let (code, _, errors) = run(&mut top);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("the collector does not answer"), "{errors}");
    drop(waiting);
}
