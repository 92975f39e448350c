//! From loaded slots to a flow: the rules that NetFlow v9 and IPFIX share.

use super::address::Address;
use super::element::{Aux, EMPTY_SLOT, Layer};
use super::exporter::sampling::Samplers;
use super::frame::Packet;
use super::header::Header;
use super::more::{self, Extras, of_packet, reversed};
use super::observer::FlowSeen;
use super::plan::{Section, Values};
use super::rate::Rate;
use super::report::{Cause, Report, Standing};
use super::template::Template;
use super::times::{Known, Reference, Span, Times};
use crate::flow::field::Field;
use crate::flow::{Flow, Host, More, Sampling, Time};

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
        let exported = header.exported.0;
        let reference =
            Reference { exported, near: exported, uptime, guessed: header.uptime.is_none() };
        Common { flow, reference, given_rate: None }
    }
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
    /// Whether each record reports one packet by what its header says (RFC 5476, 8.3).
    one_packet: bool,
    pub(super) extras: Option<Extras>,
}

/// Where ICMP's type and code are.
#[derive(Clone, Copy)]
enum Icmp {
    Both,
    Apart,
}

/// The reverse counters. What the responder sent counts only where there is no
/// count of its kind beside it: initiator and responder add up to that.
fn reverse(t: &Template) -> Option<Reverse> {
    let slot = |reverse: Aux, responder: Aux, own: Field| {
        let instead = Some(responder).filter(|aux| t.has_aux(*aux) && !t.has(own));
        let slot = if t.has_aux(reverse) { Some(reverse) } else { instead };
        slot.map(|aux| aux as usize)
    };
    let bytes = slot(Aux::ReverseBytes, Aux::ResponderBytes, Field::Bytes);
    let packets = slot(Aux::ReversePackets, Aux::ResponderPackets, Field::Packets);
    let there = bytes.is_some() || packets.is_some();
    there.then_some(Reverse {
        bytes: bytes.unwrap_or(EMPTY_SLOT),
        packets: packets.unwrap_or(EMPTY_SLOT),
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
        let counted = t.plan().fills(bytes as u8) || t.plan().fills(packets as u8);
        let times = Times::of(t);
        let length = t.has_aux(Aux::IpLength) || t.has_aux(Aux::FrameLength);
        let of_packet = length || t.has_packet() || times.are_of_one_moment(t);
        let src = Address::of(t, Aux::SrcV4, Aux::SrcHigh);
        let dst = Address::of(t, Aux::DstV4, Aux::DstHigh);
        let icmp = if t.has_aux(Aux::Icmp) {
            Some(Icmp::Both)
        } else {
            t.has_aux(Aux::IcmpType).then_some(Icmp::Apart)
        };
        Maker {
            common,
            samplers,
            times,
            rate: Rate::of(t, samplers, common.given_rate),
            src,
            dst,
            next_hop: Address::of(t, Aux::NextHopV4, Aux::NextHopHigh),
            bytes,
            packets,
            counted,
            reverse: reverse(t),
            icmp,
            direction: t.has(Field::Direction),
            event: t.has_aux(Aux::Event),
            packet: t.has_packet(),
            one_packet: of_packet && !counted && !t.has_aux(Aux::Event),
            extras: Extras::of(t),
        }
    }

    pub(super) fn names_addresses(&self) -> bool {
        self.src != Address::None || self.dst != Address::None
    }

    /// Whether every record is just a flow.
    pub(super) fn is_plain(&self) -> bool {
        self.names_addresses() && self.reverse.is_none() && !self.event
    }

    /// Makes a flow of each record of a plain template, where they are all there
    /// before the first is filled in. `values` gives them in order.
    #[inline]
    pub(super) fn plain<V: Values>(
        &self,
        count: usize,
        mut values: impl FnMut(usize) -> Option<V>,
        out: &mut Vec<Flow>,
        report: &mut Report,
    ) {
        let before = out.len();
        out.resize(before + count, self.common.flow);
        let mut made = 0;
        for flow in out.iter_mut().skip(before) {
            let Some(values) = values(made) else { break };
            let span = self.fill(&values, flow);
            note_times(&span, report);
            made += 1;
        }
        out.truncate(before + made);
        report.flows += made as u32;
    }

    /// Makes what there is to make of one record and appends it.
    #[inline]
    pub(super) fn record<V: Values>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &Section,
        out: &mut Vec<Flow>,
        report: &mut Report,
    ) -> Standing {
        if !self.names_addresses() {
            return self.without_addresses(values, bytes, section, out, report);
        }
        // Filled in where it stays: a flow is too large to be moved about.
        out.push(self.common.flow);
        let Some(flow) = out.last_mut() else { return Standing::Flow };
        let span = self.fill(values, flow);
        note_times(&span, report);
        if flow.packet_sample && flow.bytes == 0 {
            let packet = self.packet(bytes, section);
            flow.bytes = packet.map_or(0, |packet| u64::from(packet.ip_length));
        }
        if self.reverse.is_some() || self.event {
            return self.both_ways(values, out, report);
        }
        report.flows += 1;
        Standing::Flow
    }

    /// The forward flow of a record, with its times.
    fn flow<V: Values>(&self, values: &V) -> (Flow, Span) {
        let mut flow = self.common.flow;
        let span = self.fill(values, &mut flow);
        (flow, span)
    }

    /// Fills in the forward flow of a record; returns its times.
    #[inline]
    fn fill<V: Values>(&self, values: &V, flow: &mut Flow) -> Span {
        let small = |field: Field| values.get8(field as usize);
        let number = |field: Field| values.get32(field as usize);
        let span = self.times.of_record(values, &self.common.reference);
        let proto = small(Field::Proto);
        flow.src = self.src.load(values, Aux::SrcV4, Aux::SrcHigh, Field::Src);
        flow.dst = self.dst.load(values, Aux::DstV4, Aux::DstHigh, Field::Dst);
        flow.next_hop =
            self.next_hop.load(values, Aux::NextHopV4, Aux::NextHopHigh, Field::NextHop);
        flow.first = span.first;
        flow.last = span.last;
        flow.timed = span.known != Known::NotAtAll;
        flow.bytes = values.get(self.bytes);
        flow.packets = values.get(self.packets);
        flow.sampling = self.rate.of_record(values, self.samplers);
        flow.input = number(Field::Input);
        flow.output = number(Field::Output);
        flow.src_as = number(Field::SrcAs);
        flow.dst_as = number(Field::DstAs);
        flow.sport = values.get16(Field::SrcPort as usize);
        flow.dport = self.dport(values, proto);
        flow.vlan = values.get16(Field::Vlan as usize);
        flow.proto = proto;
        flow.tcp_flags = small(Field::TcpFlags);
        flow.tos = small(Field::Tos);
        flow.src_mask = small(Field::SrcMask);
        flow.dst_mask = small(Field::DstMask);
        if self.direction {
            flow.direction = small(Field::Direction);
        }
        if self.one_packet {
            (flow.bytes, flow.packets, flow.packet_sample) = (self.length(values, 0), 1, true);
        } else if flow.sampling == Sampling::UNKNOWN {
            flow.packet_sample = self.rate.names_sampler(values);
        }
        span
    }

    /// Bytes of the packet that a record tells of: its IP length, else what its header
    /// says, else the length of its frame.
    fn length<V: Values>(&self, values: &V, header: u64) -> u64 {
        let length = [values.get(Aux::IpLength as usize), header];
        let length = length.into_iter().find(|length| *length > 0);
        length.unwrap_or(values.get(Aux::FrameLength as usize))
    }

    /// A record with counters of both directions, or of an event, whose forward
    /// flow was just appended.
    fn both_ways<V: Values>(
        &self,
        values: &V,
        out: &mut Vec<Flow>,
        report: &mut Report,
    ) -> Standing {
        let Some(flow) = out.last().copied() else { return Standing::Addressless };
        let (bytes, packets) = self
            .reverse
            .map_or((0, 0), |reverse| (values.get(reverse.bytes), values.get(reverse.packets)));
        if self.event && (flow.bytes, flow.packets, bytes, packets) == (0, 0, 0, 0) {
            out.pop();
            report.events += 1;
            return Standing::Event;
        }
        report.flows += 1;
        if bytes > 0 || packets > 0 {
            let tcp_flags = values.get8(Aux::ReverseFlags as usize);
            out.push(Flow { bytes, packets, tcp_flags, ..flow.reversed() });
            report.flows += 1;
            report.reversed += 1;
        }
        Standing::Flow
    }

    /// A record that names no addresses itself; the packet in it may.
    fn without_addresses<V: Values>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &Section,
        out: &mut Vec<Flow>,
        report: &mut Report,
    ) -> Standing {
        if let Some((flow, span)) = self.packet_flow(values, bytes, section) {
            note_times(&span, report);
            out.push(flow);
            report.flows += 1;
            return Standing::Flow;
        }
        let seen = &mut report.addressless;
        seen.records += 1;
        seen.bytes = seen.bytes.saturating_add(values.get(self.bytes));
        seen.packets = seen.packets.saturating_add(values.get(self.packets));
        report.causes.count(Cause::NoAddresses);
        Standing::Addressless
    }

    /// What the packet in a record says, where it is what makes the flow.
    pub(super) fn packet(&self, bytes: &[u8], section: &Section) -> Option<Packet> {
        let (layer, range) = section.packet.clone().filter(|_| self.packet)?;
        let header = bytes.get(range)?;
        match layer {
            Layer::Link => Packet::ethernet(header),
            Layer::Network => Packet::ip(header),
        }
    }

    /// The flow that a sampled packet amounts to: one packet, unless counted.
    pub(super) fn packet_flow<V: Values>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &Section,
    ) -> Option<(Flow, Span)> {
        let packet = self.packet(bytes, section)?;
        let (flow, span) = self.flow(values);
        let length = self.length(values, u64::from(packet.ip_length));
        let (bytes, packets) = if self.counted { (flow.bytes, flow.packets) } else { (length, 1) };
        let flow = Flow { bytes, packets, packet_sample: !self.counted, ..packet.describe(&flow) };
        Some((flow, span))
    }

    /// What a record says as a flow, for whoever looks on.
    pub(super) fn seen<V: Values>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &Section,
    ) -> Option<FlowSeen> {
        let (flow, span) = if self.names_addresses() {
            self.flow(values)
        } else {
            self.packet_flow(values, bytes, section)?
        };
        let times = (span.known == Known::Exactly).then_some((span.first, span.last));
        Some(FlowSeen { flow, times })
    }

    /// The destination port; for ICMP its type and code, whichever field has them.
    fn dport<V: Values>(&self, values: &V, proto: u8) -> u16 {
        let port = values.get16(Field::DstPort as usize);
        match self.icmp {
            Some(icmp) if port == 0 && (proto == 1 || proto == 58) => match icmp {
                Icmp::Both => values.get16(Aux::Icmp as usize),
                Icmp::Apart => {
                    let byte = |aux: Aux| values.get8(aux as usize);
                    u16::from_be_bytes([byte(Aux::IcmpType), byte(Aux::IcmpCode)])
                }
            },
            _ => port,
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

impl Maker<'_> {
    /// Keeps what came with the flows of a plain template; `values` gives their
    /// records in order.
    pub(super) fn keep_plain<V: Values>(
        &self,
        values: impl Fn(usize) -> Option<V>,
        flows: &mut [Flow],
        kept: &mut Vec<More>,
    ) {
        let Some(extras) = &self.extras else { return };
        for (index, flow) in flows.iter_mut().enumerate() {
            let Some(values) = values(index) else { return };
            more::keep(flow, &extras.load(&values), kept);
        }
    }

    /// Keeps what came with the flows of one record: there, and back.
    pub(super) fn keep<V: Values>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &Section,
        flows: &mut [Flow],
        kept: &mut Vec<More>,
    ) {
        let Some((flow, back)) = flows.split_first_mut() else { return };
        let mut more = self.extras.as_ref().map_or(More::NONE, |extras| extras.load(values));
        if !self.names_addresses()
            && let Some(packet) = self.packet(bytes, section)
        {
            of_packet(&packet, &mut more);
        }
        more::keep(flow, &more, kept);
        if let Some(back) = back.first_mut() {
            let more = reversed(&more, back);
            more::keep(back, &more, kept);
        }
    }
}
