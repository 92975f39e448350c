//! Fuzz target: datagrams of several exporters, of any bytes; the state of the decoder is kept.

use toptalk::flow::{Host, Time};

use super::input::Input;
use super::watched::Watched;

/// Arrival of the first datagram.
pub const START: Time = Time(1_800_000_000_000);

/// Milliseconds between two datagrams to choose from: also backwards, and longer than any state
/// is kept.
const STEPS: [i64; 8] = [0, 1, 1000, 60_000, 700_000, 7_300_000, 700_000_000, -5000];

/// Each datagram follows three bytes: the exporter, time and other choices, and the length.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut watched = Watched::default();
    let mut now = START;
    while !input.is_empty() {
        let choice = input.byte();
        let from = Host::octets(192, 0, 2, choice & 3);
        now = now.plus_ms(STEPS[usize::from(choice >> 2 & 7)]);
        match choice >> 5 {
            6 => watched.reconnected(from),
            7 => watched.restart(now),
            _ => {}
        }
        let length = usize::from(input.half());
        watched.take(now, from, input.take(length));
    }
    watched.check_state();
}

/// The input for [`run`] that makes it decode these datagrams.
pub fn script(datagrams: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (choice, datagram) in datagrams {
        bytes.push(*choice);
        bytes.extend((datagram.len() as u16).to_le_bytes());
        bytes.extend(datagram);
    }
    bytes
}
