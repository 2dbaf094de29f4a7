use super::{Cache, Shared, Terms};
use crate::{
    Error, ErrorKind, Key,
    backend::{FullKey, Put, Token},
    entry::{Stamp, encode},
    stats::timed,
    version::{self, Stamped, Wrote},
};
use std::{sync::Arc, time::Duration};

/// The versions that an entry is stored with, as they were before its value was read from its source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Basis {
    pub(crate) scope: u64,
    pub(crate) tags: Stamped,
}

const MAX_TAGS: usize = 64;
const MAX_TAG_BYTES: usize = 255;

impl<K: Key + ?Sized, V: Clone + Send + Sync + 'static> Cache<K, V> {
    /// Puts `value` under `key` for the cache's TTL.
    ///
    /// It wins over loads of the key that are under way, in this and other processes.
    ///
    /// # Errors
    /// Whatever the policy: what kept the server from confirming it. After a [`Timeout`](ErrorKind::Timeout) it may
    /// have been done; after other kinds it has not.
    ///
    /// # Cancel safety
    /// Dropped once the server was asked, it is still done.
    pub async fn set(&self, key: &K, value: &V) -> Result<(), Error> {
        self.put(key, Some(value), Terms::default()).await
    }

    /// Puts `value` under `key` on terms of its own.
    ///
    /// # Errors
    /// As [`set`](Self::set), and [`Config`](ErrorKind::Config) if the TTL is below a millisecond or above a hundred years,
    /// or there are too many or too long tags.
    ///
    /// # Cancel safety
    /// As [`set`](Self::set).
    pub async fn set_with(&self, key: &K, value: &V, terms: Terms) -> Result<(), Error> {
        self.put(key, Some(value), terms).await
    }

    /// Remembers for the cache's `absent_ttl` that there is nothing under `key`.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    ///
    /// # Cancel safety
    /// As [`set`](Self::set).
    pub async fn set_absent(&self, key: &K) -> Result<(), Error> {
        self.put(key, None, Terms::default()).await
    }

    async fn put(&self, key: &K, value: Option<&V>, terms: Terms) -> Result<(), Error> {
        let shared = &*self.shared;
        let full_key = shared.full_key(key);
        let fresh = shared.fresh(terms.ttl, value.is_none())?;
        let tags = shared.checked_tags(self.tags_of(key), terms.tags)?;
        let basis = shared.basis(tags, fresh).await?;
        let put = shared.sealed(full_key, value, &basis, fresh, 0)?;
        shared.put_many(vec![put]).await.into_iter().collect()
    }

    /// Empties `key`, and says whether there was something under it.
    ///
    /// It wins over loads of the key that are under way, in this and other processes.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    ///
    /// # Cancel safety
    /// As [`set`](Self::set).
    pub async fn remove(&self, key: &K) -> Result<bool, Error> {
        let removed = self.shared.remove_many(vec![self.shared.full_key(key)]).await.pop();
        removed.unwrap_or(Ok(false))
    }

    /// Gives the entry under `key` so long to live from now, and says whether there is one. How long its value is fresh does
    /// not change.
    ///
    /// # Errors
    /// As [`set`](Self::set), and [`Config`](ErrorKind::Config) if the TTL is below a millisecond or above a hundred years.
    ///
    /// # Cancel safety
    /// As [`set`](Self::set).
    pub async fn touch(&self, key: &K, ttl: Duration) -> Result<bool, Error> {
        let shared = &*self.shared;
        check_ttl(ttl)?;
        let touched = shared.core.backend.touch(shared.full_key(key), ttl).await;
        shared.counted(touched)
    }
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// How long a value is fresh: by its own terms or those of the cache, less a random share.
    pub(crate) fn fresh(&self, ttl: Option<Duration>, absent: bool) -> Result<Duration, Error> {
        if let Some(ttl) = ttl {
            self.counted(check_ttl(ttl))?;
        }
        let default = if absent { self.settings.absent_ttl } else { self.settings.ttl };
        let ttl = ttl.unwrap_or(default).mul_f64(1.0 - self.settings.jitter * fastrand::f64());
        // Redis counts in milliseconds, and takes no zero.
        Ok(ttl.max(Duration::from_millis(1)))
    }

    pub(crate) fn checked_tags<T: AsRef<str>>(
        &self,
        of_key: Vec<String>,
        more: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Arc<str>>, Error> {
        let mut tags: Vec<Arc<str>> = of_key.into_iter().map(Into::into).collect();
        tags.extend(more.into_iter().map(|tag| Arc::from(tag.as_ref())));
        tags.sort_unstable();
        tags.dedup();
        if tags.len() > MAX_TAGS {
            let message = format!("an entry may have {MAX_TAGS} tags, not {}", tags.len());
            return self.counted(Err(Error::new(ErrorKind::Config, message)));
        }
        if let Some(tag) = tags.iter().find(|tag| tag.len() > MAX_TAG_BYTES) {
            let message = format!("a tag may have {MAX_TAG_BYTES} bytes, not {}", tag.len());
            return self.counted(Err(Error::new(ErrorKind::Config, message)));
        }
        Ok(tags)
    }

    /// The versions as they are now, made where there are none. Those of tags outlive an entry of so long.
    pub(crate) async fn basis(&self, tags: Vec<Arc<str>>, fresh: Duration) -> Result<Basis, Error> {
        let core = &self.core;
        let keys: Vec<_> = tags.iter().map(|tag| self.core.names.tag(tag)).collect();
        let scope = version::make(core, self.scope.to_vec(), None);
        let tag_versions = version::make(core, keys, Some(self.life(fresh)));
        let (scope, tag_versions) = futures_util::future::join(scope, tag_versions).await;
        let (scope, tag_versions) = (self.counted(scope)?, self.counted(tag_versions)?);
        let scope = match scope[..] {
            [namespace, cache] => version::scope(namespace, cache),
            _ => None,
        };
        Ok(Basis { scope: scope.unwrap_or(0), tags: tags.into_iter().zip(tag_versions).collect() })
    }

    /// How long an entry is kept.
    pub(crate) fn life(&self, fresh: Duration) -> Duration {
        fresh + self.settings.stale_for
    }

    pub(crate) fn sealed(
        &self,
        key: FullKey,
        value: Option<&V>,
        basis: &Basis,
        fresh: Duration,
        load_us: u32,
    ) -> Result<Put, Error> {
        let stamp = Stamp {
            scope: basis.scope,
            written_ms: self.now_ms(),
            fresh_ms: u64::try_from(fresh.as_millis()).unwrap_or(u64::MAX),
            load_us,
            tags: &basis.tags,
        };
        let value = self.counted(encode(value, &*self.codec, &self.settings.limits, &stamp))?;
        Ok(Put { key, value, ttl: self.life(fresh) })
    }

    /// Who asks after it joins no load that began before it.
    pub(crate) async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<(), Error>> {
        let latency =
            if puts.len() == 1 { &self.counters.latencies.set } else { &self.counters.latencies.many };
        let bytes = puts.iter().map(|put| put.value.len() as u64).sum();
        let _written = Written::of(self, puts.iter().map(|put| FullKey::clone(&put.key)));
        let done = timed(latency, self.core.backend.put(puts)).await;
        self.counters.bytes_written.add(bytes);
        done.into_iter().map(|done| self.counted(done).inspect(|()| self.counters.sets.increment())).collect()
    }

    /// Puts what was loaded, unless a write overtook it; says which.
    pub(crate) async fn fill(&self, put: Put, token: Token) -> Result<bool, Error> {
        let bytes = put.value.len() as u64;
        let wrote = Wrote::of(&self.core, vec![FullKey::clone(&put.key)]);
        let filled = timed(&self.counters.latencies.set, self.core.backend.fill(put, token)).await;
        drop(wrote);
        let is_filled = self.counted(filled)?;
        if is_filled {
            self.counters.sets.increment();
            self.counters.bytes_written.add(bytes);
        } else {
            self.counters.overtaken.increment();
        }
        Ok(is_filled)
    }

    pub(crate) async fn remove_many(&self, keys: Vec<FullKey>) -> Vec<Result<bool, Error>> {
        let latency =
            if keys.len() == 1 { &self.counters.latencies.remove } else { &self.counters.latencies.many };
        let _written = Written::of(self, keys.iter().cloned());
        let done = timed(latency, self.core.backend.remove(keys)).await;
        done.into_iter()
            .map(|done| self.counted(done).inspect(|_| self.counters.removes.increment()))
            .collect()
    }
}

pub(crate) fn check_ttl(ttl: Duration) -> Result<(), Error> {
    let longest = Duration::from_secs(100 * 365 * 24 * 3600);
    if ttl < Duration::from_millis(1) || ttl > longest {
        let message = format!("a ttl of {ttl:?} must be from 1 ms to 100 years");
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(())
}

/// Keys that are being written: from the end of it on, if not before, nobody is answered what was there before.
pub(crate) struct Written<'a, V> {
    shared: &'a Shared<V>,
    wrote: Wrote<'a>,
}

impl<'a, V> Written<'a, V> {
    pub(crate) fn of(shared: &'a Shared<V>, keys: impl Iterator<Item = FullKey>) -> Self {
        let written = Self { shared, wrote: Wrote::of(&shared.core, keys.collect()) };
        written.forget();
        written
    }

    fn forget(&self) {
        if self.shared.flight.is_empty() {
            return;
        }
        for key in self.wrote.keys() {
            self.shared.flight.forget(&**key);
        }
    }
}

impl<V> Drop for Written<'_, V> {
    fn drop(&mut self) {
        self.forget();
    }
}
