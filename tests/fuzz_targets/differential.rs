//! Datagrams of one exporter, read by this decoder and by netflow_parser: where
//! neither has anything to complain of, flows are equal.

use netflow_parser::{NetflowPacket, NetflowParser};
use toptalk::flow::Host;
use toptalk::wire::{Cause, DatagramReport};

use super::compare::compare;
use super::datagrams::START;
use super::input::Input;
use super::watched::Watched;

/// Causes that say nothing of how the bytes were read.
const HARMLESS: [Cause; 5] = [
    Cause::GuessedTimes,
    Cause::NoTimes,
    Cause::FirstAfterLast,
    Cause::FarOffTimes,
    Cause::NoAddresses,
];

fn is_clean(report: &DatagramReport) -> bool {
    report.causes.iter().all(|(cause, _)| HARMLESS.contains(&cause))
}

/// Their templates belong to no domain and to no version, so that the two part
/// for good once one of them has complained, or once a second domain turns up.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut ours = Watched::default();
    let Ok(mut theirs) = NetflowParser::builder().with_max_records_per_flowset(65_535).build()
    else {
        return;
    };
    let mut same = None;
    while !input.is_empty() {
        let length = usize::from(input.half());
        let bytes = input.take(length);
        let Some(origin) = origin(bytes) else { return };
        if same.is_some_and(|same| same != origin) {
            return;
        }
        same = Some(origin);
        let (report, watcher) = ours.take(START, Host::octets(192, 0, 2, 1), bytes);
        let parsed = theirs.parse_bytes(bytes);
        // They take an empty value for an error and leave out what follows.
        if !is_clean(&report) || watcher.empty_value || parsed.error.is_some() {
            return;
        }
        let [packet] = parsed.packets.as_slice() else { return };
        if has_leftover(packet) {
            return;
        }
        if let Err(difference) = compare(&ours.flows, ours.more(), packet) {
            panic!("{difference}\n{report:?}\n{packet:?}");
        }
    }
}

/// Version and domain of a datagram that both know.
fn origin(bytes: &[u8]) -> Option<(u16, u32)> {
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
    };
    match u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]) {
        5 => Some((5, 0)),
        9 => Some((9, word(16)?)),
        10 => Some((10, word(12)?)),
        _ => None,
    }
}

/// Whether they stopped before the end: fewer sets than there are.
fn has_leftover(packet: &NetflowPacket) -> bool {
    match packet {
        NetflowPacket::IPFix(message) => {
            let sets = message.flowsets.iter().map(|set| usize::from(set.header.length));
            sets.sum::<usize>() + 16 != usize::from(message.header.length)
        }
        _ => false,
    }
}

/// Datagrams as bytes: what [`run`] reads back.
pub fn script(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for datagram in datagrams {
        bytes.extend((datagram.len() as u16).to_le_bytes());
        bytes.extend(datagram);
    }
    bytes
}
