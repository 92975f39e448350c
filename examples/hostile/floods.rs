//! The floods: what unknown senders send, from which addresses, at which rate.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use toptalk::clock::Clock;

use crate::bytes::{ipfix, set, template, v5, v9};
use crate::good::connected;
use crate::pace::Pacer;

/// Payload of a datagram of usual size.
const ORDINARY: usize = 1400;

/// Payload of the largest datagram, a multiple of four.
const LARGEST: usize = 65_000;

/// Elements of a flow: addresses, port, bytes, packets, first and last in milliseconds (8, 12, 7,
/// 1, 2, 152, 153).
const FLOW: [(u16, u16); 7] = [(8, 4), (12, 4), (7, 2), (1, 8), (2, 8), (152, 8), (153, 8)];

/// Number of senders in floods of pools with a limit for each sender.
const SENDERS: u32 = 16;

/// A kind of flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flood {
    /// No flood: how much of the good exporters' data is recorded then
    None,
    /// A new template of 500 fields each time, from 16 addresses that also send flows
    Templates,
    /// Datagrams of 64 kB of data whose template is never sent, from 16 addresses
    Held,
    /// One flow from each of 4,096 addresses, repeatedly
    Exporters,
    /// 256 connections that each send a byte now and then
    Connections,
    /// Datagrams with 16,000 template withdrawals, from an exporter with 1,024 options
    /// templates
    Withdrawals,
    /// 8 MB of data that become 2 million flows when a template with one address field
    /// arrives
    Release,
    /// Flows that lasted nearly five minutes
    Long,
    /// Datagrams of 64 kB with v9 templates of 500 fields
    Fields,
    /// sFlow whose samples and records have wrong lengths
    Sflow,
    /// Random bytes of random length
    Random,
    /// A flow from each of 64,000 source ports of one address
    Ports,
}

impl Flood {
    /// Datagrams per second.
    pub fn rate(self) -> f64 {
        match self {
            Flood::None => 0.0,
            Flood::Connections => 256.0,
            Flood::Withdrawals => 60.0,
            Flood::Fields => 20.0,
            Flood::Long => 50.0,
            Flood::Release => 60.0,
            Flood::Held => 200.0,
            Flood::Templates => 1_000.0,
            _ => 2_000.0,
        }
    }

    /// Name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Sends until it is stopped. Returns the number of datagrams, or of bytes on
    /// connections.
    pub fn run(self, to: SocketAddrV4, times: f64, stop: &AtomicBool) -> io::Result<u64> {
        match self {
            Flood::None => Ok(0),
            Flood::Connections => connections(to, self.rate() * times, stop),
            _ => {
                let mut pacer = Pacer::new(self.rate() * times);
                let mut stranger = FloodSender::new(to);
                while !stop.load(Ordering::Relaxed) {
                    self.next(&mut stranger)?;
                    stranger.number += 1;
                    pacer.wait();
                }
                Ok(stranger.sent)
            }
        }
    }

    /// Sends the next datagram, in some cases preceded by one that prepares it.
    fn next(self, to: &mut FloodSender) -> io::Result<()> {
        let number = to.number;
        match self {
            Flood::None | Flood::Connections => Ok(()),
            Flood::Templates => templates(to, number),
            Flood::Held => {
                let data = to.random(LARGEST);
                let message = ipfix(to.seconds(), number, 9, &set(400, &data));
                to.send(&message, address(9, number % SENDERS))
            }
            Flood::Exporters => {
                let flow = v5(to.seconds(), number / 4096, [10, 8, 0, 1], [192, 0, 2, 8]);
                to.send(&flow, address(8, number % 4096))
            }
            Flood::Withdrawals => withdrawals(to, number),
            Flood::Release => release(to, number),
            Flood::Long => long(to, number),
            Flood::Fields => fields(to, number),
            Flood::Sflow => sflow(to, number),
            Flood::Random => {
                let length = to.next() as usize % ORDINARY;
                let bytes = to.random(length);
                to.send(&bytes, address(6, number % 64))
            }
            Flood::Ports => {
                let flow = v5(to.seconds(), number, [10, 5, 0, 1], [192, 0, 2, 5]);
                to.send(&flow, address(5, 0))
            }
        }
    }
}

/// The `n`-th address of a kind of flood.
fn address(kind: u8, n: u32) -> Ipv4Addr {
    Ipv4Addr::new(127, 100 + kind, (n / 250) as u8, (n % 250 + 1) as u8)
}

/// The sender of a flood.
struct FloodSender {
    to: SocketAddrV4,
    clock: Clock,
    seed: u64,
    /// Number of completed rounds.
    number: u32,
    sent: u64,
}

impl FloodSender {
    fn new(to: SocketAddrV4) -> FloodSender {
        FloodSender { to, clock: Clock::start(), seed: 1, number: 0, sent: 0 }
    }

    /// Sends one datagram from a new port of this address.
    fn send(&mut self, bytes: &[u8], from: Ipv4Addr) -> io::Result<()> {
        UdpSocket::bind((from, 0))?.send_to(bytes, self.to)?;
        self.sent += 1;
        Ok(())
    }

