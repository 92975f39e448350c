//! Numbers for values that do not fit into a key: addresses of IPv6, and texts. The numbers are
//! the same for all threads of a query.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::flow::{FlowText, Host};

/// The number of locks that the numbering is spread over.
const SHARDS: usize = 16;

/// The numbers of the addresses seen so far.
pub(super) struct AddressNumbers {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
    texts: Mutex<TextNumbers>,
}

/// The numbers of the texts seen so far. Few keys have texts, so one lock is enough.
#[derive(Default)]
struct TextNumbers {
    numbers: HashMap<FlowText, u32, RandomState>,
    texts: Vec<FlowText>,
}

#[derive(Default)]
struct Shard {
    indices: HashTable<u32>,
    hosts: Vec<Host>,
}

impl Shard {
    /// The index of an address; a new address gets the next one.
    #[inline]
    fn index(&mut self, hasher: &RandomState, hash: u64, host: Host) -> u32 {
        let Shard { indices, hosts } = self;
        if let Some(index) = indices.find(hash, |index| hosts[*index as usize] == host) {
            return *index;
        }
        let index = hosts.len() as u32;
        hosts.push(host);
        indices.insert_unique(hash, index, |index| hasher.hash_one(hosts[*index as usize].0));
        index
    }
}

/// The addresses by number, after the numbering is complete.
pub(super) struct Hosts(Vec<Vec<Host>>, Vec<FlowText>);

impl AddressNumbers {
    pub(super) fn new() -> AddressNumbers {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        AddressNumbers { hasher: RandomState::default(), shards, texts: Mutex::default() }
    }

    /// The number of an address.
    pub(super) fn number(&self, host: Host) -> u32 {
        let hash = self.hasher.hash_one(host.0);
        let shard_at = (hash >> 32) as usize % SHARDS;
        let mut shard = self.shards[shard_at].lock().unwrap_or_else(PoisonError::into_inner);
        shard.index(&self.hasher, hash, host) * SHARDS as u32 + shard_at as u32
    }

    /// Removes and returns the addresses.
    pub(super) fn take_hosts(&self) -> Hosts {
        let taken = self.shards.iter().map(|shard| {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *shard).hosts
        });
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        Hosts(taken.collect(), std::mem::take(&mut *texts).texts)
    }

    /// The number of a text.
    pub(super) fn text_number(&self, text: FlowText) -> u32 {
        let mut known = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let TextNumbers { numbers, texts } = &mut *known;
        *numbers.entry(text).or_insert_with(|| {
            texts.push(text);
            texts.len() as u32 - 1
        })
    }
}

impl Hosts {
    pub(super) fn of(&self, number: u32) -> Host {
        let shard = self.0.get(number as usize % SHARDS);
        let host = shard.and_then(|hosts| hosts.get(number as usize / SHARDS));
        host.copied().unwrap_or(Host::UNSPECIFIED)
    }

    /// The text with this number.
    pub(super) fn text(&self, number: u64) -> FlowText {
        let text = usize::try_from(number).ok().and_then(|number| self.1.get(number));
        text.copied().unwrap_or(FlowText::EMPTY)
    }
}
