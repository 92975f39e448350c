//! The keys of the groups that rows of a page belong to.

use std::sync::Arc;

use super::layout::{KeyLayout, KeySlot, PackedKey, cut, host_bits, mask_field};
use super::names::AddressNumbers;
use super::page::Page;
use super::question::Prefix;
use crate::filter::select::{ColumnSource, ColumnValues, MatchedRows};
use crate::flow::Host;
use crate::flow::column::Dictionary;
use crate::flow::field::Field;

/// Stands in `known` for what was not yet asked for.
const UNKNOWN: u64 = u64::MAX;

/// Makes the keys of a worker's pages.
pub(super) struct KeyBuilder {
    layout: KeyLayout,
    /// Of each part and place of the chunk's dictionary: what stands for the
    /// address in a key.
    known: Vec<Vec<u64>>,
}

impl KeyBuilder {
    pub(super) fn new(layout: KeyLayout) -> KeyBuilder {
        let known = layout.places.iter().map(|_| Vec::new()).collect();
        KeyBuilder { layout, known }
    }

    /// Another chunk begins: dictionaries are others.
    pub(super) fn begin(&mut self) {
        self.known.iter_mut().for_each(Vec::clear);
    }

    /// The place that keys consist of and its dictionary, where there is a single
    /// part and that has one which is worth going through in the end.
    pub(super) fn single(
        &self,
        page: &Page<'_>,
        hits: &MatchedRows,
    ) -> Option<(KeySlot, Arc<Dictionary>)> {
        let [place] = self.layout.places.as_slice() else { return None };
        let ColumnValues::Ids(_, dictionary) = page.values(place.part.field) else { return None };
        if dictionary.len() > hits.len().saturating_mul(4) || mask_field(place.part).is_some() {
            return None;
        }
        page.dictionary_of(place.part.field).map(|dictionary| (*place, dictionary))
    }

    /// The keys of the rows in `hits`, whose columns were loaded.
    pub(super) fn make<const W: usize>(
        &mut self,
        page: &Page<'_>,
        hits: &MatchedRows,
        names: &AddressNumbers,
        keys: &mut Vec<PackedKey<W>>,
    ) {
        keys.clear();
        keys.resize(hits.len(), [0; W]);
        for (place, known) in self.layout.places.iter().zip(&mut self.known) {
            if !place.is_address() {
                page.numbers(place.part.field, hits, |at, bits| {
                    place.put(&mut keys[at], place.cut(bits));
                });
            } else if mask_field(place.part).is_some() {
                cut_reported(place, page, hits, names, keys);
            } else {
                hosts(place, known, page, hits, names, keys);
            }
        }
    }
}

/// The key of a value of the dictionary of a single part.
pub(super) fn key_of<const W: usize>(
    place: &KeySlot,
    dictionary: &Dictionary,
    id: usize,
    names: &AddressNumbers,
) -> PackedKey<W> {
    let mut key = [0; W];
    match dictionary {
        Dictionary::Addresses(hosts) => {
            place.put_host(&mut key, cut(hosts[id], place.part.prefix, 0), names);
        }
        Dictionary::Numbers(numbers) => place.put(&mut key, place.cut(numbers[id])),
        // No key has a part that is a text.
        Dictionary::Texts(_) => {}
    }
    key
}

/// Puts addresses into keys, cut to the length that each flow reported.
fn cut_reported<const W: usize>(
    place: &KeySlot,
    page: &Page<'_>,
    hits: &MatchedRows,
    names: &AddressNumbers,
    keys: &mut [PackedKey<W>],
) {
    let mut masks = Vec::with_capacity(hits.len());
    let field = mask_field(place.part).unwrap_or(Field::SrcMask);
    page.numbers(field, hits, |_, mask| masks.push(mask));
    page.hosts(place.part.field, hits, |at, host| {
        let host = cut(host, place.part.prefix, masks[at]);
        place.put_host(&mut keys[at], host, names);
    });
}

/// Puts addresses into keys, as they are or cut to a given length.
fn hosts<const W: usize>(
    place: &KeySlot,
    known: &mut Vec<u64>,
    page: &Page<'_>,
    hits: &MatchedRows,
    names: &AddressNumbers,
    keys: &mut [PackedKey<W>],
) {
    let prefix: Option<Prefix> = place.part.prefix;
    match page.values(place.part.field) {
        ColumnValues::Ids(ids, Dictionary::Addresses(hosts)) if !place.is_whole() => {
            known.resize(hosts.len(), UNKNOWN);
            hits.each(|at, row| {
                let id = ids[row] as usize;
                if known[id] == UNKNOWN {
                    known[id] = host_bits(cut(hosts[id], prefix, 0), names);
                }
                place.put(&mut keys[at], known[id]);
            });
        }
        _ => {
            // Numbers are under a lock: rows in turn often have the same address.
            let mut last: Option<(Host, PackedKey<W>)> = None;
            page.hosts(place.part.field, hits, |at, host| {
                let bits = match last {
                    Some((same, bits)) if same == host => bits,
                    _ => {
                        let mut bits = [0; W];
                        place.put_host(&mut bits, cut(host, prefix, 0), names);
                        bits
                    }
                };
                last = Some((host, bits));
                for (word, bits) in keys[at].iter_mut().zip(bits) {
                    *word |= bits;
                }
            });
        }
    }
}
