//! Datagrams that are encoded once and sent many times: only the clock, the sequence number and
//! forged addresses are written again.

use std::io::IoSlice;
use std::ops::Range;

use toptalk::flow::{Flow, Time};
use toptalk::wire::encode::{
    IPV4_FIELDS, IPV6_FIELDS, IpfixEncoder, V5_MAX_RECORDS, V5Encoder, V9Encoder,
};

use crate::common::site::spoofed_address;

/// The protocol of the datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    V5,
    V9,
    Ipfix,
}

/// FIRST_SWITCHED, which is followed by LAST_SWITCHED.
const FIRST: u16 = 22;

/// Offsets in the datagrams of one format and address family.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Offset of the first record, length of a record, records in a datagram.
    records: usize,
    record: usize,
    capacity: usize,
    /// Offset of the times in a record, and bytes of each.
    times: usize,
    width: usize,
}

impl Layout {
    fn of(format: Format, v6: bool) -> Layout {
        if format == Format::V5 {
            let capacity = V5_MAX_RECORDS;
            return Layout { records: 24, record: 48, capacity, times: 24, width: 4 };
        }
        let fields = if v6 { IPV6_FIELDS } else { IPV4_FIELDS };
        let length = |fields: &[(u16, u16)]| fields.iter().map(|(_, n)| usize::from(*n)).sum();
        let first = fields.iter().position(|(id, _)| *id == FIRST).unwrap_or(0);
        let (times, record): (usize, usize) = (length(&fields[..first]), length(&fields));
        let (header, width) = if format == Format::V9 { (20, 4) } else { (16, 8) };
        let record = record + 2 * (width - 4);
        let mut layout = Layout { records: header + 4, record, capacity: 1, times, width };
        let one = |count| encode(format, Time(0), Time(0), &vec![sample(v6); count], false).len();
        while one(layout.capacity + 1) == 1 {
            layout.capacity += 1;
        }
        layout
    }
}

fn sample(v6: bool) -> Flow {
    let host = crate::common::site::Site::new(1, 1, 1.0, f64::from(v6), crate::Shape::Short);
    Flow { src: host.address(0), dst: host.address(0), ..Flow::EMPTY }
}

/// The datagrams of flows that an exporter started at `boot` sends at `now`.
fn encode(format: Format, now: Time, boot: Time, flows: &[Flow], templates: bool) -> Vec<Vec<u8>> {
    match format {
        Format::V5 => V5Encoder::new(1, 0).encode(now, boot, flows),
        Format::V9 => V9Encoder::new(1).encode(now, boot, flows, templates),
        Format::Ipfix => IpfixEncoder::new(1).encode(now, flows, templates),
    }
}

/// Adds to a big-endian number of four or eight bytes.
fn add(place: &mut [u8], amount: i64) {
    if let Ok(bytes) = <[u8; 4]>::try_from(&*place) {
        // Truncated, because uptimes wrap.
        place.copy_from_slice(&u32::from_be_bytes(bytes).wrapping_add(amount as u32).to_be_bytes());
    } else if let Ok(bytes) = <[u8; 8]>::try_from(&*place) {
        place.copy_from_slice(&u64::from_be_bytes(bytes).wrapping_add_signed(amount).to_be_bytes());
    }
}

/// The clock of all exporters, and how it is written into headers.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub format: Format,
    pub boot: Time,
}

impl Head {
    /// The datagram with the templates, if the format has any.
    pub fn templates(&self) -> Option<Vec<u8>> {
        encode(self.format, self.boot, self.boot, &[], true).pop()
    }

    /// Writes the time and the sequence number. Returns the next sequence number.
    pub fn write(&self, datagram: &mut [u8], now: Time, sequence: u32, records: u32) -> u32 {
        let seconds = (now.0 / 1000) as u32;
        let uptime = now.since(self.boot) as u32;
        let mut put = |at: usize, value: u32| {
            datagram[at..at + 4].copy_from_slice(&value.to_be_bytes());
        };
        match self.format {
            Format::V5 => {
                put(4, uptime);
                put(8, seconds);
                put(12, (now.0 % 1000) as u32 * 1_000_000);
                put(16, sequence);
                sequence.wrapping_add(records)
            }
            Format::V9 => {
                put(4, uptime);
                put(8, seconds);
                put(12, sequence);
                sequence.wrapping_add(1)
            }
            Format::Ipfix => {
                put(4, seconds);
                put(8, sequence);
                sequence.wrapping_add(records)
            }
        }
    }
}

/// What is needed of a flow to count it at the end.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// Number of the site's host, if there is one.
    pub host: Option<u32>,
    pub up: bool,
    pub packets: u32,
    pub bytes: u64,
}

