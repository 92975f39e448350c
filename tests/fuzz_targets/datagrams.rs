//! Datagrams of several exporters, any bytes at all, with all state kept.

use toptalk::flow::{Host, Time};

use super::input::Input;
use super::watched::Watched;

/// When the first datagram arrives.
pub const START: Time = Time(1_800_000_000_000);

/// How time goes on between datagrams, in milliseconds: also backwards, and by
/// more than anything is remembered.
const STEPS: [i64; 8] = [0, 1, 1000, 60_000, 700_000, 7_300_000, 700_000_000, -5000];

/// Each datagram has three bytes before it: who, when and what else; its length.
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

/// The same sequence as bytes: what [`run`] reads back.
pub fn script(datagrams: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (choice, datagram) in datagrams {
        bytes.push(*choice);
        bytes.extend((datagram.len() as u16).to_le_bytes());
        bytes.extend(datagram);
    }
    bytes
}
