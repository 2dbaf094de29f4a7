//! Behind a loader of smart-cache: a cache of bytes is its second tier.
//!
//! What a look-up gives is a number, its *fence*, by which a later put is fenced. Nothing is kept of it in this process:
//! - Where nothing was found, a lease is taken whose token is written of the fence and of the versions of the time. A put
//!   writes it again, of the versions as they are by then: it is another one if a tag was invalidated or the cache cleared,
//!   and the lease is gone if the key was written or removed.
//! - Where something was found, the fence stands for it and for those versions. A put takes the lease, and goes on if what it
//!   replaces is still that.

use crate::{
    Cache, Error, ErrorKind, RedisCache,
    backend::{self, FullKey, Token},
    cache::{Basis, Hit, Shared},
    entry::Entry,
    version,
};
use bytes::Bytes;
use perfect21_smart_cache::{
    RemoteTier,
    remote::{Answer, Fence, Found, Lookup, RemoteError, RemoteErrorKind, Terms},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

/// The second tier of [`Loader`](perfect21_smart_cache::Loader)s: made by `redis.typed_with("products", Raw)`.
///
/// Of loads of a key that run at the same time in several processes, what was looked up last is kept. A load that takes longer
/// than the cache's [`lease`](crate::CacheBuilder::lease) is not. What a loader puts lives for its own time, and the cache's
/// TTL at most.
///
/// ```
/// use perfect21_redis_cache::{Raw, RedisCache};
/// use perfect21_smart_cache::{Loader, remote::RemoteCodec};
/// use std::time::Duration;
///
/// struct Names;
///
/// impl RemoteCodec<u64, String> for Names {
///     fn key(&self, id: &u64) -> String {
///         id.to_string()
///     }
///
///     fn encode(&self, name: &String) -> Option<bytes::Bytes> {
///         Some(name.clone().into())
///     }
///
///     fn decode(&self, bytes: bytes::Bytes) -> Option<String> {
///         String::from_utf8(bytes.into()).ok()
///     }
/// }
///
/// let redis = RedisCache::in_memory().build()?; // or a server
/// let tier = redis.typed_with("names", Raw).lease(Duration::from_secs(10)).build()?;
/// let load = |id: u64| async move { Ok::<_, String>(format!("product {id}")) };
/// let names = Loader::builder(load).remote(tier, Names).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl RemoteTier for Cache<str, Bytes> {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Lookup> {
        Box::pin(async move { self.look_up(key).await.map_err(refused) })
    }

    fn put<'a>(&'a self, key: &'a str, value: Bytes, terms: Terms<'a>) -> Answer<'a, bool> {
        Box::pin(async move { self.put_fenced(key, &value, terms).await.map_err(refused) })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        Box::pin(async move { self.remove(key).await.map(drop).map_err(refused) })
    }

    fn invalidate<'a>(&'a self, tags: &'a [&'a str]) -> Answer<'a, ()> {
        let redis = RedisCache { core: Arc::clone(&self.shared.core) };
        Box::pin(async move { redis.invalidate(tags).await.map_err(refused) })
    }
}

/// Set in a fence of what was found.
const FOUND: u64 = 1;

impl Cache<str, Bytes> {
    async fn look_up(&self, key: &str) -> Result<Lookup, Error> {
        let shared = &*self.shared;
        let key = shared.full_key(key);
        // First: what is invalidated while the rest is looked at is of another time.
        let time = shared.time().await?;
        if let Some(found) = shared.find(&key).await?.and_then(|hit| shared.found(&hit, time)) {
            return Ok(found);
        }
        let fence = Fence(fastrand::u64(..) & !FOUND);
        let (found, _) = shared.take_lease(&key, time.token(fence)).await?;
        if let Some(found) = shared.fresh_of(found).await?.and_then(|hit| shared.found(&hit, time)) {
            return Ok(found);
        }
        shared.counters.misses.increment();
        Ok(Lookup { found: None, fence })
    }

