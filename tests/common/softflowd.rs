//! softflowd, a real exporter, over a capture.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};

use super::process::have;

/// Sends the flows of a capture; version 10 is IPFIX. `-c none` keeps it from
/// waiting for a control connection, `-a` keeps the times of the capture.
pub fn send(capture: &Path, version: &str, port: u16, folder: &Path) {
    let status = Command::new("softflowd")
        .arg("-r")
        .arg(capture)
        .args(["-n", &format!("127.0.0.1:{port}"), "-v", version, "-a", "-d", "-c", "none", "-p"])
        .arg(folder.join("softflowd.pid"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "softflowd: {status}");
}

/// The datagrams it sends.
pub fn datagrams(capture: &Path, version: &str, folder: &Path) -> Vec<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    send(capture, version, socket.local_addr().unwrap().port(), folder);
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 65_536];
    let mut datagrams = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    datagrams
}

/// The datagrams it sends for the corpus' capture of real traffic, if both are there.
pub fn real_traffic(version: &str, folder: &Path) -> Option<Vec<Vec<u8>>> {
    let name = "softflowd's flows";
    let Some(corpus) = super::corpus() else {
        super::skip(name, "no corpus");
        return None;
    };
    have(name, "softflowd").then(|| datagrams(&corpus.join("live_traffic.pcap"), version, folder))
}
