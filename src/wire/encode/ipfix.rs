//! Encodes IPFIX (RFC 7011): two data templates, one per address family, and options that
//! announce the sampling rate and when the exporter started.

use super::sets::{FlowClock, MAX_MESSAGE, MessageWriter, QueuedFlows, SAMPLING_TEMPLATE};
use super::{saturated, unix_seconds};
use crate::flow::{Flow, Time};
use crate::wire::layout::fixed::FixedLayout;
use crate::wire::layout::netflow::IpfixHeader;
use crate::wire::layout::sets::IpfixOptionsHeader;

/// Set ids of templates and options templates (RFC 7011, 3.3.2).
const TEMPLATE_SET: u16 = 2;
const OPTIONS_TEMPLATE_SET: u16 = 3;
const INIT_TEMPLATE: u16 = 259;

/// observationDomainId and selectorId (IANA), scope of the sampling rate.
const SAMPLING_SCOPE: [(u16, u16); 2] = [(149, 4), (302, 8)];
/// selectorAlgorithm, samplingPacketInterval, samplingPacketSpace (RFC 5477, 8.2).
const SAMPLING_FIELDS: [(u16, u16); 3] = [(304, 2), (305, 4), (306, 4)];
/// Systematic count-based sampling (RFC 5477, 8.2.1).
const SYSTEMATIC: u16 = 1;
/// The id of the only selector.
const SELECTOR: u64 = 1;

/// observationDomainId, scope of systemInitTimeMilliseconds.
const INIT_FIELDS: [(u16, u16); 2] = [(149, 4), (160, 8)];

/// Encodes the messages of one observation domain.
#[derive(Clone, Debug)]
pub struct IpfixEncoder {
    domain: u32,
    /// The sampling rate to announce together with the templates.
    sampling: Option<u32>,
    clock: FlowClock,
    /// Data records sent so far, options records included (RFC 7011, 3.1).
    sequence: u32,
}

impl IpfixEncoder {
    /// An encoder that announces no sampling; times are milliseconds since 1970.
    #[must_use]
    pub fn new(domain: u32) -> IpfixEncoder {
        IpfixEncoder { domain, sampling: None, clock: FlowClock::Absolute, sequence: 0 }
    }

    /// Announces that one packet in `interval` is sampled (1: all of them), whenever templates
    /// are sent.
    #[must_use]
    pub fn announcing(self, interval: u32) -> IpfixEncoder {
        IpfixEncoder { sampling: Some(interval), ..self }
    }

    /// Encodes times as milliseconds since `init`, and announces `init` whenever templates are
    /// sent.
    #[must_use]
    pub fn uptime(self, init: Time) -> IpfixEncoder {
        IpfixEncoder { clock: FlowClock::Uptime(init), ..self }
    }

    /// The messages that report `flows`, sent at `now`; IPv4 flows come first. With `templates`,
    /// the first message begins with the templates, also when there are no flows.
    #[must_use]
    pub fn encode(&mut self, now: Time, flows: &[Flow], templates: bool) -> Vec<Vec<u8>> {
        let mut waiting = QueuedFlows::new(flows);
        let mut sent = Vec::new();
        let mut templates = templates;
        while templates || !waiting.is_empty() {
            let mut message = MessageWriter::new::<IpfixHeader>();
            if std::mem::take(&mut templates) {
                message.data_templates(TEMPLATE_SET, self.clock);
                self.options(&mut message);
            }
            message.data(&mut waiting, self.clock);
            debug_assert!(message.out.len() <= MAX_MESSAGE);
            let header = IpfixHeader {
                version: 10,
                length: saturated(message.out.len() as u64, u16::MAX),
                seconds: unix_seconds(now),
                sequence: self.sequence,
                domain: self.domain,
            };
            self.sequence = self.sequence.wrapping_add(u32::from(message.records));
            sent.push(message.finish(&header));
        }
        sent
    }

    /// Appends the options templates, each with its record.
    fn options(&self, message: &mut MessageWriter) {
        if let Some(interval) = self.sampling {
            let skipped = interval.saturating_sub(1);
            self.option(message, SAMPLING_TEMPLATE, &SAMPLING_SCOPE, &SAMPLING_FIELDS, |out| {
                out.extend(SELECTOR.to_be_bytes());
                out.extend(SYSTEMATIC.to_be_bytes());
                out.extend(1u32.to_be_bytes());
                out.extend(skipped.to_be_bytes());
            });
        }
        if let FlowClock::Uptime(init) = self.clock {
            let (scope, fields) = INIT_FIELDS.split_at(1);
            self.option(message, INIT_TEMPLATE, scope, fields, |out| {
                out.extend(init.0.max(0).to_be_bytes());
            });
        }
    }