    async fn put_fenced(&self, key: &str, value: &Bytes, terms: Terms<'_>) -> Result<bool, Error> {
        let shared = &*self.shared;
        let full_key = shared.full_key(key);
        let most = shared.settings.ttl;
        let ttl = terms.ttl.map_or(most, |ttl| ttl.min(most));
        if ttl < Duration::from_millis(1) {
            return Ok(false);
        }
        let fresh = shared.fresh(Some(ttl), false)?;
        let tags = shared.checked_tags(self.tags_of(key), terms.tags)?;
        let tag_keys = tags.iter().map(|tag| shared.core.names.tag(tag)).collect();
        let made = version::make(&shared.core, tag_keys, Some(shared.life(fresh))).await;
        let versions = shared.counted(made)?;
        // After the tags: an invalidation is of another time before it writes a tag's version.
        let time = shared.time_now().await?;
        let Some(token) = shared.token_of(&full_key, terms.fence, time).await? else {
            shared.counters.overtaken.increment();
            return Ok(false);
        };
        let basis = Basis { scope: time.scope, tags: tags.into_iter().zip(versions).collect() };
        let put = shared.sealed(full_key, Some(value), &basis, fresh, 0)?;
        shared.fill(put, token).await
    }
}

/// The versions that everything depends on.
#[derive(Clone, Copy)]
struct Time {
    scope: u64,
    /// Another one after any invalidation of any tag.
    tags: u64,
}

impl Time {
    fn of(versions: &[u64]) -> Self {
        match *versions {
            [namespace, cache, tags] => Self { scope: version::scope(namespace, cache).unwrap_or(0), tags },
            _ => Self { scope: 0, tags: 0 },
        }
    }

    fn token(self, fence: Fence) -> Token {
        let Self { scope, tags } = self;
        Token(format!("{:016x}{scope:016x}{tags:016x}", fence.0).into())
    }

    /// What was found, told from all that may be written after it: by its value, and when and for how long it was written.
    fn fence_of(self, value: &Bytes, written_ms: u64, fresh_ms: u64) -> Fence {
        let mut hasher = DefaultHasher::new();
        (self.scope, self.tags, value, written_ms, fresh_ms).hash(&mut hasher);
        Fence(hasher.finish() | FOUND)
    }
}

impl Shared<Bytes> {
    fn time_keys(&self) -> Vec<FullKey> {
        self.scope.iter().chain([&self.core.names.tags]).cloned().collect()
    }

    /// As this process knows it, for what it looks up: of an older time nothing will be put.
    async fn time(&self) -> Result<Time, Error> {
        let keys = self.time_keys();
        let mut versions = self.counted(version::read(&self.core, &keys).await)?;
        if versions.contains(&0) {
            versions = self.counted(version::make(&self.core, keys, None).await)?;
        }
        Ok(Time::of(&versions))
    }

    async fn time_now(&self) -> Result<Time, Error> {
        Ok(Time::of(&self.counted(version::read_now(&self.core, &self.time_keys()).await)?))
    }

    /// What is fresh and is a value.
    fn found(&self, hit: &Hit<Bytes>, time: Time) -> Option<Lookup> {
        let now_ms = self.now_ms();
        let value = hit.value.clone().filter(|_| hit.fresh_for_ms(now_ms) > 0)?;
        let counter = if hit.near { &self.counters.near_hits } else { &self.counters.hits };
        counter.increment();
        let age = Duration::from_millis(now_ms.saturating_sub(hit.written_ms));
        let fence = time.fence_of(&value, hit.written_ms, hit.fresh_ms);
        Some(Lookup { found: Some(Found { value, age }), fence })
    }

    async fn take_lease(&self, key: &FullKey, token: Token) -> Result<(backend::Found, bool), Error> {
        let span = self.settings.lease.unwrap_or(self.settings.load_timeout);
        self.counted(self.core.backend.lease(FullKey::clone(key), token, span, true).await)
    }

    /// By what a key may be filled yet, if it may.
    async fn token_of(&self, key: &FullKey, fence: Fence, time: Time) -> Result<Option<Token>, Error> {
        if fence.0 & FOUND == 0 {
            return Ok(Some(time.token(fence)));
        }
        let token = Token::new();
        let (there, _) = self.take_lease(key, token.clone()).await?;
        let is_same = self.decoded(there).is_some_and(|Entry { value, written_ms, fresh_ms, .. }| {
            value.is_some_and(|value| time.fence_of(&value, written_ms, fresh_ms) == fence)
        });
        if !is_same {
            self.release(key, &token).await;
        }
        Ok(Some(token).filter(|_| is_same))
    }
}

fn refused(error: Error) -> RemoteError {
    let kind = match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Backpressure => RemoteErrorKind::Unreachable,
        ErrorKind::Timeout => RemoteErrorKind::TimedOut,
        _ => RemoteErrorKind::Refused,
    };
    RemoteError::new(kind, error)
}
