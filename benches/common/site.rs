//! A site of any size: its hosts, their conversations, and forged sources.

use toptalk::flow::{Flow, Host, Time};

use super::{Random, Shape};

/// Maximum number of hosts. They have addresses of 10.0.0.0/10, or of fd00::/64.
pub const MAX_HOSTS: u64 = 1 << 22;
/// Maximum number of conversations. Each has its own peer in 64.0.0.0/3, or in
/// 2001:db8::/64.
pub const MAX_CONVERSATIONS: u64 = 1 << PEER_BITS;
const PEER_BITS: u32 = 29;

/// Maximum number of forged addresses outside the site, in 16.0.0.0/5.
pub const MAX_SPOOFED: u64 = 1 << SPOOFED_BITS;
/// Maximum number of forged addresses inside, in the three quarters of 10.0.0.0/8 without hosts.
pub const MAX_SPOOFED_LOCAL: u64 = 3 << QUARTER_BITS;
const SPOOFED_BITS: u32 = 27;
const QUARTER_BITS: u32 = 22;

/// A permutation of the numbers with this many bits.
fn scrambled(number: u64, bits: u32) -> u32 {
    // The result is truncated: an odd factor permutes the numbers below a power of two.
    number.wrapping_mul(2_654_435_761) as u32 & ((1 << bits) - 1)
}

/// Ranks below `n` with a frequency of exactly 1 / rank^s, by rejection inversion (W. Hörmann, G.
/// Derflinger, 1996).
#[derive(Clone, Copy, Debug)]
pub struct Zipf {
    n: f64,
    s: f64,
    /// Bounds of the area from which is drawn, and where a draw needs no test.
    low: f64,
    high: f64,
    sure: f64,
}

impl Zipf {
    pub fn new(n: u64, s: f64) -> Zipf {
        let mut zipf = Zipf { n: n.max(1) as f64, s, low: 0.0, high: 0.0, sure: 0.0 };
        zipf.low = zipf.area(1.5) - 1.0;
        zipf.high = zipf.area(zipf.n + 0.5);
        zipf.sure = 2.0 - zipf.inverse(zipf.area(2.5) - zipf.density(2.0));
        zipf
    }

    pub fn draw(&self, random: &mut Random) -> u64 {
        loop {
            let area = self.high + random.uniform() * (self.low - self.high);
            let x = self.inverse(area);
            let rank = x.round().clamp(1.0, self.n);
            if rank - x <= self.sure || area >= self.area(rank + 0.5) - self.density(rank) {
                return rank as u64 - 1;
            }
        }
    }

    fn density(&self, x: f64) -> f64 {
        x.powf(-self.s)
    }

    /// The integral of the density from 1 to `x`.
    fn area(&self, x: f64) -> f64 {
        let (ln, power) = (x.ln(), (1.0 - self.s) * x.ln());
        if power.abs() < 1e-9 { ln } else { ln * power.exp_m1() / power }
    }

    fn inverse(&self, area: f64) -> f64 {
        let power = (area * (1.0 - self.s)).max(-1.0);
        if power.abs() < 1e-9 { area.exp() } else { (area * power.ln_1p() / power).exp() }
    }
}

/// The hosts of a site and their conversations.
#[derive(Clone, Debug)]
pub struct Site {
    pub hosts: u64,
    pub conversations: u64,
    /// Share of hosts with an IPv6 address instead of an IPv4 address.
    pub ipv6: f64,
    pub shape: Shape,
    zipf: Zipf,
}

impl Site {
    pub fn new(hosts: u64, conversations: u64, zipf: f64, ipv6: f64, shape: Shape) -> Site {
        Site { hosts, conversations, ipv6, shape, zipf: Zipf::new(conversations, zipf) }
    }

    /// A random conversation; busy ones are more frequent.
    pub fn conversation(&self, random: &mut Random) -> u64 {
        self.zipf.draw(random)
    }

    /// Number of the host of a conversation. Each host has equally many, and the busiest
    /// conversations belong to the same hosts.
    pub fn host_of(&self, conversation: u64) -> u64 {
        (u128::from(conversation) * u128::from(self.hosts) / u128::from(self.conversations)) as u64
    }

    pub fn is_v6(&self, host: u64) -> bool {
        self.ipv6 > 0.0 && Random(host).uniform() < self.ipv6
    }

    pub fn address(&self, host: u64) -> Host {
        match self.is_v6(host) {
            true => Host(0xfd00 << 112 | u128::from(host)),
            false => Host::v4(0x0a00_0000 + host as u32),
        }
    }

    /// A flow of a conversation of `host`, up or down, that ends at `last`.
    pub fn flow(&self, random: &mut Random, host: u64, conversation: u64, last: Time) -> Flow {
        let local = self.address(host);
        let peer = scrambled(conversation, PEER_BITS);
        let peer = match self.is_v6(host) {
            true => Host(0x2001_0db8 << 96 | u128::from(peer)),
            false => Host::v4(0x4000_0000 + peer),
        };
        let (duration, packets) = self.shape.draw(random);
        let bytes = packets * (64 + random.next() % 1400);
        let flow = Flow { packets, bytes, last, first: last.plus_ms(-duration), ..FLOW };
        if random.next() & 1 == 0 {
            Flow { src: local, dst: peer, sport: 50_000, dport: 443, ..flow }
        } else {
            Flow { src: peer, dst: local, sport: 443, dport: 50_000, ..flow }
        }
    }

    /// A small flow from the forged address with this number: to a host of the site, or
    /// from inside to an outside
    /// address. Returns the number of the host as well.
    pub fn spoofed(
        &self,
        random: &mut Random,
        number: u64,
        local: bool,
        last: Time,
    ) -> (Flow, Option<u64>) {
        let victim = (!local).then(|| self.v4_host(random));
        let dst = match victim {
            Some(host) => self.address(host),
            None => Host::v4(0x4000_0000 + scrambled(random.next(), PEER_BITS)),
        };
        let src = spoofed_address(number, local);
        let (sport, dport) = (50_000, 443);
        (Flow { src, dst, sport, dport, packets: 1, bytes: 60, last, first: last, ..FLOW }, victim)
    }

    /// A random host with an IPv4 address, uniformly distributed.
    fn v4_host(&self, random: &mut Random) -> u64 {
        loop {
            let host = random.next() % self.hosts;
            if !self.is_v6(host) {
                return host;
            }
        }
    }
}

/// The forged address with this number.
pub fn spoofed_address(number: u64, local: bool) -> Host {
    match local {
        false => Host::v4(0x1000_0000 + scrambled(number, SPOOFED_BITS)),
        true => {
            let quarter = (number % 3 + 1) as u32;
            Host::v4(0x0a00_0000 + (quarter << QUARTER_BITS) + scrambled(number / 3, QUARTER_BITS))
        }
    }
}

const FLOW: Flow = Flow {
    proto: 6,
    tcp_flags: 0x1b,
    exporter: Host::octets(192, 0, 2, 1),
    input: 1,
    output: 2,
    ..Flow::EMPTY
};
