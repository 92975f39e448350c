//! What keys of groups are made of, and how they are turned round.
//!
//! IPv6 addresses stand in a key by their number ([`Names`]) and those of IPv4 as they
//! are, so that a 5-tuple of either family takes two words; an address alone and other
//! fields stand there as they are.

use super::names::{AddressNumbers, Hosts};
use super::question::{KeyPart, Prefix};
use crate::flow::Host;
use crate::flow::field::{Field, FieldKind, StoredType};

/// A key of up to 64 times `W` bits.
pub(super) type PackedKey<const W: usize> = [u64; W];

/// Words of the widest key: room for every field at once.
pub(super) const MOST_WORDS: usize = 64;

/// Bits of an address that stands alone.
const WHOLE: u32 = 128;

/// Bits of an address beside others: IPv4 as it is, or [`NUMBERED`] with a number.
const HOST: u32 = 33;
const NUMBERED: u64 = 1 << 32;

/// Where a part stands in a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeySlot {
    pub part: KeyPart,
    word: usize,
    shift: u32,
    /// 128 for an address that stands there as it is, in two words.
    bits: u32,
    /// Those bits of a number that count.
    counted: u64,
}

/// How keys are made.
#[derive(Clone, Debug)]
pub(super) struct KeyLayout {
    pub places: Vec<KeySlot>,
    pub words: usize,
}

impl KeyLayout {
    /// Keys of these parts; `numbered` when an address alone is to be numbered, too.
    pub(super) fn new(parts: &[KeyPart], numbered: bool) -> KeyLayout {
        if let [part] = parts
            && part.field.info().kind == FieldKind::Address
            && !numbered
        {
            let place = KeySlot { part: *part, word: 0, shift: 0, bits: WHOLE, counted: u64::MAX };
            return KeyLayout { places: vec![place], words: 2 };
        }
        let mut used: Vec<u32> = Vec::new();
        let mut places = Vec::with_capacity(parts.len());
        for part in parts.iter().take(MOST_WORDS) {
            let bits = bits(part.field);
            let word = used.iter().position(|used| used + bits <= 64).unwrap_or(used.len());
            if word == used.len() {
                used.push(0);
            }
            let (shift, counted) = (used[word], counted(part.field));
            places.push(KeySlot { part: *part, word, shift, bits, counted });
            used[word] += bits;
        }
        KeyLayout { places, words: used.len().max(1) }
    }

    /// The columns that keys are made of.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field> + '_ {
        self.places.iter().flat_map(|place| {
            let mask = mask_field(place.part);
            std::iter::once(place.part.field).chain(mask)
        })
    }
}

/// How keys are turned round: of each place, the place its bits come from.
#[derive(Clone, Debug)]
pub(super) struct KeyTransform {
    from: Vec<usize>,
    /// The same without ports, whose place holds type and code of ICMP.
    from_icmp: Vec<usize>,
    proto: Option<usize>,
    /// Source and destination port.
    ports: Option<(usize, usize)>,
}

/// Ports below this are of servers, those above it of clients (nfdump(1), `-B`).
const SERVERS: u64 = 1024;

impl KeyTransform {
    pub(super) fn new(layout: &KeyLayout) -> KeyTransform {
        let place_of = |field| layout.places.iter().position(|place| place.part.field == field);
        let from = |icmp: bool| {
            let places = layout.places.iter().enumerate();
            let other = places.map(|(at, place)| match place.part.field {
                Field::SrcPort | Field::DstPort if icmp => at,
                field => opposite(field).and_then(place_of).unwrap_or(at),
            });
            other.collect()
        };
        KeyTransform {
            from: from(false),
            from_icmp: from(true),
            proto: place_of(Field::Proto),
            ports: place_of(Field::SrcPort).zip(place_of(Field::DstPort)),
        }
    }

    fn proto<const W: usize>(&self, layout: &KeyLayout, key: &PackedKey<W>) -> Option<u64> {
        self.proto.and_then(|at| layout.places.get(at)).map(|place| place.get(key))
    }

    /// Whether the source is the server of the destination, by their ports.
    pub(super) fn is_from_server<const W: usize>(
        &self,
        layout: &KeyLayout,
        key: &PackedKey<W>,
    ) -> bool {
        let has_ports = matches!(self.proto(layout, key), Some(6 | 17));
        let port = |at: usize| layout.places[at].get(key);
        has_ports && self.ports.is_some_and(|(src, dst)| port(src) < SERVERS && port(dst) > SERVERS)
    }

    /// The key of the way back, as [`crate::flow::Flow::reversed`] has it.
    pub(super) fn reversed<const W: usize>(
        &self,
        layout: &KeyLayout,
        key: &PackedKey<W>,
    ) -> PackedKey<W> {
        let from = if matches!(self.proto(layout, key), Some(1 | 58)) {
            &self.from_icmp
        } else {
            &self.from
        };
        let mut reversed = [0; W];
        for (place, from) in layout.places.iter().zip(from) {
            place.put(&mut reversed, layout.places[*from].get(key));
        }
        reversed
    }
}

