use crate::{
    Builder, Equivalent, Flight, Full, Hasher, MissCurve, Stats,
    curve::Sampler,
    engine::{Claim, Engine, Item, Place, Put, Removed, gone::Cause},
    policy::Queue,
};
use perfect21_core::ConfigError;
use std::{
    fmt,
    hash::{BuildHasher, Hash},
    sync::Arc,
    time::Duration,
};

pub(crate) type Weigher<K, V> = Box<dyn Fn(&K, &V) -> u64 + Send + Sync>;

/// A cache that never holds more than its bounds; see the [crate's page](crate) for what it promises and costs.
///
/// A handle: clones share the entries. Values come out as clones, so they are small or in an [`Arc`]. A value's `Clone`
/// and a key's `Eq` must not call the cache: they run under the lock of a shard.
pub struct Cache<K, V, S = Hasher> {
    pub(crate) inner: Arc<Inner<K, V, S>>,
}

pub(crate) struct Inner<K, V, S> {
    pub(crate) name: String,
    pub(crate) weigher: Option<Weigher<K, V>>,
    pub(crate) engine: Engine<K, V, S>,
    pub(crate) flight: Flight<K, V>,
    pub(crate) sampler: Option<Sampler>,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// Starts with the default settings: 1000 entries, 100 MiB, no expiry.
    pub fn builder() -> Builder<K, V> {
        Builder::new()
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// The value under `key`, if it is there and has not expired. Counts a hit or a miss.
    ///
    /// The key may be any type that is [`Equivalent`] to `K` and hashes like it.
    #[must_use]
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        V: Clone,
    {
        let engine = &self.inner.engine;
        let place = engine.place(key);
        if let Some(sampler) = &self.inner.sampler {
            sampler.looked_up(place.hash);
        }
        engine.get(place, key, |counts, hit| {
            // Only the bench that asks what counting costs is built without.
            if cfg!(not(perfect21_uncounted)) {
                *if hit { &mut counts.hits } else { &mut counts.misses } += 1;
            }
        })
    }

    /// Puts `value` under `key` for the cache's TTL, and evicts as much as it needs.
    ///
    /// It wins over a [`try_get_or_load`](Self::try_get_or_load) of the key that is under way.
    ///
    /// # Errors
    /// [`Full`] gives a value back that is heavier than the whole cache, or that no room was found for. The key is
    /// empty then: what was under it is out of date.
    pub fn insert(&self, key: K, value: V) -> Result<(), Full<V>> {
        self.insert_for(key, value, self.inner.engine.times().ttl())
    }

    /// Like [`insert`](Self::insert), with a TTL of the entry's own; one past the clock's range means for ever.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_with_ttl(&self, key: K, value: V, ttl: Duration) -> Result<(), Full<V>> {
        self.insert_for(key, value, Some(ttl))
    }

    fn insert_for(&self, key: K, value: V, ttl: Option<Duration>) -> Result<(), Full<V>> {
        let place = self.inner.engine.place(&key);
        self.inner.put(place, key, value, ttl, Claim::Write).map(drop)
    }

