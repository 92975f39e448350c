//! Turns loaded records into flows: the rules that NetFlow v9 and IPFIX share.

use std::cell::RefCell;

use super::address::AddressSource;
use super::addressless;
use super::element::{Aux, PacketLayer};
use super::exporter::rates::{RateLookup, RateNotes};
use super::extras::ExtrasDecoder;
use super::frame::Packet;
use super::header::MessageHeader;
use super::observer::FlowSeen;
use super::ordinary::{OrdinaryFlows, append_copies};
use super::plan::PacketSection;
use super::rate::RateSource;
use super::record_view::{RecordValues, RecordViews};
use super::report::{Cause, DatagramReport, RecordOutcome};
use super::reverse_slots::ReverseSlots;
use super::template::Template;
use super::times::{TimeQuality, TimeReference, TimeRules, count_quality, note_times};
use crate::flow::field::Field;
use crate::flow::{Flow, Host, Protocol, Sampling, Time};

/// What all records of a datagram have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct DatagramDefaults {
    pub flow: Flow,
    pub reference: TimeReference,
    /// The sampling rate of the configuration; it replaces any announced rate.
    pub given_rate: Option<Sampling>,
}

impl DatagramDefaults {
    pub(super) fn new(
        now: Time,
        address: Host,
        header: &MessageHeader,
        offset: i64,
    ) -> DatagramDefaults {
        let flow = Flow {
            exporter: address,
            domain: header.domain,
            arrival: now,
            clock_offset: offset,
            coarse_clock: header.protocol == Protocol::Netflow9,
            ..Flow::EMPTY
        };
        let uptime = header.uptime.unwrap_or(0);
        let exported = header.exported.0;
        let reference =
            TimeReference { exported, near: exported, uptime, guessed: header.uptime.is_none() };
        DatagramDefaults { flow, reference, given_rate: None }
    }
}

/// Turns the records of one template into flows. What depends on the template alone is
/// decided once, in [`RecordDecoder::new`].
pub(super) struct RecordDecoder<'a> {
    /// What all records have in common.
    common: Flow,
    reference: &'a TimeReference,
    samplers: RateLookup<'a>,
    rate_notes: RefCell<RateNotes>,
    times: TimeRules,
    quality: TimeQuality,
    rate: RateSource,
    src: AddressSource,
    dst: AddressSource,
    next_hop: AddressSource,
    bytes: usize,
    packets: usize,
    counted: bool,
    /// Whether both counters are there.
    counts_both: bool,
    reverse: Option<ReverseSlots>,
    icmp: Option<Icmp>,
    direction: bool,
    event: bool,
    packet: bool,
    /// Whether each record reports one packet, described by its header (RFC 5476, 8.3).
    one_packet: bool,
    /// Whether records need [`RecordDecoder::fill_special`].
    is_special: bool,
    pub(super) extras: Option<ExtrasDecoder>,
}

/// Where a record has the ICMP type and code: in one field, or in two.
#[derive(Clone, Copy)]
enum Icmp {
    Both,
    Apart,
}

