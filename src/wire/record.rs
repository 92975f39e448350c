//! Turns loaded records into flows: the rules that NetFlow v9 and IPFIX share.

use std::cell::RefCell;

use super::address::AddressSource;
use super::addressless;
use super::element::{Aux, PacketLayer};
use super::exporter::rates::{RateLookup, RateNotes};
use super::frame::Packet;
use super::header::MessageHeader;
use super::observer::FlowSeen;
use super::ordinary::{OrdinaryFlows, append_copies};
use super::plan::PacketSection;
use super::rate::RateSource;
use super::record_rules::{IcmpSource, RecordRules, RecordShape};
use super::record_view::{RecordValues, RecordViews};
use super::report::{Cause, DatagramReport, RecordOutcome};
use super::reverse_slots::ReverseSlots;
use super::times::{TimeQuality, TimeReference, TimeRules, note_times};
use crate::flow::field::Field;
use crate::flow::{Flow, Host, Protocol, Sampling, Time};

/// The number of [`RecordShape::Other`].
const ANY_SHAPE: u8 = RecordShape::Other as u8;

/// The addresses and times of a [`RecordShape`], by its number; `None` where templates differ.
const fn parts_of(shape: u8) -> (Option<AddressSource>, Option<TimeRules>) {
    const V4_UPTIME: u8 = RecordShape::V4Uptime as u8;
    const V4_MILLISECONDS: u8 = RecordShape::V4Milliseconds as u8;
    const V6_UPTIME: u8 = RecordShape::V6Uptime as u8;
    const V6_MILLISECONDS: u8 = RecordShape::V6Milliseconds as u8;
    match shape {
        V4_UPTIME => (Some(AddressSource::V4), Some(TimeRules::Uptime)),
        V4_MILLISECONDS => (Some(AddressSource::V4), Some(TimeRules::Milliseconds)),
        V6_UPTIME => (Some(AddressSource::V6), Some(TimeRules::Uptime)),
        V6_MILLISECONDS => (Some(AddressSource::V6), Some(TimeRules::Milliseconds)),
        _ => (None, None),
    }
}

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

/// Turns the records of one set into flows, by the rules of its template.
pub(super) struct RecordDecoder<'a> {
    pub(super) rules: &'a RecordRules,
    /// What all records have in common.
    common: Flow,
    reference: &'a TimeReference,
    samplers: RateLookup<'a>,
    rate_notes: RefCell<RateNotes>,
    quality: TimeQuality,
    rate: RateSource,
    /// Whether records need [`RecordDecoder::fill_special`].
    is_special: bool,
}

/// The flows that were made of records: how many, and whether all are ordinary.
#[derive(Clone, Copy)]
pub(super) struct PlainFlows {
    pub count: usize,
    pub are_ordinary: bool,
}

