use super::{Bounds, Store};
use crate::Full;
use ::moka::{
    Expiry,
    ops::compute::Op,
    sync::{Cache, CacheBuilder},
};
use perfect21_core::{ConfigError, Pressure, Trimmed};
use std::{
    fmt,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

type Builder<K, V> = CacheBuilder<K, Timed<V>, Cache<K, Timed<V>>>;
type Weigher<K, V> = Arc<dyn Fn(&K, &V) -> u64 + Send + Sync>;

/// moka's cache as a store: its `TinyLFU`, its timers, its time.
///
/// Its bounds are not exact: moka takes a value in and evicts later, so it may hold more for a while. An injected clock
/// does not reach it.
pub struct Moka<K, V> {
    cache: Cache<K, Timed<V>>,
    bounds: Bounds,
    weigher: Option<Weigher<K, V>>,
    /// How often it was cleared: values from before do not exist any more, whatever moka's time says of them.
    clears: AtomicU64,
}

/// A value in moka, with its TTL.
#[derive(Debug, Clone)]
pub struct Timed<V> {
    value: V,
    ttl: Option<Duration>,
    clears: u64,
}

impl<V> Timed<V> {
    /// The value.
    pub fn value(&self) -> &V {
        &self.value
    }
}

impl<K, V> Moka<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Holds about so many entries; `settings` are moka's own: timers, policy, listener.
    ///
    /// ```
    /// use perfect21_smart_cache::{Backed, Moka};
    /// use std::time::Duration;
    ///
    /// let users = Moka::new(1000, |moka| moka.time_to_idle(Duration::from_secs(60)))?;
    /// let users = Backed::<u64, String, _>::new(users);
    /// assert_eq!(users.get_or_load_blocking(7, || "Ada".to_owned()), "Ada");
    /// # Ok::<(), perfect21_smart_cache::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// If that is zero.
    pub fn new(
        max_entries: usize,
        settings: impl FnOnce(Builder<K, V>) -> Builder<K, V>,
    ) -> Result<Self, ConfigError> {
        if max_entries == 0 {
            return Err(ConfigError::new("max_entries", 0, "must be at least 1"));
        }
        let bounds = Bounds { max_entries: Some(max_entries), max_bytes: None, exact: false };
        let builder = Cache::builder().max_capacity(max_entries as u64);
        Ok(Self::build(builder, settings, bounds, None))
    }

    /// Holds about so many bytes.
    ///
    /// # Errors
    /// If that is zero.
    pub fn weighed(
        max_bytes: u64,
        weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static,
        settings: impl FnOnce(Builder<K, V>) -> Builder<K, V>,
    ) -> Result<Self, ConfigError> {
        if max_bytes == 0 {
            return Err(ConfigError::new("max_bytes", 0, "must be at least 1"));
        }
        let weigher: Weigher<K, V> = Arc::new(weigher);
        let bounds = Bounds { max_entries: None, max_bytes: Some(max_bytes), exact: false };
        let weighs = Arc::clone(&weigher);
        // It counts in 32 bits; what is heavier than that is refused here where it is over the bound.
        let weigh =
            move |key: &K, timed: &Timed<V>| u32::try_from(weighs(key, &timed.value)).unwrap_or(u32::MAX);
        let builder = Cache::builder().max_capacity(max_bytes).weigher(weigh);
        Ok(Self::build(builder, settings, bounds, Some(weigher)))
    }

    fn build(
        builder: Builder<K, V>,
        settings: impl FnOnce(Builder<K, V>) -> Builder<K, V>,
        bounds: Bounds,
        weigher: Option<Weigher<K, V>>,
    ) -> Self {
        let cache = settings(builder).expire_after(OfItsOwn).build();
        Self { cache, bounds, weigher, clears: AtomicU64::new(0) }
    }
}

/// A TTL comes with the value; where there is none, moka's own timers hold.
struct OfItsOwn;

impl<K, V> Expiry<K, Timed<V>> for OfItsOwn {
    fn expire_after_create(&self, _: &K, timed: &Timed<V>, _: Instant) -> Option<Duration> {
        timed.ttl
    }

    fn expire_after_update(
        &self,
        _: &K,
        timed: &Timed<V>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        timed.ttl
    }
}

impl<K, V> Store<K, V> for Moka<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn get(&self, key: &K) -> Option<V> {
        let timed = self.cache.get(key)?;
        (timed.clears == self.clears.load(SeqCst)).then_some(timed.value)
    }

    fn insert_if(
        &self,
        key: K,
        value: V,
        ttl: Option<Duration>,
        may: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Full<V>> {
        let weight = self.weigher.as_ref().map_or(0, |weigher| weigher(&key, &value));
        let too_heavy = self.bounds.max_bytes.filter(|max| weight > *max);
        // Read before `may` is asked: if it is cleared in between, the value is one from before.
        let clears = self.clears.load(SeqCst);
        let (mut said, mut timed) = (false, Some(Timed { value, ttl, clears }));
        // What goes through `and_compute_with` excludes one another for the same key; plain inserts would not.
        self.cache.entry(key).and_compute_with(|_| {
            said = may();
            match (said, too_heavy) {
                (false, _) => Op::Nop,
                (true, Some(_)) => Op::Remove,
                (true, None) => timed.take().map_or(Op::Nop, Op::Put),
            }
        });
        match (too_heavy.filter(|_| said), timed) {
            (Some(max_bytes), Some(Timed { value, .. })) => Err(Full { value, weight, max_bytes }),
            _ => Ok(said),
        }
    }

    fn remove(&self, key: &K) -> Option<V> {
        let mut removed = None;
        self.cache.entry_by_ref(key).and_compute_with(|entry| {
            removed = entry.map(::moka::Entry::into_value);
            if removed.is_some() { Op::Remove } else { Op::Nop }
        });
        removed.filter(|timed| timed.clears == self.clears.load(SeqCst)).map(|timed| timed.value)
    }

    fn clear(&self) {
        self.clears.fetch_add(1, SeqCst);
        self.cache.invalidate_all();
    }

    fn for_each(&self, look: &mut dyn FnMut(&K, &V)) {
        let clears = self.clears.load(SeqCst);
        let live = self.cache.iter().filter(|(_, timed)| timed.clears == clears);
        live.for_each(|(key, timed)| look(&key, &timed.value));
    }

    fn len(&self) -> usize {
        usize::try_from(self.cache.entry_count()).unwrap_or(usize::MAX)
    }

    fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// At less than [`Pressure::Critical`] what moka has put off.
    fn trim(&self, pressure: Pressure) -> Trimmed {
        let before = self.cache.entry_count();
        if pressure >= Pressure::Critical {
            self.clear();
        }
        self.cache.run_pending_tasks();
        Trimmed::new(before.saturating_sub(self.cache.entry_count()), 0)
    }
}

impl<K, V> fmt::Debug for Moka<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moka").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
