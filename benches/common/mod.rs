//! Traffic of a busy site, the same in every run.
#![allow(dead_code, reason = "every benchmark uses its own part of this")]

pub mod site;

use toptalk::flow::{Flow, Host, Time};

/// Start of the simulated time.
pub const START: i64 = 1_800_000_000_000;

/// A small generator of pseudo-random numbers (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniformly distributed from 0 to 1, without 1.
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A rank below `n` whose frequency is about 1 / rank (Zipf, exponent 1).
    /// [`site::Zipf`] is exact and slower.
    pub fn zipf(&mut self, n: u64) -> u64 {
        ((n as f64).powf(self.uniform()) as u64).clamp(1, n) - 1
    }
}

/// Distributions of the durations and packets of flows.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Shape {
    /// As on a real link: 1 ms to a minute and 1 to 10,000 packets, each factor of ten
    /// equally frequent.
    Mixed,
    /// The worst case for spreading: up to a minute, all with many packets.
    Long,
    /// Requests and replies: at most 50 ms and eight packets.
    Short,
}

impl Shape {
    fn draw(self, random: &mut Random) -> (i64, u64) {
        match self {
            Shape::Mixed => (random.zipf(60_000) as i64 + 1, random.zipf(10_000) + 1),
            Shape::Long => ((random.next() % 60_000) as i64, random.next() % 1000 + 8),
            Shape::Short => ((random.next() % 50) as i64, random.next() % 8 + 1),
        }
    }
}

/// Flows of `conversations` conversations between a quarter as many local hosts and their peers,
/// arriving over `seconds` seconds.
pub fn flows(shape: Shape, count: usize, conversations: u64, seconds: i64) -> Vec<Flow> {
    let mut random = Random(1);
    let mut flows = Vec::with_capacity(count);
    for index in 0..count {
        let conversation = random.zipf(conversations);
        let local = Host::v4(0x0a00_0000 + (conversation / 4) as u32);
        let peer =
            Host::v4(0xc633_0000 + (conversation.wrapping_mul(2_654_435_761) % 65_536) as u32);
        let arrival = Time(START + seconds * 1000 * index as i64 / count as i64);
        let last = arrival.plus_ms(-((random.next() % 1000) as i64));
        let (duration, packets) = shape.draw(&mut random);
        let up = random.next() & 1 == 0;
        let (src, dst) = if up { (local, peer) } else { (peer, local) };
        let (sport, dport) = if up { (50_000, 443) } else { (443, 50_000) };
        flows.push(Flow {
            src,
            dst,
            sport,
            dport,
            proto: 6,
            tcp_flags: 0x1b,
            bytes: packets * (64 + random.next() % 1400),
            packets,
            last,
            first: last.plus_ms(-duration),
            arrival,
            exporter: Host::octets(192, 0, 2, 1),
            input: 1,
            output: 2,
            ..Flow::EMPTY
        });
    }
    flows
}
