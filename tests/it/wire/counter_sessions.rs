//! Totals of flows that several sessions of one exporter report: processes behind one address
//! count their own flows, and a process whose port changes goes on with its own.

use toptalk::flow::{Flow, Host, SenderAddress, Time};
use toptalk::wire::Decoder;

const NOW: i64 = 1_800_000_000_000;

/// An IPFIX message of observation domain 0 with the template of a flow and, unless there is no
/// total, a record of one: it began at [`NOW`] and ends `seconds` later.
fn message(seconds: i64, sequence: u32, total: Option<u64>) -> Vec<u8> {
    let fields: [(u16, u16); 5] = [(8, 4), (12, 4), (152, 8), (153, 8), (85, 8)];
    let mut template = vec![1, 44, 0, fields.len() as u8];
    for (id, length) in fields {
        template.extend([id.to_be_bytes(), length.to_be_bytes()].concat());
    }
    let mut sets = [&[0, 2, 0, 4 + template.len() as u8][..], &template].concat();
    if let Some(total) = total {
        let mut record = vec![10, 0, 0, 1, 203, 0, 113, 5];
        for value in [NOW as u64, (NOW + 1000 * seconds) as u64, total] {
            record.extend(value.to_be_bytes());
        }
        sets.extend([&[1, 44, 0, 4 + record.len() as u8][..], &record].concat());
    }
    let exported = (NOW / 1000 + seconds) as u32;
    let mut bytes = vec![0, 10, 0, 16 + sets.len() as u8];
    bytes.extend([exported, sequence, 0].map(u32::to_be_bytes).concat());
    bytes.extend(sets);
    bytes
}

#[derive(Default)]
struct Site {
    decoder: Decoder,
    flows: Vec<Flow>,
}

fn from(port: u16) -> SenderAddress {
    SenderAddress { host: Host::octets(192, 0, 2, 7), port }
}

impl Site {
    fn takes(&mut self, port: u16, seconds: i64, sequence: u32, total: Option<u64>) {
        let now = Time(NOW + 1000 * seconds);
        let bytes = message(seconds, sequence, total);
        let _ = self.decoder.decode(now, from(port), &bytes, &mut self.flows);
    }

    fn sum(&self) -> u64 {
        self.flows.iter().map(|flow| flow.bytes).sum()
    }
}

#[test]
fn processes_behind_one_address_count_their_own_totals() {
    // Both begin with the number 0, or with others.
    for other in [0, 70_000] {
        let mut site = Site::default();
        site.takes(40_001, 0, 0, None);
        site.takes(40_002, 0, other, None);
        for n in 0..40 {
            let (seconds, sequence) = (i64::from(n) * 10 + 10, n);
            site.takes(40_001, seconds, sequence, Some(1000 + 100 * u64::from(n)));
            site.takes(40_002, seconds + 1, other + sequence, Some(300 + 7 * u64::from(n)));
            let right = 1300 + 107 * u64::from(n);
            assert_eq!(site.sum(), right, "{other} {n}");
        }
    }
}

#[test]
fn a_process_whose_port_changes_with_every_message_counts_its_totals_once() {
    // New ports beyond the number that is kept apart; four ports in turn; and one port after
    // another, each for a while.
    let ways: [fn(u16) -> u16; 3] = [|n| 40_000 + n, |n| 40_000 + n % 4, |n| 40_000 + n / 10];
    for (way, port) in ways.into_iter().enumerate() {
        let mut site = Site::default();
        for n in 0..200 {
            // Some messages are lost, some arrive twice.
            if n > 20 && n % 17 == 0 {
                continue;
            }
            let total = 1000 + 50 * u64::from(n);
            for _ in 0..if n % 23 == 7 { 2 } else { 1 } {
                site.takes(port(n), i64::from(n) * 10 + 10, u32::from(n), Some(total));
            }
            assert_eq!(site.sum(), total, "way {way}, message {n}");
        }
    }
}

#[test]
fn totals_go_on_after_a_connection_was_opened_again() {
    let mut site = Site::default();
    site.decoder.reconnected(from(40_001));
    site.takes(40_001, 10, 0, Some(1000));
    site.decoder.disconnected(from(40_001));
    site.decoder.reconnected(from(40_002));
    site.takes(40_002, 20, 0, Some(1400));
    assert_eq!(site.sum(), 1400);
}