/// The field that changes places with this one on the way back.
fn opposite(field: Field) -> Option<Field> {
    const PAIRS: [(Field, Field); 5] = [
        (Field::Src, Field::Dst),
        (Field::SrcPort, Field::DstPort),
        (Field::Input, Field::Output),
        (Field::SrcAs, Field::DstAs),
        (Field::SrcMask, Field::DstMask),
    ];
    PAIRS.into_iter().find_map(|(one, two)| match field {
        _ if field == one => Some(two),
        _ if field == two => Some(one),
        _ => None,
    })
}

impl KeySlot {
    /// The bits of the part.
    #[inline]
    pub(super) fn get<const W: usize>(&self, key: &PackedKey<W>) -> u64 {
        key[self.word] >> self.shift & self.most()
    }

    /// The greatest number there is room for.
    pub(super) fn most(&self) -> u64 {
        if self.bits >= 64 { u64::MAX } else { (1 << self.bits) - 1 }
    }

    /// Those bits of a number that count. Wider than its field says is only what
    /// a damaged file has.
    #[inline]
    pub(super) fn cut(&self, bits: u64) -> u64 {
        bits.min(self.most()) & self.counted
    }

    #[inline]
    pub(super) fn put<const W: usize>(&self, key: &mut PackedKey<W>, bits: u64) {
        key[self.word] |= bits << self.shift;
    }

    /// The part's value: an address, or the bits of a number.
    pub(super) fn value<const W: usize>(&self, key: &PackedKey<W>, hosts: &Hosts) -> u128 {
        if self.bits == WHOLE {
            let [high, low] = [key[0], key.get(1).copied().unwrap_or(0)];
            return u128::from(high) << 64 | u128::from(low);
        }
        match self.get(key) {
            bits if !self.is_address() => u128::from(bits),
            bits if bits < NUMBERED => Host::v4(bits as u32).0,
            bits => hosts.of(bits as u32).0,
        }
    }

    /// Puts an address there, or what stands for it.
    #[inline]
    pub(super) fn put_host<const W: usize>(
        &self,
        key: &mut PackedKey<W>,
        host: Host,
        names: &AddressNumbers,
    ) {
        if self.bits == WHOLE {
            key[0] = (host.0 >> 64) as u64;
            if let Some(low) = key.get_mut(1) {
                *low = host.0 as u64;
            }
        } else {
            self.put(key, host_bits(host, names));
        }
    }

    /// Whether an address stands there as it is.
    pub(super) fn is_whole(&self) -> bool {
        self.bits == WHOLE
    }

    pub(super) fn is_address(&self) -> bool {
        self.part.field.info().kind == FieldKind::Address
    }
}

/// What stands for an address beside other fields.
#[inline]
pub(super) fn host_bits(host: Host, names: &AddressNumbers) -> u64 {
    match host.as_v4() {
        Some(bits) => u64::from(bits),
        None => NUMBERED | u64::from(names.number(host)),
    }
}

/// Which bits tell values apart: of an entry of the MPLS stack its label, whatever
/// the traffic class.
fn counted(field: Field) -> u64 {
    if field.is_mpls() { !0xf } else { u64::MAX }
}

/// How many bits the values of a field take. Texts are no keys.
fn bits(field: Field) -> u32 {
    match field.info().store {
        StoredType::Unsigned(bits) => u32::from(bits),
        StoredType::Flag => 8,
        StoredType::Millis | StoredType::Signed => 64,
        StoredType::Address => HOST,
        StoredType::Text => 32,
    }
}

pub(super) fn mask_field(part: KeyPart) -> Option<Field> {
    (part.prefix == Some(Prefix::Reported)).then_some(match part.field {
        Field::Dst => Field::DstMask,
        _ => Field::SrcMask,
    })
}

/// An address without the bits that do not count. A reported length of 0 is one
/// that was not reported.
pub(super) fn cut(host: Host, prefix: Option<Prefix>, reported: u64) -> Host {
    let v4 = host.as_v4().is_some();
    let bits = match prefix {
        Some(Prefix::V4(bits)) if v4 => u32::from(bits.min(32)) + 96,
        Some(Prefix::V6(bits)) if !v4 => u32::from(bits.min(128)),
        Some(Prefix::Reported) if reported == 0 => return host,
        Some(Prefix::Reported) if v4 => reported.min(32) as u32 + 96,
        Some(Prefix::Reported) => reported.min(128) as u32,
        _ => return host,
    };
    let kept = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Host(host.0 & kept)
}
