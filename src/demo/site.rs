//! Simulates the site second by second, as flow records.

use std::collections::BTreeMap;

use super::generator::{
    ACTIVE_MS, DurationRange, INACTIVE_MS, Pair, SYN, SteadyStream, TCP, Transfer, UDP, Volume,
    subnet,
};
use super::hosts::{
    BULK, LONG_TRANSFERS, LongTransfer, RemoteHost, SAMPLED_SUBNET, SCANNED, SCANS,
    SHORT_TRANSFERS, SUBNETS, SWITCH_SUBNET, ShortTransfer, VOICE,
};
use super::rng::Rng;
use crate::flow::{Flow, Host, Time};

/// Interval at which [`Site::step`] is called, in simulated milliseconds.
pub const STEP_MS: i64 = 1000;
/// The sampled router samples one packet in this many.
pub const SAMPLED: u16 = 100;

/// The switch samples one packet in this many.
pub const SWITCHED: u32 = 256;

/// The backup host, which uploads too fast.
pub const HOG: Host = Host::octets(10, 20, 3, 17);
/// Destination of the backup.
pub const HOG_TARGET: Host = Host::octets(198, 51, 100, 24);
/// Rate of the backup in bit/s.
pub const HOG_RATE: u32 = 94_000_000;
/// A host that downloads at 150 Mbit/s for two minutes, then pauses for two.
pub const DOWNLOADER: Host = Host::octets(10, 20, 5, 33);
/// A host that scans all addresses of 198.18.0.0/24.
pub const SCANNER: Host = Host::octets(10, 20, 9, 66);

const DOWNLOAD_MS: i64 = 120_000;
const FOREVER: Time = Time(i64::MAX);
/// Bytes of a full packet.
const FULL: u64 = 1400;
/// Bytes of a packet of a call.
const VOICE_PACKET: u64 = 1000;
/// Speed of short transfers in bytes per millisecond.
const SHORT_TRANSFER_SPEED: f64 = 2500.0;
/// Maximum duration of a short transfer in milliseconds, so that it is one record.
const MAX_SHORT_TRANSFER_MS: i64 = ACTIVE_MS - 500;

/// The site: active transfers, and records that are not reported yet.
#[derive(Clone, Debug)]
pub struct Site {
    rng: Rng,
    start: Time,
    transfers: Vec<Transfer>,
    /// Records by the time at which they are due, in milliseconds.
    waiting: BTreeMap<i64, Vec<Flow>>,
    scanned: u32,
}

/// Records of one step, in the order of their last packets.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// Records of the router that does not sample.
    pub all: Vec<Flow>,
    /// Records of the sampled router, with counters of the sample: [`SAMPLED`] times lower.
    pub sampled: Vec<Flow>,
    /// Single packets sampled by the switch, one in [`SWITCHED`].
    pub switched: Vec<Flow>,
    /// Octets at the switch's uplink in this step: to the subnet, and from it.
    pub octets: [u64; 2],
}

impl Site {
    /// The site at `start`, with active transfers.
    #[must_use]
    pub fn new(seed: u64, start: Time) -> Site {
        let rng = Rng::new(seed);
        let mut site =
            Site { rng, start, transfers: Vec::new(), waiting: BTreeMap::new(), scanned: 0 };
        site.add_permanent(start.plus_ms(-ACTIVE_MS));
        for long_transfer in LONG_TRANSFERS {
            let active = long_transfer.concurrent * activity(start);
            for _ in 0..site.rng.whole(active) {
                let age = site.rng.unit();
                let transfer = site.long_transfer(long_transfer, start, age);
                site.transfers.push(transfer);
            }
        }
        let before = start.plus_ms(-STEP_MS);
        site.transfers.iter_mut().for_each(|transfer| transfer.skip_to(before));
        site
    }

