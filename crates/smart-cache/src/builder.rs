use crate::{
    Cache,
    cache::{Settings, Weigher},
};
use perfect21_core::{Clock, ConfigError, SystemClock};
use std::{fmt, hash::Hash, mem::needs_drop, sync::Arc, time::Duration};

/// Settings of a [`Cache`]; made by [`Cache::builder`].
#[must_use = "a builder does nothing until .build()"]
pub struct Builder<K, V> {
    name: String,
    max_entries: usize,
    max_bytes: Option<u64>,
    weigher: Option<Weigher<K, V>>,
    ttl: Option<Duration>,
    clock: Arc<dyn Clock>,
}

const DEFAULT_MAX_BYTES: u64 = 100 << 20;

impl<K, V> Builder<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            name: "cache".to_owned(),
            max_entries: 1000,
            max_bytes: None,
            weigher: None,
            ttl: None,
            clock: Arc::new(SystemClock),
        }
    }

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

    /// How long an entry lives after it was inserted. Default: until it is evicted.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Where the time is read. Called under the cache's lock, so it must not call the cache. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl<K: Hash + Eq, V> Builder<K, V> {
    /// Makes the cache, empty.
    ///
    /// # Errors
    /// If a bound or the TTL is zero, the TTL is past the clock's range, or `max_bytes` is set for types that own heap
    /// without a weigher that sees it.
    pub fn build(self) -> Result<Cache<K, V>, ConfigError> {
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
        if let Some(ttl) = self.ttl {
            let rule = match self.clock.now().checked_add(ttl) {
                _ if ttl.is_zero() => Some("must be above zero"),
                None => Some("is past the clock's range"),
                Some(_) => None,
            };
            if let Some(rule) = rule {
                return Err(ConfigError::new("ttl", format_args!("{ttl:?}"), rule));
            }
        }
        Ok(Cache::from_settings(Settings {
            name: self.name,
            max_entries: self.max_entries,
            max_bytes: self.max_bytes.unwrap_or(DEFAULT_MAX_BYTES),
            weigher: self
                .weigher
                .unwrap_or_else(|| Box::new(|_, _| (size_of::<K>() + size_of::<V>()) as u64)),
            ttl: self.ttl,
            clock: self.clock,
        }))
    }
}

impl<K, V> fmt::Debug for Builder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
