use super::{
    ResponseCache,
    shared::{Limits, Shared},
    stored::Stored,
};
use perfect21_core::{Clock, ConfigError, SystemClock};
use perfect21_smart_cache::Cache;
use std::{hash::RandomState, sync::Arc, time::Duration};

/// Settings of a [`ResponseCache`]; made by [`ResponseCache::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until .build()"]
pub struct ResponseCacheBuilder {
    name: String,
    max_entries: usize,
    max_bytes: u64,
    max_body_bytes: u64,
    max_filling_bytes: u64,
    max_wait: Duration,
    clock: Arc<dyn Clock>,
}

impl ResponseCacheBuilder {
    pub(super) fn new() -> Self {
        Self {
            name: "responses".to_owned(),
            max_entries: 10_000,
            max_bytes: 64 << 20,
            max_body_bytes: 1 << 20,
            max_filling_bytes: 32 << 20,
            max_wait: Duration::from_secs(5),
            clock: Arc::new(SystemClock),
        }
    }

    /// The name in metrics and logs. Default: `responses`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The most answers held at any instant; each encoding of a page is one. Default: 10 000.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.max_entries = max_entries;
        self
    }

    /// The most bytes that the answers held take: bodies, headers, keys and the cost of an entry. Default: 64 MiB.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The longest body that is stored; a longer one reaches the client and is not kept. Default: 1 MiB.
    pub fn max_body_bytes(mut self, max_body_bytes: u64) -> Self {
        self.max_body_bytes = max_body_bytes;
        self
    }

    /// The most bytes that all bodies which are being read hold together, beside what is stored. Default: 32 MiB.
    pub fn max_filling_bytes(mut self, max_filling_bytes: u64) -> Self {
        self.max_filling_bytes = max_filling_bytes;
        self
    }

    /// How long a request waits for the answer to another one before it calls the service itself. Default: 5 s.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Where ages are read from. Default: the system's clocks.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the cache, empty.
    ///
    /// # Errors
    /// If a bound is zero, or a body bound larger than the bound on all.
    pub fn build(self) -> Result<ResponseCache, ConfigError> {
        for (setting, value, most) in [
            ("max_body_bytes", self.max_body_bytes, ("max_bytes", self.max_bytes)),
            ("max_body_bytes", self.max_body_bytes, ("max_filling_bytes", self.max_filling_bytes)),
        ] {
            if value == 0 {
                return Err(ConfigError::new(setting, 0, "must be at least 1"));
            }
            let (of, most) = most;
            if value > most {
                return Err(ConfigError::new(setting, value, format!("must not be above {of} ({most})")));
            }
        }
        if self.max_wait.is_zero() {
            return Err(ConfigError::new("max_wait", "0ns", "must be above zero"));
        }
        let store = Cache::builder()
            .name(self.name)
            .max_entries(self.max_entries)
            .max_bytes(self.max_bytes)
            .weigher(|key: &Arc<str>, stored: &Arc<Stored>| key.len() as u64 + stored.weight())
            .clock(Arc::clone(&self.clock))
            .hasher(RandomState::new())
            .build()?;
        let limits = Limits {
            max_body_bytes: self.max_body_bytes,
            max_filling_bytes: self.max_filling_bytes,
            max_wait: self.max_wait,
        };
        Ok(ResponseCache { shared: Arc::new(Shared::new(store, limits, self.clock)) })
    }
}
