//! NetFlow version 9 (RFC 3954): two data templates, one per address family,
//! and an options template that announces the sampling rate.

use super::{saturated, unix_seconds, uptime};
use crate::flow::{Flow, Host, Time};

/// No datagram is longer, in bytes: it fits through any common path.
pub const V9_MAX_DATAGRAM: usize = 1400;

/// FlowSet id and length before the records of a set.
const SET_HEADER: usize = 4;
/// FlowSets are padded to a multiple of this (RFC 3954, 5.3).
const ALIGN: usize = 4;

/// FlowSet ids of templates (5.2) and options templates (6.1); data sets carry
/// the id of their template.
const TEMPLATE_SET: u16 = 0;
const OPTIONS_TEMPLATE_SET: u16 = 1;
const IPV4_TEMPLATE: u16 = 256;
const IPV6_TEMPLATE: u16 = 257;
const SAMPLING_TEMPLATE: u16 = 258;

/// Scope field type 1, System (6.1), with the source id as its value.
const SCOPE: (u16, u16) = (1, 4);
/// SAMPLING_INTERVAL and SAMPLING_ALGORITHM (8).
const SAMPLING_FIELDS: [(u16, u16); 2] = [(34, 4), (35, 1)];
/// SAMPLING_ALGORITHM 1: deterministic.
const DETERMINISTIC: u8 = 1;

/// Fields of an IPv4 record, type and length in bytes (RFC 3954, 8).
pub const IPV4_FIELDS: [(u16, u16); 20] = [
    (8, 4),  // IPV4_SRC_ADDR
    (12, 4), // IPV4_DST_ADDR
    (15, 4), // IPV4_NEXT_HOP
    (10, 4), // INPUT_SNMP
    (14, 4), // OUTPUT_SNMP
    (1, 8),  // IN_BYTES
    (2, 8),  // IN_PKTS
    (22, 4), // FIRST_SWITCHED
    (21, 4), // LAST_SWITCHED
    (7, 2),  // L4_SRC_PORT
    (11, 2), // L4_DST_PORT
    (4, 1),  // PROTOCOL
    (6, 1),  // TCP_FLAGS
    (5, 1),  // TOS
    (16, 4), // SRC_AS
    (17, 4), // DST_AS
    (9, 1),  // SRC_MASK
    (13, 1), // DST_MASK
    (61, 1), // DIRECTION
    (58, 2), // SRC_VLAN
];

/// Fields of an IPv6 record: addresses and masks differ.
pub const IPV6_FIELDS: [(u16, u16); 20] = {
    let mut fields = IPV4_FIELDS;
    fields[0] = (27, 16); // IPV6_SRC_ADDR
    fields[1] = (28, 16); // IPV6_DST_ADDR
    fields[2] = (62, 16); // IPV6_NEXT_HOP
    fields[16] = (29, 1); // IPV6_SRC_MASK
    fields[17] = (30, 1); // IPV6_DST_MASK
    fields
};

const IPV4_RECORD: usize = record_length(&IPV4_FIELDS);
const IPV6_RECORD: usize = record_length(&IPV6_FIELDS);

const fn record_length(fields: &[(u16, u16)]) -> usize {
    let mut length = 0;
    let mut at = 0;
    while at < fields.len() {
        length += fields[at].1 as usize;
        at += 1;
    }
    length
}

/// One observation domain of a router.
#[derive(Clone, Debug)]
pub struct V9Encoder {
    source_id: u32,
    /// The rate to announce beside the templates.
    sampling: Option<u32>,
    /// Datagrams sent so far.
    sequence: u32,
}

impl V9Encoder {
    /// Announces no sampling.
    #[must_use]
    pub fn new(source_id: u32) -> V9Encoder {
        V9Encoder { source_id, sampling: None, sequence: 0 }
    }