    fn seconds(&self) -> u32 {
        (self.clock.now().0 / 1000) as u32
    }

    /// The next pseudo-random number (xorshift64).
    fn next(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    fn random(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

fn templates(to: &mut FloodSender, number: u32) -> io::Result<()> {
    let from = address(4, number % SENDERS);
    if number < SENDERS {
        // An exporter that has sent flows is not dropped first.
        to.send(&v5(to.seconds(), 0, [10, 4, 0, 1], [192, 0, 2, 4]), from)?;
    }
    let fields: Vec<(u16, u16)> = (0..500).map(|n| (1 + n % 400, 4)).collect();
    let id = 256 + (number / SENDERS % 60_000) as u16;
    let sets = set(0, &template(id, &fields));
    let datagram = v9(to.seconds(), number / SENDERS, number / SENDERS / 1000, 1, &sets);
    to.send(&datagram, from)
}

fn withdrawals(to: &mut FloodSender, number: u32) -> io::Result<()> {
    let from = address(3, 0);
    if number.is_multiple_of(100) {
        for first in (0..1024).step_by(64) {
            // Options templates (a scope of one field), which the withdrawals do not
            // remove.
            let one = |n: u16| {
                let mut record = template(300 + first + n, &[(149, 4), (34, 4)]);
                record.splice(4..4, [0, 1]);
                record
            };
            let sets = set(3, &(0..64).flat_map(one).collect::<Vec<u8>>());
            to.send(&ipfix(to.seconds(), 0, 7, &sets), from)?;
        }
    }
    let sets = set(2, &template(2, &[]).repeat(LARGEST / 4));
    to.send(&ipfix(to.seconds(), 0, 7, &sets), from)
}

fn release(to: &mut FloodSender, number: u32) -> io::Result<()> {
    const ROUND: u32 = 120;
    let from = address(2, 0);
    match number % ROUND {
        0 => to.send(&ipfix(to.seconds(), 0, 6, &set(2, &template(300, &[]))), from),
        119 => to.send(&ipfix(to.seconds(), 0, 6, &set(2, &template(300, &[(8, 4)]))), from),
        _ => {
            let data = to.random(LARGEST);
            to.send(&ipfix(to.seconds(), 0, 6, &set(300, &data)), from)
        }
    }
}

fn long(to: &mut FloodSender, number: u32) -> io::Result<()> {
    let now = to.clock.now().0;
    let record = |n: u32| {
        let mut out = vec![10, 1, 0, 1, 198, 51, 100, 1];
        out.extend((n as u16).to_be_bytes());
        for value in [1_000, 10, now - 280_000, now - 500] {
            out.extend(i64::to_be_bytes(value));
        }
        out
    };
    let records: Vec<u8> = (0..20).flat_map(record).collect();
    let sets = [set(2, &template(300, &FLOW)), set(300, &records)].concat();
    to.send(&ipfix(to.seconds(), number * 20, 1, &sets), address(1, number % 4))
}

fn fields(to: &mut FloodSender, number: u32) -> io::Result<()> {
    let fields: Vec<(u16, u16)> = (0..500).map(|n| (1 + n % 450, 1)).collect();
    let each = |n: u32| template(256 + ((number * 32 + n) % 60_000) as u16, &fields);
    let sets = set(0, &(0..32).flat_map(each).collect::<Vec<u8>>());
    let datagram = v9(to.seconds(), number, number % 300, 32, &sets);
    to.send(&datagram, address(10, number % SENDERS))
}

fn sflow(to: &mut FloodSender, number: u32) -> io::Result<()> {
    let words = [5, 1, 0x7f00_0001, number % 100, number, number, 1 + number % 50];
    let mut out: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    while out.len() < ORDINARY {
        // A valid format, an arbitrary length, and random bytes.
        let (format, length) = (1 + to.next() as u32 % 5, to.next() as u32 % 2_000);
        out.extend([format, length].iter().flat_map(|word| word.to_be_bytes()));
        let body = to.next() as usize % 200;
        out.extend(to.random(body));
    }
    out.truncate(ORDINARY);
    to.send(&out, address(7, number % 64))
}

/// Keeps 256 connections open. Each in turn sends the next byte of a message.
fn connections(to: SocketAddrV4, rate: f64, stop: &AtomicBool) -> io::Result<u64> {
    const OPEN: usize = 256;
    let message = ipfix(0, 0, 0, &set(300, &[0; ORDINARY]));
    let mut open: VecDeque<(TcpStream, usize)> = VecDeque::new();
    let (mut pacer, mut number, mut sent) = (Pacer::new(rate), 0, 0);
    while !stop.load(Ordering::Relaxed) {
        if open.len() < OPEN {
            number += 1;
            if let Ok(stream) = connected(address(11, number % 250), to) {
                stream.set_nonblocking(true)?;
                open.push_back((stream, 0));
            }
        } else if let Some((mut stream, at)) = open.pop_front() {
            let byte = &message[at % message.len()..][..1];
            // A connection that was closed is opened again.
            if stream.write_all(byte).is_ok() {
                open.push_back((stream, at + 1));
                sent += 1;
            }
        }
        pacer.wait();
    }
    Ok(sent)
}
