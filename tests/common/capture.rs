//! A small capture with known contents, to be sent by real exporters.

use std::path::Path;
use std::process::{Command, Stdio};

/// The contents of the capture.
pub struct Truth {
    pub flows: u64,
    pub packets: u64,
    /// Bytes from the IP header to the end.
    pub bytes: u64,
}

/// Writes a pcap file with `flows` UDP flows. The n-th has n + 1 packets with 100 + n bytes of
/// payload from 10.9.0.n to 203.0.113.n. IPv4, ports 20000 + n to 53.
pub fn write(path: &Path, flows: u8) -> Truth {
    // Little-endian header: version 2.4, snap length 65535, Ethernet.
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65535, 1] {
        file.extend(word.to_le_bytes());
    }
    let mut truth = Truth { flows: u64::from(flows), packets: 0, bytes: 0 };
    let mut millis = 0u32;
    for n in 0..flows {
        for _ in 0..=n {
            let packet = packet(n);
            truth.packets += 1;
            truth.bytes += packet.len() as u64 - 14;
            millis += 1;
            for word in [1_700_000_000 + millis / 1000, millis % 1000 * 1000] {
                file.extend(word.to_le_bytes());
            }
            file.extend((packet.len() as u32).to_le_bytes());
            file.extend((packet.len() as u32).to_le_bytes());
            file.extend(packet);
        }
    }
    std::fs::write(path, file).unwrap();
    truth
}

fn packet(n: u8) -> Vec<u8> {
    let payload = 100 + u16::from(n);
    let mut packet = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let mut ip = vec![0x45, 0];
    ip.extend((28 + payload).to_be_bytes());
    ip.extend([0, n, 0, 0, 64, 17, 0, 0, 10, 9, 0, n, 203, 0, 113, n]);
    let sum: u32 = ip.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !(((folded & 0xffff) + (folded >> 16)) as u16);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(ip);
    packet.extend((20_000 + u16::from(n)).to_be_bytes());
    packet.extend(53u16.to_be_bytes());
    packet.extend((8 + payload).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(vec![n; usize::from(payload)]);
    packet
}

/// Sends the flows of a capture with softflowd. `-c none` disables its control socket, `-a` uses
/// the times of the capture.
pub fn softflowd(capture: &Path, version: &str, port: u16, folder: &Path) {
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
