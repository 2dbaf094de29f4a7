//! The loads under way whose value may still be stored, and the changes under way of what is there: a write of the key
//! takes them out.

use super::table::widen;
use equivalent::Equivalent;
use hashbrown::HashTable;

struct Load<K> {
    hash: u32,
    number: u64,
    key: K,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Brings a value from elsewhere.
    Load,
    /// Makes a value from what is there, and must begin anew when that has changed.
    Change,
}

/// Holds one for each leader and each changer at most, so its callers bound it.
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
        let overtaken = self.take(hash, &key, |load| load.kind == Kind::Load);
        (self.register(hash, key, Kind::Load), overtaken)
    }

    /// Registers a change of what is there now.
    pub(crate) fn begin_change(&mut self, hash: u32, key: K) -> u64 {
        self.register(hash, key, Kind::Change)
    }

    fn register(&mut self, hash: u32, key: K, kind: Kind) -> u64 {
        self.next += 1;
        let load = Load { hash, number: self.next, key, kind };
        self.loads.insert_unique(widen(hash), load, |load| widen(load.hash));
        self.next
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.loads.is_empty()
    }

    pub(crate) fn may_store(&self, hash: u32, number: u64) -> bool {
        self.loads.find(widen(hash), |load| load.number == number).is_some()
    }

    pub(crate) fn end(&mut self, hash: u32, number: u64) -> Option<K> {
        let found = self.loads.find_entry(widen(hash), |load| load.number == number).ok()?;
        Some(found.remove().0.key)
    }

    /// A write of the key: what began before will not store.
    #[inline]
    pub(crate) fn overtake<Q: Equivalent<K> + ?Sized>(&mut self, hash: u32, key: &Q) -> Vec<K> {
        if self.is_empty() { Vec::new() } else { self.take_all(hash, key, |_| true) }
    }

    /// A load of the key stores what it brought: what is made from what was there before will not.
    pub(crate) fn overtake_changes(&mut self, hash: u32, key: &K) -> Vec<K> {
        self.take_all(hash, key, |load| load.kind == Kind::Change)
    }

    /// As [`overtake`](Self::overtake), by a change that may have to look again before it is done.
    pub(crate) fn overtake_others(&mut self, hash: u32, key: &K, change: u64) -> Vec<K> {
        self.take_all(hash, key, |load| load.number != change)
    }

    #[cold]
    fn take_all<Q: Equivalent<K> + ?Sized>(
        &mut self,
        hash: u32,
        key: &Q,
        which: impl Fn(&Load<K>) -> bool + Copy,
    ) -> Vec<K> {
        std::iter::from_fn(|| self.take(hash, key, which)).collect()
    }

    fn take<Q: Equivalent<K> + ?Sized>(
        &mut self,
        hash: u32,
        key: &Q,
        which: impl Fn(&Load<K>) -> bool,
    ) -> Option<K> {
        let is = |load: &Load<K>| load.hash == hash && which(load) && key.equivalent(&load.key);
        let found = self.loads.find_entry(widen(hash), is).ok()?;
        Some(found.remove().0.key)
    }

    /// As [`overtake`](Self::overtake), of all keys with this hash.
    pub(crate) fn overtake_hash(&mut self, hash: u32) -> Vec<K> {
        let take = || {
            let found = self.loads.find_entry(widen(hash), |load| load.hash == hash).ok()?;
            Some(found.remove().0.key)
        };
        std::iter::from_fn(take).collect()
    }

    pub(crate) fn overtake_all(&mut self) -> Vec<K> {
        if self.loads.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut self.loads).into_iter().map(|load| load.key).collect()
    }
}
