//! Numbers of addresses that do not fit into a key, which is those of IPv6; the
//! same for all threads of a query.

use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::flow::Host;

/// Locks that numbering addresses is spread over.
const SHARDS: usize = 16;

/// Numbers of the addresses met so far, the same for all threads.
pub(super) struct AddressNumbers {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    places: HashTable<u32>,
    hosts: Vec<Host>,
}

impl Shard {
    /// The place of an address, which gets one if it has none.
    #[inline]
    fn place(&mut self, hasher: &RandomState, hash: u64, host: Host) -> u32 {
        let Shard { places, hosts } = self;
        if let Some(place) = places.find(hash, |place| hosts[*place as usize] == host) {
            return *place;
        }
        let place = hosts.len() as u32;
        hosts.push(host);
        places.insert_unique(hash, place, |place| hasher.hash_one(hosts[*place as usize].0));
        place
    }
}

/// What the numbers stand for, when no more are given out.
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
        shard.place(&self.hasher, hash, host) * SHARDS as u32 + shard_at as u32
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