impl<'a> RecordDecoder<'a> {
    pub(super) fn new(
        rules: &'a RecordRules,
        samplers: RateLookup<'a>,
        common: &'a DatagramDefaults,
    ) -> RecordDecoder<'a> {
        let rate = RateSource::of(rules.rate, &samplers, common.given_rate);
        let quality = rules.times.quality(&common.reference);
        let mut flow = common.flow;
        flow.sampling = rate.of_all().unwrap_or_default();
        flow.timed = quality != TimeQuality::NotAtAll;
        RecordDecoder {
            rules,
            common: flow,
            reference: &common.reference,
            samplers,
            rate_notes: RefCell::default(),
            quality,
            rate,
            is_special: rules.one_packet || rate.of_all().is_none(),
        }
    }

    /// How reliable the times of all records are.
    pub(super) fn quality(&self) -> TimeQuality {
        self.quality
    }

    /// The rate of all records, if it does not differ from record to record.
    pub(super) fn rate_of_all(&self) -> Option<Sampling> {
        self.rate.of_all()
    }

    /// The rates that came in records; `None` if none can have come.
    pub(super) fn into_rate_notes(self) -> Option<RateNotes> {
        self.rate.of_all().is_none().then(|| self.rate_notes.into_inner())
    }

    /// Appends one flow for each of the first `count` records of a plain template. The flows
    /// are appended at once and then filled in.
    pub(super) fn plain(
        &self,
        count: usize,
        records: Option<RecordViews<'_>>,
        out: &mut Vec<Flow>,
    ) -> PlainFlows {
        use RecordShape as Shape;
        let Some(records) = records else {
            return PlainFlows { count: 0, are_ordinary: true };
        };
        let before = out.len();
        append_copies(out, &self.common, count);
        let flows = out.get_mut(before..).unwrap_or_default();
        let made = match self.rules.shape {
            Shape::V4Uptime => self.fill_all::<{ Shape::V4Uptime as u8 }>(records, flows),
            Shape::V4Milliseconds => {
                self.fill_all::<{ Shape::V4Milliseconds as u8 }>(records, flows)
            }
            Shape::V6Uptime => self.fill_all::<{ Shape::V6Uptime as u8 }>(records, flows),
            Shape::V6Milliseconds => {
                self.fill_all::<{ Shape::V6Milliseconds as u8 }>(records, flows)
            }
            Shape::Other => self.fill_all::<ANY_SHAPE>(records, flows),
        };
        out.truncate(before + made.count);
        made
    }

    /// Fills in flows from records of a [`RecordShape`].
    fn fill_all<const SHAPE: u8>(
        &self,
        records: RecordViews<'_>,
        flows: &mut [Flow],
    ) -> PlainFlows {
        let bounds = OrdinaryFlows::of(&self.common);
        let (mut count, mut are_ordinary) = (0, true);
        for (flow, values) in flows.iter_mut().zip(records) {
            self.fill::<SHAPE, _>(&values, flow);
            are_ordinary &= bounds.include(flow);
            count += 1;
        }
        PlainFlows { count, are_ordinary }
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
        if !self.rules.names_addresses() {
            return self.without_addresses(values, bytes, section, out, report);
        }
        // The flow is filled in where it is stored: it is too large to be copied.
        out.push(self.common);
        let Some(flow) = out.last_mut() else { return RecordOutcome::Flow };
        self.fill::<ANY_SHAPE, _>(values, flow);
        if !self.rules.event && addressless::has_none(flow.src, flow.dst) {
            out.pop();
            return self.without_addresses(values, bytes, section, out, report);
        }
        note_times(flow, self.quality, report);
        if flow.packet_sample && flow.bytes == 0 {
            let packet = self.packet(bytes, section);
            flow.bytes = packet.map_or(0, |packet| u64::from(packet.ip_length));
        }
        if self.rules.reverse.is_some() || self.rules.event {
            return self.both_ways(values, out, report);
        }
        report.flows += 1;
        RecordOutcome::Flow
    }

    /// The forward flow of a record.
    fn flow<V: RecordValues>(&self, values: &V) -> Flow {
        let mut flow = self.common;
        self.fill::<ANY_SHAPE, _>(values, &mut flow);
        flow
    }

    /// Fills in the forward flow of a record of a [`RecordShape`]; the flow is a copy of what all
    /// have in common.
    #[inline(always)]
    fn fill<const SHAPE: u8, V: RecordValues>(&self, values: &V, flow: &mut Flow) {
        let rules = self.rules;
        let (family, times) = const { parts_of(SHAPE) };
        let small = |field: Field| values.get8(field as usize);
        let number = |field: Field| values.get32(field as usize);
        let proto = small(Field::Proto);
        let [src, dst] = [rules.src, rules.dst].map(|source| family.unwrap_or(source));
        flow.src = src.load(values, Aux::SrcV4, Aux::SrcHigh, Field::Src);
        flow.dst = dst.load(values, Aux::DstV4, Aux::DstHigh, Field::Dst);
        if rules.next_hop != AddressSource::None {
            let next_hop = family.unwrap_or(rules.next_hop);
            flow.next_hop = next_hop.load(values, Aux::NextHopV4, Aux::NextHopHigh, Field::NextHop);
        }
        let times = times.unwrap_or(rules.times);
        (flow.first, flow.last) = times.of_record(values, self.reference);
        flow.bytes = values.get(rules.bytes);
        flow.packets = values.get(rules.packets);
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
        if rules.direction {
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
        if self.rules.one_packet {
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
        let both = |slots: ReverseSlots| (values.get(slots.bytes), values.get(slots.packets));
        let (bytes, packets) = self.rules.reverse.map_or((0, 0), both);
        if self.rules.event && (flow.bytes, flow.packets, bytes, packets) == (0, 0, 0, 0) {
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
        seen.bytes = seen.bytes.saturating_add(values.get(self.rules.bytes));
        seen.packets = seen.packets.saturating_add(values.get(self.rules.packets));
        report.causes.count(Cause::NoAddresses);
        RecordOutcome::Addressless
    }

    /// The headers of the packet in a record, if the flow is made from the packet.
    pub(super) fn packet(&self, bytes: &[u8], section: &PacketSection) -> Option<Packet> {
        let (layer, range) = section.packet.clone().filter(|_| self.rules.packet)?;
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
        let mut flow = self.flow(values);
        packet.describe(&mut flow);
        flow.packet_sample = !self.rules.counted;
        if !self.rules.counted {
            flow.bytes = self.length(values, u64::from(packet.ip_length));
            flow.packets = 1;
        }
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
        let made = match self.rules.names_addresses() {
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
        match self.rules.icmp {
            Some(icmp) if port == 0 && (proto == 1 || proto == 58) => match icmp {
                IcmpSource::Both => values.get16(Aux::Icmp as usize),
                IcmpSource::Apart => {
                    let byte = |aux: Aux| values.get8(aux as usize);
                    u16::from_be_bytes([byte(Aux::IcmpType), byte(Aux::IcmpCode)])
                }
            },
            _ => port,
        }
    }
}
