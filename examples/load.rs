//! Sends made-up flows to a port of this machine at a steady rate.
//!
//! `load PORT FLOWS_PER_SECOND SECONDS CONVERSATIONS [v5|v9|ipfix]` prints what it
//! sent; without a format it is NetFlow v9.

#[path = "../benches/common/mod.rs"]
mod common;

use std::net::UdpSocket;
use std::time::Duration;

use toptalk::clock::Clock;
use toptalk::flow::{Flow, Time};
use toptalk::wire::encode::{IpfixEncoder, V5Encoder, V9Encoder};

/// Datagrams are sent in bursts this far apart.
const BURST_MS: i64 = 10;

/// What is spoken.
enum Format {
    V5(V5Encoder),
    V9(V9Encoder),
    Ipfix(IpfixEncoder),
}

impl Format {
    fn of(name: &str) -> Option<Format> {
        match name {
            "v5" => Some(Format::V5(V5Encoder::new(1, 0))),
            "v9" => Some(Format::V9(V9Encoder::new(1))),
            "ipfix" => Some(Format::Ipfix(IpfixEncoder::new(1))),
            _ => None,
        }
    }

    fn encode(&mut self, now: Time, boot: Time, flows: &[Flow], templates: bool) -> Vec<Vec<u8>> {
        match self {
            Format::V5(encoder) => encoder.encode(now, boot, flows),
            Format::V9(encoder) => encoder.encode(now, boot, flows, templates),
            Format::Ipfix(encoder) => encoder.encode(now, flows, templates),
        }
    }
}

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = words.iter().take(4).filter_map(|word| word.parse().ok()).collect();
    let format = Format::of(words.get(4).map_or("v9", String::as_str));
    let (&[port, rate, seconds, conversations], Some(mut encoder)) = (&numbers[..], format) else {
        eprintln!("usage: load PORT FLOWS_PER_SECOND SECONDS CONVERSATIONS [v5|v9|ipfix]");
        return Ok(());
    };
    let port = u16::try_from(port).map_err(std::io::Error::other)?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    let pool = common::flows(common::Shape::Mixed, 1_000_000, conversations, 0);
    let clock = Clock::start();
    let start = clock.now();
    let boot = start.plus_ms(-3_600_000);
    let (mut flows, mut bytes, mut packets) = (0u64, 0u64, 0u64);
    let mut next = pool.iter().cycle();
    for burst in 0..(seconds as i64 * 1000 / BURST_MS) {
        let due = start.plus_ms(burst * BURST_MS);
        while clock.now() < due {
            std::thread::sleep(Duration::from_micros(200));
        }
        let now = clock.now();
        let count = (rate as i64 * (burst + 1) * BURST_MS / 1000) as u64 - flows;
        let shift = now.since(Time(common::START));
        let batch: Vec<Flow> = (0..count)
            .filter_map(|_| next.next())
            .map(|flow| Flow {
                first: flow.first.plus_ms(shift),
                last: flow.last.plus_ms(shift),
                ..*flow
            })
            .collect();
        flows += batch.len() as u64;
        bytes += batch.iter().map(|flow| flow.bytes).sum::<u64>();
        packets += batch.iter().map(|flow| flow.packets).sum::<u64>();
        for datagram in encoder.encode(now, boot, &batch, burst % 100 == 0) {
            socket.send(&datagram)?;
        }
    }
    println!("{{\"flows\":{flows},\"packets\":{packets},\"bytes\":{bytes}}}");
    Ok(())
}
