//! What groups are told apart by, in as few bits as it fits in.
//!
//! Addresses are numbered as they are met ([`Names`]), so that a 5-tuple of
//! either family takes 104 bits; other fields stand in a key as they are.

use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::page::Page;
use super::question::{Part, Prefix};
use super::state::State;
use crate::filter::select::{Batch, Hits, Values};
use crate::flow::Host;
use crate::flow::column::Dictionary;
use crate::flow::field::{Field, Kind};

/// A key of up to 64 times `W` bits.
pub(super) type Key<const W: usize> = [u64; W];

/// Words of the widest key: room for every field at once.
pub(super) const MOST_WORDS: usize = 64;

/// Locks that numbering addresses is spread over.
const SHARDS: usize = 16;

/// Numbers of the addresses met so far, the same for all threads.
pub(super) struct Names {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    places: HashTable<u32>,
    hosts: Vec<Host>,
}

/// What the numbers stand for, when no more are given out.
pub(super) struct Hosts(Vec<Vec<Host>>);

impl Names {
    pub(super) fn new() -> Names {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Names { hasher: RandomState::default(), shards }
    }

    /// The number of an address.
    pub(super) fn number(&self, host: Host) -> u32 {
        let hash = self.hasher.hash_one(host.0);
        let shard_at = (hash >> 32) as usize % SHARDS;
        let mut shard = self.shards[shard_at].lock().unwrap_or_else(PoisonError::into_inner);
        let Shard { places, hosts } = &mut *shard;
        let place = match places.find(hash, |place| hosts[*place as usize] == host) {
            Some(place) => *place,
            None => {
                let place = hosts.len() as u32;
                hosts.push(host);
                places.insert_unique(hash, place, |place| {
                    self.hasher.hash_one(hosts[*place as usize].0)
                });
                place
            }
        };
        place * SHARDS as u32 + shard_at as u32
    }

    /// Takes the addresses out when all are numbered.
    pub(super) fn take_hosts(&self) -> Hosts {
        let taken = self.shards.iter().map(|shard| {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *shard).hosts
        });
        Hosts(taken.collect())
    }
}

impl Hosts {
    pub(super) fn of(&self, number: u32) -> Host {
        let shard = self.0.get(number as usize % SHARDS);
        let host = shard.and_then(|hosts| hosts.get(number as usize / SHARDS));
        host.copied().unwrap_or(Host::UNSPECIFIED)
    }
}

/// Where a part stands in a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub part: Part,
    word: usize,
    shift: u32,
    bits: u32,
}

/// How keys are made.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub places: Vec<Place>,
    pub words: usize,
}

