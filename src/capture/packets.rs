//! Reads captures: finds the UDP datagrams in packets of any link layer.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;

use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, PcapBlockOwned, PcapError, PcapHeader};

use super::fragments::{Fragments, ReassembledDatagram};
use super::item::{CaptureIssue, CaptureProblem, CapturedDatagram, Consumer, Item, Unreadable};
use super::streams::TcpReassembly;
use crate::flow::{Host, Time};
use crate::wire::frame::Packet;

/// Buffer for a block in bytes: larger than a packet as tcpdump keeps it (262,144 bytes).
const BUFFER: usize = 1 << 20;

/// Maximum length of a block in bytes. A longer one means that the file is damaged.
const MAX_BUFFER: usize = 16 << 20;

/// Maximum number of interfaces in a pcapng section. More mean that the file is damaged.
const MAX_INTERFACES: usize = 4096;

/// Maximum number of link types that are counted separately when they cannot be read.
const MAX_LINK_TYPES: usize = 16;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Reads a capture.
pub(super) fn read<R: Read + Send>(file: R, take: &mut Consumer<'_>) -> Result<(), Unreadable> {
    let mut reader =
        pcap_parser::create_reader(BUFFER, file).map_err(|_| Unreadable::BadCapture)?;
    let mut packets = Packets::default();
    let mut room = BUFFER;
    loop {
        let step = match reader.next() {
            Ok((length, block)) => match packets.block(&block, take) {
                ControlFlow::Break(()) => return Ok(()),
                ControlFlow::Continue(()) => ReadStep::Past(length),
            },
            Err(PcapError::Eof) => ReadStep::End,
            Err(PcapError::Incomplete(_)) => ReadStep::Read,
            Err(PcapError::BufferTooSmall) if room < MAX_BUFFER => ReadStep::Grow,
            Err(_) => ReadStep::Damaged,
        };
        match step {
            ReadStep::Past(length) => reader.consume(length),
            ReadStep::End => break,
            ReadStep::Read => {
                if reader.refill().is_err() {
                    packets.damaged(reader.consumed());
                    break;
                }
            }
            ReadStep::Grow => {
                room *= 2;
                if !reader.grow(room) {
                    packets.damaged(reader.consumed());
                    break;
                }
            }
            ReadStep::Damaged => {
                packets.damaged(reader.consumed());
                break;
            }
        }
    }
    packets.finish(take);
    Ok(())
}

/// What to do next with the reader. It is separate from the block, which borrows the reader.
enum ReadStep {
    Past(usize),
    Read,
    Grow,
    Damaged,
    End,
}

/// An interface of a capture: its link type and the unit of its times.
#[derive(Clone, Copy)]
struct Interface {
    link: i32,
    /// Units per second.
    resolution: u64,
    /// Seconds to add.
    offset: i64,
}

#[derive(Default)]
struct Packets {
    interfaces: Vec<Interface>,
    fragments: Fragments,
    streams: TcpReassembly,
    issues: BTreeMap<CaptureIssue, u64>,
    damaged: Option<u64>,
}

impl Packets {
    fn damaged(&mut self, at: usize) {
        self.damaged = Some(at as u64);
    }

    fn count(&mut self, issue: CaptureIssue) {
        if self.issues.len() < MAX_LINK_TYPES || self.issues.contains_key(&issue) {
            *self.issues.entry(issue).or_default() += 1;
        }
    }

