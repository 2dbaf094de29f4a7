use crate::{Cache, Runtime, cache::Inner};
use perfect21_core::ConfigError;
use std::{
    fmt,
    hash::{BuildHasher, Hash},
    sync::{Arc, Weak},
    time::Duration,
};

/// Keeps a cache swept as long as it lives; made by [`Cache::janitor`].
#[must_use = "dropped, it ends"]
pub struct Janitor {
    /// The task ends when this is gone.
    _alive: Arc<()>,
}

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Takes expired entries out at this interval, in a task of `runtime`: for a cache whose entries own much and that is
    /// hardly written to, as each write sweeps a few places by itself.
    ///
    /// It does not keep the cache alive. When the handle is dropped, or the cache, the task ends after its current pause.
    /// A pass looks at all entries, one shard after the other.
    ///
    /// # Errors
    /// If the interval is zero.
    pub fn janitor(&self, runtime: impl Runtime, every: Duration) -> Result<Janitor, ConfigError> {
        if every.is_zero() {
            return Err(ConfigError::new("every", "0 s", "must be above zero"));
        }
        let (alive, runtime) = (Arc::new(()), Arc::new(runtime));
        let task = sweep(Arc::downgrade(&self.inner), Arc::downgrade(&alive), Arc::clone(&runtime), every);
        runtime.spawn(Box::pin(task));
        Ok(Janitor { _alive: alive })
    }
}

async fn sweep<K, V, S>(
    cache: Weak<Inner<K, V, S>>,
    alive: Weak<()>,
    runtime: Arc<impl Runtime>,
    every: Duration,
) where
    K: Hash + Eq,
    S: BuildHasher,
{
    loop {
        runtime.sleep(every).await;
        let Some(inner) = cache.upgrade().filter(|_| alive.strong_count() > 0) else { return };
        Cache { inner }.sweep();
    }
}

impl fmt::Debug for Janitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Janitor").finish_non_exhaustive()
    }
}