impl<'a> RecordDecoder<'a> {
    pub(super) fn new(
        t: &Template,
        samplers: RateLookup<'a>,
        common: &'a DatagramDefaults,
    ) -> RecordDecoder<'a> {
        let counter = |field: Field, instead: [Aux; 2]| {
            let other = instead.into_iter().find(|aux| t.has_aux(*aux)).filter(|_| !t.has(field));
            other.map_or(field as usize, |aux| aux as usize)
        };
        let bytes = counter(Field::Bytes, [Aux::InitiatorBytes, Aux::BytesOut]);
        let packets = counter(Field::Packets, [Aux::InitiatorPackets, Aux::PacketsOut]);
        let counted = t.plan().fills(bytes as u8) || t.plan().fills(packets as u8);
        let times = TimeRules::of(t);
        let length = t.has_aux(Aux::IpLength) || t.has_aux(Aux::FrameLength);
        let of_packet = length || t.has_packet() || times.are_of_one_moment(t);
        let one_packet = of_packet && !counted && !t.has_aux(Aux::Event);
        let src = AddressSource::of(t, Aux::SrcV4, Aux::SrcHigh);
        let dst = AddressSource::of(t, Aux::DstV4, Aux::DstHigh);
        let icmp = if t.has_aux(Aux::Icmp) {
            Some(Icmp::Both)
        } else {
            t.has_aux(Aux::IcmpType).then_some(Icmp::Apart)
        };
        let rate = RateSource::of(t, &samplers, common.given_rate);
        let quality = times.quality(&common.reference);
        let sampling = rate.of_all().unwrap_or_default();
        let timed = quality != TimeQuality::NotAtAll;
        RecordDecoder {
            common: Flow { sampling, timed, ..common.flow },
            reference: &common.reference,
            samplers,
            rate_notes: RefCell::default(),
            times,
            quality,
            rate,
            src,
            dst,
            next_hop: AddressSource::of(t, Aux::NextHopV4, Aux::NextHopHigh),
            bytes,
            packets,
            counted,
            counts_both: t.has(Field::Bytes) && t.has(Field::Packets),
            reverse: ReverseSlots::of(t),
            icmp,
            direction: t.has(Field::Direction),
            event: t.has_aux(Aux::Event),
            packet: t.has_packet(),
            one_packet,
            is_special: one_packet || rate.of_all().is_none(),
            extras: ExtrasDecoder::of(t),
        }
    }

    pub(super) fn names_addresses(&self) -> bool {
        self.src != AddressSource::None || self.dst != AddressSource::None
    }

    /// The rate of all records, if it does not differ from record to record.
    pub(super) fn rate_of_all(&self) -> Option<Sampling> {
        self.rate.of_all()
    }

    /// The rates that came in records.
    pub(super) fn into_rate_notes(self) -> RateNotes {
        self.rate_notes.into_inner()
    }

    /// Whether records count both bytes and packets.
    pub(super) fn counts_both(&self) -> bool {
        self.counts_both
    }

    /// Whether every record becomes exactly one flow.
    pub(super) fn is_plain(&self) -> bool {
        self.names_addresses() && self.reverse.is_none() && !self.event
    }

    /// Appends one flow for each of the first `count` records of a plain template. The flows
    /// are appended at once and then filled in. Returns whether all of them are ordinary.
    pub(super) fn plain(
        &self,
        count: usize,
        records: Option<RecordViews<'_>>,
        out: &mut Vec<Flow>,
        report: &mut DatagramReport,
    ) -> bool {
        let before = out.len();
        append_copies(out, &self.common, count);
        let bounds = OrdinaryFlows::of(&self.common);
        let (mut made, mut all) = (0, true);
        let flows = out.get_mut(before..).unwrap_or_default();
        for (flow, values) in flows.iter_mut().zip(records.into_iter().flatten()) {
            self.fill(&values, flow);
            all &= bounds.include(flow);
            made += 1;
        }
        out.truncate(before + made);
        report.flows += made as u32;
        count_quality(self.quality, made, report);
        all
    }

    /// Decodes one record and appends its flows.
    #[inline]
    pub(super) fn record<V: RecordValues>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &PacketSection,
        out: &mut Vec<Flow>,
        report: &mut DatagramReport,
    ) -> RecordOutcome {
        if !self.names_addresses() {
            return self.without_addresses(values, bytes, section, out, report);
        }
        // The flow is filled in where it is stored: it is too large to be copied.
        out.push(self.common);
        let Some(flow) = out.last_mut() else { return RecordOutcome::Flow };
        self.fill(values, flow);
        if !self.event && addressless::has_none(flow.src, flow.dst) {
            out.pop();
            return self.without_addresses(values, bytes, section, out, report);
        }
        note_times(flow, self.quality, report);
        if flow.packet_sample && flow.bytes == 0 {
            let packet = self.packet(bytes, section);
            flow.bytes = packet.map_or(0, |packet| u64::from(packet.ip_length));
        }
        if self.reverse.is_some() || self.event {
            return self.both_ways(values, out, report);
        }
        report.flows += 1;
        RecordOutcome::Flow
    }

    /// The forward flow of a record.
    fn flow<V: RecordValues>(&self, values: &V) -> Flow {
        let mut flow = self.common;
        self.fill(values, &mut flow);
        flow
    }

    /// Fills in the forward flow of a record, which is a copy of what all have in common.
    #[inline(always)]
    fn fill<V: RecordValues>(&self, values: &V, flow: &mut Flow) {
        let small = |field: Field| values.get8(field as usize);
        let number = |field: Field| values.get32(field as usize);
        let proto = small(Field::Proto);
        flow.src = self.src.load(values, Aux::SrcV4, Aux::SrcHigh, Field::Src);
        flow.dst = self.dst.load(values, Aux::DstV4, Aux::DstHigh, Field::Dst);
        flow.next_hop =
            self.next_hop.load(values, Aux::NextHopV4, Aux::NextHopHigh, Field::NextHop);
        (flow.first, flow.last) = self.times.of_record(values, self.reference);
        flow.bytes = values.get(self.bytes);
        flow.packets = values.get(self.packets);
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
        if self.is_special {
            self.fill_special(values, flow);
        }
    }

    /// The rest of [`RecordDecoder::fill`], for templates that report single packets, or that
    /// have no rate that is the same for all records.
    #[inline(never)]
    fn fill_special<V: RecordValues>(&self, values: &V, flow: &mut Flow) {
        flow.sampling = self.rate.of_record(values, &self.samplers, &self.rate_notes);
        if self.one_packet {
            (flow.bytes, flow.packets, flow.packet_sample) = (self.length(values, 0), 1, true);
        } else if flow.sampling == Sampling::UNKNOWN {
            flow.packet_sample = self.rate.names_sampler(values);
        }
    }

    /// Bytes of the packet that a record reports: its IP length, otherwise `header`, the
    /// length in the packet's header, otherwise the length of its frame.
    fn length<V: RecordValues>(&self, values: &V, header: u64) -> u64 {
        let length = [values.get(Aux::IpLength as usize), header];
        let length = length.into_iter().find(|length| *length > 0);
        length.unwrap_or(values.get(Aux::FrameLength as usize))
    }

    /// Finishes a record with counters of both directions, or of an event. Its forward flow
    /// was appended just before.
    fn both_ways<V: RecordValues>(
        &self,
        values: &V,
        out: &mut Vec<Flow>,
        report: &mut DatagramReport,
    ) -> RecordOutcome {
        let Some(flow) = out.last().copied() else { return RecordOutcome::Addressless };
        let (bytes, packets) = self
            .reverse
            .map_or((0, 0), |reverse| (values.get(reverse.bytes), values.get(reverse.packets)));
        if self.event && (flow.bytes, flow.packets, bytes, packets) == (0, 0, 0, 0) {
            out.pop();
            report.events += 1;
            return RecordOutcome::Event;
        }
        report.flows += 1;
        if bytes > 0 || packets > 0 {
            let tcp_flags = values.get8(Aux::ReverseFlags as usize);
            out.push(Flow { bytes, packets, tcp_flags, ..flow.reversed() });
            report.flows += 1;
            report.reversed += 1;
        }
        RecordOutcome::Flow
    }

    /// Decodes a record without addresses of its own: the sampled packet in it may have
    /// some.
    fn without_addresses<V: RecordValues>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &PacketSection,
        out: &mut Vec<Flow>,
        report: &mut DatagramReport,
    ) -> RecordOutcome {
        if let Some(flow) = self.packet_flow(values, bytes, section) {
            note_times(&flow, self.quality, report);
            out.push(flow);
            report.flows += 1;
            return RecordOutcome::Flow;
        }
        let seen = &mut report.addressless;
        seen.records += 1;
        seen.bytes = seen.bytes.saturating_add(values.get(self.bytes));
        seen.packets = seen.packets.saturating_add(values.get(self.packets));
        report.causes.count(Cause::NoAddresses);
        RecordOutcome::Addressless
    }

    /// The headers of the packet in a record, if the flow is made from the packet.
    pub(super) fn packet(&self, bytes: &[u8], section: &PacketSection) -> Option<Packet> {
        let (layer, range) = section.packet.clone().filter(|_| self.packet)?;
        let header = bytes.get(range)?;
        match layer {
            PacketLayer::Link => Packet::ethernet(header),
            PacketLayer::Network => Packet::ip(header),
        }
    }

    /// The flow of a sampled packet: one packet, unless the record has counters.
    pub(super) fn packet_flow<V: RecordValues>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &PacketSection,
    ) -> Option<Flow> {
        let packet = self.packet(bytes, section)?;
        let flow = self.flow(values);
        let length = self.length(values, u64::from(packet.ip_length));
        let (bytes, packets) = if self.counted { (flow.bytes, flow.packets) } else { (length, 1) };
        let flow = Flow { bytes, packets, packet_sample: !self.counted, ..packet.describe(&flow) };
        Some(flow)
    }

    /// The forward flow of a record, as an observer sees it.
    pub(super) fn seen<V: RecordValues>(
        &self,
        values: &V,
        bytes: &[u8],
        section: &PacketSection,
    ) -> Option<FlowSeen> {
        let noted = self.rate_notes.take();
        let made = match self.names_addresses() {
            true => Some(self.flow(values)),
            false => self.packet_flow(values, bytes, section),
        };
        // The record was noted when it was decoded.
        self.rate_notes.replace(noted);
        let flow = made?;
        let times = (self.quality == TimeQuality::Exactly).then_some((flow.first, flow.last));
        Some(FlowSeen { flow, times })
    }

    /// The destination port. For ICMP it is type and code, from the field that has them.
    fn dport<V: RecordValues>(&self, values: &V, proto: u8) -> u16 {
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
