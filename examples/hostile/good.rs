//! The good exporters: those that are known before the flood, and newcomers during it.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use toptalk::clock::Clock;
use toptalk::flow::{Flow, Host, Sampling, Time};
use toptalk::wire::encode::{IpfixEncoder, SampledFlow, SflowEncoder, V5Encoder, V9Encoder};

use crate::pace::Pacer;

/// Datagrams a second of all together; each sends in turn.
const RATE: f64 = 100.0;

/// Flows in a datagram, and samples in one of sFlow.
const FLOWS: u32 = 20;
const SAMPLES: u32 = 5;

/// Templates are sent this often.
const TEMPLATES_MS: i64 = 5_000;

/// A newcomer sends its first template so long after its first data.
const TEMPLATE_LATE_MS: i64 = 2_000;

/// How long to wait before connecting again.
const AGAIN_MS: i64 = 1_000;

/// What is spoken.
enum Voice {
    V5(V5Encoder),
    V9(V9Encoder),
    Ipfix(IpfixEncoder),
    Sflow(SflowEncoder),
}

/// How it is sent.
enum Way {
    Datagrams(UdpSocket),
    /// The connection, once there is one, and when to try again.
    Stream(Option<TcpStream>, Time),
}

struct Exporter {
    from: Ipv4Addr,
    voice: Voice,
    way: Way,
    /// When templates are due.
    announce_at: Time,
    sent: u64,
}

/// What they have sent in the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    pub known: u64,
    pub newcomers: u64,
}

/// The exporters of one group: 127.0.`group`.1 and on.
fn exporters(group: u8, first_template: Time) -> io::Result<Vec<Exporter>> {
    let voices = [
        Voice::V5(V5Encoder::new(0, 0)),
        Voice::V9(V9Encoder::new(1)),
        Voice::Ipfix(IpfixEncoder::new(1)),
        Voice::Sflow(SflowEncoder::new(Host::octets(127, 0, group, 4), 0)),
        Voice::Ipfix(IpfixEncoder::new(1)),
    ];
    let each = voices.into_iter().zip(1..).map(|(voice, n)| {
        let from = Ipv4Addr::new(127, 0, group, n);
        let way = match n {
            5 => Way::Stream(None, Time(0)),
            _ => Way::Datagrams(UdpSocket::bind((from, 0))?),
        };
        Ok(Exporter { from, voice, way, announce_at: first_template, sent: 0 })
    });
    each.collect()
}

/// A filter on the exporters of some groups.
pub fn filter(groups: &[u8]) -> String {
    let each = |group: u8| (1..=5).map(move |n| format!("127.0.{group}.{n}"));
    let all: Vec<String> = groups.iter().copied().flat_map(each).collect();
    format!("exporter in [{}]", all.join(", "))
}

/// Sends until it is to stop. When the flood has come far (`flooded`), newcomers begin, whose
/// data comes before its template, and the known ones begin another domain.
pub fn send(to: SocketAddrV4, flooded: &AtomicBool, stop: &AtomicBool) -> io::Result<Sent> {
    let clock = Clock::start();
    let boot = clock.now().plus_ms(-3_600_000);
    let mut all = exporters(1, clock.now())?;
    let known = all.len();
    let (mut number, mut pacer) = (0u32, Pacer::new(RATE));
    while !stop.load(Ordering::Relaxed) {
        if flooded.load(Ordering::Relaxed) && all.len() == known {
            let late = clock.now().plus_ms(TEMPLATE_LATE_MS);
            all.extend(exporters(2, late)?);
            for exporter in &mut all[..known] {
                exporter.begin_anew(late);
            }
        }
        let turn = number as usize % all.len();
        all[turn].send(to, clock.now(), boot, number);
        number += 1;
        pacer.wait();
    }
    let sum = |exporters: &[Exporter]| exporters.iter().map(|one| one.sent).sum();
    Ok(Sent { known: sum(&all[..known]), newcomers: sum(&all[known..]) })
}

/// The flows of one datagram: small uploads of a second each.
fn flows(now: Time, number: u32, count: u32, from: Ipv4Addr) -> Vec<Flow> {
    let [.., group, own] = from.octets();
    let one = |n: u32| Flow {
        src: Host::octets(10, group, own, (number % 200) as u8),
        dst: Host::octets(203, 0, 113, n as u8),
        first: now.plus_ms(-1500),
        last: now.plus_ms(-500),
        bytes: 1000,
        packets: 4,
        // Of sFlow every packet is a sample at this rate; the others say none.
        sampling: if count == SAMPLES { Sampling::one_in(100) } else { Sampling::UNKNOWN },
        sport: 1024 + (number % 60_000) as u16,
        dport: 443,
        proto: 6,
        input: 1,
        output: 2,
        ..Flow::EMPTY
    };
    (0..count).map(one).collect()
}

impl Exporter {
    /// Has what follows be of another domain, whose templates come at `late`.
    fn begin_anew(&mut self, late: Time) {
        match &mut self.voice {
            Voice::V9(encoder) => *encoder = V9Encoder::new(2),
            Voice::Ipfix(encoder) => *encoder = IpfixEncoder::new(2),
            Voice::V5(_) | Voice::Sflow(_) => return,
        }
        if matches!(self.way, Way::Datagrams(_)) {
            self.announce_at = late;
        } else {
            self.announce_at = Time(0);
        }
    }

    fn send(&mut self, to: SocketAddrV4, now: Time, boot: Time, number: u32) {
        if let Way::Stream(stream @ None, again) = &mut self.way {
            if now < *again {
                return;
            }
            *again = now.plus_ms(AGAIN_MS);
            *stream = connected(self.from, to).ok();
            if stream.is_none() {
                return;
            }
            // Templates come first on a stream.
            self.announce_at = now;
        }
        let announce = now >= self.announce_at;
        if announce {
            self.announce_at = now.plus_ms(TEMPLATES_MS);
        }
        let count = if matches!(self.voice, Voice::Sflow(_)) { SAMPLES } else { FLOWS };
        let flows = flows(now, number, count, self.from);
        let datagrams = match &mut self.voice {
            Voice::V5(encoder) => encoder.encode(now, boot, &flows),
            Voice::V9(encoder) => encoder.encode(now, boot, &flows, announce),
            Voice::Ipfix(encoder) => encoder.encode(now, &flows, announce),
            Voice::Sflow(encoder) => {
                let sampled = |flow: &Flow| SampledFlow { flow: *flow, frame_length: 1000 };
                let samples: Vec<SampledFlow> = flows.iter().map(sampled).collect();
                encoder.encode(now.since(boot) as u32, &samples, &[])
            }
        };
        let sent = match &mut self.way {
            Way::Datagrams(socket) => datagrams.iter().all(|one| socket.send_to(one, to).is_ok()),
            Way::Stream(Some(stream), _) => stream.write_all(&datagrams.concat()).is_ok(),
            Way::Stream(None, _) => false,
        };
        if sent {
            self.sent += u64::from(count);
        } else if let Way::Stream(stream, _) = &mut self.way {
            *stream = None;
        }
    }
}

/// A connection from an address of its own, on which nothing is waited for long.
pub fn connected(from: Ipv4Addr, to: SocketAddrV4) -> io::Result<TcpStream> {
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(fd.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(from, 0)))?;
    connect(fd.as_raw_fd(), &SockaddrIn::from(to))?;
    let stream = TcpStream::from(fd);
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(stream)
}
