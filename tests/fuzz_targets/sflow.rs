//! Makes sFlow datagrams whose samples and records mostly have correct lengths, with packets of
//! any kind.

use toptalk::flow::{Host, Time};

use super::datagrams::START;
use super::input::Input;
use super::watched::Watched;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The number `right`, or another one in one of 16 cases.
fn count(input: &mut Input<'_>, right: usize) -> u32 {
    if input.one_in(16) { input.word() } else { right as u32 }
}

/// Format, length and content.
fn framed(input: &mut Input<'_>, format: u32, content: &[u8]) -> Vec<u8> {
    let length = count(input, content.len());
    [words(&[format, length]), content.to_vec()].concat()
}

/// A frame: tags, an IP header and a transport header with any values.
fn frame(input: &mut Input<'_>) -> Vec<u8> {
    let mut frame = vec![2; 12];
    for _ in 0..input.below(4) {
        frame.extend(input.one_of(&[[0x81, 0], [0x88, 0xa8], [0x91, 0], [0x88, 0x47]]));
        frame.extend(input.take(2));
    }
    match input.below(4) {
        0 => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 40]);
            frame.push(input.one_of(&[6, 17, 0, 43, 44, 58, 60, 41, 4]));
        }
        1 => frame.extend(input.take(2)),
        _ => {
            frame.extend([8, 0]);
            frame.push(input.one_of(&[0x45, 0x45, 0x45, 0x46, 0x4f, 0x44, 0x65]));
            frame.extend([0, 0, 60, 0, 0, 0, input.byte() & 3, 64]);
            frame.push(input.one_of(&[6, 17, 1, 4, 41, 47, 132]));
        }
    }
    let length = input.below(200);
    frame.extend(input.take(length));
    frame
}

/// A record of a flow sample.
fn record(input: &mut Input<'_>) -> Vec<u8> {
    let format = input.one_of(&[1, 1, 1, 2, 3, 4, 1001, 1002, 1003, 1004, 1012, 0x1001]);
    let content = match format {
        1 => {
            let mut frame = frame(input);
            let protocol = if input.one_in(4) { input.below(14) as u32 } else { 1 };
            let mut content = words(&[protocol, input.word() & 0xffff, 4]);
            content.extend(words(&[count(input, frame.len())]));
            frame.resize(frame.len().next_multiple_of(4), 0);
            content.extend(frame);
            content
        }
        _ => {
            let length = input.below(24) * 4;
            let mut content = input.take(length).to_vec();
            content.resize(length, 0);
            content
        }
    };
    framed(input, format, &content)
}

fn records(input: &mut Input<'_>, one: impl Fn(&mut Input<'_>) -> Vec<u8>) -> Vec<u8> {
    let number = input.below(4);
    let list: Vec<u8> = (0..number).flat_map(|_| one(input)).collect();
    [words(&[count(input, number)]), list].concat()
}

fn counters(input: &mut Input<'_>) -> Vec<u8> {
    let format = input.one_of(&[1, 1, 2, 3, 5, 7, 1001, 2000]);
    let mut content = words(&[input.below(4) as u32]);
    content.extend(input.take(84));
    content.resize(input.one_of(&[88, 88, 88, 52, 80, 28, 0]), 0);
    framed(input, format, &content)
}

fn sample(input: &mut Input<'_>) -> Vec<u8> {
    let format = input.one_of(&[1, 1, 3, 2, 4, 5, 0x1001]);
    let sequence = u32::from(input.byte());
    let source = input.below(4) as u32;
    let mut content = words(&[sequence, source]);
    if matches!(format, 3..=5) {
        content.extend(words(&[source]));
    }
    if matches!(format, 2 | 4) {
        content.extend(records(input, counters));
    } else {
        content.extend(words(&[u32::from(input.half()), u32::from(input.half()), 0]));
        let ports = if format == 1 { 2 } else { 4 };
        content.extend(words(&[1, 2, 3, input.word()][..ports]));
        content.extend(records(input, record));
    }
    framed(input, format, &content)
}

fn datagram(input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = words(&[5]);
    match input.below(8) {
        0 => bytes.extend([words(&[2]), vec![32; 16]].concat()),
        1 => bytes.extend(words(&[input.word(), 0])),
        agent => bytes.extend(words(&[1, 0xc000_0200 + agent as u32 / 4])),
    }
    bytes.extend(words(&[input.below(3) as u32, u32::from(input.byte()), input.word()]));
    let samples = input.below(6);
    let list: Vec<u8> = (0..samples).flat_map(|_| sample(input)).collect();
    bytes.extend(words(&[count(input, samples)]));
    bytes.extend(list);
    bytes
}

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut watched = Watched::default();
    let mut now = START;
    for _ in 0..16 {
        if input.is_empty() {
            break;
        }
        let datagram = datagram(&mut input);
        watched.take(now, Host::octets(192, 0, 2, 1), &datagram);
        if input.one_in(16) {
            watched.restart(now);
        }
        now = Time(now.0 + i64::from(input.byte()) * 1000);
    }
    watched.check_state();
}
