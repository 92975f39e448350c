//! Fuzz target for the cost of decoding: for any datagrams, the steps that the decoder counts
//! stay within a limit per received byte.

use toptalk::flow::Host;

use super::datagrams::START;
use super::input::Input;
use super::watched::Watched;

/// Maximum number of steps for each byte. A byte can be a record of its own, with a list of
/// fields that have no bytes.
const PER_BYTE: u64 = 48;

/// Maximum number of further steps for each datagram: other exporters may have to give back
/// memory, and one may lose its place. Tables that other datagrams filled are paid for by those.
const PER_DATAGRAM: u64 = 64;

/// Each part follows two bytes: its kind, and how often it is repeated. Quadratic cost shows
/// only with repetition, which a fuzzer finds slowly by itself.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut watched = Watched::default();
    let (mut now, mut datagrams, mut sent) = (START, 0, 0);
    while !input.is_empty() {
        let choice = input.byte();
        let times = usize::from(input.byte()) + 1;
        let length = usize::from(input.byte());
        let piece = input.take(length).repeat(times);
        let datagram = framed(choice, &piece);
        now = now.plus_ms(i64::from(choice >> 4) * 1000);
        sent += datagram.len() as u64;
        datagrams += 1;
        watched.take(now, Host::octets(192, 0, 2, choice & 3), &datagram);
        let (steps, _) = watched.work();
        let most = PER_BYTE * sent + PER_DATAGRAM * datagrams;
        assert!(steps <= most, "{steps} steps for {sent} bytes in {datagrams} datagrams");
    }
}

/// A datagram of a protocol around the repeated part.
fn framed(choice: u8, piece: &[u8]) -> Vec<u8> {
    let seconds = ((START.0 / 1000) as u32).to_be_bytes();
    let words = |list: &[u32]| list.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let room = piece.get(..65_000).unwrap_or(piece);
    match choice >> 2 & 3 {
        0 => {
            let length = (16 + room.len()) as u16;
            let head = [&[0, 10][..], &length.to_be_bytes(), &seconds, &words(&[0, 1])].concat();
            [head, room.to_vec()].concat()
        }
        1 => {
            // The repeated part within one set, whose id the first bytes choose.
            let id = [[0, 2], [0, 3], [1, 0], [1, 44]][usize::from(choice >> 4 & 3)];
            let length = (20 + room.len()) as u16;
            let head = [&[0, 10][..], &length.to_be_bytes(), &seconds, &words(&[0, 1])].concat();
            [head, id.to_vec(), ((4 + room.len()) as u16).to_be_bytes().to_vec(), room.to_vec()]
                .concat()
        }
        2 => [&[0, 9, 0, 1][..], &words(&[60_000]), &seconds, &words(&[0, 1]), room].concat(),
        _ => [words(&[5, 1, 0xc000_0201, 0, 1, 60_000, 60_000]), room.to_vec()].concat(),
    }
}

/// Seeds: many withdrawals, templates and samples.
pub fn seeds() -> Vec<Vec<u8>> {
    let one = |choice: u8, times: u8, piece: &[u8]| {
        [&[choice, times, piece.len() as u8][..], piece].concat()
    };
    let data = [1, 0, 0, 1, 0, 8, 0, 4];
    let options = [1, 44, 0, 2, 0, 1, 0, 149, 0, 4, 0, 34, 0, 4];
    let overlap: Vec<u8> =
        [2u32, 0, 99, 8, u32::MAX, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
    let withdraw = [[0, 2, 0, 0].repeat(60), data.to_vec()].concat();
    vec![
        [one(4, 0, &data), one(4 | 16, 0, &options), one(4, 255, &withdraw[..240])].concat(),
        [one(4, 255, &data), one(4 | 32, 255, &[10; 20])].concat(),
        [one(4 | 32, 255, &[7; 200]), one(4, 0, &data)].concat(),
        one(12, 255, &overlap),
        [one(4 | 16, 0, &options), one(4 | 48, 255, &[0, 0, 0, 1, 0, 0, 0, 9])].concat(),
    ]
}