impl Layout {
    pub(super) fn new(parts: &[Part]) -> Layout {
        let (mut word, mut used) = (0, 0);
        let mut places = Vec::with_capacity(parts.len());
        for part in parts.iter().take(MOST_WORDS) {
            let bits = bits(part.field);
            if used + bits > 64 {
                (word, used) = (word + 1, 0);
            }
            places.push(Place { part: *part, word, shift: used, bits });
            used += bits;
        }
        Layout { places, words: word + 1 }
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
pub(super) struct Turn {
    from: Vec<usize>,
    /// The same without ports, whose place holds type and code of ICMP.
    from_icmp: Vec<usize>,
    proto: Option<usize>,
}

impl Turn {
    pub(super) fn new(layout: &Layout) -> Turn {
        let place_of = |field| layout.places.iter().position(|place| place.part.field == field);
        let from = |icmp: bool| {
            let places = layout.places.iter().enumerate();
            let other = places.map(|(at, place)| match place.part.field {
                Field::SrcPort | Field::DstPort if icmp => at,
                field => opposite(field).and_then(place_of).unwrap_or(at),
            });
            other.collect()
        };
        Turn { from: from(false), from_icmp: from(true), proto: place_of(Field::Proto) }
    }

    /// The key of the way back, as [`crate::flow::Flow::reversed`] has it.
    pub(super) fn reversed<const W: usize>(&self, layout: &Layout, key: &Key<W>) -> Key<W> {
        let proto = self.proto.and_then(|at| layout.places.get(at)).map(|place| place.get(key));
        let from = if matches!(proto, Some(1 | 58)) { &self.from_icmp } else { &self.from };
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

impl Place {
    /// The bits of the part.
    #[inline]
    pub(super) fn get<const W: usize>(&self, key: &Key<W>) -> u64 {
        key[self.word] >> self.shift & self.most()
    }

    /// The greatest number there is room for.
    fn most(&self) -> u64 {
        if self.bits == 64 { u64::MAX } else { (1 << self.bits) - 1 }
    }

    #[inline]
    pub(super) fn put<const W: usize>(&self, key: &mut Key<W>, bits: u64) {
        key[self.word] |= bits << self.shift;
    }

    /// The part's value: an address, or the bits of a number.
    pub(super) fn value<const W: usize>(&self, key: &Key<W>, hosts: &Hosts) -> u128 {
        let bits = self.get(key);
        if self.is_address() { hosts.of(bits as u32).0 } else { u128::from(bits) }
    }

    pub(super) fn is_address(&self) -> bool {
        self.part.field.info().kind == Kind::Address
    }
}

/// How many bits the values of a field take, addresses by their number.
fn bits(field: Field) -> u32 {
    match field {
        Field::SrcPort | Field::DstPort | Field::Vlan | Field::DstVlan => 16,
        Field::NatSrcPort | Field::NatDstPort => 16,
        Field::Proto | Field::TcpFlags | Field::Tos | Field::DstTos => 8,
        Field::SrcMask | Field::DstMask | Field::Direction => 8,
        Field::MinTtl | Field::MaxTtl | Field::Forwarding | Field::NatEvent => 8,
        Field::First | Field::Last | Field::Arrival | Field::Bytes | Field::Packets => 64,
        Field::ClockOffset => 64,
        Field::InSrcMac | Field::OutDstMac | Field::InDstMac | Field::OutSrcMac => 64,
        Field::Duplicate | Field::Timed => 8,
        _ => 32,
    }
}

fn mask_field(part: Part) -> Option<Field> {
    (part.prefix == Some(Prefix::Reported)).then_some(match part.field {
        Field::Dst => Field::DstMask,
        _ => Field::SrcMask,
    })
}

/// An address without the bits that do not count.
fn cut(host: Host, prefix: Option<Prefix>, reported: u64) -> Host {
    let v4 = host.as_v4().is_some();
    let bits = match prefix {
        Some(Prefix::V4(bits)) if v4 => u32::from(bits.min(32)) + 96,
        Some(Prefix::V6(bits)) if !v4 => u32::from(bits.min(128)),
        Some(Prefix::Reported) if v4 => reported.min(32) as u32 + 96,
        Some(Prefix::Reported) => reported.min(128) as u32,
        _ => return host,
    };
    let kept = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Host(host.0 & kept)
}

/// Makes the keys of a worker's pages.
pub(super) struct Keys {
    layout: Layout,
    /// Of each part and place of the chunk's dictionary: the number, 0 for not
    /// yet known, else one more than it.
    known: Vec<Vec<u32>>,
}

impl Keys {
    pub(super) fn new(layout: Layout) -> Keys {
        let known = layout.places.iter().map(|_| Vec::new()).collect();
        Keys { layout, known }
    }

    /// Another chunk begins: dictionaries are others.
    pub(super) fn begin(&mut self) {
        self.known.iter_mut().for_each(Vec::clear);
    }

    /// Adds rows up by their place in the dictionary, where there is a single part
    /// and that has one; false where it has to be done by key.
    ///
    /// `dense` holds the key and the sums of each place that was met.
    pub(super) fn add_dense<const W: usize>(
        &mut self,
        page: &Page<'_>,
        hits: &Hits,
        names: &Names,
        states: &[State],
        dense: &mut Vec<(Key<W>, State)>,
    ) -> bool {
        let ([place], [known]) = (self.layout.places.as_slice(), self.known.as_mut_slice()) else {
            return false;
        };
        let Values::Ids(ids, dictionary) = page.values(place.part.field) else { return false };
        // Few rows are not worth going through all places in the end.
        if mask_field(place.part).is_some() || dictionary.len() > hits.len().saturating_mul(4) {
            return false;
        }
        dense.resize(dictionary.len(), ([0; W], State::NONE));
        known.resize(dictionary.len(), 0);
        hits.each(|at, row| {
            let id = ids[row] as usize;
            let (key, sums) = &mut dense[id];
            if sums.flows() == 0 {
                let bits = match dictionary {
                    Dictionary::Addresses(hosts) => {
                        let number = names.number(cut(hosts[id], place.part.prefix, 0));
                        known[id] = number.saturating_add(1);
                        u64::from(number)
                    }
                    Dictionary::Numbers(numbers) => numbers[id].min(place.most()),
                };
                place.put(key, bits);
            }
            sums.add(&states[at]);
        });
        true
    }

    /// The keys of the rows in `hits`, whose columns were loaded.
    pub(super) fn make<const W: usize>(
        &mut self,
        page: &Page<'_>,
        hits: &Hits,
        names: &Names,
        keys: &mut Vec<Key<W>>,
    ) {
        keys.clear();
        keys.resize(hits.len(), [0; W]);
        for (place, known) in self.layout.places.iter().zip(&mut self.known) {
            if !place.is_address() {
                // Wider than its field says only in a damaged file.
                let most = place.most();
                page.numbers(place.part.field, hits, |at, bits| {
                    place.put(&mut keys[at], bits.min(most));
                });
            } else if mask_field(place.part).is_some() {
                cut_reported(place, page, hits, names, keys);
            } else {
                numbered(place, known, page, hits, names, keys);
            }
        }
    }
}

fn cut_reported<const W: usize>(
    place: &Place,
    page: &Page<'_>,
    hits: &Hits,
    names: &Names,
    keys: &mut [Key<W>],
) {
    let mut masks = Vec::with_capacity(hits.len());
    let field = mask_field(place.part).unwrap_or(Field::SrcMask);
    page.numbers(field, hits, |_, mask| masks.push(mask));
    page.hosts(place.part.field, hits, |at, host| {
        let host = cut(host, place.part.prefix, masks[at]);
        place.put(&mut keys[at], u64::from(names.number(host)));
    });
}

fn numbered<const W: usize>(
    place: &Place,
    known: &mut Vec<u32>,
    page: &Page<'_>,
    hits: &Hits,
    names: &Names,
    keys: &mut [Key<W>],
) {
    let prefix = place.part.prefix;
    if let Values::Ids(ids, Dictionary::Addresses(hosts)) = page.values(place.part.field) {
        known.resize(hosts.len(), 0);
        hits.each(|at, row| {
            let id = ids[row] as usize;
            if known[id] == 0 {
                known[id] = names.number(cut(hosts[id], prefix, 0)).saturating_add(1);
            }
            place.put(&mut keys[at], u64::from(known[id] - 1));
        });
        return;
    }
    let mut last = None;
    page.hosts(place.part.field, hits, |at, host| {
        let number = match last {
            Some((same, number)) if same == host => number,
            _ => names.number(cut(host, prefix, 0)),
        };
        last = Some((host, number));
        place.put(&mut keys[at], u64::from(number));
    });
}
