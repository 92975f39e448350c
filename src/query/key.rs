//! Builds the keys of the groups that rows of a page belong to.

use std::sync::Arc;

use super::layout::{KeyLayout, KeySlot, PackedKey, cut, host_bits, mask_field, reported_field};
use super::names::AddressNumbers;
use super::page::Page;
use super::question::Prefix;
use crate::filter::select::{ColumnSource, ColumnValues, MatchedRows};
use crate::flow::column::Dictionary;
use crate::flow::field::Field;
use crate::flow::{FlowText, Host};

/// Marks ids in `known` whose value was not needed yet.
const UNKNOWN: u64 = u64::MAX;

/// Builds the keys for the pages of a worker.
pub(super) struct KeyBuilder {
    layout: KeyLayout,
    /// For each part and dictionary id of the chunk: the bits that stand for the address in a
    /// key.
    known: Vec<Vec<u64>>,
}

impl KeyBuilder {
    pub(super) fn new(layout: KeyLayout) -> KeyBuilder {
        let known = layout.slots.iter().map(|_| Vec::new()).collect();
        KeyBuilder { layout, known }
    }

    /// Another chunk begins, with other dictionaries.
    pub(super) fn begin(&mut self) {
        self.known.iter_mut().for_each(Vec::clear);
    }

    /// The only slot of the key and its dictionary, if the key has a single part with a
    /// dictionary that is small enough to be traversed at the end.
    pub(super) fn single(
        &self,
        page: &Page<'_>,
        hits: &MatchedRows,
    ) -> Option<(KeySlot, Arc<Dictionary>)> {
        let [slot] = self.layout.slots.as_slice() else { return None };
        // Texts are numbered while pages are read, not at the end.
        if reported_field(slot.part).is_some() || slot.is_text() {
            return None;
        }
        let ColumnValues::Ids(_, dictionary) = page.values(slot.part.field) else { return None };
        if dictionary.len() > hits.len().saturating_mul(4) || mask_field(slot.part).is_some() {
            return None;
        }
        page.dictionary_of(slot.part.field).map(|dictionary| (*slot, dictionary))
    }

    /// The keys of the rows in `hits`, whose columns are loaded.
    pub(super) fn make<const W: usize>(
        &mut self,
        page: &Page<'_>,
        hits: &MatchedRows,
        addresses: &AddressNumbers,
        keys: &mut Vec<PackedKey<W>>,
    ) {
        keys.clear();
        keys.resize(hits.len(), [0; W]);
        for (slot, known) in self.layout.slots.iter().zip(&mut self.known) {
            if slot.is_text() {
                texts(slot, page, hits, addresses, keys);
            } else if !slot.is_address() {
                page.numbers(slot.part.field, hits, |at, bits| {
                    slot.put(&mut keys[at], slot.cut(bits));
                });
            } else if mask_field(slot.part).is_some() {
                cut_reported(slot, page, hits, addresses, keys);
            } else {
                let from = |field| HostColumn { field, slot, page, hits, addresses };
                match reported_field(slot.part) {
                    Some(reported) if !page.is_unspecified(slot.part.field) => {
                        from(slot.part.field).put_inside(reported, keys);
                    }
                    Some(reported) => from(reported).put(known, keys),
                    None => from(slot.part.field).put(known, keys),
                }
            }
        }
    }
}

/// The key of a dictionary value if the key has a single part.
pub(super) fn key_of<const W: usize>(
    slot: &KeySlot,
    dictionary: &Dictionary,
    id: usize,
    addresses: &AddressNumbers,
) -> PackedKey<W> {
    let mut key = [0; W];
    match dictionary {
        Dictionary::Addresses(hosts) => {
            slot.put_host(&mut key, cut(hosts[id], slot.part.prefix, 0), addresses);
        }
        Dictionary::Numbers(numbers) => slot.put(&mut key, slot.cut(numbers[id])),
        // No text is summed by its dictionary.
        Dictionary::Texts(_) => {}
    }
    key
}