#[derive(Clone, Debug)]
struct Datagram {
    place: Range<usize>,
    v6: bool,
    records: u32,
    /// The time to which the times of its flows were last set.
    moved: Time,
}

/// Datagrams in the order in which they are sent, repeatedly.
pub struct Pool {
    head: Head,
    layouts: [Layout; 2],
    epoch: Time,
    bytes: Vec<u8>,
    datagrams: Vec<Datagram>,
    /// Flows in the order of the datagrams.
    drawn: Vec<Drawn>,
    waiting: [(Vec<Flow>, Vec<Drawn>); 2],
    /// Number of datagrams sent so far, in all rounds.
    sent: u64,
    /// The next forged source, and whether forged sources are inside the site.
    spoofed: Option<(u64, bool)>,
}

impl Pool {
    /// A pool of flows whose times are those of a datagram sent at `epoch`.
    pub fn new(head: Head, epoch: Time, spoofed: Option<bool>) -> Pool {
        Pool {
            head,
            layouts: [false, true].map(|v6| Layout::of(head.format, v6)),
            epoch,
            bytes: Vec::new(),
            datagrams: Vec::new(),
            drawn: Vec::new(),
            waiting: Default::default(),
            sent: 0,
            spoofed: spoofed.map(|local| (0, local)),
        }
    }

    /// Number of IPv4 flows in a datagram.
    pub fn capacity(&self) -> u64 {
        self.layouts[0].capacity as u64
    }

    pub fn push(&mut self, flow: Flow, drawn: Drawn) {
        let v6 = flow.src.as_v4().is_none();
        let (flows, waiting) = &mut self.waiting[usize::from(v6)];
        flows.push(flow);
        waiting.push(drawn);
        if flows.len() == self.layouts[usize::from(v6)].capacity {
            self.close(v6);
        }
    }

    /// Encodes the last, incomplete datagram.
    pub fn finish(&mut self) {
        self.close(false);
        self.close(true);
    }

    fn close(&mut self, v6: bool) {
        let (flows, drawn) = &mut self.waiting[usize::from(v6)];
        for bytes in encode(self.head.format, self.epoch, self.head.boot, flows, false) {
            let start = self.bytes.len();
            self.bytes.extend(bytes);
            let (place, records) = (start..self.bytes.len(), flows.len() as u32);
            self.datagrams.push(Datagram { place, v6, records, moved: self.epoch });
        }
        self.drawn.append(drawn);
        flows.clear();
    }

    /// Prepares the next datagrams to be sent at `now`: at most `most`, with about `flows` flows.
    /// Returns their indexes and number of flows.
    pub fn ready(
        &mut self,
        now: Time,
        sequence: &mut u32,
        most: usize,
        flows: u64,
    ) -> (Range<usize>, u64) {
        let first = (self.sent % self.datagrams.len() as u64) as usize;
        let (mut next, mut count) = (first, 0);
        while next < self.datagrams.len() && next - first < most && count < flows {
            let Datagram { place, v6, records, moved } = &mut self.datagrams[next];
            let datagram = &mut self.bytes[place.clone()];
            *sequence = self.head.write(datagram, now, *sequence, *records);
            let layout = self.layouts[usize::from(*v6)];
            let later = now.since(std::mem::replace(moved, now));
            for record in datagram[layout.records..].chunks_exact_mut(layout.record) {
                let times = &mut record[layout.times..layout.times + 2 * layout.width];
                times.chunks_exact_mut(layout.width).for_each(|time| add(time, later));
                if let Some((number, local)) = &mut self.spoofed {
                    // The source is the first field of the records in all formats.
                    let source = spoofed_address(*number, *local).0 as u32;
                    record[..4].copy_from_slice(&source.to_be_bytes());
                    *number += 1;
                }
            }
            count += u64::from(*records);
            next += 1;
        }
        self.sent += (next - first) as u64;
        (first..next, count)
    }

    pub fn slices(&self, which: Range<usize>) -> Vec<[IoSlice<'_>; 1]> {
        let datagrams = &self.datagrams[which];
        datagrams.iter().map(|one| [IoSlice::new(&self.bytes[one.place.clone()])]).collect()
    }

    /// Every flow of the pool with the number of times it was sent.
    pub fn sent(&self) -> impl Iterator<Item = (&Drawn, u64)> {
        let length = self.datagrams.len().max(1) as u64;
        let (rounds, rest) = (self.sent / length, self.sent % length);
        let times = self.datagrams.iter().enumerate().flat_map(move |(index, datagram)| {
            let times = rounds + u64::from((index as u64) < rest);
            std::iter::repeat_n(times, datagram.records as usize)
        });
        self.drawn.iter().zip(times)
    }
}