    /// Announces, whenever templates are sent, that one packet in `interval`
    /// was looked at (1: all of them).
    #[must_use]
    pub fn announcing(self, interval: u32) -> V9Encoder {
        V9Encoder { sampling: Some(interval), ..self }
    }

    /// The datagrams that report `flows`, sent at `now` by a router up since
    /// `boot`; IPv4 flows first. With `templates` the first one begins with the
    /// templates, also when there are no flows. The header knows whole seconds
    /// only (5.1), so times are exact when `now` is a whole second.
    #[must_use]
    pub fn encode(
        &mut self,
        now: Time,
        boot: Time,
        flows: &[Flow],
        templates: bool,
    ) -> Vec<Vec<u8>> {
        let is_v4 = |flow: &&Flow| flow.src.as_v4().is_some() && flow.dst.as_v4().is_some();
        let (v4, v6): (Vec<&Flow>, Vec<&Flow>) = flows.iter().partition(is_v4);
        let (mut v4, mut v6) = (v4.as_slice(), v6.as_slice());
        let mut sent = Vec::new();
        let mut templates = templates;
        while templates || !v4.is_empty() || !v6.is_empty() {
            let mut datagram = Datagram::new(now, boot, self.source_id, self.sequence);
            if templates {
                datagram.templates(self.sampling);
                templates = false;
            }
            v4 = datagram.data(IPV4_TEMPLATE, IPV4_RECORD, v4, |out, host| {
                out.extend(host.as_v4().unwrap_or(0).to_be_bytes());
            });
            v6 = datagram.data(IPV6_TEMPLATE, IPV6_RECORD, v6, |out, host| {
                out.extend(host.0.to_be_bytes());
            });
            sent.push(datagram.finish());
            self.sequence = self.sequence.wrapping_add(1);
        }
        sent
    }
}

/// A datagram being written.
struct Datagram {
    out: Vec<u8>,
    /// Records of all kinds so far (5.1, Count).
    count: u16,
    boot: Time,
    source_id: u32,
}

impl Datagram {
    fn new(now: Time, boot: Time, source_id: u32, sequence: u32) -> Datagram {
        let mut out = Vec::with_capacity(V9_MAX_DATAGRAM);
        out.extend(9u16.to_be_bytes());
        out.extend(0u16.to_be_bytes());
        for word in [uptime(now, boot), unix_seconds(now), sequence, source_id] {
            out.extend(word.to_be_bytes());
        }
        Datagram { out, count: 0, boot, source_id }
    }

    fn finish(mut self) -> Vec<u8> {
        self.patch(2, self.count);
        self.out
    }

