use super::{
    Inner, QueryCache,
    key::{Key, Scope},
    listen::{Keeper, Listener},
    source::{Source, Stored},
};
use crate::{Pool, error::Error, pool::Watch};
use perfect21_core::{Clock, ConfigError, SystemClock};
use perfect21_smart_cache::{Cache, Loader, runtime::Tokio};
use std::{fmt, sync::Arc, time::Duration};

/// Settings of a [`QueryCache`]; made by [`QueryCache::builder`].
#[must_use = "a builder does nothing until .build()"]
pub struct QueryCacheBuilder {
    pool: Pool,
    name: String,
    max_entries: usize,
    max_bytes: u64,
    max_texts: usize,
    ttl: Duration,
    jitter: f64,
    revalidate: Duration,
    listen: bool,
    ping_interval: Duration,
    ping_timeout: Duration,
    triggers_write: bool,
    clock: Arc<dyn Clock>,
}

const SHORTEST: Duration = Duration::from_millis(1);

impl QueryCacheBuilder {
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            pool,
            name: "queries".to_owned(),
            max_entries: 10_000,
            max_bytes: 64 << 20,
            max_texts: 1000,
            ttl: Duration::from_mins(5),
            jitter: 0.1,
            revalidate: Duration::ZERO,
            listen: false,
            ping_interval: Duration::from_secs(1),
            ping_timeout: Duration::from_secs(1),
            triggers_write: true,
            clock: Arc::new(SystemClock),
        }
    }

    /// The name in metrics. Default: `queries`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The most results held at any instant. Default: 10 000.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.max_entries = max_entries;
        self
    }

    /// The most bytes held at any instant, keys included. A larger result is answered and not held. Default: 64 MiB.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// How many texts of statements are known at once; of another one the parameters and tables are asked for anew.
    /// Default: 1000.
    pub fn max_texts(mut self, max_texts: usize) -> Self {
        self.max_texts = max_texts;
        self
    }

    /// How long a result counts, if nothing makes it out of date before. Default: 5 minutes.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Shortens each TTL by a random part of up to this share, so that what was loaded together does not end together.
    /// Default: 0.1.
    pub fn ttl_jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// For how long after its TTL a result is still answered, while a new one is loaded in the background. What a write
    /// made out of date is never answered. Default: not at all.
    pub fn stale_while_revalidate(mut self, time: Duration) -> Self {
        self.revalidate = time;
        self
    }

    /// Whether what other processes write makes results out of date: by `LISTEN`, on a session beside the pool. Then only
    /// what depends on [watched](QueryCache::watch) tables alone is held, and nothing while the server cannot be heard.
    /// Default: no.
    pub fn listen(mut self, listen: bool) -> Self {
        self.listen = listen;
        self
    }

    /// How often the listening session is asked whether it lives. Default: 1 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How long it may take to answer. Default: 1 s.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.ping_timeout = timeout;
        self
    }

    /// Whether triggers and rules of a table may write other tables that results depend on. If they may, an own write of
    /// a table that has some makes all out of date. Default: yes.
    pub fn triggers_write(mut self, triggers_write: bool) -> Self {
        self.triggers_write = triggers_write;
        self
    }

    /// Where the time is read for TTLs. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the cache, empty. Its tasks start with the first query.
    ///
    /// # Errors
    /// If a bound or duration is zero, the jitter not a share, or the pool goes through a transaction pooler, whose
    /// sessions can neither be listened to nor asked for their locks.
    pub fn build(self) -> Result<QueryCache, ConfigError> {
        if self.pool.shared().settings.pooler {
            let rule = "needs sessions of its own: a pool without behind_transaction_pooler";
            return Err(ConfigError::new("pool", self.pool.name(), rule));
        }
        for (setting, value) in [("ping_interval", self.ping_interval), ("ping_timeout", self.ping_timeout)] {
            if value < SHORTEST {
                return Err(ConfigError::new(setting, format_args!("{value:?}"), "must be at least 1 ms"));
            }
        }
        if self.max_texts == 0 {
            return Err(ConfigError::new("max_texts", 0, "must be at least 1"));
        }
        let texts = Cache::builder().name("texts").max_entries(self.max_texts).build()?;
        let listener = self.listen.then(|| Listener::new(self.ping_interval, self.ping_timeout));
        let source = Arc::new(Source::new(self.pool, texts, listener, self.triggers_write));
        let loading = Arc::clone(&source);
        let load = move |key: Key| {
            let source = Arc::clone(&loading);
            async move { source.load(&key).await.map_err(Arc::new) }
        };
        let loader: Loader<Key, Stored, Arc<Error>> = Loader::builder(load)
            .name(self.name.clone())
            .max_entries(self.max_entries)
            .max_bytes(self.max_bytes)
            .weigher(|key: &Key, stored: &Stored| {
                size_of::<(Key, Stored)>() as u64 + key.weight() + stored.rows.weight()
            })
            .ttl(self.ttl)
            .ttl_jitter(self.jitter)
            .stale_while_revalidate(self.revalidate)
            .clock(self.clock)
            .runtime(Tokio)
            .build()?;
        let watch: Arc<dyn Watch> = Arc::clone(&source) as Arc<dyn Watch>;
        source.pool.shared().caches.add(Arc::downgrade(&watch));
        let inner = Inner { name: self.name, source, loader, keeper: Keeper::default() };
        Ok(QueryCache { inner: Arc::new(inner), scope: None::<Arc<Scope>> })
    }
}

impl fmt::Debug for QueryCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryCacheBuilder")
            .field("name", &self.name)
            .field("max_entries", &self.max_entries)
            .field("max_bytes", &self.max_bytes)
            .field("ttl", &self.ttl)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}
