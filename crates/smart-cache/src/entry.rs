use crate::{
    Cache, Full, Hasher,
    engine::{Claim, Place},
};
use std::{
    fmt,
    hash::{BuildHasher, Hash},
};

/// A key and what may be under it, to be changed in one step; made by [`Cache::entry`].
///
/// Nothing is locked while it lives: what is made from the value that is there is put in only if that has not changed
/// meanwhile, and made anew otherwise.
#[must_use = "an entry does nothing until it is inserted or computed"]
pub struct Entry<'a, K, V, S = Hasher> {
    cache: &'a Cache<K, V, S>,
    place: Place,
    key: K,
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The entry of a key, to be changed in one step however many threads do so.
    ///
    /// # Examples
    /// ```
    /// let visits = perfect21_smart_cache::Cache::<&str, u64>::builder().build()?;
    /// let count = |page| visits.entry(page).compute(|visits| Some(visits.unwrap_or(0) + 1));
    /// count("/")?;
    /// assert_eq!(count("/")?, Some(2));
    /// assert_eq!(visits.entry("/about").or_insert(0)?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entry(&self, key: K) -> Entry<'_, K, V, S> {
        Entry { cache: self, place: self.inner.engine.place(&key), key }
    }
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Entry<'_, K, V, S> {
    /// What it is the entry of.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The value that is there; where there is none, this one, put in for the cache's TTL. Of many who do so at once, all
    /// get the same.
    ///
    /// # Errors
    /// [`Full`], as [`Cache::insert`].
    pub fn or_insert(self, value: V) -> Result<V, Full<V>> {
        self.or_insert_with(|| value)
    }

    /// As [`or_insert`](Self::or_insert), with a value that is made only where there is none. It is made without a lock,
    /// so two callers may both make one; the second is dropped. For a value that is costly to make see
    /// [`get_or_load_blocking`](Cache::get_or_load_blocking). Counts a hit or a miss.
    ///
    /// # Errors
    /// [`Full`], as [`Cache::insert`].
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> Result<V, Full<V>> {
        if let Some(value) = self.cache.get(&self.key) {
            return Ok(value);
        }
        let made = make();
        loop {
            if self.put(made.clone(), Claim::IfAbsent)? {
                return Ok(made);
            }
            // Another one was first, or has gone again.
            if let Some(value) = self.there() {
                return Ok(value);
            }
        }
    }

    /// Puts in what `change` makes of the value that is there, for the cache's TTL, or removes that where it says `None`.
    /// Gives what is there then.
    ///
    /// `change` runs without a lock; if the value has changed meanwhile, it is called again with the new one. It wins over
    /// a load of the key that is under way. No hit is counted. A `change` that itself writes the key each time never ends.
    ///
    /// # Errors
    /// [`Full`], as [`Cache::insert`].
    pub fn compute(self, mut change: impl FnMut(Option<V>) -> Option<V>) -> Result<Option<V>, Full<V>> {
        loop {
            let under_way = UnderWay::begin(&self);
            let done = match change(self.there()) {
                Some(value) => {
                    self.put(value.clone(), Claim::Change(under_way.number))?.then_some(Some(value))
                }
                None => self.cache.inner.remove(&self.key, Some(under_way.number)).1.then_some(None),
            };
            if let Some(value) = done {
                return Ok(value);
            }
        }
    }

    fn there(&self) -> Option<V> {
        self.cache.inner.engine.get(self.place, &self.key, |_, _| {})
    }

    fn put(&self, value: V, claim: Claim<'_>) -> Result<bool, Full<V>> {
        let inner = &self.cache.inner;
        inner.put(self.place, self.key.clone(), value, inner.engine.times().ttl(), claim)
    }
}

/// A change under way, registered where other writes of its key see it.
struct UnderWay<'a, 'c, K: Hash + Eq, V, S: BuildHasher> {
    entry: &'a Entry<'c, K, V, S>,
    number: u64,
}

impl<'a, 'c, K: Hash + Eq + Clone, V, S: BuildHasher> UnderWay<'a, 'c, K, V, S> {
    fn begin(entry: &'a Entry<'c, K, V, S>) -> Self {
        let key = entry.key.clone();
        let begin = |loads: &mut crate::engine::Loads<K>| loads.begin_change(entry.place.hash, key);
        let number = entry.cache.inner.engine.with_loads(entry.place, |loads, _| begin(loads));
        Self { entry, number }
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Drop for UnderWay<'_, '_, K, V, S> {
    fn drop(&mut self) {
        let Entry { cache, place, .. } = self.entry;
        let ended = cache.inner.engine.with_loads(*place, |loads, _| loads.end(place.hash, self.number));
        drop(ended);
    }
}

impl<K: fmt::Debug, V, S> fmt::Debug for Entry<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}