    /// Simulates the second that ends at `now`, and returns the records that are due.
    /// Called for each
    /// [`STEP_MS`] from the start on, in order.
    pub fn step(&mut self, now: Time) -> Reports {
        let level = activity(now);
        for short_transfer in SHORT_TRANSFERS {
            for _ in 0..self.rng.whole(short_transfer.per_second * level) {
                self.run(short_transfer, now);
            }
        }
        for long_transfer in LONG_TRANSFERS {
            let begin = long_transfer.concurrent * level / long_transfer.seconds;
            for _ in 0..self.rng.whole(begin) {
                let transfer = self.long_transfer(long_transfer, now, 0.0);
                self.transfers.push(transfer);
            }
        }
        self.scan(now);
        if now.since(self.start) > 0 && now.since(self.start) % (2 * DOWNLOAD_MS) < STEP_MS {
            let transfer = self.download(now);
            self.transfers.push(transfer);
        }
        let waiting = &mut self.waiting;
        self.transfers.retain_mut(|transfer| {
            transfer.advance(now, |due, flow| waiting.entry(due.0).or_default().push(flow))
        });
        self.due(now)
    }

    /// Adds the transfers that never end.
    fn add_permanent(&mut self, from: Time) {
        let pair = |local, peer, ports: (u16, u16), proto, tos| Pair {
            local,
            peer,
            local_port: ports.0,
            peer_port: ports.1,
            proto,
            tos,
        };
        let stream = |rate, packet| SteadyStream { rate, packet };
        let backup = pair(HOG, HOG_TARGET, (51_873, 873), TCP, BULK);
        let acks = stream(1.7e6, 52);
        let rates = (stream(f64::from(HOG_RATE), FULL), acks);
        let seed = self.rng.next();
        let hog = Transfer::new(backup, rates, (from, FOREVER), seed).with_variation(0.01);
        let call = Host::octets(203, 0, 113, 9);
        let caller = pair(Host::octets(10, 20, 5, 104), call, (50_104, 8801), UDP, VOICE);
        let rates = (stream(3.9e6, VOICE_PACKET), stream(4.1e6, VOICE_PACKET));
        let seed = self.rng.next();
        let call = Transfer::new(caller, rates, (from.plus_ms(-1300), FOREVER), seed);
        let wall = Host::octets(198, 51, 100, 77);
        let screens = pair(Host::octets(10, 20, 7, 33), wall, (47_033, 443), TCP, 0);
        let rates = (stream(6e5, 60), stream(3.2e7, FULL));
        let seed = self.rng.next();
        let screens = Transfer::new(screens, rates, (from.plus_ms(-2400), FOREVER), seed);
        let download = self.download(from);
        self.transfers.extend([hog, call, screens, download]);
    }

    fn download(&mut self, from: Time) -> Transfer {
        let pair = Pair {
            local: DOWNLOADER,
            peer: Host::octets(203, 0, 113, 80),
            local_port: self.ephemeral(),
            peer_port: 443,
            proto: TCP,
            tos: 0,
        };
        let rates =
            (SteadyStream { rate: 2.6e6, packet: 52 }, SteadyStream { rate: 1.5e8, packet: FULL });
        let seed = self.rng.next();
        // At the start of the site it may have begun earlier, but lasts as long.
        let end = self.start.max(from).plus_ms(DOWNLOAD_MS);
        Transfer::new(pair, rates, (from, end), seed).with_variation(0.04)
    }

    /// A transfer that begins in the second before `now`, or earlier: `age` is the part of it that
    /// has passed.
    fn long_transfer(&mut self, long_transfer: &LongTransfer, now: Time, age: f64) -> Transfer {
        let (local, peer) = self.ends(long_transfer.peer);
        let local_port = self.ephemeral();
        let pair = Pair {
            local,
            peer,
            local_port,
            peer_port: long_transfer.port,
            proto: long_transfer.proto,
            tos: long_transfer.tos,
        };
        let strength = self.rng.around(0.5);
        let stream = |rate: f64| SteadyStream {
            rate: rate * strength,
            packet: match (long_transfer.tos, rate > 5e5) {
                (VOICE, _) => VOICE_PACKET,
                (_, true) => FULL,
                (_, false) => 90,
            },
        };
        let duration = long_transfer.seconds * 1000.0 * self.rng.around(0.7);
        let start = now.plus_ms(-i64::from(self.rng.below(1000)) - (duration * age) as i64);
        let time = (start, start.plus_ms(duration as i64));
        let seed = self.rng.next();
        Transfer::new(pair, (stream(long_transfer.up), stream(long_transfer.down)), time, seed)
    }