    fn block(&mut self, block: &PcapBlockOwned<'_>, take: &mut Consumer<'_>) -> ControlFlow<()> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => self.interfaces = vec![classic(header)],
            PcapBlockOwned::Legacy(packet) => {
                let time = u64::from(packet.ts_sec);
                let Some(interface) = self.interfaces.first().copied() else {
                    return ControlFlow::Continue(());
                };
                let units = time * interface.resolution + u64::from(packet.ts_usec);
                let cut = packet.caplen < packet.origlen;
                return self.packet(interface, Some(units), packet.data, cut, take);
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(one)) => {
                if self.interfaces.len() < MAX_INTERFACES {
                    self.interfaces.push(Interface {
                        link: one.linktype.0,
                        resolution: one.ts_resolution().unwrap_or(1_000_000).max(1),
                        offset: one.ts_offset(),
                    });
                }
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let interface = self.interfaces.get(packet.if_id as usize).copied();
                let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let cut = packet.caplen < packet.origlen;
                if let Some(interface) = interface {
                    return self.packet(interface, Some(units), packet.packet_data(), cut, take);
                }
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let data = packet.packet_data();
                let cut = data.len() < packet.origlen as usize;
                if let Some(interface) = self.interfaces.first().copied() {
                    return self.packet(interface, None, data, cut, take);
                }
            }
            PcapBlockOwned::NG(_) => {}
        }
        ControlFlow::Continue(())
    }

    /// Reads one packet, captured at `units` by the clock of its interface.
    fn packet(
        &mut self,
        interface: Interface,
        units: Option<u64>,
        bytes: &[u8],
        cut: bool,
        take: &mut Consumer<'_>,
    ) -> ControlFlow<()> {
        let time = units.map(|units| interface.time(units));
        let Some(read) = parser(interface.link) else {
            self.count(CaptureIssue::LinkType(interface.link));
            return ControlFlow::Continue(());
        };
        let Some(packet) = read(bytes) else { return ControlFlow::Continue(()) };
        if packet.proto == TCP && !packet.fragment && !packet.more_fragments {
            return self.segment(&packet, bytes, time, take);
        }
        if packet.proto != UDP {
            return ControlFlow::Continue(());
        }
        if cut {
            self.count(CaptureIssue::CutPacket);
        }
        if packet.fragment || packet.more_fragments {
            let part = bytes.get(packet.ip_payload.clone()).unwrap_or(&[]);
            let Some(whole) = self.fragments.add(&packet, part, time) else {
                return ControlFlow::Continue(());
            };
            return take(Item::Datagram(udp(packet.src, time, whole)));
        }
        take(Item::Datagram(CapturedDatagram {
            time,
            source: Some(packet.src),
            sport: Some(packet.sport),
            dport: Some(packet.dport),
            payload: bytes.get(packet.payload).unwrap_or(&[]).into(),
        }))
    }

    /// Adds a TCP segment and hands out the IPFIX messages that it completes.
    fn segment(
        &mut self,
        packet: &Packet,
        bytes: &[u8],
        time: Option<Time>,
        take: &mut Consumer<'_>,
    ) -> ControlFlow<()> {
        let at = packet.ip_payload.start;
        let word = bytes.get(at + 4..at + 8).and_then(|word| word.try_into().ok());
        let Some(sequence) = word.map(u32::from_be_bytes) else {
            return ControlFlow::Continue(());
        };
        let payload = bytes.get(packet.payload.clone()).unwrap_or(&[]);
        for payload in self.streams.segment(packet, sequence, payload) {
            take(Item::Datagram(CapturedDatagram {
                time,
                source: Some(packet.src),
                sport: Some(packet.sport),
                dport: Some(packet.dport),
                payload,
            }))?;
        }
        ControlFlow::Continue(())
    }

    /// Hands out the problems that were found.
    fn finish(mut self, take: &mut Consumer<'_>) {
        let broken = self.fragments.finish();
        if broken > 0 {
            self.issues.insert(CaptureIssue::Fragments, broken);
        }
        let gaps = self.streams.finish();
        if gaps > 0 {
            self.issues.insert(CaptureIssue::Tcp, gaps);
        }
        let counted = self.issues.into_iter();
        let problems = counted.map(|(issue, count)| CaptureProblem { issue, count, at: None });
        let damaged = self.damaged.map(|at| CaptureProblem {
            issue: CaptureIssue::Damaged,
            count: 1,
            at: Some(at),
        });
        for problem in damaged.into_iter().chain(problems) {
            if take(Item::Problem(problem)).is_break() {
                return;
            }
        }
    }
}

/// The interface of a classic capture. The upper half of the link type field has other data
/// (checksums at the end of frames).
fn classic(header: &PcapHeader) -> Interface {
    let resolution = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
    Interface { link: header.network.0 & 0xffff, resolution, offset: 0 }
}

impl Interface {
    fn time(&self, units: u64) -> Time {
        let ms = u128::from(units) * 1000 / u128::from(self.resolution);
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        Time(ms).plus_ms(self.offset.saturating_mul(1000))
    }
}

/// Reads the headers of a packet.
type Parser = fn(&[u8]) -> Option<Packet>;

/// The function that reads packets of a link type (tcpdump.org/linktypes.html).
fn parser(link: i32) -> Option<Parser> {
    match link {
        0 | 108 => Some(Packet::null_loopback),
        1 => Some(Packet::ethernet),
        9 => Some(Packet::ppp),
        // 12 and 14 are raw IP on some systems.
        12 | 14 | 101 | 228 | 229 => Some(Packet::ip),
        113 => Some(Packet::linux_cooked),
        276 => Some(Packet::linux_cooked2),
        _ => None,
    }
}

/// The datagram in a reassembled UDP packet, which begins with its header (RFC 768).
fn udp(source: Host, time: Option<Time>, whole: ReassembledDatagram) -> CapturedDatagram {
    let ReassembledDatagram(mut bytes) = whole;
    let port = |at: usize| {
        bytes.get(at).zip(bytes.get(at + 1)).map(|(high, low)| u16::from_be_bytes([*high, *low]))
    };
    let (sport, dport) = (port(0), port(2));
    let end = port(4).map_or(0, usize::from).clamp(8, bytes.len().max(8));
    bytes.truncate(end);
    bytes.drain(..bytes.len().min(8));
    CapturedDatagram { time, source: Some(source), sport, dport, payload: bytes }
}
