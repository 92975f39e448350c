//! What can go wrong around the process: each gives a clear word, and all else goes on.

mod datagrams;

use std::fs::OpenOptions;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::process::{Running, free_port, toptalk};
use crate::common::skip;
use crate::common::terminal::{Terminal, command, demo};
use crate::common::users::Nobody;
use nix::sys::signal::Signal;

const CTRL_C: &str = "\x03";

/// Standard error of a command that has nothing to say on standard output.
fn refused(command: &mut Command, code: i32) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{said}");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn a_port_in_use_is_named_with_a_remedy() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for words in [&["top"][..], &[]] {
        let said = refused(toptalk().args(words).args(["-b", "127.0.0.1", "-p", &port]), 1);
        assert!(said.contains(&format!("port {port} is in use")), "{said}");
        assert!(said.contains("with -p"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_port_for_the_privileged_says_so() {
    let name = "a_port_for_the_privileged_says_so";
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first.is_ok_and(|first| first.trim().parse().is_ok_and(|first: u16| first <= 1000)) {
        return skip(name, "everybody may have low ports here");
    }
    let Some(nobody) = Nobody::new(name) else { return };
    let mut command = nobody.runs(toptalk().args(["top", "-b", "127.0.0.1", "-p", "1000"]));
    let said = refused(&mut command, 1);
    assert!(said.contains("port 1000 needs privileges"), "{said}");
    assert!(said.contains("-p 2055"), "{said}");
}

#[test]
fn an_address_of_another_machine_is_refused() {
    let said = refused(toptalk().args(["top", "-b", "192.0.2.1", "-p", "45454"]), 1);
    assert!(said.contains("192.0.2.1 is not an address of this machine"), "{said}");
}

#[test]
fn without_a_terminal_there_is_a_word_and_nothing_else() {
    let port = free_port().to_string();
    for words in [&["-b", "127.0.0.1", "-p", &port][..], &["demo"]] {
        let said = refused(toptalk().args(words).stdin(Stdio::null()), 1);
        assert!(said.contains("not a terminal") && said.contains("`toptalk top`"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_wrong_filter_is_pointed_at() {
    let said = refused(toptalk().args(["top", "net", "10.0.0.0/8", "and", "prot", "443"]), 2);
    let lines: Vec<&str> = said.lines().collect();
    let at = lines.iter().position(|line| line.contains("  net 10.0.0.0/8 and prot 443")).unwrap();
    let column = lines[at].find("prot").unwrap();
    assert_eq!(lines[at + 1].find('^'), Some(column), "{said}");
}

/// `toptalk top` on a port of 127.0.0.1, with its standard output as given.
fn top_to(output: Stdio, words: &[&str]) -> Output {
    let mut command = toptalk();
    command.args(["top", "-b", "127.0.0.1", "--for", "1s", "-p", &free_port().to_string()]);
    command.args(words).stdout(output).stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    for shape in ["table", "json", "csv"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = top_to(writer.into(), &["-o", shape]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{shape}: {said}");
        assert_eq!(said.lines().filter(|line| !line.contains("listening")).count(), 0, "{said}");
    }
}

#[test]
fn a_full_disk_is_told() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        return skip("a_full_disk_is_told", "there is no /dev/full");
    };
    for shape in ["table", "json", "csv"] {
        let output = top_to(full.try_clone().unwrap().into(), &["-o", shape]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{shape}: {said}");
        assert!(said.contains("cannot print the answer"), "{shape}: {said}");
        assert!(said.contains("No space left"), "{shape}: {said}");
    }
}

#[test]
fn the_plainest_terminal_is_drawn_in_ascii() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = demo(&[], folder.path());
    command.env("TERM", "dumb");
    let mut terminal = Terminal::start(command, 80, 24);
    terminal.wait("UPLOADERS");
    assert!(terminal.written().is_ascii());
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().code, 0);
}

#[test]
fn without_a_home_snapshots_go_to_the_current_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = demo(&[], folder.path());
    command.env_remove("HOME");
    let mut terminal = Terminal::start(command, 80, 24);
    terminal.wait("UPLOADERS");
    terminal.press("S");
    terminal.wait("saved ./toptalk-");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert!(names.iter().any(|entry| entry.path().extension().is_some_and(|end| end == "csv")));
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().code, 0);
}

/// Tries to save, reads why not, and sees the screen go on.
fn save_in_vain(mut terminal: Terminal, why: &str) {
    terminal.wait("UPLOADERS");
    terminal.press("S");
    let text = terminal.wait("not saved: ");
    let status = text.lines().find(|line| line.contains("not saved: ")).unwrap();
    assert!(status.contains(why), "{status}");
    terminal.press("w");
    terminal.wait("  5m to ");
    let clock = terminal.text().lines().next().unwrap().to_owned();
    terminal.wait_until("the next second", |text| !text.starts_with(&clock));
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().code, 0);
}

fn at(folder: &Path) -> Terminal {
    let words = ["--snapshots", folder.to_str().unwrap()];
    Terminal::start(demo(&words, folder.parent().unwrap()), 160, 24)
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named_and_the_screen_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    save_in_vain(at(&file), "File exists");
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
    // Nobody, not even root, makes folders there.
    save_in_vain(at(Path::new("/proc/toptalk")), "No such file");
}

#[test]
fn a_full_folder_is_told_and_the_screen_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    std::fs::create_dir(&full).unwrap();
    // A file system of a page, full, that only the program and its shell can see.
    let script = "mount -t tmpfs -o size=4k tmpfs \"$1\" && head -c 4096 /dev/zero >\"$1/x\" && \
                  shift && exec \"$@\"";
    let path = full.to_str().unwrap();
    let words = ["-m", "sh", "-c", script, "sh", path];
    let trial = Command::new("unshare").args(words).arg("true").output();
    if !trial.is_ok_and(|trial| trial.status.success()) {
        return skip("a_full_folder_is_told_and_the_screen_goes_on", "cannot mount a tmpfs");
    }
    let own = [env!("CARGO_BIN_EXE_toptalk"), "demo", "--seed", "7", "--snapshots", path];
    let words = [&words[..], &own].concat();
    save_in_vain(
        Terminal::start(command("unshare", &words, folder.path()), 160, 24),
        "No space left",
    );
}

#[test]
fn the_ports_of_the_default_that_are_taken_are_told() {
    // An address of the loopback that nothing else is bound to.
    let address = "127.29.0.1";
    let test = "the_ports_of_the_default_that_are_taken_are_told";
    // Whichever of them others use already, these two are in use now.
    let _taken: Vec<_> = [4739, 6343].map(|port| UdpSocket::bind((address, port))).into();
    let probe = UdpSocket::bind((address, 2055));
    if probe.is_err() {
        return skip(test, "port 2055 is in use");
    }
    drop(probe);
    let mut command = toptalk();
    command.args(["top", "-b", address, "--for", "60s"]);
    let mut running = Running::start(&mut command, "listening on port 2055 for");
    running.wait_for("not listening on port 4739: another program holds it");
    assert_eq!(running.end(Signal::SIGTERM).status.code(), Some(143));
}
