use crate::{
    Builder, Flight, Full, Stats,
    table::{Gone, Slot, Table},
};
use parking_lot::Mutex;
use perfect21_core::Clock;
use std::{borrow::Borrow, fmt, hash::Hash, sync::Arc, time::Duration};

pub(crate) type Weigher<K, V> = Box<dyn Fn(&K, &V) -> u64 + Send + Sync>;

pub(crate) struct Settings<K, V> {
    pub(crate) name: String,
    pub(crate) max_entries: usize,
    pub(crate) max_bytes: u64,
    pub(crate) weigher: Weigher<K, V>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A cache that never holds more than its bounds; see the [crate's page](crate) for what it promises and costs.
///
/// A handle: clones share the entries. Values come out as clones, so they are small or in an [`Arc`].
pub struct Cache<K, V> {
    pub(crate) inner: Arc<Inner<K, V>>,
}

pub(crate) struct Inner<K, V> {
    pub(crate) settings: Settings<K, V>,
    pub(crate) table: Mutex<Table<K, V>>,
    pub(crate) flight: Flight<K, V>,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// Starts with the default settings: 1000 entries, 100 MiB, no expiry.
    pub fn builder() -> Builder<K, V> {
        Builder::new()
    }

    pub(crate) fn from_settings(settings: Settings<K, V>) -> Self {
        Self { inner: Arc::new(Inner { settings, table: Mutex::new(Table::new()), flight: Flight::new() }) }
    }

    /// The value under `key`, if it is there and has not expired. Counts a hit or a miss.
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        let mut gone = Gone::new();
        let mut table = self.inner.table.lock();
        let value = table.get(key, &*self.inner.settings.clock, &mut gone).cloned();
        *if value.is_some() { &mut table.counts.hits } else { &mut table.counts.misses } += 1;
        drop(table);
        value
    }

    /// Puts `value` under `key` for the cache's TTL, and evicts as much as it needs.
    ///
    /// It wins over a [`get_or_load`](Self::get_or_load) of the key that is under way.
    ///
    /// # Errors
    /// [`Full`] gives a value back that is heavier than the whole cache. The key is empty then: what was under it is
    /// out of date.
    pub fn insert(&self, key: K, value: V) -> Result<(), Full<V>> {
        self.insert_for(key, value, self.inner.settings.ttl)
    }

    /// Like [`insert`](Self::insert), with a TTL of the entry's own; one past the clock's range means for ever.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_with_ttl(&self, key: K, value: V, ttl: Duration) -> Result<(), Full<V>> {
        self.insert_for(key, value, Some(ttl))
    }

    fn insert_for(&self, key: K, value: V, ttl: Option<Duration>) -> Result<(), Full<V>> {
        let slot = self.inner.slot(&key, value, ttl);
        let mut gone = Gone::new();
        let mut table = self.inner.table.lock();
        let overtaken = table.overtake(&key);
        let refused = self.inner.put(&mut table, key, slot, &mut gone);
        drop(table);
        self.inner.forget(overtaken.as_ref());
        refused
    }

    /// Takes the value under `key` out; `None` if there was none or it had expired.
    ///
    /// It wins over a [`get_or_load`](Self::get_or_load) of the key that is under way: what that loads is not stored.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut table = self.inner.table.lock();
        let overtaken = table.overtake(key);
        let entry = table.pop(key);
        let expired = entry.as_ref().is_some_and(|(_, slot)| slot.is_expired(&*self.inner.settings.clock));
        table.counts.expired += u64::from(expired);
        drop(table);
        self.inner.forget(overtaken.as_ref());
        entry.filter(|_| !expired).map(|(_, slot)| slot.value)
    }

    /// Empties the cache and gives its memory back; no load under way will store.
    pub fn clear(&self) {
        let mut table = self.inner.table.lock();
        let overtaken = table.overtake_all();
        let entries = table.take();
        drop(table);
        self.inner.forget(overtaken.keys());
        drop(entries);
    }

    /// Entries held now, expired ones included that have not made room yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.table.lock().len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held now, as the weigher counts them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inner.table.lock().bytes()
    }

    /// What happened so far, read at one instant.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::of(&self.inner.table.lock())
    }
}

impl<K, V> Cache<K, V> {
    /// The name in metrics and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.settings.name
    }

    /// The most entries held at any instant.
    #[must_use]
    pub fn max_entries(&self) -> usize {
        self.inner.settings.max_entries
    }

    /// The most bytes held at any instant.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.inner.settings.max_bytes
    }
}

impl<K: Hash + Eq, V> Inner<K, V> {
    /// Weighs and dates a value: calls the weigher, so never under the lock.
    pub(crate) fn slot(&self, key: &K, value: V, ttl: Option<Duration>) -> Slot<V> {
        let weight = (self.settings.weigher)(key, &value);
        let expires = ttl.and_then(|ttl| self.settings.clock.now().checked_add(ttl));
        Slot { value, weight, expires }
    }

    pub(crate) fn put(
        &self,
        table: &mut Table<K, V>,
        key: K,
        slot: Slot<V>,
        gone: &mut Gone<K, V>,
    ) -> Result<(), Full<V>> {
        let max_bytes = self.settings.max_bytes;
        if slot.weight > max_bytes {
            gone.extend(table.pop(&key));
            table.counts.refused += 1;
            return Err(Full { value: slot.value, weight: slot.weight, max_bytes });
        }
        table.put(key, slot, (self.settings.max_entries, max_bytes), gone);
        Ok(())
    }

    /// Whoever asks from now on must not join a load that began before a write.
    fn forget<'a>(&self, overtaken: impl IntoIterator<Item = &'a K>)
    where
        K: 'a,
    {
        for key in overtaken {
            self.flight.forget(key);
        }
    }
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.name())
            .field("max_entries", &self.max_entries())
            .field("max_bytes", &self.max_bytes())
            .finish_non_exhaustive()
    }
}
