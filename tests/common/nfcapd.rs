//! Records datagrams with nfcapd, a few at a time, without sleeping.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use super::process::{Running, free_port};
use super::terminal::PATIENCE;

/// A datagram and its sender, an address of 127.0.0.0/8.
pub type Sent = (Ipv4Addr, Vec<u8>);

/// Datagrams of one exporter.
pub fn from_one(datagrams: Vec<Vec<u8>>) -> Vec<Sent> {
    datagrams.into_iter().map(|bytes| (Ipv4Addr::LOCALHOST, bytes)).collect()
}

/// Sockets of several exporters that send to the same port.
pub struct Senders {
    port: u16,
    sockets: Vec<(Ipv4Addr, UdpSocket)>,
}

impl Senders {
    pub fn new(port: u16) -> Senders {
        Senders { port, sockets: Vec::new() }
    }

    pub fn send(&mut self, (from, bytes): &Sent) {
        self.socket(*from).send(bytes).unwrap();
    }

    fn socket(&mut self, from: Ipv4Addr) -> &UdpSocket {
        if let Some(at) = self.sockets.iter().position(|(address, _)| *address == from) {
            return &self.sockets[at].1;
        }
        let socket = UdpSocket::bind((from, 0)).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        self.sockets.push((from, socket));
        &self.sockets.last().unwrap().1
    }
}

/// Records datagrams and returns the file. Datagrams are sent a few at a time, followed by a header
/// of a new observation domain. When nfcapd logs that domain, it has read all datagrams before.
pub fn record(datagrams: &[Sent], options: &[&str], folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let port = free_port();
    let mut nfcapd = Command::new("nfcapd");
    nfcapd.args(["-b", "127.0.0.1", "-t", "3600", "-p", &port.to_string()]);
    nfcapd.args(options).arg("-w").arg(folder);
    let mut running = Running::start(&mut nfcapd, "Bound to");
    let mut senders = Senders::new(port);
    for (domain, some) in (10_000u32..).zip(datagrams.chunks(8)) {
        some.iter().for_each(|datagram| senders.send(datagram));
        let marker = [&[0, 9][..], &[0; 14], &domain.to_be_bytes()].concat();
        let socket = senders.socket(Ipv4Addr::LOCALHOST);
        announced(&mut running, socket, &marker, &format!("Domain: {domain}"));
    }
    running.end(Signal::SIGTERM);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.max().expect("a file")
}

/// Sends a marker until nfcapd logs it. Stops nfcapd if that never happens.
fn announced(running: &mut Running, socket: &UdpSocket, marker: &[u8], word: &str) {
    let pid = running.pid();
    let (heard, waiting) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..PATIENCE.as_secs() {
                // Refused if nfcapd has ended, which the other thread notices.
                let _ = socket.send(marker);
                if waiting.recv_timeout(Duration::from_secs(1)).is_ok() {
                    return;
                }
            }
            let _ = kill(pid, Signal::SIGKILL);
        });
        running.wait_for(word);
        heard.send(()).expect("it waits");
    });
}
