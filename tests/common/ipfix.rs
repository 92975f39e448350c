//! IPFIX messages as an exporter sends them.

use toptalk::flow::{Flow, Time};

/// The id of the one template that is used.
const TEMPLATE: u16 = 300;

/// Fields with their lengths (IANA): addresses, counters, protocol, ports, times.
const FIELDS: [(u16, u16); 9] =
    [(8, 4), (12, 4), (1, 8), (2, 8), (4, 1), (7, 2), (11, 2), (152, 8), (153, 8)];

/// One observation domain of an exporter.
pub struct Exporter {
    domain: u32,
    /// Data records sent so far.
    sequence: u32,
}

impl Exporter {
    pub fn new(domain: u32) -> Exporter {
        Exporter { domain, sequence: 0 }
    }

    /// A message with the template, if wanted, and so many flows.
    pub fn message(&mut self, now: Time, flows: &[Flow], template: bool) -> Vec<u8> {
        let mut sets = Vec::new();
        if template {
            let mut set = [TEMPLATE.to_be_bytes(), (FIELDS.len() as u16).to_be_bytes()].concat();
            for (field, length) in FIELDS {
                set.extend(field.to_be_bytes());
                set.extend(length.to_be_bytes());
            }
            sets.extend(framed(2, &set));
        }
        if !flows.is_empty() {
            sets.extend(framed(TEMPLATE, &flows.iter().flat_map(record).collect::<Vec<u8>>()));
        }
        let seconds = (now.0 / 1000) as u32;
        let mut message = Vec::new();
        message.extend(10u16.to_be_bytes());
        message.extend((16 + sets.len() as u16).to_be_bytes());
        for word in [seconds, self.sequence, self.domain] {
            message.extend(word.to_be_bytes());
        }
        message.extend(sets);
        self.sequence += flows.len() as u32;
        message
    }
}

fn framed(id: u16, content: &[u8]) -> Vec<u8> {
    let length = 4 + content.len() as u16;
    [&id.to_be_bytes()[..], &length.to_be_bytes(), content].concat()
}

fn record(flow: &Flow) -> Vec<u8> {
    let mut out = Vec::new();
    for host in [flow.src, flow.dst] {
        out.extend(host.as_v4().unwrap().to_be_bytes());
    }
    out.extend(flow.bytes.to_be_bytes());
    out.extend(flow.packets.to_be_bytes());
    out.push(flow.proto);
    out.extend(flow.sport.to_be_bytes());
    out.extend(flow.dport.to_be_bytes());
    out.extend(flow.first.0.to_be_bytes());
    out.extend(flow.last.0.to_be_bytes());
    out
}
