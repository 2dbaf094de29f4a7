use crate::{
    Cache, Cause, Flight, Hasher, Weigh,
    cache::{Inner, Weigher, fixed_weight},
    curve::Sampler,
    engine::{Engine, Plan, gone::Listener, times::Times},
};
use perfect21_core::{Clock, ConfigError, SystemClock};
use std::{
    fmt,
    hash::{BuildHasher, Hash},
    mem::needs_drop,
    sync::Arc,
    time::Duration,
};

/// Settings of a [`Cache`]; made by [`Cache::builder`].
#[must_use = "a builder does nothing until .build()"]
pub struct Builder<K, V, S = Hasher> {
    name: String,
    max_entries: usize,
    max_bytes: Option<u64>,
    weigher: Option<Weigher<K, V>>,
    ttl: Option<Duration>,
    time_to_idle: Option<Duration>,
    ttl_jitter: f64,
    listener: Option<Listener<K, V>>,
    miss_curve: bool,
    clock: Arc<dyn Clock>,
    hasher: S,
}

const DEFAULT_MAX_BYTES: u64 = 100 << 20;
const MIN_IDLE: Duration = Duration::from_millis(10);

impl<K, V> Builder<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            name: "cache".to_owned(),
            max_entries: 1000,
            max_bytes: None,
            weigher: None,
            ttl: None,
            time_to_idle: None,
            ttl_jitter: 0.0,
            listener: None,
            miss_curve: false,
            clock: Arc::new(SystemClock),
            hasher: Hasher::default(),
        }
    }
}

