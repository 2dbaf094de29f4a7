//! Physical clean-up: keys looked through a page at a time, and removed where they fit.
//!
//! No cache needs it to be right: what a `clear` made out of date is never answered, and goes as its time passes. It gives
//! memory back earlier, and cleans what other programs left without an end.

mod janitor;

pub use janitor::Janitor;

use crate::{Cache, Error, RedisCache, backend::FullKey, key::escape, redis_cache::Core, transport::Node};
use bytes::Bytes;
use perfect21_core::ConfigError;
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::sleep;

/// A removal of many keys that leaves other clients room: made by [`Cache::sweep`], [`RedisCache::sweep`] and
/// [`RedisCache::sweep_glob`].
///
/// ```
/// # use perfect21_redis_cache::{Cache, Error, RedisCache};
/// async fn forget_sessions(sessions: &Cache<str, String>) -> Result<u64, Error> {
///     Ok(sessions.sweep().prefix("guest-").run().await?.removed)
/// }
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until .run() or .every()"]
pub struct Sweep {
    core: Arc<Core>,
    pattern: String,
    /// Of keys that the pattern fits and that stay: what the caches themselves need.
    spare: Option<String>,
    page: usize,
    pause: Duration,
    idle: Option<Duration>,
}

/// What a [`Sweep`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Swept {
    /// Keys that fitted.
    pub found: u64,
    /// Keys that were removed; fewer where others removed them meanwhile, or they had been asked for.
    pub removed: u64,
}

impl Sweep {
    fn new(core: &Arc<Core>, pattern: String, spare: Option<String>) -> Self {
        Self {
            core: Arc::clone(core),
            pattern,
            spare,
            page: 500,
            pause: Duration::from_millis(1),
            idle: None,
        }
    }

    /// Only keys that nobody has read or written for so long, in whole seconds: those of live sessions stay. Each is judged
    /// and removed in one step. Small numbers share their age with all others of their value. A server whose
    /// `maxmemory-policy` is one of the LFU kinds does not know, and refuses.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// How many keys the server looks at in one step, while all other clients wait: about 0.3 µs each. Default: 500.
    pub fn page(mut self, page: usize) -> Self {
        self.page = page;
        self
    }

    /// How long others have the server to themselves between two pages. Default: 1 ms.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Looks through all keys of the database, and removes those that fit. What is written meanwhile may be removed too, or
    /// stay.
    ///
    /// # Errors
    /// What kept a server from answering; what was removed by then stays removed.
    ///
    /// # Cancel safety
    /// Dropped, it ends after the page that it is at.
    pub async fn run(&self) -> Result<Swept, Error> {
        self.check()?;
        let mut swept = Swept::default();
        for node in self.core.backend.nodes() {
            self.run_on(&node, &mut swept).await?;
        }
        Ok(swept)
    }

    /// Runs again and again, with so long between the end of one and the start of the next, until what it gives is dropped.
    ///
    /// # Errors
    /// If the interval or the page is zero, or there is no tokio runtime.
    pub fn every(self, interval: Duration) -> Result<Janitor, ConfigError> {
        self.check()?;
        Janitor::start(self, interval)
    }

    fn check(&self) -> Result<(), ConfigError> {
        match self.page {
            1..=100_000 => Ok(()),
            page => Err(ConfigError::new("page", page, "must be from 1 to 100000")),
        }
    }

    async fn run_on(&self, node: &Node, swept: &mut Swept) -> Result<(), Error> {
        let backend = &self.core.backend;
        let mut from: Option<Bytes> = None;
        loop {
            let page = backend.scan(node, from, &self.pattern, self.page).await?;
            let keys: Vec<_> = page.keys.into_iter().filter(|key| !self.spares(key)).collect();
            if !keys.is_empty() {
                swept.found += keys.len() as u64;
                swept.removed += backend.unlink(keys, self.idle).await?;
            }
            from = Some(match page.next {
                Some(next) => next,
                None => return Ok(()),
            });
            sleep(self.pause).await;
        }
    }

    /// The caches' own versions: without them entries would be out of date, which is no harm but needless.
    fn spares(&self, key: &FullKey) -> bool {
        let Some(namespace) = &self.spare else { return false };
        let Some(rest) = key.strip_prefix(&**namespace) else { return false };
        rest.starts_with('#') || rest.ends_with(":#clear")
    }
}

impl<K: ?Sized, V> Cache<K, V> {
    /// Starts a removal of all that is under this cache's keys, entries that still count included.
    pub fn sweep(&self) -> CacheSweep<K> {
        let prefix = &self.shared.settings.prefix;
        let sweep = Sweep::new(&self.shared.core, format!("{prefix}*"), self.spare());
        CacheSweep { sweep, prefix: prefix.clone(), keys: std::marker::PhantomData }
    }

    fn spare(&self) -> Option<String> {
        Some(format!("{}:", self.shared.core.names.namespace()))
    }
}

impl RedisCache {
    /// Starts a removal of all entries of all caches of the namespace, those that still count included.
    pub fn sweep(&self) -> Sweep {
        let namespace = self.namespace();
        Sweep::new(&self.core, format!("{namespace}:*"), Some(format!("{namespace}:")))
    }

    /// Starts a removal of whatever keys of the database a glob pattern of Redis fits, other programs' included: `*`, `?`,
    /// `[a-z]`, and `\` before what is meant literally. Pass nothing that came from outside.
    pub fn sweep_glob(&self, pattern: impl Into<String>) -> Sweep {
        Sweep::new(&self.core, pattern.into(), None)
    }
}

/// A [`Sweep`] of one cache's keys.
#[must_use = "it does nothing until .run() or .every()"]
pub struct CacheSweep<K: ?Sized> {
    sweep: Sweep,
    prefix: String,
    keys: std::marker::PhantomData<fn(&K)>,
}

impl<K: AsRef<str> + ?Sized> CacheSweep<K> {
    /// Only keys that begin with this text, literally, whatever characters are in it. Keys so long that Redis has a hash of
    /// them are not found by it.
    pub fn prefix(mut self, prefix: &str) -> Sweep {
        let mut pattern = format!("{}'", self.prefix);
        escape(prefix, &mut pattern);
        pattern.push('*');
        self.sweep.pattern = pattern;
        self.sweep
    }
}

impl<K: ?Sized> CacheSweep<K> {
    /// All keys of the cache.
    pub fn all(self) -> Sweep {
        self.sweep
    }
}

impl<K: ?Sized> fmt::Debug for CacheSweep<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sweep.fmt(f)
    }
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep")
            .field("pattern", &self.pattern)
            .field("page", &self.page)
            .field("pause", &self.pause)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}
