use crate::{
    Cache, Full,
    cache::Inner,
    flight::Turn,
    table::{Gone, Slot},
};
use std::hash::Hash;

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
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
        let leader = match self.inner.flight.join(key.clone()).await {
            Turn::Landed(value) => {
                self.inner.table.lock().counts.coalesced += 1;
                return Ok(value);
            }
            Turn::Lead(leader) => leader,
        };
        // Another load may have ended between our miss and our lead.
        if let Some(value) = self.stored_meanwhile(&key) {
            leader.land(value.clone());
            return Ok(value);
        }
        let loading = Loading::begin(&self.inner, key);
        let value = load().await?;
        // What could not be stored was counted, and still goes to all who asked.
        let _ = loading.store(value.clone());
        // Only then may `loading` end: until here a write must find it, to keep newcomers from this flight.
        leader.land(value.clone());
        drop(loading);
        Ok(value)
    }

    fn stored_meanwhile(&self, key: &K) -> Option<V> {
        let mut gone = Gone::new();
        let mut table = self.inner.table.lock();
        let value = table.get(key, &*self.inner.settings.clock, &mut gone).cloned();
        table.counts.coalesced += u64::from(value.is_some());
        drop(table);
        value
    }
}

/// A load under way, registered where writes of its key see it.
struct Loading<'a, K: Hash + Eq, V> {
    inner: &'a Inner<K, V>,
    key: K,
    number: u64,
    brought: std::cell::Cell<bool>,
}

impl<'a, K: Hash + Eq + Clone, V> Loading<'a, K, V> {
    fn begin(inner: &'a Inner<K, V>, key: K) -> Self {
        let number = inner.table.lock().begin_load(key.clone());
        Self { inner, key, number, brought: false.into() }
    }

    fn store(&self, value: V) -> Result<(), Full<V>> {
        self.brought.set(true);
        let slot: Slot<V> = self.inner.slot(&self.key, value, self.inner.settings.ttl);
        let key = self.key.clone();
        let mut gone = Gone::new();
        let mut table = self.inner.table.lock();
        if table.may_store(&self.key, self.number) {
            self.inner.put(&mut table, key, slot, &mut gone)
        } else {
            drop(table);
            drop(slot);
            Ok(())
        }
    }
}

impl<K: Hash + Eq, V> Drop for Loading<'_, K, V> {
    fn drop(&mut self) {
        let mut table = self.inner.table.lock();
        table.end_load(&self.key, self.number);
        table.counts.load_failures += u64::from(!self.brought.get());
    }
}
