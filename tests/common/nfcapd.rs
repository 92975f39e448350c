//! What nfcapd records of datagrams: sent a few at a time, without sleeping.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use super::process::{Running, free_port};
use super::terminal::PATIENCE;

/// A datagram and the address it is sent from, one of 127.0.0.0/8.
pub type Sent = (Ipv4Addr, Vec<u8>);

/// Datagrams of one exporter.
pub fn from_one(datagrams: Vec<Vec<u8>>) -> Vec<Sent> {
    datagrams.into_iter().map(|bytes| (Ipv4Addr::LOCALHOST, bytes)).collect()
}

/// The sockets of some exporters, each sends to the same port.
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

/// Records datagrams and gives the file. A few are sent at a time, and then a
/// header of a domain of its own: when that is announced, all before it has been
/// taken in.
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

/// Sends a marker until nfcapd says what it says of it, and ends nfcapd when
/// it never does.
fn announced(running: &mut Running, socket: &UdpSocket, marker: &[u8], word: &str) {
    let pid = running.pid();
    let (heard, waiting) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..PATIENCE.as_secs() {
                // Refused when nfcapd has ended, which the other thread sees.
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
