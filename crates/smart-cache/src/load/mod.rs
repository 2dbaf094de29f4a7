//! Loads: one for each key, however many ask.

mod blocking;
mod many;

use crate::{
    Cache, Full, Hasher,
    cache::Inner,
    engine::{Claim, Place},
    flight::{Leader, Turn},
};
use std::{
    hash::{BuildHasher, Hash},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The value under `key`; where there is none, `load` brings it, once however many callers wait.
    ///
    /// The first caller leads: it runs its `load` within its own future, and the others get a clone of what it brings.
    /// An error goes to the leader's own caller; then one of those who wait leads with its own `load`. A write of the
    /// key during the load wins: what was loaded goes to those who asked before the write, and is not stored. A value
    /// too heavy to store still goes to all who wait.
    ///
    /// # Errors
    /// Those of this caller's `load`.
    ///
    /// # Cancel safety
    /// If the leader's future is dropped, or its `load` panics, another waiter leads. A leader that is never polled
    /// again holds its waiters up: give the load a deadline. `load` must not ask for the same key, which waits for
    /// itself.
    ///
    /// # Examples
    /// ```
    /// use perfect21_smart_cache::Cache;
    /// use std::{io, sync::Arc};
    ///
    /// async fn read_user(id: u64) -> io::Result<Arc<str>> {
    ///     Ok(format!("user {id}").into())
    /// }
    ///
    /// async fn user(cache: &Cache<u64, Arc<str>>, id: u64) -> io::Result<Arc<str>> {
    ///     cache.get_or_load(id, || read_user(id)).await
    /// }
    /// ```
    pub async fn get_or_load<F, Fut, E>(&self, key: K, load: F) -> Result<V, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        self.load(key, load).await
    }

    /// For a key that was not there.
    async fn load<F, Fut, E>(&self, key: K, load: F) -> Result<V, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        let (engine, place) = (&self.inner.engine, self.inner.engine.place(&key));
        let leader = match self.inner.flight.join(key.clone()).await {
            Turn::Landed(value) => {
                engine.with_loads(place, |_, counts| counts.coalesced += 1);
                return Ok(value);
            }
            Turn::Lead(leader) => leader,
        };
        // Another load may have ended between our miss and our lead.
        if let Some(value) = self.loaded_meanwhile(place, &key) {
            leader.land(value.clone());
            return Ok(value);
        }
        let loading = Loading::begin(&self.inner, place, key);
        let value = load().await?;
        loading.land(leader, &value);
        Ok(value)
    }

    fn loaded_meanwhile(&self, place: Place, key: &K) -> Option<V> {
        self.inner.engine.get(place, key, |counts, hit| counts.coalesced += u64::from(hit))
    }
}

/// What a load stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// What it brought.
    Loaded,
    /// It failed; something else.
    Instead,
}

/// A load under way, registered where writes of its key see it.
pub(crate) struct Loading<'a, K: Hash + Eq, V, S: BuildHasher = Hasher> {
    inner: &'a Inner<K, V, S>,
    place: Place,
    key: K,
    number: u64,
    began: Instant,
    brought: AtomicBool,
}

impl<'a, K: Hash + Eq + Clone, V, S: BuildHasher> Loading<'a, K, V, S> {
    pub(crate) fn begin(inner: &'a Inner<K, V, S>, place: Place, key: K) -> Self {
        let registered = key.clone();
        let (number, overtaken) = inner.engine.with_loads(place, |loads, counts| {
            counts.loads += 1;
            loads.begin(place.hash, registered)
        });
        drop(overtaken);
        let began = inner.engine.times().clock().now();
        Self { inner, place, key, number, began, brought: AtomicBool::new(false) }
    }

    /// Stores a value for so long, unless a write has overtaken the load.
    pub(crate) fn store(&self, value: V, ttl: Option<Duration>, what: Stored) -> Result<(), Full<V>> {
        self.brought.store(what == Stored::Loaded, Relaxed);
        self.inner.put(self.place, self.key.clone(), value, ttl, Claim::Load(self.number))
    }

    /// Stores what was brought, and gives it to all who wait.
    fn land(self, leader: Leader<K, V>, value: &V)
    where
        V: Clone,
    {
        // What could not be stored was counted, and still goes to all who asked.
        let _ = self.store(value.clone(), self.inner.engine.times().ttl(), Stored::Loaded);
        // Only then may it end: until here a write must find it, to keep newcomers from this flight.
        leader.land(value.clone());
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Drop for Loading<'_, K, V, S> {
    fn drop(&mut self) {
        let took = self.inner.engine.times().clock().now().saturating_duration_since(self.began);
        let ended = self.inner.engine.with_loads(self.place, |loads, counts| {
            counts.load_failures += u64::from(!self.brought.load(Relaxed));
            counts.load_nanos =
                counts.load_nanos.saturating_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            loads.end(self.place.hash, self.number)
        });
        drop(ended);
    }
}
