//! The keys of the groups that rows of a page belong to.

use super::layout::{Key, Layout, Place, cut, mask_field};
use super::names::Names;
use super::page::Page;
use super::state::State;
use crate::filter::select::{Batch, Hits, Values};
use crate::flow::column::Dictionary;
use crate::flow::field::Field;

/// Keys and sums by place in the dictionary of the chunk that is being read.
#[derive(Default)]
pub(super) struct Dense<const W: usize> {
    keys: Vec<Key<W>>,
    sums: Vec<State>,
}

impl<const W: usize> Dense<W> {
    /// Takes out what was met: keys and their sums.
    pub(super) fn take(&mut self, keys: &mut Vec<Key<W>>, sums: &mut Vec<State>) {
        let met = self.keys.drain(..).zip(self.sums.drain(..)).filter(|(_, sum)| sum.flows() > 0);
        keys.clear();
        sums.clear();
        for (key, sum) in met {
            keys.push(key);
            sums.push(sum);
        }
    }
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
    pub(super) fn add_dense<const W: usize>(
        &self,
        page: &Page<'_>,
        hits: &Hits,
        names: &Names,
        states: &[State],
        dense: &mut Dense<W>,
    ) -> bool {
        let [place] = self.layout.places.as_slice() else { return false };
        let Values::Ids(ids, dictionary) = page.values(place.part.field) else { return false };
        // Few rows are not worth going through all places in the end.
        if mask_field(place.part).is_some() || dictionary.len() > hits.len().saturating_mul(4) {
            return false;
        }
        let Dense { keys, sums } = dense;
        keys.resize(dictionary.len(), [0; W]);
        sums.resize(dictionary.len(), State::NONE);
        hits.each(|at, row| {
            let id = ids[row] as usize;
            let sums = &mut sums[id];
            if sums.flows() == 0 {
                let key = &mut keys[id];
                match dictionary {
                    Dictionary::Addresses(hosts) => {
                        place.put_host(key, cut(hosts[id], place.part.prefix, 0), names);
                    }
                    Dictionary::Numbers(numbers) => place.put(key, place.cut(numbers[id])),
                }
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
                page.numbers(place.part.field, hits, |at, bits| {
                    place.put(&mut keys[at], place.cut(bits));
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
        place.put_host(&mut keys[at], host, names);
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
    if place.is_whole() {
        page.hosts(place.part.field, hits, |at, host| {
            place.put_host(&mut keys[at], cut(host, prefix, 0), names);
        });
        return;
    }
    if let Values::Ids(ids, Dictionary::Addresses(hosts)) = page.values(place.part.field) {
        known.resize(hosts.len(), 0);
        let mut new: Vec<u32> = Vec::new();
        hits.each(|_, row| {
            let id = ids[row] as usize;
            if known[id] == 0 {
                // Some number, until they are given out all together.
                known[id] = u32::MAX;
                new.push(id as u32);
            }
        });
        names.number_all(&new, |id| cut(hosts[id as usize], prefix, 0), known);
        hits.each(|at, row| {
            place.put(&mut keys[at], u64::from(known[ids[row] as usize] - 1));
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
