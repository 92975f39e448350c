//! Artificial flows of which every filter matches some.

use toptalk::flow::{Flow, Host, Time};

use super::benchmarks::Random;

/// Flows with few distinct values, so that every filter matches some. They are reported at
/// `now`; almost no two of them end at the same time.
pub fn flows(count: usize, v6: bool, seed: u64, now: Time) -> Vec<Flow> {
    let mut random = Random(seed);
    let mut pick = |values: &[u64]| values[(random.next() % values.len() as u64) as usize];
    let mut flows = Vec::new();
    for index in 0..count {
        let six = v6 && pick(&[0, 0, 1]) == 1;
        let mut host = |net: u64| match six {
            true => {
                Host((0x2001_0db8 << 96) | u128::from(net) << 64 | u128::from(pick(&[1, 2, 3])))
            }
            false => Host::octets(10, net as u8, pick(&[0, 1]) as u8, pick(&[1, 2, 3]) as u8),
        };
        let (src, dst, next_hop) = (host(1), host(2), host(3));
        let proto = pick(&[6, 6, 6, 17, 17, if six { 58 } else { 1 }, 47]) as u8;
        let (sport, dport) = match proto {
            1 | 58 => (0, pick(&[0x0800, 0x0303, 0x8000, 0x0301]) as u16),
            6 | 17 => (pick(&[1024, 53, 40_000]) as u16, pick(&[53, 80, 443, 8080]) as u16),
            _ => (0, 0),
        };
        let last = now.plus_ms(-(pick(&[0, 1_000, 61_000]) as i64) - (index * 7 % 997) as i64);
        let packets = pick(&[1, 2, 10, 1_000]);
        flows.push(Flow {
            src,
            dst,
            next_hop,
            proto,
            sport,
            dport,
            last,
            first: last.plus_ms(-(pick(&[0, 1, 999, 1_000, 60_000, 600_000]) as i64)),
            packets,
            bytes: packets * pick(&[40, 576, 1_500]) + pick(&[0, 1]),
            tcp_flags: if proto == 6 {
                pick(&[2, 0x12, 0x10, 0x1b, 0x3f, 0, 4, 1]) as u8
            } else {
                0
            },
            tos: pick(&[0, 0xb8, 0x28]) as u8,
            input: pick(&[1, 2, 70_000 % 60_000]) as u32,
            output: pick(&[1, 3, 4]) as u32,
            src_as: pick(&[0, 65_001, 64_500]) as u32,
            dst_as: pick(&[0, 65_001, 3_320]) as u32,
            src_mask: pick(&[0, 8, 24]) as u8,
            dst_mask: pick(&[0, 16, 24]) as u8,
            vlan: pick(&[0, 20, 30]) as u16,
            direction: pick(&[0, 1]) as u8,
            ..Flow::EMPTY
        });
    }
    flows
}