    /// A short transfer that begins in the second before `now`.
    fn run(&mut self, short_transfer: &ShortTransfer, now: Time) {
        let (local, peer) = self.ends(short_transfer.peer);
        let has_ports = matches!(short_transfer.proto, TCP | UDP);
        let local_port = if has_ports { self.ephemeral() } else { 0 };
        let pair = Pair {
            local,
            peer,
            local_port,
            peer_port: short_transfer.port,
            proto: short_transfer.proto,
            tos: 0,
        };
        let factor = if short_transfer.heavy { self.rng.heavy() } else { self.rng.around(0.3) };
        let (up, down) = (short_transfer.up * factor.sqrt(), short_transfer.down * factor);
        let wire = ((up + down) / SHORT_TRANSFER_SPEED) as i64;
        let duration =
            (short_transfer.ms + i64::from(self.rng.below(60)) + wire).min(MAX_SHORT_TRANSFER_MS);
        let first = now.plus_ms(-i64::from(self.rng.below(1000)));
        let time = DurationRange { first, last: first.plus_ms(duration) };
        // The smaller direction consists mostly of acknowledgements.
        let size = |bytes: f64, other: f64| if bytes < other / 4.0 { 120 } else { FULL };
        let sent = Volume::of(up as u64, size(up, down));
        let received = Volume::of(down as u64, size(down, up));
        self.report(pair.record(true, time, sent, 0x1b));
        // An echo reply is type 0, code 0 (RFC 792).
        let back = Pair { peer_port: 0, local_port: 0, ..pair };
        let back = if has_ports { pair } else { back };
        self.report(back.record(false, time, received, 0x1b));
    }

    /// Scans some more addresses. One in five answers.
    fn scan(&mut self, now: Time) {
        for _ in 0..self.rng.whole(SCANS as f64 * 0.9) {
            let host = self.scanned % 254 + 1;
            let port = SCANNED[(self.scanned / 254) as usize % SCANNED.len()];
            self.scanned = self.scanned.wrapping_add(1);
            let pair = Pair {
                local: SCANNER,
                peer: Host::v4(u32::from_be_bytes([198, 18, 0, 0]) + host),
                local_port: self.ephemeral(),
                peer_port: port,
                proto: TCP,
                tos: 0,
            };
            let first = now.plus_ms(-i64::from(self.rng.below(1000)));
            let time = DurationRange { first, last: first };
            self.report(pair.record(true, time, Volume { bytes: 44, packets: 1 }, SYN));
            if self.rng.below(5) == 0 {
                let time = DurationRange { first: first.plus_ms(14), last: first.plus_ms(14) };
                // RST and ACK: the port is closed.
                self.report(pair.record(false, time, Volume { bytes: 40, packets: 1 }, 0x14));
            }
        }
    }

    /// Adds a finished flow to those that wait for the inactive timeout.
    fn report(&mut self, flow: Flow) {
        let due = flow.last.plus_ms(INACTIVE_MS);
        self.waiting.entry(due.0).or_default().push(flow);
    }