/// Puts the numbers of texts into keys. Consecutive rows often have the same text.
fn texts<const W: usize>(
    slot: &KeySlot,
    page: &Page<'_>,
    hits: &MatchedRows,
    addresses: &AddressNumbers,
    keys: &mut [PackedKey<W>],
) {
    let mut last: Option<(FlowText, u64)> = None;
    page.texts(slot.part.field, hits, |at, text| {
        let number = match last {
            Some((same, number)) if same == text => number,
            _ => addresses.text_number(text).into(),
        };
        last = Some((text, number));
        slot.put(&mut keys[at], number);
    });
}

/// Puts addresses into keys, cut to the prefix length that each flow reported.
fn cut_reported<const W: usize>(
    slot: &KeySlot,
    page: &Page<'_>,
    hits: &MatchedRows,
    addresses: &AddressNumbers,
    keys: &mut [PackedKey<W>],
) {
    let mut masks = Vec::with_capacity(hits.len());
    let field = mask_field(slot.part).unwrap_or(Field::SrcMask);
    page.numbers(field, hits, |_, mask| masks.push(mask));
    page.hosts(slot.part.field, hits, |at, host| {
        let host = cut(host, slot.part.prefix, masks[at]);
        slot.put_host(&mut keys[at], host, addresses);
    });
}

/// The column from which the addresses of a slot are read.
struct HostColumn<'a, 'b> {
    field: Field,
    slot: &'a KeySlot,
    page: &'a Page<'b>,
    hits: &'a MatchedRows,
    addresses: &'a AddressNumbers,
}

impl HostColumn<'_, '_> {
    /// Puts addresses into keys, complete or cut to a given prefix length.
    fn put<const W: usize>(&self, known: &mut Vec<u64>, keys: &mut [PackedKey<W>]) {
        let HostColumn { field, slot, page, hits, addresses } = self;
        let prefix: Option<Prefix> = slot.part.prefix;
        match page.values(*field) {
            ColumnValues::Ids(ids, Dictionary::Addresses(hosts)) if !slot.is_whole() => {
                known.resize(hosts.len(), UNKNOWN);
                hits.each(|at, row| {
                    let id = ids[row] as usize;
                    if known[id] == UNKNOWN {
                        known[id] = host_bits(cut(hosts[id], prefix, 0), addresses);
                    }
                    slot.put(&mut keys[at], known[id]);
                });
            }
            _ => {
                let mut put = self.writer(keys);
                page.hosts(*field, hits, &mut put);
            }
        }
    }

    /// Puts inside addresses into keys, and the reported ones of flows that have none.
    fn put_inside<const W: usize>(&self, reported: Field, keys: &mut [PackedKey<W>]) {
        let mut hosts = Vec::with_capacity(self.hits.len());
        self.page.hosts(reported, self.hits, |_, host| hosts.push(host));
        let mut put = self.writer(keys);
        self.page.hosts(self.field, self.hits, |at, inside| {
            put(at, if inside.is_unspecified() { hosts[at] } else { inside });
        });
    }

    /// Puts one address after the other. Looking up numbers takes a lock, and consecutive rows
    /// often have the same address.
    fn writer<const W: usize>(&self, keys: &mut [PackedKey<W>]) -> impl FnMut(usize, Host) {
        let HostColumn { slot, addresses, .. } = self;
        let mut last: Option<(Host, PackedKey<W>)> = None;
        move |at, host| {
            let bits = match last {
                Some((same, bits)) if same == host => bits,
                _ => {
                    let mut bits = [0; W];
                    slot.put_host(&mut bits, cut(host, slot.part.prefix, 0), addresses);
                    bits
                }
            };
            last = Some((host, bits));
            for (word, bits) in keys[at].iter_mut().zip(bits) {
                *word |= bits;
            }
        }
    }
}
