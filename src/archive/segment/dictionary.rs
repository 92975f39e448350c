//! Assigns ids to values in the order of their first occurrence.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::flow::{FlowText, Host};

/// Numbers below this are looked up by index, not by hash.
const DIRECT: usize = 1 << 16;

/// The ids of the values of one type. The hash has a random seed, because the values come from
/// the network.
#[derive(Default)]
pub(super) struct DictionaryIndex<T> {
    values: Vec<T>,
    table: HashTable<(T, u32)>,
    seed: RandomState,
    /// Id + 1 of small numbers; 0 for none.
    direct: Vec<u32>,
}

/// The types of values that a dictionary can have.
pub(super) trait DictionaryKey: Copy + Eq + Hash {
    /// The index for the direct lookup, if the value is small enough.
    fn small(self) -> Option<usize>;
}

impl DictionaryKey for u64 {
    fn small(self) -> Option<usize> {
        usize::try_from(self).ok().filter(|n| *n < DIRECT)
    }
}

impl DictionaryKey for Host {
    fn small(self) -> Option<usize> {
        None
    }
}

impl DictionaryKey for FlowText {
    fn small(self) -> Option<usize> {
        None
    }
}

impl<T: DictionaryKey> DictionaryIndex<T> {
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Appends the ids of values; new values are added.
    pub fn extend(&mut self, values: &[T], ids: &mut Vec<u32>) {
        ids.reserve(values.len());
        let mut before: Option<(T, u32)> = None;
        for value in values {
            let id = match before {
                Some((same, id)) if same == *value => id,
                _ => self.id_of(*value),
            };
            before = Some((*value, id));
            ids.push(id);
        }
    }

    fn id_of(&mut self, value: T) -> u32 {
        let next = self.values.len() as u32;
        if let Some(small) = value.small() {
            if self.direct.len() <= small {
                self.direct.resize((small + 1).next_power_of_two(), 0);
            }
            if let Some(entry) = self.direct.get_mut(small) {
                if *entry == 0 {
                    *entry = next + 1;
                    self.values.push(value);
                }
                return *entry - 1;
            }
        }
        let (table, seed) = (&mut self.table, &self.seed);
        let entry = table.entry(
            seed.hash_one(value),
            |(other, _)| *other == value,
            |(other, _)| seed.hash_one(other),
        );
        let id = entry.or_insert((value, next)).get().1;
        if id == next {
            self.values.push(value);
        }
        id
    }
}
