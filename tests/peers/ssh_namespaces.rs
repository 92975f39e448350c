//! A router, a collector and a viewer, each in its own network namespace: the viewer uses ssh
//! over a slow link, which is cut in the middle of a frame. Needs root, and reports a skip
//! otherwise.

use crate::common;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::process::{Running, have, toptalk};
use crate::common::skip;
use crate::common::terminal::{Terminal, command};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host};
use toptalk::wire::encode::V5Encoder;

const TEST: &str = "a_cut_link_ends_its_screen_and_nothing_else";

/// The rate of the viewer's link: a screen takes seconds.
const RATE: &str = "64kbit";

/// The columns and lines of the viewer's terminal.
const SIZE: (u16, u16) = (160, 50);

/// Runs `ip` with these arguments.
fn ip(words: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(words.split_whitespace()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Three machines; the collector has a link to each of the others. They are removed on drop.
struct Machines {
    router: String,
    collector: String,
    viewer: String,
}

impl Machines {
    fn new() -> Option<Machines> {
        let name = |role: &str| format!("toptalk-{role}-{}", std::process::id());
        let machines = Machines { router: name("r"), collector: name("c"), viewer: name("v") };
        let Machines { router, collector, viewer } = &machines;
        let all = [router, collector, viewer].iter().all(|name| {
            ip(&format!("netns add {name}")) && ip(&format!("-n {name} link set lo up"))
        });
        let lines = all
            && [(router, "r0", "10.77.1"), (viewer, "v0", "10.77.2")].iter().all(
                |(far, device, net)| {
                    ip(&format!(
                        "-n {collector} link add {device} type veth peer name veth0 netns {far}"
                    )) && ip(&format!("-n {collector} addr add {net}.2/24 dev {device}"))
                        && ip(&format!("-n {collector} link set {device} up"))
                        && ip(&format!("-n {far} addr add {net}.1/24 dev veth0"))
                        && ip(&format!("-n {far} link set veth0 up"))
                },
            );
        assert!(!all || lines, "lines between namespaces");
        all.then_some(machines)
    }

    fn inside(name: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", name, program]);
        command
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for name in [&self.router, &self.collector, &self.viewer] {
            ip(&format!("netns del {name}"));
        }
    }
}

/// A router in the namespace of this name, which sends to the collector.
struct Router {
    socket: UdpSocket,
    encoder: V5Encoder,
    sent: u64,
}

impl Router {
    fn in_namespace(name: &str) -> Router {
        let name = name.to_owned();
        // A thread enters the namespace; the socket that it creates stays there.
        let made = std::thread::spawn(move || {
            let place = fs::File::open(Path::new("/run/netns").join(name)).unwrap();
            setns(place, CloneFlags::CLONE_NEWNET).unwrap();
            UdpSocket::bind("10.77.1.1:0").unwrap()
        });
        let socket = made.join().unwrap();
        socket.connect("10.77.1.2:34343").unwrap();
        Router { socket, encoder: V5Encoder::new(0, 0), sent: 0 }
    }

    /// A flow of each of a hundred hosts, in the last half hour.
    fn send(&mut self) {
        let now = Clock::start().now();
        let of = |host: u8| Flow {
            src: Host::octets(10, 20, 3, host),
            dst: Host::octets(198, 51, 100, 1),
            first: now.plus_ms(-1_800_000),
            last: now.plus_ms(-20_000),
            bytes: 1_000_000 * u64::from(host),
            packets: 1_000 * u64::from(host),
            sport: 40_000,
            dport: 443,
            proto: 6,
            ..Flow::EMPTY
        };
        let flows: Vec<Flow> = (101..=200).map(of).collect();
        for datagram in self.encoder.encode(now, now.plus_ms(-3_600_000), &flows) {
            self.socket.send(&datagram).unwrap();
        }
        self.sent += flows.len() as u64;
    }
}

/// An ssh server in the collector's namespace, and a key for it.
fn ssh_server(machines: &Machines, folder: &Path) -> Running {
    let path = |name: &str| folder.join(name).display().to_string();
    for name in ["host", "user"] {
        let mut make = Command::new("ssh-keygen");
        make.args(["-q", "-t", "ed25519", "-N", "", "-f", &path(name)]);
        assert!(make.status().unwrap().success());
    }
    fs::copy(path("user.pub"), path("authorized")).unwrap();
    // sshd requires this folder.
    fs::create_dir_all("/run/sshd").unwrap();
    let settings = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\n\
         PermitRootLogin yes\nListenAddress 10.77.2.2\nClientAliveInterval 1\n\
         ClientAliveCountMax 2\nPrintMotd no\nPrintLastLog no\n",
        path("host"),
        path("authorized")
    );
    fs::write(folder.join("sshd.conf"), settings).unwrap();
    let mut server = Machines::inside(&machines.collector, "/usr/sbin/sshd");
    server.args(["-D", "-e", "-f", &path("sshd.conf")]);
    Running::start(&mut server, "Server listening")
}

/// A screen of the viewer, opened by ssh.
fn screen(machines: &Machines, folder: &Path, socket: &str) -> Terminal {
    let key = folder.join("user").display().to_string();
    let program = env!("CARGO_BIN_EXE_toptalk");
    let asked = format!(
        "TERM=xterm-256color TOPTALK_CONFIG=/dev/null {program} --window 1h --socket {socket}"
    );
    let words = [
        &["netns", "exec", &machines.viewer, "ssh", "-tt", "-i", &key][..],
        &["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
        &["-o", "LogLevel=ERROR", "root@10.77.2.2", &asked],
    ]
    .concat();
    Terminal::start(command("ip", &words, folder), SIZE.0, SIZE.1)
}

/// The collector's state: the flows it received, and the screens.
fn answer(machines: &Machines, socket: &str) -> serde_json::Value {
    let mut command = Machines::inside(&machines.collector, env!("CARGO_BIN_EXE_toptalk"));
    command.args(["top", "--socket", socket, "-o", "json"]).env("TOPTALK_CONFIG", "/dev/null");
    let output = command.output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn flows(answer: &serde_json::Value) -> Option<u64> {
    answer["exporters"][0]["flows"].as_u64()
}

#[test]
fn a_cut_link_ends_its_screen_and_nothing_else() {
    if !["ip", "tc", "ssh", "ssh-keygen", "/usr/sbin/sshd"].iter().all(|name| have(TEST, name)) {
        return;
    }
    let Some(machines) = Machines::new() else {
        return skip(TEST, "network namespaces need root");
    };
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("t.sock").display().to_string();
    let archive = folder.path().join("archive").display().to_string();
    let mut collect = Machines::inside(&machines.collector, env!("CARGO_BIN_EXE_toptalk"));
    collect.args(["collect", "-p", "34343", "-w", &archive, "-t", "86400", "--socket", &socket]);
    collect.env("TOPTALK_NO_STATE", "true").env("TOPTALK_CONFIG", "/dev/null");
    let mut collector = Running::start(&mut collect, "screens attach");
    let server = ssh_server(&machines, folder.path());
    let mut router = Router::in_namespace(&machines.router);
    let received = |sent: u64| {
        common::wait_until("flows", || flows(&answer(&machines, &socket)) == Some(sent));
    };
    router.send();
    received(router.sent);
    let mut first = screen(&machines, folder.path(), &socket);
    first.wait("10.20.3.200");
    collector.wait_for("a screen attached");

    // The link becomes slow and the whole screen is redrawn; after its first line has arrived,
    // the rest is still being sent.
    let thin = format!("dev v0 root tbf rate {RATE} burst 1600 limit 1000000");
    let mut shape = Machines::inside(&machines.collector, "tc");
    assert!(shape.args(["qdisc", "add"]).args(thin.split(' ')).status().unwrap().success());
    first.resize(SIZE.0 - 1, SIZE.1);
    first.wait_for(common::terminal::PATIENCE, "a part of a frame", |terminal| {
        !terminal.written().ends_with(b"\x1b[?2026l")
    });
    assert!(ip(&format!("-n {} link set v0 down", machines.collector)));

    // The collector continues, and the ssh server soon notices that the viewer is gone.
    for _ in 0..10 {
        router.send();
        received(router.sent);
    }
    collector.wait_for("a screen left");
    drop(first);

    // The link is back: every screen shows all data.
    assert!(ip(&format!("-n {} link set v0 up", machines.collector)));
    let mut second = screen(&machines, folder.path(), &socket);
    let text = second.wait("10.20.3.200");
    assert!(text.contains("1h"), "{text}");
    let answer = answer(&machines, &socket);
    assert_eq!(flows(&answer), Some(router.sent), "{answer}");
    second.press("qq");
    assert_eq!(second.end().code, 0);
    assert_eq!(collector.end(Signal::SIGTERM).status.code(), Some(0));
    let output = toptalk().args(["query", "-R", &archive, "-I", "-o", "json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["flows"].as_u64(), Some(router.sent), "{json}");
    server.end(Signal::SIGTERM);
}
