//! The loads under way whose value may still be stored: a write of the key takes them out.

use super::table::widen;
use equivalent::Equivalent;
use hashbrown::HashTable;

struct Load<K> {
    hash: u32,
    number: u64,
    key: K,
}

/// Holds one for each leader at most, so its callers bound it.
pub(crate) struct Loads<K> {
    loads: HashTable<Load<K>>,
    next: u64,
}

impl<K: Eq> Loads<K> {
    pub(crate) fn new() -> Self {
        Self { loads: HashTable::new(), next: 0 }
    }

    /// Registers a load that begins now; one of the same key that began earlier will not store. What it puts out of
    /// the way is to be dropped without the lock.
    pub(crate) fn begin(&mut self, hash: u32, key: K) -> (u64, Option<K>) {
        let overtaken = self.overtake(hash, &key);
        self.next += 1;
        let load = Load { hash, number: self.next, key };
        self.loads.insert_unique(widen(hash), load, |load| widen(load.hash));
        (self.next, overtaken)
    }

    pub(crate) fn may_store(&self, hash: u32, number: u64) -> bool {
        self.loads.find(widen(hash), |load| load.number == number).is_some()
    }

    pub(crate) fn end(&mut self, hash: u32, number: u64) -> Option<K> {
        let found = self.loads.find_entry(widen(hash), |load| load.number == number).ok()?;
        Some(found.remove().0.key)
    }

    #[inline]
    pub(crate) fn overtake<Q: Equivalent<K> + ?Sized>(&mut self, hash: u32, key: &Q) -> Option<K> {
        if self.loads.is_empty() {
            return None;
        }
        let found =
            self.loads.find_entry(widen(hash), |load| load.hash == hash && key.equivalent(&load.key)).ok()?;
        Some(found.remove().0.key)
    }

    pub(crate) fn overtake_all(&mut self) -> Vec<K> {
        if self.loads.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut self.loads).into_iter().map(|load| load.key).collect()
    }
}
