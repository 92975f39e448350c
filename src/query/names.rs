//! Numbers for addresses that do not fit into a key, which are those of IPv6. The numbers are
//! the same for all threads of a query.

use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::flow::Host;

/// The number of locks that the numbering is spread over.
const SHARDS: usize = 16;

/// The numbers of the addresses seen so far.
pub(super) struct AddressNumbers {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
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
pub(super) struct Hosts(Vec<Vec<Host>>);

impl AddressNumbers {
    pub(super) fn new() -> AddressNumbers {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        AddressNumbers { hasher: RandomState::default(), shards }
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
