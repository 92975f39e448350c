//! Sends made-up NetFlow v9 to a port of this machine at a steady rate.
//!
//! `load PORT FLOWS_PER_SECOND SECONDS CONVERSATIONS` prints what it sent.

#[path = "../benches/common/mod.rs"]
mod common;

use std::net::UdpSocket;
use std::time::Duration;

use toptalk::clock::Clock;
use toptalk::flow::Flow;
use toptalk::wire::encode::V9Encoder;

/// Datagrams are sent in bursts this far apart.
const BURST_MS: i64 = 10;

fn main() -> std::io::Result<()> {
    let arguments: Vec<u64> =
        std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [port, rate, seconds, conversations] = arguments[..] else {
        eprintln!("usage: load PORT FLOWS_PER_SECOND SECONDS CONVERSATIONS");
        return Ok(());
    };
    let port = u16::try_from(port).map_err(std::io::Error::other)?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    let pool = common::flows(common::Shape::Mixed, 1_000_000, conversations, 0);
    let clock = Clock::start();
    let start = clock.now();
    let boot = start.plus_ms(-3_600_000);
    let mut encoder = V9Encoder::new(1);
    let (mut flows, mut bytes, mut packets) = (0u64, 0u64, 0u64);
    let mut next = pool.iter().cycle();
    for burst in 0..(seconds as i64 * 1000 / BURST_MS) {
        let due = start.plus_ms(burst * BURST_MS);
        while clock.now() < due {
            std::thread::sleep(Duration::from_micros(200));
        }
        let now = clock.now();
        let count = (rate as i64 * (burst + 1) * BURST_MS / 1000) as u64 - flows;
        let shift = now.since(toptalk::flow::Time(common::START));
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
