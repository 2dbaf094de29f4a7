use super::{Bounds, Store};
use crate::{Full, cache::Weigher};
use ::lru::LruCache;
use parking_lot::Mutex;
use perfect21_core::{Clock, ConfigError, Pressure, SystemClock, Trimmed};
use std::{
    fmt,
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

/// Strict LRU, by the crate `lru`: what was used longest ago leaves first, over all entries.
///
/// For who must be able to say which entry leaves; [`Cache`](crate::Cache) hits more often, and does so on many threads
/// at once. One lock for all. Both bounds are exact at every instant; expired values make room when they are asked for,
/// when their turn comes or in a [`trim`](Store::trim).
pub struct Lru<K, V> {
    held: Mutex<Held<K, V>>,
    max_entries: usize,
    max_bytes: Option<u64>,
    weigher: Option<Weigher<K, V>>,
    clock: Arc<dyn Clock>,
}

struct Held<K, V> {
    values: LruCache<K, Dated<V>, foldhash::fast::RandomState>,
    bytes: u64,
}

struct Dated<V> {
    value: V,
    weight: u64,
    deadline: Option<Instant>,
}

impl<K: Hash + Eq, V> Lru<K, V> {
    /// Holds so many entries.
    ///
    /// # Errors
    /// If that is zero.
    pub fn new(max_entries: usize) -> Result<Self, ConfigError> {
        if max_entries == 0 {
            return Err(ConfigError::new("max_entries", 0, "must be at least 1"));
        }
        let values = LruCache::unbounded_with_hasher(foldhash::fast::RandomState::default());
        let held = Mutex::new(Held { values, bytes: 0 });
        Ok(Self { held, max_entries, max_bytes: None, weigher: None, clock: Arc::new(SystemClock) })
    }

    /// Holds no more than so many bytes, too.
    ///
    /// # Errors
    /// If a bound is zero.
    pub fn weighed(
        max_entries: usize,
        max_bytes: u64,
        weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        if max_bytes == 0 {
            return Err(ConfigError::new("max_bytes", 0, "must be at least 1"));
        }
        let unweighed = Self::new(max_entries)?;
        Ok(Self { max_bytes: Some(max_bytes), weigher: Some(Box::new(weigher)), ..unweighed })
    }

    /// With another clock to tell what has expired. Default: the system's.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// What its last user touched longest ago, and so on, until there is room.
    fn make_room(&self, held: &mut Held<K, V>, weight: u64, gone: &mut Vec<(K, Dated<V>)>) {
        let fits = |held: &Held<K, V>| {
            held.values.len() < self.max_entries
                && self.max_bytes.is_none_or(|max| held.bytes + weight <= max)
        };
        while !fits(held) {
            let Some(entry) = held.values.pop_lru() else { break };
            held.bytes -= entry.1.weight;
            gone.push(entry);
        }
    }
}

impl<K: Hash + Eq, V> Held<K, V> {
    fn take(&mut self, key: &K) -> Option<(K, Dated<V>)> {
        let entry = self.values.pop_entry(key)?;
        self.bytes -= entry.1.weight;
        Some(entry)
    }
}

impl<V> Dated<V> {
    fn is_over(&self, clock: &dyn Clock) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= clock.now())
    }
}

impl<K: Hash + Eq + Clone + Send, V: Clone + Send> Store<K, V> for Lru<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        // Declared first, so that it is dropped after the lock.
        let over;
        let mut held = self.held.lock();
        let dated = held.values.get(key)?;
        if !dated.is_over(&*self.clock) {
            return Some(dated.value.clone());
        }
        over = held.take(key);
        drop(held);
        drop(over);
        None
    }

    fn insert_if(
        &self,
        key: K,
        value: V,
        ttl: Option<Duration>,
        may: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Full<V>> {
        let weight = self.weigher.as_ref().map_or(0, |weigher| weigher(&key, &value));
        // One past the clock's range is for ever.
        let deadline = ttl.and_then(|ttl| self.clock.now().checked_add(ttl));
        let mut gone = Vec::new();
        let mut held = self.held.lock();
        if !may() {
            return Ok(false);
        }
        gone.extend(held.take(&key));
        if let Some(max_bytes) = self.max_bytes.filter(|max| weight > *max) {
            drop(held);
            return Err(Full { value, weight, max_bytes });
        }
        self.make_room(&mut held, weight, &mut gone);
        held.bytes += weight;
        held.values.put(key, Dated { value, weight, deadline });
        drop(held);
        drop(gone);
        Ok(true)
    }

    fn remove(&self, key: &K) -> Option<V> {
        let taken = self.held.lock().take(key);
        let (key, dated) = taken?;
        drop(key);
        (!dated.is_over(&*self.clock)).then_some(dated.value)
    }

    fn clear(&self) {
        self.trim(Pressure::Critical);
    }

    fn for_each(&self, look: &mut dyn FnMut(&K, &V)) {
        let held = self.held.lock();
        let live = held.values.iter().filter(|(_, dated)| !dated.is_over(&*self.clock));
        let copies: Vec<_> = live.map(|(key, dated)| (key.clone(), dated.value.clone())).collect();
        drop(held);
        copies.iter().for_each(|(key, value)| look(key, value));
    }

    fn len(&self) -> usize {
        self.held.lock().values.len()
    }

    fn bounds(&self) -> Bounds {
        Bounds { max_entries: Some(self.max_entries), max_bytes: self.max_bytes, exact: true }
    }

    /// At [`Pressure::Routine`] what has expired, at [`Pressure::Elevated`] also the half that was used longest ago.
    fn trim(&self, pressure: Pressure) -> Trimmed {
        let mut gone = Vec::new();
        let mut held = self.held.lock();
        let clock = &*self.clock;
        let over = held.values.iter().filter(|(_, dated)| dated.is_over(clock));
        for key in over.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            gone.extend(held.take(&key));
        }
        let keep = match pressure {
            Pressure::Routine => held.values.len(),
            Pressure::Elevated => held.values.len() / 2,
            _ => 0,
        };
        while held.values.len() > keep {
            let Some(entry) = held.values.pop_lru() else { break };
            held.bytes -= entry.1.weight;
            gone.push(entry);
        }
        drop(held);
        Trimmed::new(gone.len() as u64, gone.iter().map(|(_, dated)| dated.weight).sum())
    }
}

impl<K, V> fmt::Debug for Lru<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lru")
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}
