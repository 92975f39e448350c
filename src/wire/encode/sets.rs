//! Writes messages of sets, which NetFlow v9 and IPFIX have in common (RFC 3954, section 5; RFC
//! 7011, section 3.3): two data templates of 20 fields, one per address family, and the options
//! of the protocol.

use super::{saturated, uptime};
use crate::flow::{Flow, Host, Time};
use crate::wire::layout::fixed::FixedLayout;
use crate::wire::layout::sets::{FieldSpecifier, SetHeader, TemplateHeader};

/// Maximum length of a message in bytes: it fits through any common path.
pub const MAX_MESSAGE: usize = 1400;

/// Sets are padded to a multiple of this number of bytes (RFC 3954, 5.3).
const ALIGN: usize = 4;

/// Ids of the templates and of their data sets.
pub(super) const IPV4_TEMPLATE: u16 = 256;
pub(super) const IPV6_TEMPLATE: u16 = 257;
pub(super) const SAMPLING_TEMPLATE: u16 = 258;

/// Element and length in bytes of each field.
pub(super) type FieldList = [(u16, u16); 20];

/// Fields of an IPv4 record: type and length in bytes (RFC 3954, 8).
pub const IPV4_FIELDS: FieldList = [
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
pub const IPV6_FIELDS: FieldList = {
    let mut fields = IPV4_FIELDS;
    fields[0] = (27, 16); // IPV6_SRC_ADDR
    fields[1] = (28, 16); // IPV6_DST_ADDR
    fields[2] = (62, 16); // IPV6_NEXT_HOP
    fields[16] = (29, 1); // IPV6_SRC_MASK
    fields[17] = (30, 1); // IPV6_DST_MASK
    fields
};

/// The same fields, with start and end in milliseconds since 1970.
const fn absolute(mut fields: FieldList) -> FieldList {
    fields[7] = (152, 8); // flowStartMilliseconds
    fields[8] = (153, 8); // flowEndMilliseconds
    fields
}

/// The format of start and end in records.
#[derive(Clone, Copy, Debug)]
pub(super) enum FlowClock {
    /// Milliseconds since this start of the exporter.
    Uptime(Time),
    /// Milliseconds since 1970.
    Absolute,
}

impl FlowClock {
    /// The fields of IPv4 and of IPv6 records.
    fn fields(self) -> [FieldList; 2] {
        match self {
            FlowClock::Uptime(_) => [IPV4_FIELDS, IPV6_FIELDS],
            FlowClock::Absolute => const { [absolute(IPV4_FIELDS), absolute(IPV6_FIELDS)] },
        }
    }

    fn write(self, out: &mut Vec<u8>, time: Time) {
        match self {
            FlowClock::Uptime(start) => out.extend(uptime(time, start).to_be_bytes()),
            FlowClock::Absolute => out.extend(time.0.max(0).to_be_bytes()),
        }
    }
}

/// Flows that are still to be sent, by address family.
#[derive(Debug)]
pub(super) struct QueuedFlows<'a> {
    v4: Vec<&'a Flow>,
    v6: Vec<&'a Flow>,
    /// The number of flows of each family that were sent.
    sent: [usize; 2],
}

