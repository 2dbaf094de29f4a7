//! What the lock guards: entries, their bytes, the loads that may still store, and the counts. Nothing here drops a
//! value: what leaves the table is handed out, to be dropped when the lock is free again.

use lru::LruCache;
use perfect21_core::Clock;
use std::{
    borrow::Borrow,
    collections::{HashMap, hash_map::RandomState},
    hash::Hash,
    time::Instant,
};

pub(crate) struct Slot<V> {
    pub(crate) value: V,
    pub(crate) weight: u64,
    pub(crate) expires: Option<Instant>,
}

impl<V> Slot<V> {
    pub(crate) fn is_expired(&self, clock: &dyn Clock) -> bool {
        self.expires.is_some_and(|at| at <= clock.now())
    }
}

/// Entries that left the table and wait to be dropped.
pub(crate) type Gone<K, V> = Vec<(K, Slot<V>)>;

#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) inserts: u64,
    pub(crate) refused: u64,
    pub(crate) evicted_by_entries: u64,
    pub(crate) evicted_by_bytes: u64,
    pub(crate) expired: u64,
    pub(crate) trimmed: u64,
    pub(crate) loads: u64,
    pub(crate) load_failures: u64,
    pub(crate) coalesced: u64,
}

pub(crate) struct Table<K, V> {
    entries: LruCache<K, Slot<V>, RandomState>,
    bytes: u64,
    /// Loads in flight that no write has overtaken, with the number of the load.
    loads: HashMap<K, u64>,
    next_load: u64,
    pub(crate) counts: Counts,
}

impl<K: Hash + Eq, V> Table<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            entries: LruCache::unbounded_with_hasher(RandomState::new()),
            bytes: 0,
            loads: HashMap::new(),
            next_load: 0,
            counts: Counts::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A live entry, which becomes the most recently used; an expired one leaves.
    pub(crate) fn get<Q>(&mut self, key: &Q, clock: &dyn Clock, gone: &mut Gone<K, V>) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.entries.peek(key)?.is_expired(clock) {
            gone.extend(self.pop(key));
            self.counts.expired += 1;
            return None;
        }
        self.entries.get(key).map(|slot| &slot.value)
    }

    pub(crate) fn pop<Q>(&mut self, key: &Q) -> Option<(K, Slot<V>)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entry = self.entries.pop_entry(key)?;
        self.bytes -= entry.1.weight;
        Some(entry)
    }

    pub(crate) fn pop_lru(&mut self) -> Option<(K, Slot<V>)> {
        let entry = self.entries.pop_lru()?;
        self.bytes -= entry.1.weight;
        Some(entry)
    }

    /// Makes room, then puts the entry in. The caller has seen that `slot.weight <= max_bytes`.
    pub(crate) fn put(
        &mut self,
        key: K,
        slot: Slot<V>,
        (max_entries, max_bytes): (usize, u64),
        gone: &mut Gone<K, V>,
    ) {
        gone.extend(self.pop(&key));
        loop {
            let over = if self.entries.len() >= max_entries {
                &mut self.counts.evicted_by_entries
            } else if slot.weight > max_bytes - self.bytes {
                &mut self.counts.evicted_by_bytes
            } else {
                break;
            };
            *over += 1;
            gone.extend(self.pop_lru());
        }
        let weight = slot.weight;
        self.entries.push(key, slot);
        self.bytes += weight;
        self.counts.inserts += 1;
    }

    /// Takes all entries out; the emptied map keeps no memory.
    pub(crate) fn take(&mut self) -> LruCache<K, Slot<V>, RandomState> {
        self.bytes = 0;
        std::mem::replace(&mut self.entries, LruCache::unbounded_with_hasher(RandomState::new()))
    }

    /// Takes the expired entries out: O(entries).
    pub(crate) fn take_expired(&mut self, clock: &dyn Clock) -> Gone<K, V>
    where
        K: Clone,
    {
        let now = clock.now();
        let is_expired = |slot: &Slot<V>| slot.expires.is_some_and(|at| at <= now);
        let keys: Vec<K> =
            self.entries.iter().filter(|(_, slot)| is_expired(slot)).map(|(key, _)| key.clone()).collect();
        self.counts.expired += keys.len() as u64;
        keys.iter().filter_map(|key| self.pop(key)).collect()
    }

    /// Registers a load that begins now; a load of the same key that began earlier will not store.
    pub(crate) fn begin_load(&mut self, key: K) -> u64 {
        self.next_load += 1;
        self.loads.insert(key, self.next_load);
        self.counts.loads += 1;
        self.next_load
    }

    pub(crate) fn may_store(&self, key: &K, load: u64) -> bool {
        self.loads.get(key) == Some(&load)
    }

    pub(crate) fn end_load(&mut self, key: &K, load: u64) {
        if self.may_store(key, load) {
            self.loads.remove(key);
        }
    }

    /// A write overtakes the load of its key; returns the key if there was one.
    pub(crate) fn overtake<Q>(&mut self, key: &Q) -> Option<K>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.loads.is_empty() {
            return None;
        }
        self.loads.remove_entry(key).map(|(key, _)| key)
    }

    pub(crate) fn overtake_all(&mut self) -> HashMap<K, u64> {
        std::mem::take(&mut self.loads)
    }
}
