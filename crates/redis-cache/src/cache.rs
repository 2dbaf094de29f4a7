use crate::{
    Error, ErrorKind, ErrorPolicy, Json, Key, KeyWriter, RedisCache, Stats,
    entry::{self, Limits, Stamp},
    fence::FullKey,
    stats::{Counters, count},
    transport::{Found, Write},
};
use bytes::Bytes;
use perfect21_smart_cache::Flight;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

/// Values `V` under keys `K`, in a part of Redis of its own.
///
/// A handle: clones share its loads and statistics. Made by [`RedisCache::typed`]; the [crate's page](crate) says what
/// it promises and costs.
pub struct Cache<K: ?Sized, V> {
    pub(crate) shared: Arc<Shared<V>>,
    pub(crate) keys: PhantomData<fn(&K)>,
}

pub(crate) struct Shared<V> {
    pub(crate) redis: RedisCache,
    pub(crate) settings: Settings,
    pub(crate) counters: Counters,
    pub(crate) flight: Flight<FullKey, V>,
}

pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) ttl: Duration,
    pub(crate) jitter: f64,
    pub(crate) on_error: ErrorPolicy,
    pub(crate) max_value_bytes: usize,
}

/// The longest key in Redis.
const MAX_KEY_BYTES: usize = 1024;

impl<K: Key + ?Sized, V: Serialize + DeserializeOwned> Cache<K, V> {
    /// The value under `key`, if there is one.
    ///
    /// # Errors
    /// Under [`ErrorPolicy::Strict`], what kept the server from answering; else that is a miss. Bytes that are no value
    /// of this cache are always a miss, counted in [`Stats::rejected`].
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn get(&self, key: &K) -> Result<Option<V>, Error> {
        match self.shared.lookup(&self.shared.full_key(key)?).await {
            Ok(found) => Ok(found),
            Err(error) if self.shared.settings.on_error == ErrorPolicy::Strict => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Puts `value` under `key` for the cache's TTL.
    ///
    /// It wins over a [`get_or_load`](Self::get_or_load) of the key that is under way in this process.
    ///
    /// # Errors
    /// Whatever the policy: what kept the server from confirming it. After a [`Timeout`](ErrorKind::Timeout) it may
    /// have been done; after other kinds it has not.
    ///
    /// # Cancel safety
    /// Dropped while it waits for another write of the key, it does nothing; dropped later, it is still done.
    pub async fn set(&self, key: &K, value: &V) -> Result<(), Error> {
        let key = self.shared.full_key(key)?;
        let value = self.shared.counted(self.shared.encoded(value))?;
        self.shared.write(&key, self.shared.set_of(value)).await?;
        count(&self.shared.counters.sets);
        Ok(())
    }

    /// Empties `key`, and says whether there was something under it.
    ///
    /// It wins over a [`get_or_load`](Self::get_or_load) of the key that is under way in this process.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    ///
    /// # Cancel safety
    /// As [`set`](Self::set).
    pub async fn remove(&self, key: &K) -> Result<bool, Error> {
        let removed = self.shared.write(&self.shared.full_key(key)?, Write::Remove).await?;
        count(&self.shared.counters.removes);
        Ok(removed)
    }
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
}

impl<V> Shared<V> {
    pub(crate) fn counted<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| self.counters.errors.count(error.kind()))
    }

    pub(crate) fn full_key<K: Key + ?Sized>(&self, key: &K) -> Result<FullKey, Error> {
        let mut writer = KeyWriter::starting_with(&self.settings.prefix);
        key.write(&mut writer);
        let key = writer.finish();
        if key.len() > MAX_KEY_BYTES {
            let message = format!("a key of {} bytes is over the bound of {MAX_KEY_BYTES}", key.len());
            return self.counted(Err(Error::new(ErrorKind::TooLarge, message)));
        }
        Ok(key.into())
    }

    /// Reads, and counts a hit or a miss; a failed read is a miss where the policy says so.
    pub(crate) async fn lookup(&self, key: &FullKey) -> Result<Option<V>, Error>
    where
        V: Serialize + DeserializeOwned,
    {
        let found = self.read(key).await;
        match &found {
            Ok(Some(_)) => count(&self.counters.hits),
            Err(_) if self.settings.on_error == ErrorPolicy::Strict => {}
            Ok(None) | Err(_) => count(&self.counters.misses),
        }
        found
    }

    pub(crate) async fn read(&self, key: &FullKey) -> Result<Option<V>, Error>
    where
        V: Serialize + DeserializeOwned,
    {
        let decoded = match self.counted(self.redis.core.transport.get(key).await)? {
            Found::Nothing => return Ok(None),
            Found::Value(bytes) => entry::decode(&bytes, &Json, &self.limits()).map(|entry| {
                let _ = (entry.scope, entry.written_ms, entry.fresh_ms, entry.load_us, entry.tags);
                entry.value
            }),
            #[cfg(feature = "fred")]
            Found::Other => Err(entry::Rejected::Foreign),
        };
        Ok(decoded.inspect_err(|reason| self.counters.rejected.count(*reason)).ok().flatten())
    }

    fn limits(&self) -> Limits {
        Limits { max_value_bytes: self.settings.max_value_bytes, compression: None, compress_above: 1024 }
    }

    pub(crate) fn encoded(&self, value: &V) -> Result<Bytes, Error>
    where
        V: Serialize + DeserializeOwned,
    {
        let stamp = Stamp { scope: 0, written_ms: 0, fresh_ms: 0, load_us: 0, tags: &[] };
        entry::encode(Some(value), &Json, &self.limits(), &stamp)
    }

    /// A write of the user's; who asks after it joins no load that began before it.
    async fn write(&self, key: &FullKey, write: Write) -> Result<bool, Error> {
        let written = self.redis.core.write(key, write, true, || true).await;
        self.flight.forget(key);
        Ok(self.counted(written)?.unwrap_or(false))
    }

    pub(crate) fn set_of(&self, value: Bytes) -> Write {
        let ttl = self.settings.ttl.mul_f64(1.0 - self.settings.jitter * fastrand::f64());
        // Redis counts in milliseconds, and takes no zero.
        Write::Set { value, ttl: ttl.max(Duration::from_millis(1)) }
    }
}

impl<K: ?Sized, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), keys: PhantomData }
    }
}

impl<K: ?Sized, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("name", &self.name()).finish_non_exhaustive()
    }
}
