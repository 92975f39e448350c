//! The layout of group keys, and their reversal.
//!
//! IPv6 addresses are stored as a number ([`AddressNumbers`]) and IPv4 addresses as they are,
//! so that a 5-tuple of either family takes two words. A single address and all other fields
//! are stored as they are.

use std::cmp::Ordering;

use super::names::{AddressNumbers, Hosts};
use super::question::{KeyPart, Prefix};
use crate::flow::Host;
use crate::flow::field::{Field, FieldKind, StoredType};

/// A key of up to 64 times `W` bits.
pub(super) type PackedKey<const W: usize> = [u64; W];

/// The words of the widest key, which has room for all fields.
pub(super) const MOST_WORDS: usize = 64;

/// The number of bits of an address that is the whole key.
const WHOLE: u32 = 128;

/// The number of bits of an address among other fields: IPv4 as it is, or [`NUMBERED`] with a
/// number.
const HOST: u32 = 33;
const NUMBERED: u64 = 1 << 32;

/// The position of a part in a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeySlot {
    pub part: KeyPart,
    word: usize,
    shift: u32,
    /// 128 for an address that is stored as it is, in two words.
    bits: u32,
    /// The bits of a number that are significant.
    counted: u64,
}

/// The layout of keys.
#[derive(Clone, Debug)]
pub(super) struct KeyLayout {
    pub slots: Vec<KeySlot>,
    pub words: usize,
}

impl KeyLayout {
    /// The layout of keys with these parts; `numbered` if a single address is also to be
    /// numbered.
    pub(super) fn new(parts: &[KeyPart], numbered: bool) -> KeyLayout {
        if let [part] = parts
            && part.field.info().kind == FieldKind::Address
            && !numbered
        {
            let slot = KeySlot { part: *part, word: 0, shift: 0, bits: WHOLE, counted: u64::MAX };
            return KeyLayout { slots: vec![slot], words: 2 };
        }
        let mut used: Vec<u32> = Vec::new();
        let mut slots = Vec::with_capacity(parts.len());
        for part in parts.iter().take(MOST_WORDS) {
            let bits = bits(part.field);
            let word = used.iter().position(|used| used + bits <= 64).unwrap_or(used.len());
            if word == used.len() {
                used.push(0);
            }
            let (shift, counted) = (used[word], counted(part.field));
            slots.push(KeySlot { part: *part, word, shift, bits, counted });
            used[word] += bits;
        }
        KeyLayout { slots, words: used.len().max(1) }
    }

    /// The columns that the keys need.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field> + '_ {
        self.slots.iter().flat_map(|slot| {
            let (mask, instead) = (mask_field(slot.part), reported_field(slot.part));
            std::iter::once(slot.part.field).chain(mask).chain(instead)
        })
    }
}

/// How keys are reversed: for each slot, the slot its bits come from.
#[derive(Clone, Debug)]
pub(super) struct KeyTransform {
    from: Vec<usize>,
    /// The same without exchanging ports, because for ICMP they contain type and code.
    from_icmp: Vec<usize>,
    proto: Option<usize>,
    /// The slots of source and destination port.
    ports: Option<(usize, usize)>,
}

/// Ports below this belong to servers, ports above it to clients (nfdump(1), `-B`).
const SERVERS: u64 = 1024;

impl KeyTransform {
    pub(super) fn new(layout: &KeyLayout) -> KeyTransform {
        let slot_of = |field| layout.slots.iter().position(|slot| slot.part.field == field);
        let from = |icmp: bool| {
            let slots = layout.slots.iter().enumerate();
            let other = slots.map(|(at, slot)| match slot.part.field {
                Field::SrcPort | Field::DstPort if icmp => at,
                field => opposite(field).and_then(slot_of).unwrap_or(at),
            });
            other.collect()
        };
        KeyTransform {
            from: from(false),
            from_icmp: from(true),
            proto: slot_of(Field::Proto),
            ports: slot_of(Field::SrcPort).zip(slot_of(Field::DstPort)),
        }
    }

    fn proto<const W: usize>(&self, layout: &KeyLayout, key: &PackedKey<W>) -> Option<u64> {
        self.proto.and_then(|at| layout.slots.get(at)).map(|slot| slot.get(key))
    }