    /// Appends an options template (RFC 7011, 3.4.2.2) and its record, which begins with the
    /// observation domain.
    fn option(
        &self,
        message: &mut MessageWriter,
        id: u16,
        scope: &[(u16, u16)],
        fields: &[(u16, u16)],
        rest: impl FnOnce(&mut Vec<u8>),
    ) {
        let count = |fields: &[(u16, u16)]| saturated(fields.len() as u64, u16::MAX);
        message.set(OPTIONS_TEMPLATE_SET, |message| {
            let (count, scope_count) = (count(scope) + count(fields), count(scope));
            IpfixOptionsHeader { id, count, scope_count }.append(&mut message.out);
            message.fields(scope);
            message.fields(fields);
        });
        message.set(id, |message| {
            message.out.extend(self.domain.to_be_bytes());
            rest(&mut message.out);
        });
        message.templates += 1;
        message.records += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Host;

    const NOW: Time = Time(1_700_000_000_500);
    /// RFC 7011, 3.1: the message header.
    const HEADER: usize = 16;

    fn flow() -> Flow {
        Flow {
            src: Host::octets(10, 20, 3, 17),
            dst: Host::octets(198, 51, 100, 24),
            first: Time(0x0102_0304_0506),
            last: Time(0x0102_0304_0708),
            bytes: 5,
            packets: 7,
            proto: 6,
            ..Flow::EMPTY
        }
    }

    #[test]
    fn a_message_stands_as_the_rfc_says() {
        let mut encoder = IpfixEncoder::new(0x0a);
        let sent = encoder.encode(NOW, &[flow(), flow()], false);
        let bytes = &sent[0];
        assert_eq!(bytes[..4], [0, 10, 0, 16 + 4 + 2 * 72]);
        assert_eq!(bytes[4..8], 1_700_000_000u32.to_be_bytes());
        assert_eq!(bytes[8..16], [0, 0, 0, 0, 0, 0, 0, 0x0a]);
        assert_eq!(bytes[HEADER..HEADER + 8], [1, 0, 0, 148, 10, 20, 3, 17]);
        assert_eq!(bytes[HEADER + 40..HEADER + 48], [0, 0, 1, 2, 3, 4, 5, 6]);
        let next = encoder.encode(NOW, &[flow()], false);
        assert_eq!(next[0][8..12], [0, 0, 0, 2], "the sequence counts data records");
        assert_eq!(encoder.encode(NOW, &[], false), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn options_stand_as_the_rfc_says() {
        let mut encoder = IpfixEncoder::new(3).announcing(1000).uptime(Time(0x0506));
        let sent = encoder.encode(NOW, &[], true);
        let body = &sent[0][HEADER..];
        assert_eq!(body[..12], [0, 2, 0, 172, 1, 0, 0, 20, 0, 8, 0, 4]);
        let sampling = [0, 3, 0, 32, 1, 2, 0, 5, 0, 2, 0, 149, 0, 4, 1, 46, 0, 8, 1, 48, 0, 2];
        assert_eq!(body[172..194], sampling);
        assert_eq!(body[194..204], [1, 49, 0, 4, 1, 50, 0, 4, 0, 0]);
        let record = [1, 2, 0, 28, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1];
        assert_eq!(body[204..226], record);
        assert_eq!(body[226..232], [0, 0, 3, 0xe7, 0, 0]);
        let init = [0, 3, 0, 20, 1, 3, 0, 2, 0, 1, 0, 149, 0, 4, 0, 160, 0, 8, 0, 0];
        assert_eq!(body[232..252], init);
        assert_eq!(body[252..], [1, 3, 0, 16, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 5, 6]);
        assert_eq!(encoder.encode(NOW, &[flow()], false)[0][8..12], [0, 0, 0, 2]);
    }

    #[test]
    fn long_lists_are_cut() {
        let mut flows = vec![flow(); 100];
        flows.iter_mut().skip(60).for_each(|flow| flow.src = Host(0x2001 << 112));
        let sent = IpfixEncoder::new(1).encode(NOW, &flows, true);
        let mut records = 0;
        for bytes in &sent {
            assert!(bytes.len() <= MAX_MESSAGE);
            assert_eq!(bytes[2..4], (bytes.len() as u16).to_be_bytes());
            assert_eq!(bytes[8..12], u32::to_be_bytes(records));
            let mut at = HEADER;
            while at < bytes.len() {
                let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
                let length = half(at + 2);
                records += match half(at) {
                    256 => u32::from(length) / 72,
                    257 => u32::from(length) / 108,
                    _ => 0,
                };
                at += usize::from(length);
            }
            assert_eq!(at, bytes.len(), "sets fill the message");
        }
        assert_eq!(records, 100);
    }
}
