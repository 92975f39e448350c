//! The lines of README.md, as they are written there: each in a namespace of its own,
//! where port 34343 and /srv are free. Needs root, and says loudly when it is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::process::{Running, toptalk};
use crate::common::skip;
use crate::common::terminal::{Terminal, command};
use crate::common::users::copy_environment;
use nix::sys::signal::Signal;
use toptalk::archive::name;
use toptalk::archive::segment::{SlotInfo, encode};
use toptalk::flow::{Flow, Host, Time};
use toptalk::wire::encode::V5Encoder;

/// 2016-04-12 12:00:00 UTC, in the week that the README asks for.
const SLOT: Time = Time(1_460_462_400_000);

/// The host that the README asks for, and one that it talks to.
const ASKED: Host = Host::octets(192, 168, 1, 20);
const PEER: Host = Host::octets(198, 51, 100, 7);

/// What becomes of a line.
enum Kind {
    /// A screen, which is left with `q`.
    Screen,
    /// It goes on until it is told to end.
    Service,
    /// It has an end of its own.
    Answer,
}

fn kind(line: &str) -> Kind {
    match line.split(' ').nth(1) {
        Some("collect" | "inspect") => Kind::Service,
        Some(word) if !word.starts_with('-') => Kind::Answer,
        _ => Kind::Screen,
    }
}

/// The lines of the README's shell blocks that run toptalk.
fn lines() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter(|line| line.starts_with("toptalk "));
    lines.map(str::to_owned).collect()
}

fn flow() -> Flow {
    Flow {
        src: PEER,
        dst: ASKED,
        first: SLOT,
        last: SLOT.plus_ms(1000),
        arrival: SLOT.plus_ms(2000),
        bytes: 1_500,
        packets: 3,
        sport: 443,
        dport: 40_000,
        proto: 6,
        ..Flow::EMPTY
    }
}

/// An archive of that week, and a capture of a router: what the README supposes.
fn suppose(folder: &Path) {
    let archive = folder.join("archive");
    fs::create_dir(&archive).unwrap();
    let info = SlotInfo { start: SLOT, length_ms: 300_000 };
    let file = fs::File::create(archive.join(name::segment(SLOT, false, 1))).unwrap();
    encode(&[flow()], &[], &info, file).unwrap();
    let sent = V5Encoder::new(0, 0).encode(SLOT, SLOT.plus_ms(-60_000), &[flow()]);
    fs::write(folder.join("capture.pcap"), pcap(&sent[0])).unwrap();
}

/// A capture of one datagram (pcap 2.4, Ethernet, IPv4, UDP).
fn pcap(payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16;
    let mut frame = vec![0; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((length + 28).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    frame.extend([0x80, 0, 0x86, 0x27]);
    frame.extend((length + 8).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    let size = (frame.len() as u32).to_le_bytes();
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend([0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    bytes.extend((SLOT.0 as u32 / 1000).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend([size, size].concat());
    bytes.extend(frame);
    bytes
}

/// The words of `unshare` for a script in a namespace where the line finds what it
/// needs.
fn words(line: &str) -> [String; 4] {
    let script = format!(
        "ip link set lo up && mount -t tmpfs none /srv && mkdir -p /srv/netflow/cisco && \
         cp archive/* /srv/netflow/cisco && exec {line}"
    );
    ["-mn".to_owned(), "sh".to_owned(), "-ec".to_owned(), script]
}

/// The programs, ours first.
fn places() -> std::ffi::OsString {
    let ours = Path::new(env!("CARGO_BIN_EXE_toptalk")).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(ours).chain(std::env::split_paths(&others));
    std::env::join_paths(all).unwrap()
}

fn process(line: &str, folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(words(line)).current_dir(folder).env("HOME", folder).env("TZ", "UTC");
    // As every test runs it.
    copy_environment(&toptalk(), &mut command);
    command.env("PATH", places());
    command
}

fn screen(line: &str, folder: &Path) {
    let words = words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = command("unshare", &words, folder);
    command.env("PATH", places());
    let mut terminal = Terminal::start(command, 80, 24);
    terminal.wait("?help");
    terminal.press("qq");
    assert_eq!(terminal.end().code, 0, "{line}");
}

fn answer(line: &str, folder: PathBuf) {
    let output = process(line, &folder).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{line}: {said}");
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if line.contains("> top.csv") {
        printed = fs::read_to_string(folder.join("top.csv")).unwrap();
    }
    if line.starts_with("toptalk query") {
        let (asked, peer) = (ASKED.to_string(), PEER.to_string());
        assert!(printed.contains(&asked) || printed.contains(&peer), "{line}: {printed}");
    } else if line.contains("json") {
        serde_json::from_str::<serde_json::Value>(&printed).expect(line);
    } else {
        assert!(!(printed + &said).is_empty(), "{line}");
    }
}

#[test]
fn its_lines_work_as_written() {
    let lines = lines();
    assert!(lines.len() > 8, "{lines:?}");
    let may =
        Command::new("unshare").args(["-mn", "mount", "-t", "tmpfs", "none", "/srv"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return skip("its_lines_work_as_written", "namespaces need root");
    }
    std::thread::scope(|scope| {
        for line in &lines {
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                suppose(folder.path());
                match kind(line) {
                    Kind::Screen => screen(line, folder.path()),
                    Kind::Answer => answer(line, folder.path().to_owned()),
                    Kind::Service => {
                        let running =
                            Running::start(&mut process(line, folder.path()), "listening");
                        let output = running.end(Signal::SIGTERM);
                        assert!(output.status.success(), "{line}: {output:?}");
                    }
                }
            });
        }
    });
}