impl<K, V, S> Builder<K, V, S> {
    /// The name in metrics and logs. Default: `cache`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The most entries held at any instant. Default: 1000.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.max_entries = max_entries;
        self
    }

    /// The most bytes held at any instant, as the [`weigher`](Self::weigher) counts them. Default: 100 MiB.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Says how many bytes an entry counts for. Called once for each insert, outside the lock.
    ///
    /// Default: the size of key and value themselves, which is all only where they own no heap; for other types
    /// [`build`](Self::build) refuses a `max_bytes` without a weigher, as it would bound nothing.
    pub fn weigher(mut self, weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Box::new(weigher));
        self
    }

    /// Weighs an entry by itself and what key and value own on the heap: see [`Weigh`].
    pub fn weigh(self) -> Self
    where
        K: Weigh,
        V: Weigh,
    {
        self.weigher(|key, value| (size_of::<(K, V)>() + key.heap_size() + value.heap_size()) as u64)
    }

    /// How long an entry lives after it was inserted. Default: until it is evicted.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long an entry lives that nobody asks for; a TTL ends it too. Default: until it is evicted.
    ///
    /// Kept in steps of a 128th of it, at least 100 µs: an entry may leave that much early, and never late.
    pub fn time_to_idle(mut self, time_to_idle: Duration) -> Self {
        self.time_to_idle = Some(time_to_idle);
        self
    }

    /// Shortens each TTL by a random part of up to this share, so that what was inserted together does not expire
    /// together. Default: 0.
    pub fn ttl_jitter(mut self, share: f64) -> Self {
        self.ttl_jitter = share;
        self
    }

    /// Told of every entry that leaves, with why. Default: nobody.
    ///
    /// Called on the thread whose operation made it leave, after that was done and without a lock: it may call the
    /// cache. If it panics, the panic reaches who called the operation, and others of the same operation are not told
    /// of.
    pub fn listener(mut self, listener: impl Fn(&K, &V, Cause) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Whether [`Cache::miss_curve`] is recorded. Default: no.
    ///
    /// A bit test a lookup; every so many-th key, so that about 2000 are in a cache of this size, also goes through five
    /// small simulations under one lock. They hold up to 32 000 hashes, 1.5 MB. Not with a
    /// [`weigher`](Self::weigher), as they count entries.
    pub fn miss_curve(mut self, recorded: bool) -> Self {
        self.miss_curve = recorded;
        self
    }

    /// Where the time is read. It may be called under a lock of the cache, so it must not call the cache. Default: the
    /// system's; `perfect21_host::CoarseClock` is read in a third of the time, for entries that may live a few milliseconds more
    /// or less.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How keys are hashed. Default: foldhash, seeded at random for each cache.
    ///
    /// Who lets strangers choose keys and fears that they find colliding ones takes
    /// [`std::hash::RandomState`], which is slower.
    pub fn hasher<H: BuildHasher>(self, hasher: H) -> Builder<K, V, H> {
        let Self { name, max_entries, max_bytes, weigher, ttl, time_to_idle, .. } = self;
        let (ttl_jitter, listener, miss_curve, clock) =
            (self.ttl_jitter, self.listener, self.miss_curve, self.clock);
        Builder {
            name,
            max_entries,
            max_bytes,
            weigher,
            ttl,
            time_to_idle,
            ttl_jitter,
            listener,
            miss_curve,
            clock,
            hasher,
        }
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Builder<K, V, S> {
    /// Makes the cache, empty.
    ///
    /// # Errors
    /// If a bound or the TTL is zero, the TTL is past the clock's range, the time to idle is below 10 ms, the jitter is
    /// not a share, `max_bytes` is set for types that own heap without a weigher that sees it, or a miss curve is to be
    /// recorded with one.
    pub fn build(self) -> Result<Cache<K, V, S>, ConfigError> {
        self.check()?;
        let fixed = self.weigher.is_none().then(fixed_weight::<K, V>);
        let plan = Plan::new(self.max_entries, self.max_bytes.unwrap_or(DEFAULT_MAX_BYTES), fixed);
        let times = Times::new(self.clock, self.ttl, self.ttl_jitter, self.time_to_idle);
        let engine = Engine::new(&plan, self.hasher, times, self.listener);
        let sampler = self.miss_curve.then(|| Sampler::new(plan.entries()));
        let (name, weigher, flight) = (self.name, self.weigher, Flight::new());
        let inner = Inner { name, weigher, engine, flight, sampler };
        Ok(Cache { inner: Arc::new(inner) })
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.max_entries == 0 {
            return Err(ConfigError::new("max_entries", 0, "must be at least 1"));
        }
        if self.max_bytes == Some(0) {
            return Err(ConfigError::new("max_bytes", 0, "must be at least 1"));
        }
        if let (Some(max_bytes), None) = (self.max_bytes, &self.weigher)
            && (needs_drop::<K>() || needs_drop::<V>())
        {
            let rule = "needs a weigher, as keys or values own memory that the cache cannot see";
            return Err(ConfigError::new("max_bytes", max_bytes, rule));
        }
        if self.miss_curve && self.weigher.is_some() {
            let rule = "needs a cache without a weigher, as it counts entries";
            return Err(ConfigError::new("miss_curve", true, rule));
        }
        if !(0.0..=1.0).contains(&self.ttl_jitter) {
            return Err(ConfigError::new("ttl_jitter", self.ttl_jitter, "must be from 0 to 1"));
        }
        let past = |time: Duration| self.clock.now().checked_add(time).is_none();
        let rules = [
            ("ttl", self.ttl, Duration::from_nanos(1), "must be above zero"),
            ("time_to_idle", self.time_to_idle, MIN_IDLE, "must be at least 10 ms"),
        ];
        for (setting, time, least, rule) in rules {
            let Some(time) = time else { continue };
            let rule = if time < least {
                rule
            } else if past(time) {
                "is past the clock's range"
            } else {
                continue;
            };
            return Err(ConfigError::new(setting, format_args!("{time:?}"), rule));
        }
        Ok(())
    }
}

impl<K, V, S> fmt::Debug for Builder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .field("ttl", &self.ttl)
            .field("time_to_idle", &self.time_to_idle)
            .finish_non_exhaustive()
    }
}
