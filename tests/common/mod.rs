//! Helpers for several tests: captures, processes, archives, and skipping.
#![allow(dead_code, reason = "every test file uses its own part of this")]

pub mod archive;
pub mod capture;
pub mod formats;
pub mod metrics;
pub mod nfcapd;
pub mod process;
pub mod site;
pub mod skip;
pub mod terminal;
pub mod traffic;
pub mod users;

pub use crate::fuzz_targets::sets;
pub use skip::{corpus, skip};

/// Waits for a condition that another thread or process fulfils.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let clock = toptalk::clock::Clock::start();
    while !done() {
        let waited = std::time::Duration::from_micros(clock.micros());
        assert!(waited < terminal::PATIENCE, "waited for {what} in vain");
        std::thread::yield_now();
    }
}

/// A UDP payload and the address of its sender.
pub struct Packet {
    pub source: std::net::IpAddr,
    pub payload: Vec<u8>,
}

/// The UDP payloads of an Ethernet capture (classic pcap, either byte order).
pub fn pcap_payloads(bytes: &[u8]) -> Vec<Packet> {
    let swapped = bytes[..4] == [0xa1, 0xb2, 0xc3, 0xd4] || bytes[..4] == [0xa1, 0xb2, 0x3c, 0x4d];
    let word = |at: usize| {
        let four: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
        if swapped { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    };
    let mut packets = Vec::new();
    let mut at = 24;
    while at + 16 <= bytes.len() {
        let length = word(at + 8) as usize;
        packets.extend(udp_payload(&bytes[at + 16..at + 16 + length]));
        at += 16 + length;
    }
    packets
}

fn udp_payload(frame: &[u8]) -> Option<Packet> {
    let mut at = 12;
    while frame.get(at..at + 2)? == [0x81, 0x00] {
        at += 4;
    }
    let ip = &frame[at + 2..];
    let (source, udp): (std::net::IpAddr, &[u8]) = match frame.get(at..at + 2)? {
        [0x08, 0x00] if ip[9] == 17 => {
            let source: [u8; 4] = ip[12..16].try_into().ok()?;
            (source.into(), &ip[usize::from(ip[0] & 15) * 4..])
        }
        [0x86, 0xdd] if ip[6] == 17 => {
            let source: [u8; 16] = ip[8..24].try_into().ok()?;
            (source.into(), &ip[40..])
        }
        _ => return None,
    };
    let length = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
    Some(Packet { source, payload: udp.get(8..length)?.to_vec() })
}