    /// Whether the source is the server and the destination the client, according to their
    /// ports.
    pub(super) fn is_from_server<const W: usize>(
        &self,
        layout: &KeyLayout,
        key: &PackedKey<W>,
    ) -> bool {
        let has_ports = matches!(self.proto(layout, key), Some(6 | 17));
        let port = |at: usize| layout.slots[at].get(key);
        has_ports && self.ports.is_some_and(|(src, dst)| port(src) < SERVERS && port(dst) > SERVERS)
    }

    /// The key of the reverse direction, as in [`crate::flow::Flow::reversed`].
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
        for (slot, from) in layout.slots.iter().zip(from) {
            slot.put(&mut reversed, layout.slots[*from].get(key));
        }
        reversed
    }
}

/// The field that is exchanged with this one in the reverse direction.
fn opposite(field: Field) -> Option<Field> {
    const PAIRS: [(Field, Field); 6] = [
        (Field::Src, Field::Dst),
        (Field::SrcPort, Field::DstPort),
        (Field::Input, Field::Output),
        (Field::SrcAs, Field::DstAs),
        (Field::SrcMask, Field::DstMask),
        (Field::SrcInside, Field::DstInside),
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

    /// The greatest number that fits.
    pub(super) fn most(&self) -> u64 {
        if self.bits >= 64 { u64::MAX } else { (1 << self.bits) - 1 }
    }

    /// The significant bits of a number. Only damaged files have numbers that are wider than
    /// the field.
    #[inline]
    pub(super) fn cut(&self, bits: u64) -> u64 {
        bits.min(self.most()) & self.counted
    }

    #[inline]
    pub(super) fn put<const W: usize>(&self, key: &mut PackedKey<W>, bits: u64) {
        key[self.word] |= bits << self.shift;
    }

    /// The value of the part: an address, or the bits of a number.
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

    /// Puts an address into a key, or the bits that stand for it.
    #[inline]
    pub(super) fn put_host<const W: usize>(
        &self,
        key: &mut PackedKey<W>,
        host: Host,
        addresses: &AddressNumbers,
    ) {
        if self.bits == WHOLE {
            key[0] = (host.0 >> 64) as u64;
            if let Some(low) = key.get_mut(1) {
                *low = host.0 as u64;
            }
        } else {
            self.put(key, host_bits(host, addresses));
        }
    }

    /// Whether an address is stored as it is.
    pub(super) fn is_whole(&self) -> bool {
        self.bits == WHOLE
    }

    pub(super) fn is_text(&self) -> bool {
        self.part.field.info().kind == FieldKind::Text
    }

    /// Compares the values of the part in two keys.
    pub(super) fn compare<const W: usize>(
        &self,
        one: &PackedKey<W>,
        two: &PackedKey<W>,
        hosts: &Hosts,
    ) -> Ordering {
        if self.is_text() {
            return hosts.text(self.get(one)).cmp(&hosts.text(self.get(two)));
        }
        self.value(one, hosts).cmp(&self.value(two, hosts))
    }

    pub(super) fn is_address(&self) -> bool {
        self.part.field.info().kind == FieldKind::Address
    }
}

/// The bits that stand for an address among other fields.
#[inline]
pub(super) fn host_bits(host: Host, addresses: &AddressNumbers) -> u64 {
    match host.as_v4() {
        Some(bits) => u64::from(bits),
        None => NUMBERED | u64::from(addresses.number(host)),
    }
}

/// The bits that distinguish values: of an MPLS stack entry the label, not the traffic class.
fn counted(field: Field) -> u64 {
    if field.is_mpls() { !0xf } else { u64::MAX }
}

/// The number of bits of a field's values. A text is in a key by its number.
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

/// The field with the reported address of a host, for a key of inside addresses: where no inside
/// address is known, the host is the reported one.
pub(super) fn reported_field(part: KeyPart) -> Option<Field> {
    match part.field {
        Field::SrcInside => Some(Field::Src),
        Field::DstInside => Some(Field::Dst),
        _ => None,
    }
}

/// An address without its insignificant bits. A reported length of 0 means that none was
/// reported.
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
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Host(host.0 & mask)
}
