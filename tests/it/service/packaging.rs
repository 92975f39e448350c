//! What belongs around the program: the service's files as systemd reads them,
//! what the service manager is told, what the packages hold.

use crate::common;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::process::{Running, free_port, have, toptalk};
use nix::sys::signal::Signal;
use toptalk::app::setup::PIECES;

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// The files of the service below a folder, as the program writes them.
fn written(root: &Path) -> String {
    let output = toptalk().args(["setup", "systemd", "--write"]).arg(root).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

#[test]
fn setup_prints_and_writes_every_piece() {
    let folder = tempfile::tempdir().unwrap();
    let names = written(folder.path());
    let printed = said(&toptalk().args(["setup", "systemd"]).output().unwrap());
    for piece in &PIECES {
        let path = folder.path().join(piece.place);
        assert_eq!(fs::read_to_string(&path).unwrap(), piece.text);
        assert!(names.contains(path.to_str().unwrap()), "{names}");
        assert!(printed.contains(&format!("### /{}: {}", piece.place, piece.purpose)));
        assert!(printed.contains(piece.text));
    }
    assert!(printed.contains("systemctl enable --now toptalk"), "{printed}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let output = toptalk().args(["setup", "systemd", "--write"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("cannot save"), "{}", said(&output));
}

#[test]
fn man_pages_and_completions_come_from_the_words() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let output = toptalk().args(["setup", "man", "--to"]).arg(&pages).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let page = fs::read_to_string(pages.join("toptalk-collect.1")).unwrap();
    assert!(page.contains("\\-\\-expire\\-age"), "{page}");
    for (shell, word) in
        [("bash", "complete -F"), ("zsh", "#compdef toptalk"), ("fish", "-c toptalk")]
    {
        let output = toptalk().args(["setup", "completions", shell]).output().unwrap();
        assert!(said(&output).contains(word), "{shell}: {}", said(&output));
    }
    if !have("man_pages_and_completions_come_from_the_words", "bash") {
        return;
    }
    let script = said(&toptalk().args(["setup", "completions", "bash"]).output().unwrap());
    let path = folder.path().join("toptalk.bash");
    fs::write(&path, script).unwrap();
    // What Tab would offer after `toptalk coll`.
    let ask = ". \"$0\"; COMP_WORDS=(toptalk coll); COMP_CWORD=1; _toptalk toptalk coll toptalk; echo ${COMPREPLY[*]}";
    let output = Command::new("bash").args(["-c", ask]).arg(&path).output().unwrap();
    assert_eq!(said(&output).trim(), "collect");
}

/// The unit with this program instead of the one that a package installs.
fn unit(folder: &Path) -> PathBuf {
    written(folder);
    let place = PIECES.iter().find(|piece| piece.place.ends_with(".service")).unwrap().place;
    let path = folder.join(place);
    let text = fs::read_to_string(&path).unwrap();
    let ours = format!("ExecStart={} ", env!("CARGO_BIN_EXE_toptalk"));
    let text = text.replacen("ExecStart=/usr/bin/toptalk ", &ours, 1);
    assert!(text.contains(&ours));
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn systemd_takes_the_unit_and_finds_it_safe() {
    if !have("systemd_takes_the_unit_and_finds_it_safe", "systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = unit(folder.path());
    // Pages are there when the package is.
    let output =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output), "");
    // Tenths: docs/service.md says 1.4.
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=14", "--no-pager"])
        .arg(&unit)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn sysusers_and_tmpfiles_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    fs::write(folder.path().join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    fs::write(folder.path().join("etc/group"), "root:x:0:\n").unwrap();
    let root = format!("--root={}", folder.path().display());
    for program in ["systemd-sysusers", "systemd-tmpfiles"] {
        if !have("sysusers_and_tmpfiles_are_taken", program) {
            return;
        }
        let mut command = Command::new(program);
        command.arg(&root).args((program == "systemd-tmpfiles").then_some("--create"));
        let output = command.output().unwrap();
        // To give folders away takes root.
        let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
        if is_root || program == "systemd-sysusers" {
            assert!(output.status.success(), "{program}: {}", said(&output));
        }
    }
    let users = fs::read_to_string(folder.path().join("etc/passwd")).unwrap();
    assert!(users.contains("toptalk:x:"), "{users}");
    assert!(fs::read_to_string(folder.path().join("etc/group")).unwrap().contains("toptalk:x:"));
}

/// The next word on a socket of a service manager.
fn told(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
}

#[test]
fn the_service_manager_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(common::terminal::PATIENCE)).unwrap();
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &free_port().to_string(), "-w"]);
    command.arg(folder.path().join("archive"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000000");
    let running = Running::start(&mut command, "listening");
    assert_eq!(told(&socket), "READY=1");
    // One could be the first, that needs no new figures; two go on.
    for _ in 0..3 {
        assert_eq!(told(&socket), "WATCHDOG=1");
    }
    let output = running.end(Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rest = std::iter::repeat_with(|| told(&socket));
    assert!(rest.take(1000).any(|word| word == "STOPPING=1"));
}

#[test]
fn the_packages_hold_every_piece() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let arch = fs::read_to_string(root.join("packaging/arch/PKGBUILD")).unwrap();
    let found_by_cargo_deb = ["/system/toptalk.service", "/sysusers.d/toptalk.conf"];
    assert!(cargo.contains("unit-scripts = \"packaging/systemd\""));
    for piece in &PIECES {
        let found = found_by_cargo_deb.iter().any(|end| piece.packaged.ends_with(end));
        let named = cargo.contains(&format!("\"{}\"", piece.packaged));
        assert!(found != named, "{}", piece.packaged);
        let (folder, name) = piece.packaged.rsplit_once('/').unwrap();
        assert!(arch.contains(folder) && arch.contains(name), "{}", piece.packaged);
    }
    let version = format!("pkgver={}\n", env!("CARGO_PKG_VERSION"));
    assert!(arch.contains(&version), "{version} in the PKGBUILD");
}

/// The script that dpkg runs after the removal, for another folder than the system's.
fn purge(folder: &Path) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = fs::read_to_string(root.join("packaging/debian/postrm")).unwrap();
    assert!(script.contains("/var/lib/toptalk"));
    let script = script.replace("/var/lib/toptalk", folder.to_str().unwrap());
    Command::new("sh").args(["-c", &script, "postrm", "purge"]).output().unwrap()
}

