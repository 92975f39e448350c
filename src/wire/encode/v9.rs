//! Encodes NetFlow version 9 (RFC 3954): two data templates, one per address family, and an
//! options template that announces the sampling rate.

use super::sets::{FlowClock, MessageWriter, QueuedFlows, SAMPLING_TEMPLATE};
use super::{unix_seconds, uptime};
use crate::flow::{Flow, Time};
use crate::wire::layout::fixed::FixedLayout;
use crate::wire::layout::netflow::V9Header;
use crate::wire::layout::sets::{FieldSpecifier, V9OptionsHeader};

/// FlowSet ids of templates (5.2) and options templates (6.1).
const TEMPLATE_SET: u16 = 0;
const OPTIONS_TEMPLATE_SET: u16 = 1;

/// Scope field type 1, System (6.1), with the source id as its value.
const SCOPE: (u16, u16) = (1, 4);
/// SAMPLING_INTERVAL and SAMPLING_ALGORITHM (8).
const SAMPLING_FIELDS: [(u16, u16); 2] = [(34, 4), (35, 1)];
/// SAMPLING_ALGORITHM 1: deterministic.
const DETERMINISTIC: u8 = 1;

/// Encodes the datagrams of one observation domain.
#[derive(Clone, Debug)]
pub struct V9Encoder {
    source_id: u32,
    /// The sampling rate to announce together with the templates.
    sampling: Option<u32>,
    /// Datagrams sent so far.
    sequence: u32,
}

impl V9Encoder {
    /// An encoder that announces no sampling.
    #[must_use]
    pub fn new(source_id: u32) -> V9Encoder {
        V9Encoder { source_id, sampling: None, sequence: 0 }
    }

    /// Announces that one packet in `interval` is sampled (1: all of them), whenever templates
    /// are sent.
    #[must_use]
    pub fn announcing(self, interval: u32) -> V9Encoder {
        V9Encoder { sampling: Some(interval), ..self }
    }

    /// The datagrams that report `flows`, sent at `now` by a router that booted at `boot`; IPv4
    /// flows come first. With `templates`, the first datagram begins with the templates, also
    /// when there are no flows. The header has whole seconds only (5.1), so times are exact when
    /// `now` is a whole second.
    #[must_use]
    pub fn encode(
        &mut self,
        now: Time,
        boot: Time,
        flows: &[Flow],
        templates: bool,
    ) -> Vec<Vec<u8>> {
        let mut waiting = QueuedFlows::new(flows);
        let mut sent = Vec::new();
        let mut templates = templates;
        while templates || !waiting.is_empty() {
            let mut message = MessageWriter::new::<V9Header>();
            if std::mem::take(&mut templates) {
                message.data_templates(TEMPLATE_SET, FlowClock::Uptime(boot));
                self.options(&mut message);
            }
            message.data(&mut waiting, FlowClock::Uptime(boot));
            let header = V9Header {
                version: 9,
                count: message.templates + message.records,
                uptime: uptime(now, boot),
                seconds: unix_seconds(now),
                sequence: self.sequence,
                source_id: self.source_id,
            };
            sent.push(message.finish(&header));
            self.sequence = self.sequence.wrapping_add(1);
        }
        sent
    }

    /// Appends the options template and its record, if there is a sampling rate to announce.
    fn options(&self, message: &mut MessageWriter) {
        let Some(interval) = self.sampling else { return };
        message.set(OPTIONS_TEMPLATE_SET, |message| {
            let length = |fields: usize| (fields * FieldSpecifier::LENGTH) as u16;
            let header = V9OptionsHeader {
                id: SAMPLING_TEMPLATE,
                scope_length: length(1),
                options_length: length(SAMPLING_FIELDS.len()),
            };
            header.append(&mut message.out);
            message.fields(&[SCOPE]);
            message.fields(&SAMPLING_FIELDS);
        });
        message.set(SAMPLING_TEMPLATE, |message| {
            message.out.extend(self.source_id.to_be_bytes());
            message.out.extend(interval.to_be_bytes());
            message.out.push(DETERMINISTIC);
        });
        message.templates += 1;
        message.records += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_MESSAGE;
    use super::*;
    use crate::flow::Host;

    const BOOT: Time = Time(1_700_000_000_000);
    const HEADER: usize = V9Header::LENGTH;

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
    }

    #[test]
    fn long_lists_are_cut_and_the_sequence_counts_datagrams() {
        let mut encoder = V9Encoder::new(1).announcing(1);
        let mut flows = vec![flow(); 100];
        flows.iter_mut().skip(60).for_each(|flow| flow.src = Host(0x2001 << 112));
        let sent = encoder.encode(BOOT, BOOT, &flows, true);
        assert!(sent.iter().all(|bytes| bytes.len() <= MAX_MESSAGE && bytes.len() % 4 == 0));
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
