#[cfg(feature = "fred")]
use crate::Builder;
use crate::{
    CacheBuilder, Error, Json, Key, MemoryBuilder,
    backend::{Backend, FullKey},
    codec::Codec,
    health::{self, Health},
    key::escape,
    near::NearTier,
    version::{self, Names},
};
use perfect21_core::Clock;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, sync::Arc, time::Duration};

/// A Redis server, or memory in its place; [`typed`](Self::typed) makes caches of it.
///
/// A handle: clones share the connection, which closes with the last of them and of their caches.
#[derive(Clone)]
pub struct RedisCache {
    pub(crate) core: Arc<Core>,
}

pub(crate) struct Core {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) names: Names,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) near: Option<NearTier>,
}

impl Core {
    /// This process changes keys, or has: what it holds of them is void.
    pub(crate) fn wrote(&self, keys: &[FullKey]) {
        if let Some(near) = &self.near {
            near.store.wrote(keys);
        }
    }
}

impl RedisCache {
    /// Starts with a server's URL: see [`Builder`] for which there are.
    #[cfg(feature = "fred")]
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    /// Starts with a bounded map in place of a server: for development, tests, and services of one process.
    pub fn in_memory() -> MemoryBuilder {
        MemoryBuilder::new()
    }

    pub(crate) fn over(
        backend: impl Backend + 'static,
        namespace: &str,
        clock: Arc<dyn Clock>,
        near: Option<NearTier>,
    ) -> Self {
        let mut escaped = String::new();
        escape(namespace, &mut escaped);
        let names = Names::new(escaped);
        Self { core: Arc::new(Core { backend: Arc::new(backend), names, clock, near }) }
    }

    /// Starts a cache of values `V` under keys `K`, which it writes as JSON unless told otherwise. Its entries are those of
    /// any cache with the same name and namespace, so the name stands for the type.
    ///
    /// Make it once and clone it: loads are shared among clones only.
    pub fn typed<K, V>(&self, name: impl Into<String>) -> CacheBuilder<K, V>
    where
        K: Key + ?Sized,
        V: Serialize + DeserializeOwned + 'static,
    {
        self.typed_with(name, Json)
    }

    /// As [`typed`](Self::typed), with another [`Codec`].
    pub fn typed_with<K: Key + ?Sized, V>(
        &self,
        name: impl Into<String>,
        codec: impl Codec<V>,
    ) -> CacheBuilder<K, V> {
        CacheBuilder::new(self.clone(), name.into(), Arc::new(codec))
    }

    /// What all keys begin with, as it stands in Redis.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.core.names.namespace()
    }

    /// Makes all entries with one of these tags out of date, in all caches of the namespace and for all processes, and all
    /// loads of such that are under way. One small write for each tag, however many entries there are.
    ///
    /// Call it after the source was changed.
    ///
    /// # Errors
    /// What kept the server from confirming it; what was to be invalidated may then still be answered.
    ///
    /// # Cancel safety
    /// Dropped, it is still done.
    pub async fn invalidate<T: AsRef<str>>(&self, tags: impl IntoIterator<Item = T>) -> Result<(), Error> {
        let core = &self.core;
        let keys: Vec<_> = tags.into_iter().map(|tag| core.names.tag(tag.as_ref())).collect();
        if keys.is_empty() {
            return Ok(());
        }
        // First what loads look at that learn their tags late: one of them that reads a tag's version after this and
        // before the next step then finds that it was overtaken.
        version::bump(core, vec![core.names.tags.clone()]).await?;
        version::bump(core, keys).await
    }

    /// Makes all entries of all caches of the namespace out of date: one small write, however many there are. The memory
    /// that they take is given back as their time passes, or by [`sweep`](Self::sweep).
    ///
    /// # Errors
    /// What kept the server from confirming it.
    ///
    /// # Cancel safety
    /// Dropped, it is still done.
    pub async fn clear(&self) -> Result<(), Error> {
        version::bump(&self.core, vec![self.core.names.clear.clone()]).await
    }

    /// Asks all servers for a sign of life, for so long at most.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn health(&self, deadline: Duration) -> Health {
        health::ask(&self.core, deadline).await
    }

    /// Ends the connections once what is under way has ended, or the deadline passed; whether it ended in time. Calls after
    /// that fail.
    ///
    /// # Cancel safety
    /// Dropped, the connections end at once.
    pub async fn close(self, deadline: Duration) -> bool {
        health::close(&self.core, deadline).await
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("namespace", &self.namespace())
            .field("connected", &self.core.backend.is_connected())
            .finish_non_exhaustive()
    }
}