    /// Writes a 16-bit number into what is there already.
    fn patch(&mut self, at: usize, value: u16) {
        if let Some(place) = self.out.get_mut(at..at + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// A FlowSet of `records` records; its length and padding come by themselves.
    fn set(&mut self, id: u16, records: usize, write: impl FnOnce(&mut Datagram)) {
        let start = self.out.len();
        self.out.extend(id.to_be_bytes());
        self.out.extend(0u16.to_be_bytes());
        write(self);
        while !(self.out.len() - start).is_multiple_of(ALIGN) {
            self.out.push(0);
        }
        let length = saturated((self.out.len() - start) as u64, u16::MAX);
        self.patch(start + 2, length);
        self.count += saturated(records as u64, u16::MAX);
    }

    /// Both templates, and the options template and its record when there is a
    /// rate to announce.
    fn templates(&mut self, sampling: Option<u32>) {
        self.set(TEMPLATE_SET, 2, |datagram| {
            for (id, fields) in [(IPV4_TEMPLATE, &IPV4_FIELDS), (IPV6_TEMPLATE, &IPV6_FIELDS)] {
                datagram.numbers(&[id, saturated(fields.len() as u64, u16::MAX)]);
                fields.iter().for_each(|(kind, length)| datagram.numbers(&[*kind, *length]));
            }
        });
        let Some(interval) = sampling else { return };
        self.set(OPTIONS_TEMPLATE_SET, 1, |datagram| {
            // Lengths in bytes of the scope's and of the options' descriptions.
            datagram.numbers(&[SAMPLING_TEMPLATE, 4, 8, SCOPE.0, SCOPE.1]);
            SAMPLING_FIELDS.iter().for_each(|(kind, length)| datagram.numbers(&[*kind, *length]));
        });
        self.set(SAMPLING_TEMPLATE, 1, |datagram| {
            datagram.out.extend(datagram.source_id.to_be_bytes());
            datagram.out.extend(interval.to_be_bytes());
            datagram.out.push(DETERMINISTIC);
        });
    }

    fn numbers(&mut self, numbers: &[u16]) {
        numbers.iter().for_each(|number| self.out.extend(number.to_be_bytes()));
    }

    /// A data FlowSet with as many of `flows` as there is room for; the others
    /// are returned.
    fn data<'a>(
        &mut self,
        template: u16,
        length: usize,
        flows: &'a [&'a Flow],
        address: impl Fn(&mut Vec<u8>, Host),
    ) -> &'a [&'a Flow] {
        let left = V9_MAX_DATAGRAM.saturating_sub(self.out.len() + SET_HEADER + ALIGN - 1);
        let (now, later) = flows.split_at(flows.len().min(left / length));
        if !now.is_empty() {
            self.set(template, now.len(), |datagram| {
                now.iter().for_each(|flow| datagram.record(flow, &address));
            });
        }
        later
    }

    /// A record in the order of [`IPV4_FIELDS`].
    fn record(&mut self, flow: &Flow, address: impl Fn(&mut Vec<u8>, Host)) {
        for host in [flow.src, flow.dst, flow.next_hop] {
            address(&mut self.out, host);
        }
        let out = &mut self.out;
        out.extend(flow.input.to_be_bytes());
        out.extend(flow.output.to_be_bytes());
        out.extend(flow.bytes.to_be_bytes());
        out.extend(flow.packets.to_be_bytes());
        out.extend(uptime(flow.first, self.boot).to_be_bytes());
        out.extend(uptime(flow.last, self.boot).to_be_bytes());
        out.extend(flow.sport.to_be_bytes());
        out.extend(flow.dport.to_be_bytes());
        out.extend([flow.proto, flow.tcp_flags, flow.tos]);
        out.extend(flow.src_as.to_be_bytes());
        out.extend(flow.dst_as.to_be_bytes());
        // Egress is 1; what is not known is reported as ingress.
        out.extend([flow.src_mask, flow.dst_mask, u8::from(flow.direction == 1)]);
        out.extend(flow.vlan.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: Time = Time(1_700_000_000_000);
    /// RFC 3954, 5.1: the packet header.
    const HEADER: usize = 20;

    fn flow() -> Flow {
        Flow {
            src: Host::octets(10, 20, 3, 17),
            dst: Host::octets(198, 51, 100, 24),
            next_hop: Host::octets(192, 0, 2, 254),
            first: BOOT.plus_ms(0x0102),
            last: BOOT.plus_ms(0x0304),
            bytes: 0x01_0000_0005,
            packets: 7,
            input: 1,
            output: 70_000,
            src_as: 0,
            dst_as: 64_500,
            sport: 40_000,
            dport: 873,
            vlan: 20,
            proto: 6,
            tcp_flags: 0x18,
            tos: 8,
            src_mask: 24,
            dst_mask: 16,
            direction: 1,
            ..Flow::EMPTY
        }
    }

    #[test]
    fn a_data_datagram_stands_as_the_rfc_says() {
        let mut encoder = V9Encoder::new(0x0a);
        let sent = encoder.encode(BOOT.plus_ms(0x0400), BOOT, &[flow()], false);
        let mut want = vec![0, 9, 0, 1, 0, 0, 4, 0];
        want.extend(1_700_000_001u32.to_be_bytes());
        want.extend([0, 0, 0, 0, 0, 0, 0, 0x0a]);
        // Set 256: 4 + 64 bytes.
        want.extend([1, 0, 0, 68, 10, 20, 3, 17, 198, 51, 100, 24, 192, 0, 2, 254]);
        want.extend([0, 0, 0, 1, 0, 1, 0x11, 0x70, 0, 0, 0, 1, 0, 0, 0, 5]);
        want.extend([0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 1, 2, 0, 0, 3, 4]);
        want.extend([0x9c, 0x40, 3, 0x69, 6, 0x18, 8, 0, 0, 0, 0, 0, 0, 0xfb, 0xf4]);
        want.extend([24, 16, 1, 0, 20]);
        assert_eq!(want.len(), HEADER + 68);
        assert_eq!(sent, [want]);
    }

    #[test]
    fn templates_and_the_sampling_option_stand_as_the_rfc_says() {
        let mut encoder = V9Encoder::new(3).announcing(1000);
        let sent = encoder.encode(BOOT, BOOT, &[], true);
        assert_eq!(sent.len(), 1);
        let bytes = &sent[0];
        assert_eq!(bytes[2..4], [0, 4], "two templates, an options template, its record");
        let body = &bytes[HEADER..];
        assert_eq!(body[..16], [0, 0, 0, 172, 1, 0, 0, 20, 0, 8, 0, 4, 0, 12, 0, 4]);
        assert_eq!(body[88..104], [1, 1, 0, 20, 0, 27, 0, 16, 0, 28, 0, 16, 0, 62, 0, 16]);
        assert_eq!(body[164..172], [0, 61, 0, 1, 0, 58, 0, 2]);
        let options = [0, 1, 0, 24, 1, 2, 0, 4, 0, 8, 0, 1, 0, 4, 0, 34, 0, 4, 0, 35, 0, 1, 0, 0];
        assert_eq!(body[172..196], options);
        assert_eq!(body[196..], [1, 2, 0, 16, 0, 0, 0, 3, 0, 0, 3, 0xe8, 1, 0, 0, 0]);
        assert_eq!(encoder.encode(BOOT, BOOT, &[], false), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn ipv6_records_have_their_own_set() {
        let v6 = Flow {
            src: "fd00:20::5".parse().unwrap(),
            dst: "2001:db8::9".parse().unwrap(),
            next_hop: "2001:db8::fe".parse().unwrap(),
            ..flow()
        };
        let sent = V9Encoder::new(1).encode(BOOT, BOOT, &[v6, flow()], false);
        let bytes = &sent[0];
        assert_eq!(bytes[2..4], [0, 2]);
        assert_eq!(bytes[HEADER + 68..HEADER + 72], [1, 1, 0, 104]);
        assert_eq!(bytes[HEADER + 72..HEADER + 88], v6.src.0.to_be_bytes());
        assert_eq!(bytes.len(), HEADER + 68 + 104);
        assert_eq!(IPV6_RECORD, 100);
    }

    #[test]
    fn long_lists_are_cut_and_the_sequence_counts_datagrams() {
        let mut encoder = V9Encoder::new(1).announcing(1);
        let mut flows = vec![flow(); 100];
        flows.iter_mut().skip(60).for_each(|flow| flow.src = Host(0x2001 << 112));
        let sent = encoder.encode(BOOT, BOOT, &flows, true);
        assert!(sent.iter().all(|bytes| bytes.len() <= V9_MAX_DATAGRAM && bytes.len() % 4 == 0));
        let records: u16 = sent.iter().map(|b| u16::from_be_bytes([b[2], b[3]])).sum();
        assert_eq!(records, 104);
        for (index, bytes) in sent.iter().enumerate() {
            assert_eq!(bytes[12..16], (index as u32).to_be_bytes());
            let mut at = HEADER;
            while at < bytes.len() {
                at += usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            }
            assert_eq!(at, bytes.len(), "sets fill the datagram");
        }
    }
}
