mod builder;
mod find;
mod many;
mod read;
mod terms;
mod write;

pub use builder::{CacheBuilder, ErrorPolicy};
pub(crate) use builder::{Settings, TagsOf};
pub(crate) use find::{Hit, let_others_run};
pub use read::Lookup;
pub use terms::Terms;
pub(crate) use write::Basis;

use crate::{
    Error, Key, Stats, backend::FullKey, codec::Codec, key::with_key, load::Outcome, redis_cache::Core,
    stats::Counters, version,
};
use perfect21_smart_cache::Flight;
use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Values `V` under keys `K`, in a part of Redis of its own.
///
/// A handle: clones share its loads and statistics. Made by [`RedisCache::typed`](crate::RedisCache::typed); the
/// [crate's page](crate) says what it promises and costs.
pub struct Cache<K: ?Sized, V> {
    pub(crate) shared: Arc<Shared<V>>,
    pub(crate) tags: Option<TagsOf<K>>,
    pub(crate) keys: PhantomData<fn(&K)>,
}

pub(crate) struct Shared<V> {
    pub(crate) core: Arc<Core>,
    pub(crate) codec: Arc<dyn Codec<V>>,
    pub(crate) settings: Settings,
    /// Of the versions of the namespace and of this cache.
    pub(crate) scope: [FullKey; 2],
    pub(crate) counters: Counters,
    pub(crate) flight: Flight<FullKey, Outcome<V>>,
    /// Keys whose load failed a moment ago, where values outlive their time.
    pub(crate) failed: Option<perfect21_smart_cache::Cache<FullKey, ()>>,
}

impl<K: ?Sized, V> Cache<K, V> {
    /// The name in keys and metrics.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.settings.name
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.counters.read()
    }

    /// Makes all entries of the cache out of date, for all processes, and all loads that are under way: one small write,
    /// however many entries there are. The memory that they take is given back as their time passes, or by
    /// [`sweep`](Self::sweep).
    ///
    /// # Errors
    /// What kept the server from confirming it.
    ///
    /// # Cancel safety
    /// Dropped, it is still done.
    pub async fn clear(&self) -> Result<(), Error> {
        let cleared = version::bump(&self.shared.core, vec![self.shared.scope[1].clone()]).await;
        self.shared.counted(cleared)
    }
}

impl<K: Key + ?Sized, V> Cache<K, V> {
    /// The key as it stands in Redis: to look at, and for other programs. What stands under it is an envelope of this crate's.
    #[must_use]
    pub fn redis_key(&self, key: &K) -> String {
        self.shared.full_key(key).to_string()
    }

    pub(crate) fn tags_of(&self, key: &K) -> Vec<String> {
        self.tags.as_ref().map(|tags| tags(key)).unwrap_or_default()
    }
}

impl<V> Shared<V> {
    pub(crate) fn counted<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| self.counters.errors.count(error.kind()))
    }

    pub(crate) fn full_key<K: Key + ?Sized>(&self, key: &K) -> FullKey {
        with_key(&self.settings.prefix, key, |text| text.into())
    }

    /// Milliseconds of the wall clock, by which entries of several processes age.
    pub(crate) fn now_ms(&self) -> u64 {
        unix_ms(self.core.clock.wall())
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl<K: ?Sized, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), tags: self.tags.clone(), keys: PhantomData }
    }
}

impl<K: ?Sized, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("name", &self.name()).finish_non_exhaustive()
    }
}
