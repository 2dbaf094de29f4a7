use super::Backed;
use crate::{
    Flight, Full, Stats, Store,
    load::{Backend, Ended},
    observe,
};
use perfect21_core::{Observe, Pressure, Trim, Trimmed, Visitor};
use std::{
    hash::Hash,
    time::{Duration, Instant},
};

impl<K: Hash + Eq, V, St: Store<K, V>> Backend<K, V> for Backed<K, V, St> {
    fn get(&self, key: &K) -> Option<V> {
        Self::get(self, key)
    }

    fn peek(&self, key: &K) -> Option<V> {
        self.inner.store.get(key)
    }

    fn insert(&self, key: K, value: V, ttl: Option<Duration>) -> Result<(), Full<V>> {
        self.write(key, value, ttl)
    }

    fn remove(&self, key: &K) -> Option<V> {
        Self::remove(self, key)
    }

    fn clear(&self) {
        Self::clear(self);
    }

    fn flight(&self) -> &Flight<K, V> {
        &self.inner.loads.flight
    }

    fn begin(&self, key: K) -> u64 {
        self.inner.loads.begin(key)
    }

    fn store(&self, key: K, value: V, ttl: Option<Duration>, load: u64) -> Result<(), Full<V>> {
        let mut may = self.inner.loads.may_store(&key, load);
        self.put(key, value, ttl, &mut may)
    }

    fn may_store(&self, key: &K, load: u64) -> bool {
        self.inner.loads.may_store(key, load)()
    }

    fn end(&self, key: &K, load: u64, ended: Ended) {
        self.inner.loads.end(key, load, ended);
    }

    fn coalesced(&self, _: &K) {
        self.inner.loads.count(|counts| counts.coalesced += 1);
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn stats(&self) -> Stats {
        Self::stats(self)
    }
}

/// As the store gives memory back.
impl<K: Hash + Eq + Send + Sync, V: Send + Sync, St: Store<K, V>> Trim for Backed<K, V, St> {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        self.inner.store.trim(pressure)
    }
}

impl<K: Hash + Eq + Send + Sync, V: Send + Sync, St: Store<K, V>> Observe for Backed<K, V, St> {
    fn observe(&self, visitor: &mut dyn Visitor) {
        observe::seen(&self.stats(), &self.inner.name, visitor);
    }
}
