//! Fuzz target: datagrams of one exporter, decoded by this decoder and by netflow_parser. If
//! neither reports a problem, the flows must be equal.

use netflow_parser::{NetflowPacket, NetflowParser};
use toptalk::flow::Host;
use toptalk::wire::{Cause, DatagramReport};

use super::compare::compare;
use super::datagrams::START;
use super::input::Input;
use super::watched::Watched;

/// Causes that do not mean that bytes were read differently.
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

/// netflow_parser keeps templates without domain and version. So comparing ends for good when
/// one decoder reports a problem, or when a second domain is seen.
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
        // netflow_parser takes an empty value for an error and ignores what follows.
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

/// Version and domain of a datagram that both decoders read.
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

/// Whether netflow_parser stopped before the end: it found fewer sets than there are.
fn has_leftover(packet: &NetflowPacket) -> bool {
    match packet {
        NetflowPacket::IPFix(message) => {
            let sets = message.flowsets.iter().map(|set| usize::from(set.header.length));
            sets.sum::<usize>() + 16 != usize::from(message.header.length)
        }
        _ => false,
    }
}

/// The input for [`run`] that makes it decode these datagrams.
pub fn script(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for datagram in datagrams {
        bytes.extend((datagram.len() as u16).to_le_bytes());
        bytes.extend(datagram);
    }
    bytes
}
