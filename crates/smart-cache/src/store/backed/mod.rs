mod backend;
mod loads;

use super::{Bounds, Store, under_way::UnderWay};
use crate::{Full, Stats};
use std::{fmt, hash::Hash, sync::Arc, time::Duration};

/// A [`Store`] with loads: one for each key however many ask, and a write during a load wins.
///
/// What [`Cache`](crate::Cache) does by itself, for another store. A handle: clones share the values. Only what goes
/// through it is seen by the loads, so it takes the store. Costs a hash and a counter beside what the store costs.
///
/// [`Stats`] has what it can see: lookups, inserts, loads, removals and entries. Why values leave, and what they weigh,
/// only the store knows: these counts stay zero.
pub struct Backed<K, V, St> {
    inner: Arc<Inner<K, V, St>>,
}

struct Inner<K, V, St> {
    name: String,
    store: St,
    loads: UnderWay<K, V>,
}

impl<K: Hash + Eq, V, St: Store<K, V>> Backed<K, V, St> {
    /// A cache over this store, `store` by name.
    #[must_use]
    pub fn new(store: St) -> Self {
        Self::named("store", store)
    }

    /// As [`new`](Self::new), with its name in metrics and logs.
    #[must_use]
    pub fn named(name: impl Into<String>, store: St) -> Self {
        Self { inner: Arc::new(Inner { name: name.into(), store, loads: UnderWay::new() }) }
    }

    /// The value under `key`, if it is there and has not expired. Counts a hit or a miss.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        let value = self.inner.store.get(key);
        self.inner.loads.lookups.count(value.is_some());
        value
    }

    /// Puts `value` under `key` for as long as the store keeps any. It wins over a load of the key that is under way.
    ///
    /// # Errors
    /// [`Full`] gives a value back that the store has no room for; the key is empty then.
    pub fn insert(&self, key: K, value: V) -> Result<(), Full<V>> {
        self.write(key, value, None)
    }

    /// Like [`insert`](Self::insert), with a TTL of the entry's own.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_with_ttl(&self, key: K, value: V, ttl: Duration) -> Result<(), Full<V>> {
        self.write(key, value, Some(ttl))
    }

    fn write(&self, key: K, value: V, ttl: Option<Duration>) -> Result<(), Full<V>> {
        self.inner.loads.overtake(&key);
        let place = self.inner.loads.place(&key);
        let put = self.put(key, value, ttl, &mut || true);
        self.inner.loads.overtake_after(place);
        put
    }

    fn put(
        &self,
        key: K,
        value: V,
        ttl: Option<Duration>,
        may: &mut dyn FnMut() -> bool,
    ) -> Result<(), Full<V>> {
        let put = self.inner.store.insert_if(key, value, ttl, may);
        self.inner.loads.count(|counts| match &put {
            Ok(put) => counts.inserts += u64::from(*put),
            Err(_) => counts.refused += 1,
        });
        put.map(drop)
    }

    /// Takes the value under `key` out. A load of the key that is under way will not be stored.
    #[allow(clippy::must_use_candidate, reason = "mostly called for what it does")]
    pub fn remove(&self, key: &K) -> Option<V> {
        self.inner.loads.overtake(key);
        let removed = self.inner.store.remove(key);
        self.inner.loads.overtake(key);
        self.inner.loads.count(|counts| counts.removed += u64::from(removed.is_some()));
        removed
    }

    /// Takes all values out; no load under way will be stored.
    pub fn clear(&self) {
        self.inner.loads.overtake_all();
        self.inner.store.clear();
        self.inner.loads.overtake_all();
    }

    /// The store's bounds, and whether they are exact.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.inner.store.bounds()
    }

    /// The store itself, to be looked at: what is written to it directly, loads do not see.
    #[must_use]
    pub fn store(&self) -> &St {
        &self.inner.store
    }

    /// What happened so far, as far as it is seen from here.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::new(&self.inner.loads.counts(), self.inner.store.len(), 0)
    }
}

impl<K, V, St> Clone for Backed<K, V, St> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K, V, St> fmt::Debug for Backed<K, V, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backed").field("name", &self.inner.name).finish_non_exhaustive()
    }
}
