//! From loaded slots to a flow: the rules that NetFlow v9 and IPFIX share.

use super::element::{Aux, Layer};
use super::exporter::Header;
use super::frame::Packet;
use super::observer::FlowSeen;
use super::plan::Section;
use super::report::{Cause, Report};
use super::sampling::{Announcement, Samplers};
use super::template::{Slots, Template};
use super::times::{Known, Reference, Span, Times};
use crate::flow::field::Field;
use crate::flow::{Flow, Host, Sampling, Time};

/// What all records of a datagram have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common {
    pub flow: Flow,
    pub reference: Reference,
    /// The rate given on the command line, instead of any announced one.
    pub given_rate: Option<Sampling>,
}

impl Common {
    pub(super) fn new(now: Time, address: Host, header: &Header, offset: i64) -> Common {
        let flow = Flow {
            exporter: address,
            domain: header.domain,
            arrival: now,
            clock_offset: offset,
            ..Flow::EMPTY
        };
        let uptime = header.uptime.unwrap_or(0);
        let reference =
            Reference { exported: header.exported.0, uptime, guessed: header.uptime.is_none() };
        Common { flow, reference, given_rate: None }
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A flow, or two when it is a biflow.
    Flow,
    /// It names addresses, but tells of an event and has counted nothing.
    Event,
    /// It names no addresses.
    Addressless,
}

/// Where a record's sampling rate comes from.
#[derive(Clone, Copy)]
enum Rate {
    Fixed(Sampling),
    ByInterface,
    BySampler,
    /// In the record; where it is 0, by the sampler if the record names one.
    InRecord {
        sampler: bool,
    },
}

/// Slots of the reverse direction's counters.
#[derive(Clone, Copy)]
struct Reverse {
    bytes: usize,
    packets: usize,
}

/// Makes flows of the records of one template: what the template decides is
/// decided once.
pub(super) struct Maker<'a> {
    common: &'a Common,
    samplers: &'a Samplers,
    times: Times,
    rate: Rate,
    src: Address,
    dst: Address,
    next_hop: Address,
    bytes: usize,
    packets: usize,
    counted: bool,
    reverse: Option<Reverse>,
    icmp: Option<Icmp>,
    direction: bool,
    event: bool,
    packet: bool,
}

/// Where ICMP's type and code are.
#[derive(Clone, Copy)]
enum Icmp {
    Both,
    Apart,
}

/// Where an address comes from.
#[derive(Clone, Copy)]
struct Address {
    v4: Option<usize>,
    v6: Option<(usize, usize)>,
}

impl Address {
    fn of(template: &Template, v4: Aux, high: Aux, low: Field) -> Address {
        Address {
            v4: template.has_aux(v4).then_some(v4 as usize),
            v6: template.has_aux(high).then_some((high as usize, low as usize)),
        }
    }

    /// Where a record carries both families, the one in use is not zero.
    #[inline]
    fn load(self, slots: &Slots) -> Host {
        if let Some(v4) = self.v4 {
            let bits = slots[v4] as u32;
            if bits != 0 || self.v6.is_none() {
                return Host::v4(bits);
            }
        }
        match self.v6 {
            Some((high, low)) => Host(u128::from(slots[high]) << 64 | u128::from(slots[low])),
            None => Host::UNSPECIFIED,
        }
    }

    fn is_there(self) -> bool {
        self.v4.is_some() || self.v6.is_some()
    }
}

fn rate(template: &Template, samplers: &Samplers, given: Option<Sampling>) -> Rate {
    if let Some(given) = given {
        Rate::Fixed(given)
    } else if template.has(Field::Sampling) || template.has_aux(Aux::SampledPackets) {
        Rate::InRecord { sampler: template.has_aux(Aux::SamplerId) }
    } else if template.has_aux(Aux::SamplerId) {
        Rate::BySampler
    } else if samplers.has_interfaces() {
        Rate::ByInterface
    } else {
        Rate::Fixed(samplers.default_rate())
    }
}

/// The reverse counters, if the forward ones are of the same kind: what
/// initiator and responder sent adds up to the octet count where both are there.
fn reverse(t: &Template) -> Option<Reverse> {
    let slots = |bytes: Aux, packets: Aux| {
        let there = t.has_aux(bytes) || t.has_aux(packets);
        there.then_some(Reverse { bytes: bytes as usize, packets: packets as usize })
    };
    slots(Aux::ReverseBytes, Aux::ReversePackets).or_else(|| {
        let own = t.has(Field::Bytes) || t.has(Field::Packets);
        slots(Aux::ResponderBytes, Aux::ResponderPackets).filter(|_| !own)
    })
}

