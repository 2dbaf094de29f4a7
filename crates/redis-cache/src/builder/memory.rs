use super::check_namespace;
use crate::{
    RedisCache,
    backend::{
        FullKey,
        memory::{Held, Memory},
    },
};
use perfect21_core::{Clock, ConfigError, SystemClock};
use std::sync::Arc;

/// Settings of a [`RedisCache`] in memory; made by [`RedisCache::in_memory`].
#[derive(Debug)]
#[must_use = "a builder does nothing until .build()"]
pub struct MemoryBuilder {
    namespace: String,
    max_entries: usize,
    max_bytes: u64,
    clock: Arc<dyn Clock>,
}

impl MemoryBuilder {
    pub(crate) fn new() -> Self {
        Self {
            namespace: "cache".to_owned(),
            max_entries: 100_000,
            max_bytes: 100 << 20,
            clock: Arc::new(SystemClock),
        }
    }

    /// What all keys begin with. Default: `cache`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The most entries held, the few that the cache itself needs included (versions of tags, leases); those that are asked
    /// for least go first. Default: 100 000.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.max_entries = max_entries;
        self
    }

    /// The most bytes held, of keys and encoded values. Default: 100 MiB.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Where the time is read by which entries expire. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes it, empty.
    ///
    /// # Errors
    /// If the namespace is empty or a bound is zero.
    pub fn build(self) -> Result<RedisCache, ConfigError> {
        check_namespace(&self.namespace)?;
        let entries = perfect21_smart_cache::Cache::builder()
            .name(self.namespace.clone())
            .max_entries(self.max_entries)
            .max_bytes(self.max_bytes)
            .weigher(|key: &FullKey, held: &Held| (key.len() + held.value.len()) as u64)
            .clock(Arc::clone(&self.clock))
            .hasher(std::hash::RandomState::new())
            .build()?;
        let memory = Memory::new(entries, Arc::clone(&self.clock));
        Ok(RedisCache::over(memory, &self.namespace, self.clock, None))
    }
}
