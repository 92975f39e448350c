//! The good exporters: those known before the flood, and new ones during it.

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

/// Datagrams per second of all exporters together; they send in turn.
const RATE: f64 = 100.0;

/// Number of flows in a datagram.
const FLOWS: u32 = 20;
/// Number of samples in an sFlow datagram.
const SAMPLES: u32 = 5;

/// Interval of templates.
const TEMPLATES_MS: i64 = 5_000;

/// How long after its first data a new exporter sends its first template.
const TEMPLATE_LATE_MS: i64 = 2_000;

/// How long to wait before connecting again.
const AGAIN_MS: i64 = 1_000;

/// The protocol of an exporter.
enum ExporterProtocol {
    V5(V5Encoder),
    V9(V9Encoder),
    Ipfix(IpfixEncoder),
    Sflow(SflowEncoder),
}

/// The transport of an exporter.
enum Transport {
    Datagrams(UdpSocket),
    /// The connection, if there is one, and when to try again.
    Stream(Option<TcpStream>, Time),
}

struct Exporter {
    from: Ipv4Addr,
    encoder: ExporterProtocol,
    transport: Transport,
    /// When templates are due.
    announce_at: Time,
    sent: u64,
}

/// Number of flows sent at the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    pub known: u64,
    pub newcomers: u64,
}

/// The exporters of one group: 127.0.`group`.1 and following.
fn exporters(group: u8, first_template: Time) -> io::Result<Vec<Exporter>> {
    let encoders = [
        ExporterProtocol::V5(V5Encoder::new(0, 0)),
        ExporterProtocol::V9(V9Encoder::new(1)),
        ExporterProtocol::Ipfix(IpfixEncoder::new(1)),
        ExporterProtocol::Sflow(SflowEncoder::new(Host::octets(127, 0, group, 4), 0)),
        ExporterProtocol::Ipfix(IpfixEncoder::new(1)),
    ];
    let each = encoders.into_iter().zip(1..).map(|(encoder, n)| {
        let from = Ipv4Addr::new(127, 0, group, n);
        let transport = match n {
            5 => Transport::Stream(None, Time(0)),
            _ => Transport::Datagrams(UdpSocket::bind((from, 0))?),
        };
        Ok(Exporter { from, encoder, transport, announce_at: first_template, sent: 0 })
    });
    each.collect()
}

/// A filter for the exporters of some groups.
pub fn filter(groups: &[u8]) -> String {
    let each = |group: u8| (1..=5).map(move |n| format!("127.0.{group}.{n}"));
    let all: Vec<String> = groups.iter().copied().flat_map(each).collect();
    format!("exporter in [{}]", all.join(", "))
}

/// Sends until it is stopped. When the flood has lasted for some time (`flooded`), new
/// exporters begin, whose data
/// precede their template, and the known ones begin another observation domain.
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
                exporter.start_domain(late);
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

/// The flows of one datagram: small uploads of one second each.
fn flows(now: Time, number: u32, count: u32, from: Ipv4Addr) -> Vec<Flow> {
    let [.., group, own] = from.octets();
    let one = |n: u32| Flow {
        src: Host::octets(10, group, own, (number % 200) as u8),
        dst: Host::octets(203, 0, 113, n as u8),
        first: now.plus_ms(-1500),
        last: now.plus_ms(-500),
        bytes: 1000,
        packets: 4,
        // In sFlow every packet is a sample with this rate; the other protocols announce
        // none.
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
    /// Starts a new observation domain, whose templates are sent at `late`.
    fn start_domain(&mut self, late: Time) {
        match &mut self.encoder {
            ExporterProtocol::V9(encoder) => *encoder = V9Encoder::new(2),
            ExporterProtocol::Ipfix(encoder) => *encoder = IpfixEncoder::new(2),
            ExporterProtocol::V5(_) | ExporterProtocol::Sflow(_) => return,
        }
        if matches!(self.transport, Transport::Datagrams(_)) {
            self.announce_at = late;
        } else {
            self.announce_at = Time(0);
        }
    }

    fn send(&mut self, to: SocketAddrV4, now: Time, boot: Time, number: u32) {
        if let Transport::Stream(stream @ None, again) = &mut self.transport {
            if now < *again {
                return;
            }
            *again = now.plus_ms(AGAIN_MS);
            *stream = connected(self.from, to).ok();
            if stream.is_none() {
                return;
            }
            // On a stream, templates come first.
            self.announce_at = now;
        }
        let announce = now >= self.announce_at;
        if announce {
            self.announce_at = now.plus_ms(TEMPLATES_MS);
        }
        let count =
            if matches!(self.encoder, ExporterProtocol::Sflow(_)) { SAMPLES } else { FLOWS };
        let flows = flows(now, number, count, self.from);
        let datagrams = match &mut self.encoder {
            ExporterProtocol::V5(encoder) => encoder.encode(now, boot, &flows),
            ExporterProtocol::V9(encoder) => encoder.encode(now, boot, &flows, announce),
            ExporterProtocol::Ipfix(encoder) => encoder.encode(now, &flows, announce),
            ExporterProtocol::Sflow(encoder) => {
                let sampled = |flow: &Flow| SampledFlow { flow: *flow, frame_length: 1000 };
                let samples: Vec<SampledFlow> = flows.iter().map(sampled).collect();
                encoder.encode(now.since(boot) as u32, &samples, &[])
            }
        };
        let sent = match &mut self.transport {
            Transport::Datagrams(socket) => {
                datagrams.iter().all(|one| socket.send_to(one, to).is_ok())
            }
            Transport::Stream(Some(stream), _) => stream.write_all(&datagrams.concat()).is_ok(),
            Transport::Stream(None, _) => false,
        };
        if sent {
            self.sent += u64::from(count);
        } else if let Transport::Stream(stream, _) = &mut self.transport {
            *stream = None;
        }
    }
}

/// A connection from a given address, with short timeouts.
pub fn connected(from: Ipv4Addr, to: SocketAddrV4) -> io::Result<TcpStream> {
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(fd.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(from, 0)))?;
    connect(fd.as_raw_fd(), &SockaddrIn::from(to))?;
    let stream = TcpStream::from(fd);
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(stream)
}
