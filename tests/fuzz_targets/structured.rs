//! Makes templates and data that mostly fit each other, so that the fuzzer's bytes test what
//! comes after the framing.

use toptalk::flow::{Host, Sampling, Time};
use toptalk::wire::Policy;
use toptalk::wire::policy::GivenRate;

use super::datagrams::START;
use super::input::Input;
use super::sets::{Datagram, Spec, VARIABLE, counted, iana, of};
use super::watched::Watched;

/// Elements to choose from: all that the decoder uses, and some that it does not.
const ELEMENTS: [u16; 96] = [
    1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 21, 22, 23, 24, 27, 28, 29, 30, 32, 34,
    35, 40, 41, 48, 49, 50, 58, 61, 62, 82, 83, 85, 86, 94, 95, 96, 103, 104, 130, 131, 139, 141,
    148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 176, 177, 178, 180,
    181, 182, 183, 224, 230, 231, 232, 233, 243, 252, 253, 298, 299, 302, 304, 305, 306, 309, 310,
    312, 313, 315, 322, 323, 324, 325, 351, 410, 460,
];

const LENGTHS: [u16; 16] = [4, 4, 1, 2, 8, 16, 3, 5, 6, 7, 9, 12, 0, 20, 64, VARIABLE];

fn template(input: &mut Input<'_>) -> Vec<Spec> {
    let count = 1 + input.below(24);
    let mut fields = Vec::new();
    for _ in 0..count {
        let id = input.one_of(&ELEMENTS);
        let length = match (id, input.below(20)) {
            // Mostly the usual length of the element.
            (8 | 12 | 15, 4..) => 4,
            (27 | 28 | 62, 4..) => 16,
            (_, choice) => input.one_of(&LENGTHS[..(choice + 4).min(16)]),
        };
        fields.push(match input.below(16) {
            14 => of(29_305, id, length),
            15 => of(input.word(), id, length),
            _ => iana(id, length),
        });
    }
    fields
}

/// Records of this template.
fn records(input: &mut Input<'_>, fields: &[Spec]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + input.below(4) {
        for field in fields {
            if field.length == VARIABLE {
                let long = input.one_in(4);
                let length = usize::from(input.byte()) << (usize::from(long) * 2);
                bytes.extend(counted(input.take(length), long));
            } else {
                let given = input.take(usize::from(field.length));
                bytes.extend(given);
                bytes.resize(bytes.len() + usize::from(field.length) - given.len(), 0);
            }
        }
    }
    let cut = input.below(256);
    bytes.truncate(if cut < 16 { bytes.len().saturating_sub(cut) } else { bytes.len() });
    bytes
}

/// The sets of one datagram. Templates of all kinds are added to `known`.
fn datagram(input: &mut Input<'_>, known: &mut Vec<(u16, Vec<Spec>)>) -> Vec<u8> {
    let exported = (START.0 / 1000) as u32;
    let domain = input.below(3) as u32;
    let uptime = if input.one_in(4) { input.word() } else { 5_000_000 };
    let sequence = u32::from(input.byte());
    let mut datagram = match input.below(2) {
        0 => Datagram::v9(domain, exported, uptime, sequence),
        _ => Datagram::ipfix(domain, exported, sequence),
    };
    for _ in 0..1 + input.below(4) {
        let id = 256 + input.below(6) as u16;
        datagram = match input.below(8) {
            0 | 1 => {
                let fields = template(input);
                known.push((id, fields.clone()));
                datagram.template(id, &fields)
            }
            2 => {
                let fields = template(input);
                let scope = input.below(fields.len() + 1);
                known.push((id, fields.clone()));
                datagram.options(id, scope, &fields)
            }
            3 if input.one_in(4) => datagram.template(id, &[]),
            4 if input.one_in(4) => {
                let length = input.below(256);
                datagram.set(input.half(), input.take(length))
            }
            _ => {
                let latest = known.iter().rev().find(|(known, _)| *known == id);
                let fields = latest.map(|(_, fields)| fields.clone()).unwrap_or_default();
                datagram.set(id, &records(input, &fields))
            }
        };
    }
    datagram.bytes()
}

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let sampling = match input.one_in(8) {
        true => vec![GivenRate { exporter: None, rate: Sampling::one_in(input.word()) }],
        false => Vec::new(),
    };
    let mut watched = Watched::with_policy(Policy { sampling, ..Policy::default() });
    let mut known = Vec::new();
    let mut now = START;
    for _ in 0..16 {
        if input.is_empty() {
            break;
        }
        let from = Host::octets(192, 0, 2, u8::from(input.one_in(8)));
        let datagram = datagram(&mut input, &mut known);
        watched.take(now, from, &datagram);
        if input.one_in(16) {
            watched.restart(now);
        }
        now = Time(now.0 + i64::from(input.byte()) * 1000);
    }
    watched.check_state();
}