    /// Takes the value under `key` out; `None` if there was none or it had expired.
    ///
    /// It wins over a [`try_get_or_load`](Self::try_get_or_load) of the key that is under way: what that loads is not stored.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.inner.remove(key, None).0
    }

    /// Removes the entries that `keep` says no to; gives their number. No load under way will store.
    ///
    /// Looks at all entries, one shard after the other. `keep` runs under the lock of a shard, so it must be short and
    /// not call the cache; if it panics, the entry in question stays.
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) -> u64 {
        let (removed, overtaken) =
            self.inner.engine.extract(Cause::Removed, true, |key, value, _| !keep(key, value));
        self.inner.forget(&overtaken);
        removed.entries
    }

    /// Empties the cache and gives its memory back; no load under way will store.
    pub fn clear(&self) {
        self.retain(|_, _| false);
    }

    /// Takes the expired entries out: O(entries), under one shard's lock at a time. Gives their number.
    ///
    /// Each write sweeps a few places too; this is for a cache that nobody writes to.
    #[allow(clippy::must_use_candidate, reason = "mostly called for what it does")]
    pub fn sweep(&self) -> u64 {
        self.inner.engine.extract(Cause::Expired, false, |_, _, over| over).0.entries
    }

    /// Shows a copy of each live entry to `look`, in no order.
    ///
    /// Each shard is copied under its lock, and `look` runs without: it may call the cache. What is written meanwhile
    /// is seen or not. No hits are counted.
    pub fn for_each(&self, mut look: impl FnMut(&K, &V))
    where
        K: Clone,
        V: Clone,
    {
        for copies in self.inner.engine.copies() {
            copies.iter().for_each(|copied| look(&copied.key, &copied.value));
        }
    }

    /// Sets both bounds, and evicts what is over them before it returns.
    ///
    /// A smaller bound is kept from when this returns, and shown by [`max_entries`](Self::max_entries) and
    /// [`max_bytes`](Self::max_bytes) only then. The number of shards stays. A listener must not call it.
    ///
    /// # Errors
    /// If a bound is zero, or there would be fewer entries than shards.
    pub fn resize(&self, max_entries: usize, max_bytes: u64) -> Result<(), ConfigError> {
        let engine = &self.inner.engine;
        engine.check(max_entries, max_bytes)?;
        engine.resize(max_entries, max_bytes);
        if let Some(sampler) = &self.inner.sampler {
            sampler.restart(|| engine.entries(), || engine.counts().0);
        }
        Ok(())
    }

    /// Entries held now, expired ones included that have not made room yet. Locks each shard in turn.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.engine.len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held now, as the weigher counts them, with those that an insert under way makes room by.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inner.engine.bytes()
    }

    /// How often it would hit if it had half, twice, four or eight times the entries, from all lookups so far, or since
    /// the last [`resize`](Self::resize).
    ///
    /// `None` before the first lookup of a sampled key, and where [`Builder::miss_curve`] did not ask for it. It takes it
    /// that every miss is followed by an insert. What expires and what [`retain`](Self::retain) takes out it does not see:
    /// its [`correction`](MissCurve::correction) tells how much that is. Locks each shard in turn.
    #[must_use]
    pub fn miss_curve(&self) -> Option<MissCurve> {
        self.inner.sampler.as_ref()?.curve(|| self.inner.engine.counts().0)
    }

    /// What happened so far. Reads each shard in turn.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (counts, entries) = self.inner.engine.counts();
        Stats::new(&counts, entries, self.inner.engine.bytes())
    }
}

impl<K, V, S> Cache<K, V, S> {
    /// The name in metrics and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The most entries held at any instant.
    #[must_use]
    pub fn max_entries(&self) -> usize {
        self.inner.engine.max_entries()
    }

    /// The most bytes held at any instant.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.inner.engine.max_bytes()
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Inner<K, V, S> {
    /// Takes a value out, unless `change` is no longer what is there; and whether it was done.
    pub(crate) fn remove<Q>(&self, key: &Q, change: Option<u64>) -> (Option<V>, bool)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let place = self.engine.place(key);
        let Removed { entry, overtaken, done } = self.engine.remove(place, key, change);
        if let Some(sampler) = self.sampler.as_ref().filter(|_| done) {
            sampler.removed(place.hash);
        }
        self.forget(&overtaken);
        let Some((key, value)) = entry else { return (None, done) };
        if let Some(listener) = self.engine.listener() {
            listener(&key, &value, Cause::Removed);
        }
        // What panics in a drop at the end of a function would leak its result.
        drop((key, overtaken));
        (Some(value), done)
    }

    /// Weighs, dates and puts in; gives whether the claim held.
    pub(crate) fn put(
        &self,
        place: Place,
        key: K,
        value: V,
        ttl: Option<Duration>,
        claim: Claim<'_>,
    ) -> Result<bool, Full<V>> {
        let weight = self.weigh(&key, &value);
        self.put_by(place, key, value, &Terms { weight, ttl, queue: None }, claim)
    }

    pub(crate) fn weigh(&self, key: &K, value: &V) -> u64 {
        self.weigher.as_ref().map_or_else(fixed_weight::<K, V>, |weigher| weigher(key, value))
    }

    pub(crate) fn put_by(
        &self,
        place: Place,
        key: K,
        value: V,
        terms: &Terms,
        claim: Claim<'_>,
    ) -> Result<bool, Full<V>> {
        if let Some(sampler) = &self.sampler {
            sampler.inserted(place.hash);
        }
        let Terms { weight, ttl, queue } = *terms;
        let moment = self.engine.moment();
        let deadline = moment.deadline(ttl);
        let item = Item { hash: place.hash, key, value, weight, deadline, queue };
        let Put { result, overtaken } = self.engine.put(place, item, claim, moment);
        self.forget(&overtaken);
        drop(overtaken);
        result
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

/// On which terms a value is put in.
pub(crate) struct Terms {
    pub(crate) weight: u64,
    pub(crate) ttl: Option<Duration>,
    /// Where it is queued, if that is known.
    pub(crate) queue: Option<Queue>,
}

/// What every entry of these types weighs without a weigher.
pub(crate) fn fixed_weight<K, V>() -> u64 {
    (size_of::<K>() + size_of::<V>()) as u64
}

impl<K, V, S> Clone for Cache<K, V, S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K, V, S> fmt::Debug for Cache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.name())
            .field("max_entries", &self.max_entries())
            .field("max_bytes", &self.max_bytes())
            .finish_non_exhaustive()
    }
}