impl<'a> Maker<'a> {
    pub(super) fn new(t: &Template, samplers: &'a Samplers, common: &'a Common) -> Maker<'a> {
        let counter = |field: Field, instead: [Aux; 2]| {
            let other = instead.into_iter().find(|aux| t.has_aux(*aux)).filter(|_| !t.has(field));
            other.map_or(field as usize, |aux| aux as usize)
        };
        let bytes = counter(Field::Bytes, [Aux::InitiatorBytes, Aux::BytesOut]);
        let packets = counter(Field::Packets, [Aux::InitiatorPackets, Aux::PacketsOut]);
        let src = Address::of(t, Aux::SrcV4, Aux::SrcHigh, Field::Src);
        let dst = Address::of(t, Aux::DstV4, Aux::DstHigh, Field::Dst);
        let icmp = if t.has_aux(Aux::Icmp) {
            Some(Icmp::Both)
        } else {
            t.has_aux(Aux::IcmpType).then_some(Icmp::Apart)
        };
        Maker {
            common,
            samplers,
            times: Times::of(t),
            rate: rate(t, samplers, common.given_rate),
            src,
            dst,
            next_hop: Address::of(t, Aux::NextHopV4, Aux::NextHopHigh, Field::NextHop),
            bytes,
            packets,
            counted: t.plan().fills(bytes as u8) || t.plan().fills(packets as u8),
            reverse: reverse(t),
            icmp,
            direction: t.has(Field::Direction),
            event: t.has_aux(Aux::Event),
            packet: t.has_packet() && !src.is_there() && !dst.is_there(),
        }
    }

    /// Makes what there is to make of one record and appends it.
    #[inline]
    pub(super) fn record(
        &self,
        slots: &Slots,
        bytes: &[u8],
        section: &Section,
        out: &mut Vec<Flow>,
        report: &mut Report,
    ) -> Standing {
        if !self.src.is_there() && !self.dst.is_there() {
            return self.without_addresses(slots, bytes, section, out, report);
        }
        let (flow, span) = self.flow(slots);
        note_times(&span, report);
        if self.reverse.is_some() || self.event {
            return self.both_ways(flow, slots, out, report);
        }
        out.push(flow);
        report.flows += 1;
        Standing::Flow
    }

    /// The forward flow of a record that names addresses, with its times.
    #[inline]
    pub(super) fn flow(&self, slots: &Slots) -> (Flow, Span) {
        let at = |field: Field| slots[field as usize];
        let span = self.times.of_record(slots, &self.common.reference);
        let proto = at(Field::Proto) as u8;
        let flow = Flow {
            src: self.src.load(slots),
            dst: self.dst.load(slots),
            next_hop: self.next_hop.load(slots),
            first: span.first,
            last: span.last,
            bytes: slots[self.bytes],
            packets: slots[self.packets],
            sampling: self.rate(slots),
            input: at(Field::Input) as u32,
            output: at(Field::Output) as u32,
            src_as: at(Field::SrcAs) as u32,
            dst_as: at(Field::DstAs) as u32,
            sport: at(Field::SrcPort) as u16,
            dport: self.dport(slots, proto),
            vlan: at(Field::Vlan) as u16,
            proto,
            tcp_flags: at(Field::TcpFlags) as u8,
            tos: at(Field::Tos) as u8,
            src_mask: at(Field::SrcMask) as u8,
            dst_mask: at(Field::DstMask) as u8,
            direction: if self.direction { at(Field::Direction) as u8 } else { Flow::NO_DIRECTION },
            timed: span.known != Known::NotAtAll,
            ..self.common.flow
        };
        (flow, span)
    }

    /// A record with counters of both directions, or of an event.
    fn both_ways(
        &self,
        flow: Flow,
        slots: &Slots,
        out: &mut Vec<Flow>,
        report: &mut Report,
    ) -> Standing {
        let (bytes, packets) =
            self.reverse.map_or((0, 0), |reverse| (slots[reverse.bytes], slots[reverse.packets]));
        if self.event && (flow.bytes, flow.packets, bytes, packets) == (0, 0, 0, 0) {
            report.events += 1;
            return Standing::Event;
        }
        out.push(flow);
        report.flows += 1;
        if bytes > 0 || packets > 0 {
            let tcp_flags = slots[Aux::ReverseFlags as usize] as u8;
            out.push(Flow { bytes, packets, tcp_flags, ..flow.reversed() });
            report.flows += 1;
            report.reversed += 1;
        }
        Standing::Flow
    }

    /// A record that names no addresses itself; the packet in it may.
    fn without_addresses(
        &self,
        slots: &Slots,
        bytes: &[u8],
        section: &Section,
        out: &mut Vec<Flow>,
        report: &mut Report,
    ) -> Standing {
        if let Some((flow, span)) = self.packet_flow(slots, bytes, section) {
            note_times(&span, report);
            out.push(flow);
            report.flows += 1;
            return Standing::Flow;
        }
        let seen = &mut report.addressless;
        seen.records += 1;
        seen.bytes = seen.bytes.saturating_add(slots[self.bytes]);
        seen.packets = seen.packets.saturating_add(slots[self.packets]);
        report.causes.count(Cause::NoAddresses);
        Standing::Addressless
    }

    /// The flow that a sampled packet amounts to: one packet, unless counted.
    pub(super) fn packet_flow(
        &self,
        slots: &Slots,
        bytes: &[u8],
        section: &Section,
    ) -> Option<(Flow, Span)> {
        let (layer, range) = section.packet.clone().filter(|_| self.packet)?;
        let header = bytes.get(range)?;
        let packet = match layer {
            Layer::Link => Packet::ethernet(header)?,
            Layer::Network => Packet::ip(header)?,
        };
        let (flow, span) = self.flow(slots);
        let length = [slots[Aux::IpLength as usize], u64::from(packet.ip_length)];
        let length = length.into_iter().find(|length| *length > 0);
        let length = length.unwrap_or(slots[Aux::FrameLength as usize]);
        let (bytes, packets) = if self.counted { (flow.bytes, flow.packets) } else { (length, 1) };
        let flow = Flow { bytes, packets, ..packet.describe(&flow) };
        Some((flow, span))
    }

    /// What a record says as a flow, for whoever looks on.
    pub(super) fn seen(&self, slots: &Slots, bytes: &[u8], section: &Section) -> Option<FlowSeen> {
        let (flow, span) = if self.src.is_there() || self.dst.is_there() {
            self.flow(slots)
        } else {
            self.packet_flow(slots, bytes, section)?
        };
        let times = (span.known == Known::Exactly).then_some((span.first, span.last));
        Some(FlowSeen { flow, times })
    }

    /// The destination port; for ICMP its type and code, whichever field has them.
    fn dport(&self, slots: &Slots, proto: u8) -> u16 {
        let port = slots[Field::DstPort as usize] as u16;
        match self.icmp {
            Some(icmp) if port == 0 && (proto == 1 || proto == 58) => match icmp {
                Icmp::Both => slots[Aux::Icmp as usize] as u16,
                Icmp::Apart => {
                    let byte = |aux: Aux| slots[aux as usize] as u8;
                    u16::from_be_bytes([byte(Aux::IcmpType), byte(Aux::IcmpCode)])
                }
            },
            _ => port,
        }
    }

    #[inline]
    fn rate(&self, slots: &Slots) -> Sampling {
        let by_sampler = || self.samplers.by_id(slots[Aux::SamplerId as usize]);
        match self.rate {
            Rate::Fixed(rate) => rate,
            Rate::ByInterface => self.samplers.by_interface(slots[Field::Input as usize] as u32),
            Rate::BySampler => by_sampler(),
            Rate::InRecord { sampler } => match announced(slots).rate() {
                Sampling::UNKNOWN if sampler => by_sampler(),
                Sampling::UNKNOWN => self.samplers.default_rate(),
                rate => rate,
            },
        }
    }
}

/// Counts what is odd about a record's times.
#[inline]
fn note_times(span: &Span, report: &mut Report) {
    match span.known {
        Known::Exactly => {}
        Known::Roughly => report.causes.count(Cause::GuessedTimes),
        Known::NotAtAll => report.causes.count(Cause::NoTimes),
    }
    if span.first > span.last {
        report.causes.count(Cause::FirstAfterLast);
    }
}

/// What an options record says about sampling.
pub(super) fn announcement(template: &Template, slots: &Slots) -> Announcement {
    let id = template.has_aux(Aux::SamplerId).then_some(slots[Aux::SamplerId as usize]);
    let interface = template.has(Field::Input).then_some(slots[Field::Input as usize] as u32);
    Announcement { id, interface, ..announced(slots) }
}

fn announced(slots: &Slots) -> Announcement {
    Announcement {
        id: None,
        interface: None,
        interval: slots[Field::Sampling as usize],
        sampled: slots[Aux::SampledPackets as usize],
        skipped: slots[Aux::SkippedPackets as usize],
        size: slots[Aux::SampleSize as usize],
        population: slots[Aux::Population as usize],
    }
}
