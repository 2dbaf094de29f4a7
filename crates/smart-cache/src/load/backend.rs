//! What loads need of the cache that they fill: the one thing that they know of it.

use super::Ended;
use crate::{Cache, Flight, Full, Stats, engine::Claim};
use perfect21_core::{Observe, Trim};
use std::{
    hash::{BuildHasher, Hash},
    time::{Duration, Instant},
};

/// A cache as loads see it: our own, or a [`Store`](crate::Store) with the loads of its keys.
///
/// Where a TTL is `None`, it is the cache's own.
pub(crate) trait Backend<K: Hash + Eq, V> {
    /// A lookup; counts a hit or a miss.
    fn get(&self, key: &K) -> Option<V>;

    /// As [`get`](Self::get), without counting.
    fn peek(&self, key: &K) -> Option<V>;

    /// A write: no load of the key that began before will be stored, or joined by newcomers.
    fn insert(&self, key: K, value: V, ttl: Option<Duration>) -> Result<(), Full<V>>;

    /// A write, too.
    fn remove(&self, key: &K) -> Option<V>;

    /// A write of all keys.
    fn clear(&self);

    /// The loads that can be joined.
    fn flight(&self) -> &Flight<K, V>;

    /// Registers a load where writes of its key see it, until it ends. One of the same key that began before will not
    /// be stored.
    fn begin(&self, key: K) -> u64;

    /// Stores what a load brought, unless a write has overtaken it.
    fn store(&self, key: K, value: V, ttl: Option<Duration>, load: u64) -> Result<(), Full<V>>;

    /// Whether no write has overtaken the load.
    fn may_store(&self, key: &K, load: u64) -> bool;

    /// A load has ended.
    fn end(&self, key: &K, load: u64, ended: Ended);

    /// Counts a caller who missed and was served by another one's load.
    fn coalesced(&self, key: &K);

    fn now(&self) -> Instant;

    fn stats(&self) -> Stats;
}

/// A backend that many threads use, that is watched and that gives memory back.
pub(crate) trait Shared<K: Hash + Eq, V>: Backend<K, V> + Observe + Trim {}

impl<K: Hash + Eq, V, B: Backend<K, V> + Observe + Trim> Shared<K, V> for B {}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Backend<K, V> for Cache<K, V, S> {
    fn get(&self, key: &K) -> Option<V> {
        Self::get(self, key)
    }

    fn peek(&self, key: &K) -> Option<V> {
        let engine = &self.inner.engine;
        engine.get(engine.place(key), key, |_, _| {})
    }

    fn insert(&self, key: K, value: V, ttl: Option<Duration>) -> Result<(), Full<V>> {
        match ttl {
            Some(ttl) => self.insert_with_ttl(key, value, ttl),
            None => Self::insert(self, key, value),
        }
    }

    fn remove(&self, key: &K) -> Option<V> {
        Self::remove(self, key)
    }

    fn clear(&self) {
        Self::clear(self);
    }

    fn flight(&self) -> &Flight<K, V> {
        &self.inner.flight
    }

    fn begin(&self, key: K) -> u64 {
        let engine = &self.inner.engine;
        let place = engine.place(&key);
        let (number, overtaken) = engine.with_loads(place, |loads, counts| {
            counts.loads += 1;
            loads.begin(place.hash, key)
        });
        drop(overtaken);
        number
    }

    fn store(&self, key: K, value: V, ttl: Option<Duration>, load: u64) -> Result<(), Full<V>> {
        let engine = &self.inner.engine;
        let ttl = ttl.or_else(|| engine.times().ttl());
        self.inner.put(engine.place(&key), key, value, ttl, Claim::Load(load)).map(drop)
    }

    fn may_store(&self, key: &K, load: u64) -> bool {
        let place = self.inner.engine.place(key);
        self.inner.engine.with_loads(place, |loads, _| loads.may_store(place.hash, load))
    }

    fn end(&self, key: &K, load: u64, ended: Ended) {
        let place = self.inner.engine.place(key);
        let key = self.inner.engine.with_loads(place, |loads, counts| {
            counts.load_ended(ended);
            loads.end(place.hash, load)
        });
        drop(key);
    }

    fn coalesced(&self, key: &K) {
        let engine = &self.inner.engine;
        engine.with_loads(engine.place(key), |_, counts| counts.coalesced += 1);
    }

    fn now(&self) -> Instant {
        self.inner.engine.now()
    }

    fn stats(&self) -> Stats {
        Self::stats(self)
    }
}
