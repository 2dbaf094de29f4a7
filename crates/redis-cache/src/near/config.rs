use perfect21_core::ConfigError;
use std::time::Duration;

/// How much of a [`RedisCache`](crate::RedisCache)'s entries its process holds itself, decoded, so that they are answered
/// without the server; all caches share it.
///
#[cfg_attr(feature = "fred", doc = "```no_run")]
#[cfg_attr(not(feature = "fred"), doc = "```ignore")]
/// use perfect21_redis_cache::{Near, RedisCache};
///
/// # async fn connect() -> Result<(), perfect21_redis_cache::Error> {
/// let redis = RedisCache::builder("redis://127.0.0.1").near(Near::new().max_bytes(64 << 20)).connect().await?;
/// # drop(redis);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is given to a builder"]
pub struct Near {
    pub(crate) settings: Settings,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) max_entries: usize,
    pub(crate) max_bytes: u64,
    pub(crate) max_age: Duration,
    pub(crate) stale_window: Duration,
}

impl Near {
    /// With the defaults.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                max_entries: 100_000,
                max_bytes: 64 << 20,
                max_age: Duration::from_secs(60),
                stale_window: Duration::ZERO,
            },
        }
    }

    /// The most entries held. Default: 100 000.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.settings.max_entries = max_entries;
        self
    }

    /// The most bytes held. A value counts as the bytes that it has in Redis before it is compressed, its key and 128 bytes
    /// more. Default: 64 MiB.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.settings.max_bytes = max_bytes;
        self
    }

    /// The longest that an entry is held, whatever its TTL: a bound for what no server told of. Default: one minute.
    ///
    /// That an entry's time is over is seen by a clock that is behind by up to a tick of the kernel's, 4 ms mostly.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.settings.max_age = max_age;
        self
    }

    /// For how long after a connection was lost entries are answered that were held then, though they may have been changed
    /// since. Default: not at all.
    pub fn stale_window(mut self, stale_window: Duration) -> Self {
        self.settings.stale_window = stale_window;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let max_age = self.settings.max_age;
        if max_age < Duration::from_millis(1) || max_age > Duration::from_secs(24 * 3600) {
            let rule = "must be from 1 ms to 1 day";
            return Err(ConfigError::new("max_age", format_args!("{max_age:?}"), rule));
        }
        let window = self.settings.stale_window;
        if window > Duration::from_secs(24 * 3600) {
            return Err(ConfigError::new(
                "stale_window",
                format_args!("{window:?}"),
                "must be at most 1 day",
            ));
        }
        Ok(())
    }
}

impl Default for Near {
    fn default() -> Self {
        Self::new()
    }
}