    /// Removes the records that are due, divides them between the routers, and samples
    /// them.
    fn due(&mut self, now: Time) -> Reports {
        let later = self.waiting.split_off(&now.0.saturating_add(1));
        let due = std::mem::replace(&mut self.waiting, later);
        let mut reports = Reports::default();
        for flow in due.into_values().flatten() {
            let subnets = [flow.src, flow.dst].map(subnet);
            if subnets.contains(&Some(SAMPLED_SUBNET)) {
                reports.sampled.extend(self.sample(flow));
            } else if subnets.contains(&Some(SWITCH_SUBNET)) {
                reports.octets[usize::from(subnets[0] == Some(SWITCH_SUBNET))] += flow.bytes;
                let packets = self.rng.whole(flow.packets as f64 / f64::from(SWITCHED));
                let bytes = flow.bytes / flow.packets.max(1);
                let packet = Flow { bytes, packets: 1, ..flow };
                reports.switched.extend((0..packets).map(|_| packet));
            } else {
                reports.all.push(flow);
            }
        }
        reports.all.sort_by_key(|flow| flow.last);
        reports.sampled.sort_by_key(|flow| flow.last);
        reports
    }

    /// The record of a flow when one packet in [`SAMPLED`] is sampled, or `None` if no
    /// packet is.
    fn sample(&mut self, flow: Flow) -> Option<Flow> {
        let packets = self.rng.whole(flow.packets as f64 / f64::from(SAMPLED));
        let size = flow.bytes / flow.packets.max(1);
        (packets > 0).then_some(Flow { packets, bytes: packets * size, ..flow })
    }

    fn ephemeral(&mut self) -> u16 {
        32_768 + self.rng.below(28_000) as u16
    }

    fn ends(&mut self, peer: RemoteHost) -> (Host, Host) {
        match peer {
            RemoteHost::World => (self.random_local(), self.random_remote()),
            RemoteHost::World6 => {
                let local = (0xfd00_0020 << 96) | u128::from(0x0501 + self.rng.below(8));
                let remote = (0x2001_0db8 << 96) | u128::from(1 + self.skewed(60));
                (Host(local), Host(remote))
            }
            // The sampled router sees only traffic between its subnet and the Internet.
            RemoteHost::Server(octet) => loop {
                let local = self.random_local();
                if subnet(local) != Some(SAMPLED_SUBNET) {
                    break (local, Host::octets(10, 20, 3, octet));
                }
            },
            RemoteHost::Resolver => (Host::octets(10, 20, 3, 53), Host::octets(192, 0, 2, 53)),
        }
    }

    fn random_local(&mut self) -> Host {
        let all: u32 = SUBNETS.iter().map(|subnet| u32::from(subnet.hosts)).sum();
        let mut index = self.rng.below(all);
        for subnet in &SUBNETS {
            if index < u32::from(subnet.hosts) {
                return Host::octets(10, 20, subnet.octet, subnet.first + index as u8);
            }
            index -= u32::from(subnet.hosts);
        }
        SCANNER
    }

    /// A remote address; some are much more frequent than others. Only networks for
    /// documentation (RFC
    /// 5737) and benchmarks (RFC 2544).
    fn random_remote(&mut self) -> Host {
        let last = 10 + self.skewed(240) as u8;
        match self.rng.below(10) {
            0 | 1 => Host::octets(192, 0, 2, last),
            2..5 => Host::octets(198, 51, 100, last),
            5..8 => Host::octets(203, 0, 113, last),
            _ => Host::octets(198, 19, self.skewed(12) as u8, last),
        }
    }

    /// A random number below `limit`; small numbers are more frequent.
    fn skewed(&mut self, limit: u32) -> u32 {
        let unit = self.rng.unit();
        (unit * unit * unit * f64::from(limit)) as u32
    }
}

/// Activity of the site, from 0.55 to 1.05: highest at 13:00 UTC, lowest twelve hours later, with a
/// small wave of 11 minutes.
fn activity(time: Time) -> f64 {
    use std::f64::consts::TAU;
    let turns = |period_ms: i64| time.0.rem_euclid(period_ms) as f64 / period_ms as f64;
    let day = (TAU * (turns(86_400_000) - 13.0 / 24.0)).cos();
    let swell = (TAU * turns(660_000)).sin();
    0.8 + 0.2 * day + 0.05 * swell
}