#[test]
fn a_purge_leaves_what_was_recorded_and_nothing_else() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    fs::create_dir(&folder).unwrap();
    // A service that was heard by an exporter and has recorded nothing.
    let port = free_port();
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port.to_string(), "-w"]).arg(&folder);
    command.env_remove("TOPTALK_NO_STATE").env("STATE_DIRECTORY", &folder);
    let running = Running::start(&mut command, "listening");
    let template = toptalk::wire::encode::V9Encoder::new(1);
    let now = toptalk::clock::Clock::start().now();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut template = template;
    for datagram in template.encode(now, now, &[], true) {
        socket.send_to(&datagram, ("127.0.0.1", port)).unwrap();
    }
    running.end(Signal::SIGTERM);
    let names = || fs::read_dir(&folder).unwrap().map(|one| one.unwrap().file_name());
    assert!(names().any(|name| name.to_str().unwrap().starts_with("exporters-")));
    let output = purge(&folder);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!((folder.exists(), said(&output).as_str()), (false, ""));

    fs::create_dir_all(folder.join("2026/11/24")).unwrap();
    fs::create_dir_all(folder.join("2026/11/25")).unwrap();
    fs::write(folder.join("exporters-2055.json.bad"), "x").unwrap();
    let file = folder.join("2026/11/24/flows.202611240340Z.parquet");
    fs::write(&file, "recorded").unwrap();
    let output = purge(&folder);
    assert!(said(&output).contains("what was recorded stays in"), "{}", said(&output));
    assert_eq!(fs::read(&file).unwrap(), b"recorded");
    assert_eq!(names().count(), 1);
    assert!(!folder.join("2026/11/25").exists());
}

#[test]
fn a_kill_costs_a_second_at_most_and_starts_are_never_too_many() {
    let unit = PIECES.iter().find(|piece| piece.place.ends_with(".service")).unwrap().text;
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    // Together with the start itself.
    let pause = value("RestartSec").unwrap().strip_suffix("ms").unwrap().parse::<u32>().unwrap();
    assert!(pause <= 500, "{pause} ms");
    assert_eq!((value("Restart"), value("StartLimitIntervalSec")), (Some("always"), Some("0")));
}

#[test]
fn a_start_that_fails_is_not_repeated_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    let holder = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let mut command = toptalk();
    command.args(["collect", "-b", "127.0.0.1", "-p", &port]).env("NOTIFY_SOCKET", &path);
    let running = Running::start(&mut command, "in use by another program");
    // It waits, never ready, and obeys a signal meanwhile.
    let output = running.end(Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(socket.recv(&mut [0; 512]).is_err(), "nothing was told");
}
