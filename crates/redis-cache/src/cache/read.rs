use super::{Cache, Hit, Shared, let_others_run};
use crate::{
    Error, ErrorPolicy, Key,
    backend::{FullKey, Left},
};
use std::time::Duration;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is nothing else to know")]
pub enum Lookup<V> {
    /// Its value.
    Found(V),
    /// That there is none: an entry says so.
    Absent,
    /// Nothing.
    Missing,
}

impl<V> Lookup<V> {
    /// The value, if there is one.
    pub fn found(self) -> Option<V> {
        match self {
            Self::Found(value) => Some(value),
            Self::Absent | Self::Missing => None,
        }
    }
}

impl<K: Key + ?Sized, V: Clone + Send + Sync + 'static> Cache<K, V> {
    /// The value under `key`, if there is a fresh one.
    ///
    /// # Errors
    /// Under [`ErrorPolicy::Strict`], what kept the server from answering, which is a miss else. Bytes that are no value of this
    /// cache are always a miss, counted in [`Stats::rejected`](crate::Stats::rejected).
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn get(&self, key: &K) -> Result<Option<V>, Error> {
        if let Some(value) = self.shared.at_once(key, Some) {
            let_others_run().await;
            return Ok(value);
        }
        Ok(self.look(key).await?.found())
    }

    /// As [`get`](Self::get), and tells what is known to be absent from what is not known.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn lookup(&self, key: &K) -> Result<Lookup<V>, Error> {
        let known = |value: Option<V>| Some(value.map_or(Lookup::Absent, Lookup::Found));
        if let Some(known) = self.shared.at_once(key, known) {
            let_others_run().await;
            return Ok(known);
        }
        self.look(key).await
    }

    /// Where there is no answer at once.
    async fn look(&self, key: &K) -> Result<Lookup<V>, Error> {
        let shared = &*self.shared;
        let key = shared.full_key(key);
        let found = shared.find(&key).await;
        shared.judge(&key, found, shared.now_ms())
    }

    /// Whether there is an entry under `key`, be it that there is nothing; it is not read, so it may be one that no longer
    /// counts or is not of this cache.
    ///
    /// # Errors
    /// As [`get`](Self::get), where a failure counts as no.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn exists(&self, key: &K) -> Result<bool, Error> {
        Ok(self.left(&self.shared.full_key(key)).await?.is_some())
    }

    /// How long the entry under `key` has to live yet, its time beyond the TTL included; `None` if there is none.
    ///
    /// # Errors
    /// As [`get`](Self::get), where a failure counts as none.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn ttl(&self, key: &K) -> Result<Option<Duration>, Error> {
        Ok(self.left(&self.shared.full_key(key)).await?.map(|left| match left {
            Left::For(left) => left,
            Left::Ever => Duration::MAX,
        }))
    }

    async fn left(&self, key: &FullKey) -> Result<Option<Left>, Error> {
        let left = self.shared.counted(self.shared.core.backend.ttl(key).await);
        match self.shared.settings.on_error {
            ErrorPolicy::Strict => left,
            _ => Ok(left.unwrap_or_default()),
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// What a lookup tells its caller, counted.
    pub(crate) fn judge(
        &self,
        key: &FullKey,
        found: Result<Option<Hit<V>>, Error>,
        now_ms: u64,
    ) -> Result<Lookup<V>, Error> {
        let hit = match found {
            Err(error) if self.settings.on_error == ErrorPolicy::Strict => return Err(error),
            Err(_) => self.last_held(key).inspect(|_| self.counters.stale.increment()),
            Ok(None) => None,
            Ok(Some(hit)) => Some(hit).filter(|hit| hit.fresh_for_ms(now_ms) > 0),
        };
        let near = hit.as_ref().is_some_and(|hit| hit.near);
        Ok(match hit.map(|hit| hit.value) {
            None => {
                self.counters.misses.increment();
                Lookup::Missing
            }
            Some(None) => {
                self.counters.absent.increment();
                Lookup::Absent
            }
            Some(Some(value)) => {
                let counter = if near { &self.counters.near_hits } else { &self.counters.hits };
                counter.increment();
                Lookup::Found(value)
            }
        })
    }
}
