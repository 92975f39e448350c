//! From loaded slots to a flow: the rules that NetFlow v9 and IPFIX share.

use super::element::Aux;
use super::exporter::Header;
use super::netflow5::uptime_to_time;
use super::report::{Cause, Report};
use super::sampling::{Announcement, Samplers};
use super::template::{Slots, Template};
use crate::flow::field::Field;
use crate::flow::{Flow, Host, Sampling, Time};

/// What all records of a datagram have in common.
pub(super) struct Common {
    flow: Flow,
    exported: i64,
    uptime: u32,
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
        Common { flow, exported: header.exported.0, uptime: header.uptime }
    }
}

/// Where a record's times come from.
#[derive(Clone, Copy)]
enum Times {
    Milliseconds,
    Uptime,
    Seconds,
    None,
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
    icmp: Option<usize>,
    direction: bool,
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

impl<'a> Maker<'a> {
    pub(super) fn new(t: &Template, samplers: &'a Samplers, common: &'a Common) -> Maker<'a> {
        let times = if t.has(Field::First) && t.has(Field::Last) {
            Times::Milliseconds
        } else if t.has_aux(Aux::FirstUptime) && t.has_aux(Aux::LastUptime) {
            Times::Uptime
        } else if t.has_aux(Aux::FirstSeconds) && t.has_aux(Aux::LastSeconds) {
            Times::Seconds
        } else {
            Times::None
        };
        let rate = if t.has(Field::Sampling) || t.has_aux(Aux::SampledPackets) {
            Rate::InRecord { sampler: t.has_aux(Aux::SamplerId) }
        } else if t.has_aux(Aux::SamplerId) {
            Rate::BySampler
        } else if samplers.has_interfaces() {
            Rate::ByInterface
        } else {
            Rate::Fixed(samplers.default_rate())
        };
        let counter = |field: Field, out: Aux| {
            if t.has(field) || !t.has_aux(out) { field as usize } else { out as usize }
        };
        let icmp = [Aux::IcmpV4, Aux::IcmpV6].into_iter().find(|aux| t.has_aux(*aux));
        Maker {
            common,
            samplers,
            times,
            rate,
            src: Address::of(t, Aux::SrcV4, Aux::SrcHigh, Field::Src),
            dst: Address::of(t, Aux::DstV4, Aux::DstHigh, Field::Dst),
            next_hop: Address::of(t, Aux::NextHopV4, Aux::NextHopHigh, Field::NextHop),
            bytes: counter(Field::Bytes, Aux::BytesOut),
            packets: counter(Field::Packets, Aux::PacketsOut),
            icmp: icmp.map(|aux| aux as usize),
            direction: t.has(Field::Direction),
        }
    }

    /// Makes the flow of one record and appends it; a record without addresses
    /// is counted instead.
    #[inline]
    pub(super) fn flow(&self, slots: &Slots, out: &mut Vec<Flow>, report: &mut Report) {
        if !self.src.is_there() && !self.dst.is_there() {
            let seen = &mut report.addressless;
            seen.records += 1;
            seen.bytes = seen.bytes.saturating_add(slots[self.bytes]);
            seen.packets = seen.packets.saturating_add(slots[self.packets]);
            return report.causes.count(Cause::NoAddresses);
        }
        let at = |field: Field| slots[field as usize];
        let (first, last) = self.times(slots, report);
        let proto = at(Field::Proto) as u8;
        let flow = Flow {
            src: self.src.load(slots),
            dst: self.dst.load(slots),
            next_hop: self.next_hop.load(slots),
            first,
            last,
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
            ..self.common.flow
        };
        out.push(flow);
        report.flows += 1;
    }

    /// The destination port; for ICMP its type and code, whichever field has them.
    fn dport(&self, slots: &Slots, proto: u8) -> u16 {
        let port = slots[Field::DstPort as usize] as u16;
        match self.icmp {
            Some(slot) if port == 0 && (proto == 1 || proto == 58) => slots[slot] as u16,
            _ => port,
        }
    }

    fn times(&self, slots: &Slots, report: &mut Report) -> (Time, Time) {
        let common = self.common;
        let (first, last) = match self.times {
            Times::Milliseconds => {
                let ms =
                    |field: Field| Time(i64::try_from(slots[field as usize]).unwrap_or(i64::MAX));
                (ms(Field::First), ms(Field::Last))
            }
            Times::Uptime => {
                let time = |aux: Aux| {
                    uptime_to_time(common.exported, common.uptime, slots[aux as usize] as u32)
                };
                (time(Aux::FirstUptime), time(Aux::LastUptime))
            }
            Times::Seconds => {
                let time = |aux: Aux| Time(i64::from(slots[aux as usize] as u32) * 1000);
                (time(Aux::FirstSeconds), time(Aux::LastSeconds))
            }
            Times::None => {
                report.causes.count(Cause::NoTimes);
                (Time(common.exported), Time(common.exported))
            }
        };
        if first > last {
            report.causes.count(Cause::FirstAfterLast);
        }
        (first, last)
    }

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
