use crate::{
    Cache, RedisCache,
    cache::{Settings, Shared},
    key::escape,
    stats::Counters,
};
use perfect21_core::ConfigError;
use perfect21_smart_cache::Flight;
use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

/// What a failed read is to its caller. It is counted in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ErrorPolicy {
    /// An error: for what must not be read from anywhere else.
    Strict,
    /// A miss, so that the service goes on without its cache.
    #[default]
    MissOnError,
}

/// Settings of a [`Cache`]; made by [`RedisCache::typed`].
#[must_use = "a builder does nothing until .build()"]
pub struct CacheBuilder<K: ?Sized, V> {
    redis: RedisCache,
    name: String,
    ttl: Duration,
    jitter: f64,
    on_error: ErrorPolicy,
    max_value_bytes: usize,
    types: PhantomData<fn(&K) -> V>,
}

const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
const MAX_VALUE_BYTES: usize = 512_000_000;

impl<K: ?Sized, V> CacheBuilder<K, V> {
    pub(crate) fn new(redis: RedisCache, name: String) -> Self {
        Self {
            redis,
            name,
            ttl: Duration::from_secs(3600),
            jitter: 0.1,
            on_error: ErrorPolicy::default(),
            max_value_bytes: 1 << 20,
            types: PhantomData,
        }
    }

    /// The longest that a value lives, in whole milliseconds. Default: one hour.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// The share of the TTL by which a value may live shorter, chosen at random for each, so that what was set together
    /// does not expire together. Default: 0.1.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// What a failed read is to its caller. Default: [`ErrorPolicy::MissOnError`].
    pub fn on_error(mut self, on_error: ErrorPolicy) -> Self {
        self.on_error = on_error;
        self
    }

    /// The longest JSON of a value; longer ones are refused in both directions. Default: 1 MiB.
    pub fn max_value_bytes(mut self, max_value_bytes: usize) -> Self {
        self.max_value_bytes = max_value_bytes;
        self
    }

    /// Makes the cache.
    ///
    /// # Errors
    /// If the name is empty, the TTL is below a millisecond or above a hundred years, the jitter is not in 0..1, or the
    /// value bound is zero or more than Redis takes.
    pub fn build(self) -> Result<Cache<K, V>, ConfigError> {
        if self.name.is_empty() {
            return Err(ConfigError::new("name", "``", "must not be empty"));
        }
        if self.ttl < Duration::from_millis(1) || self.ttl > MAX_TTL {
            let rule = "must be from 1 ms to 100 years";
            return Err(ConfigError::new("ttl", format_args!("{:?}", self.ttl), rule));
        }
        if !(0.0..1.0).contains(&self.jitter) {
            return Err(ConfigError::new("jitter", self.jitter, "must be from 0 to below 1"));
        }
        if self.max_value_bytes == 0 || self.max_value_bytes > MAX_VALUE_BYTES {
            let rule = format!("must be from 1 to {MAX_VALUE_BYTES}");
            return Err(ConfigError::new("max_value_bytes", self.max_value_bytes, rule));
        }
        let mut prefix = format!("{}:", self.redis.namespace());
        escape(&self.name, &mut prefix);
        prefix.push(':');
        let settings = Settings {
            name: self.name,
            prefix,
            ttl: self.ttl,
            jitter: self.jitter,
            on_error: self.on_error,
            max_value_bytes: self.max_value_bytes,
        };
        Ok(Cache {
            shared: Arc::new(Shared {
                redis: self.redis,
                settings,
                counters: Counters::default(),
                flight: Flight::new(),
            }),
            keys: PhantomData,
        })
    }
}

impl<K: ?Sized, V> fmt::Debug for CacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("name", &self.name)
            .field("ttl", &self.ttl)
            .field("jitter", &self.jitter)
            .field("on_error", &self.on_error)
            .field("max_value_bytes", &self.max_value_bytes)
            .finish_non_exhaustive()
    }
}