impl<'a> QueuedFlows<'a> {
    pub(super) fn new(flows: &'a [Flow]) -> QueuedFlows<'a> {
        let is_v4 = |flow: &&Flow| flow.src.as_v4().is_some() && flow.dst.as_v4().is_some();
        let (v4, v6) = flows.iter().partition(is_v4);
        QueuedFlows { v4, v6, sent: [0; 2] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent == [self.v4.len(), self.v6.len()]
    }
}

/// A message that is being written.
#[derive(Debug)]
pub(super) struct MessageWriter {
    pub out: Vec<u8>,
    /// Template records so far, options templates included.
    pub templates: u16,
    /// Data records so far, options records included.
    pub records: u16,
}

impl MessageWriter {
    /// A message with room for its header, which [`MessageWriter::finish`] writes.
    pub(super) fn new<H: FixedLayout>() -> MessageWriter {
        let mut out = Vec::with_capacity(MAX_MESSAGE);
        out.resize(H::LENGTH, 0);
        MessageWriter { out, templates: 0, records: 0 }
    }

    /// Writes the header and returns the message.
    pub(super) fn finish(mut self, header: &impl FixedLayout) -> Vec<u8> {
        header.put(&mut self.out);
        self.out
    }

    /// Appends field specifiers: element and length.
    pub(super) fn fields(&mut self, fields: &[(u16, u16)]) {
        for (id, length) in fields {
            FieldSpecifier { id: *id, length: *length }.append(&mut self.out);
        }
    }

    /// Appends a set with what `write` appends as its content, padded to [`ALIGN`] bytes.
    pub(super) fn set(&mut self, id: u16, write: impl FnOnce(&mut MessageWriter)) {
        let start = self.out.len();
        self.out.resize(start + SetHeader::LENGTH, 0);
        write(self);
        while !(self.out.len() - start).is_multiple_of(ALIGN) {
            self.out.push(0);
        }
        let length = saturated((self.out.len() - start) as u64, u16::MAX);
        SetHeader { id, length }.put(self.out.get_mut(start..).unwrap_or_default());
    }

    /// Appends the set of both data templates.
    pub(super) fn data_templates(&mut self, set: u16, clock: FlowClock) {
        self.set(set, |message| {
            for (id, fields) in [IPV4_TEMPLATE, IPV6_TEMPLATE].into_iter().zip(clock.fields()) {
                let count = saturated(fields.len() as u64, u16::MAX);
                TemplateHeader { id, count }.append(&mut message.out);
                message.fields(&fields);
                message.templates += 1;
            }
        });
    }

    /// Appends data sets with as many flows as there is room for.
    pub(super) fn data(&mut self, waiting: &mut QueuedFlows<'_>, clock: FlowClock) {
        let QueuedFlows { v4, v6, sent } = waiting;
        let [short, long] = clock.fields();
        sent[0] += self.family(IPV4_TEMPLATE, &short, &v4[sent[0]..], clock);
        sent[1] += self.family(IPV6_TEMPLATE, &long, &v6[sent[1]..], clock);
    }

    /// Appends one data set. Returns how many of the flows are in it.
    fn family(&mut self, id: u16, fields: &FieldList, flows: &[&Flow], clock: FlowClock) -> usize {
        let length: usize = fields.iter().map(|(_, length)| usize::from(*length)).sum();
        let left = MAX_MESSAGE.saturating_sub(self.out.len() + SetHeader::LENGTH + ALIGN - 1);
        let flows = &flows[..flows.len().min(left / length)];
        if !flows.is_empty() {
            self.set(id, |message| {
                for flow in flows {
                    record(&mut message.out, flow, id == IPV4_TEMPLATE, clock);
                    message.records += 1;
                }
            });
        }
        flows.len()
    }
}

/// Appends a record in the order of [`IPV4_FIELDS`].
fn record(out: &mut Vec<u8>, flow: &Flow, v4: bool, clock: FlowClock) {
    let address = |out: &mut Vec<u8>, host: Host| match v4 {
        true => out.extend(host.as_v4().unwrap_or(0).to_be_bytes()),
        false => out.extend(host.0.to_be_bytes()),
    };
    for host in [flow.src, flow.dst, flow.next_hop] {
        address(out, host);
    }
    out.extend(flow.input.to_be_bytes());
    out.extend(flow.output.to_be_bytes());
    out.extend(flow.bytes.to_be_bytes());
    out.extend(flow.packets.to_be_bytes());
    clock.write(out, flow.first);
    clock.write(out, flow.last);
    out.extend(flow.sport.to_be_bytes());
    out.extend(flow.dport.to_be_bytes());
    out.extend([flow.proto, flow.tcp_flags, flow.tos]);
    out.extend(flow.src_as.to_be_bytes());
    out.extend(flow.dst_as.to_be_bytes());
    // Egress is 1; an unknown direction is reported as ingress.
    out.extend([flow.src_mask, flow.dst_mask, u8::from(flow.direction == 1)]);
    out.extend(flow.vlan.to_be_bytes());
}
