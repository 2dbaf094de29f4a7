//! An entry, and whether it counts.

use super::Shared;
use crate::{
    Error, ErrorPolicy, Key,
    backend::{Found, FullKey},
    entry::{Entry, Rejected, decode},
    key::with_key,
    near::{NearTier, Store, Ticket, Trust},
    stats::timed,
    version,
};
use std::{sync::Arc, time::Duration};

/// An entry that counts.
#[derive(Debug, Clone)]
pub(crate) struct Hit<V> {
    /// `None`: it is known that there is nothing.
    pub(crate) value: Option<V>,
    pub(crate) written_ms: u64,
    pub(crate) fresh_ms: u64,
    pub(crate) load_us: u32,
    /// Whether this process held it.
    pub(crate) near: bool,
}

/// What is held of an entry: with what it depends on, to be looked at again.
struct NearEntry<V> {
    hit: Hit<V>,
    scope: u64,
    tags: Box<[(Arc<str>, u64)]>,
}

impl<V> Hit<V> {
    /// How long it is fresh yet; 0 if it is no more. A clock that is behind the writer's takes it for just written.
    pub(crate) fn fresh_for_ms(&self, now_ms: u64) -> u64 {
        self.fresh_ms.saturating_sub(now_ms.saturating_sub(self.written_ms))
    }
}

/// A task that asks in a loop and is always answered here must let others run, who may have the news.
pub(crate) async fn let_others_run() {
    tokio::task::coop::consume_budget().await;
}

fn scope_of(versions: &[u64]) -> Option<u64> {
    match *versions {
        [namespace, cache] => version::scope(namespace, cache),
        _ => None,
    }
}

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// The entry under a key, if it counts; perhaps not fresh any more.
    pub(crate) async fn find(&self, key: &FullKey) -> Result<Option<Hit<V>>, Error> {
        if let Some(near) = self.near() {
            if let Some(hit) = self.held(near, key).await {
                let_others_run().await;
                return Ok(Some(hit));
            }
            let generation = near.store.generation();
            if let Some((Ok(found), ticket)) = timed(&self.counters.latencies.get, near.read(key)).await {
                return self.kept(found, &ticket, generation).await;
            }
        }
        self.find_remote(key).await
    }

    /// What this process holds, if that counts and is fresh without a look at anything else, and is what is `wanted`.
    #[inline]
    pub(crate) fn at_once<K: Key + ?Sized, T>(
        &self,
        key: &K,
        wanted: impl Fn(Option<V>) -> Option<T>,
    ) -> Option<T> {
        let near = self.near()?;
        let held = with_key(&self.settings.prefix, key, |text| near.store.whole(text))?;
        let entry: &NearEntry<V> = held.value.downcast_ref()?;
        if self.is_early(&entry.hit) {
            return None;
        }
        let value = wanted(entry.hit.value.clone())?;
        let counter =
            if entry.hit.value.is_some() { &self.counters.near_hits } else { &self.counters.absent };
        counter.increment();
        Some(value)
    }

    /// The near cache, where this cache uses it.
    fn near(&self) -> Option<&NearTier> {
        let near = self.core.near.as_ref()?;
        (self.settings.near && near.store.holds_values()).then_some(near)
    }

    /// What this process had last under a key, for when the server does not answer; within its whole time only.
    pub(crate) fn last_held(&self, key: &FullKey) -> Option<Hit<V>> {
        if self.settings.on_error != ErrorPolicy::StaleOnError {
            return None;
        }
        let held = self.near()?.store.last(key)?;
        let entry: &NearEntry<V> = held.value.downcast_ref()?;
        let age = self.now_ms().saturating_sub(entry.hit.written_ms);
        let stale_ms = u64::try_from(self.settings.stale_for.as_millis()).unwrap_or(u64::MAX);
        (age < entry.hit.fresh_ms.saturating_add(stale_ms)).then(|| entry.hit.clone())
    }

    async fn held(&self, near: &NearTier, key: &FullKey) -> Option<Hit<V>> {
        let (held, trust) = near.store.value(key)?;
        let entry: &NearEntry<V> = held.value.downcast_ref()?;
        let counts = match trust {
            Trust::Whole => true,
            Trust::None => false,
            Trust::Lost => {
                self.counters.stale.increment();
                true
            }
            Trust::Versions => {
                let generation = near.store.generation();
                let counts = self.counts(entry.scope, &entry.tags).await.unwrap_or(false);
                if counts {
                    Store::confirm(&held, generation);
                }
                counts
            }
        };
        counts.then(|| entry.hit.clone())
    }

    /// Keeps what was read, if it counts.
    async fn kept(
        &self,
        found: Found,
        ticket: &Ticket<'_>,
        generation: u64,
    ) -> Result<Option<Hit<V>>, Error> {
        let bytes = if let Found::Value(bytes) = &found { bytes.len() } else { 0 };
        let Some(entry) = self.decoded(found) else { return Ok(None) };
        if !self.counts(entry.scope, &entry.tags).await? {
            self.counters.outdated.increment();
            return Ok(None);
        }
        let Entry { value, scope, written_ms, fresh_ms, load_us, tags } = entry;
        let mut hit = Hit { value, written_ms, fresh_ms, load_us, near: true };
        let fresh_for = Duration::from_millis(hit.fresh_for_ms(self.now_ms()));
        ticket.keep_value(NearEntry { hit: hit.clone(), scope, tags }, bytes, generation, fresh_for);
        hit.near = false;
        Ok(Some(hit))
    }

    /// Whether a scope and tags are what they were.
    async fn counts(&self, scope: u64, tags: &[(Arc<str>, u64)]) -> Result<bool, Error> {
        let tag_keys = tags.iter().map(|(tag, _)| self.core.names.tag(tag));
        let keys: Vec<_> = self.scope.iter().cloned().chain(tag_keys).collect();
        let versions = self.counted(version::read(&self.core, &keys).await)?;
        let (now, tags_now) = versions.split_at(self.scope.len().min(versions.len()));
        let [namespace, cache] = *now else { return Ok(false) };
        Ok(version::scope(namespace, cache) == Some(scope) && tags.iter().map(|(_, then)| then).eq(tags_now))
    }

    async fn find_remote(&self, key: &FullKey) -> Result<Option<Hit<V>>, Error> {
        let backend = &*self.core.backend;
        if self.core.near.as_ref().is_some_and(NearTier::is_open) {
            // From the second time on they are known. Looked up before the entry is: what changes in between came after this
            // call began.
            let versions = self.counted(version::read(&self.core, &self.scope).await)?;
            let found = self.counted(timed(&self.counters.latencies.get, backend.get(key)).await)?;
            let Some(entry) = self.decoded(found) else { return Ok(None) };
            return self.current(entry, scope_of(&versions)).await;
        }
        let [namespace, cache] = &self.scope;
        let keys = [FullKey::clone(key), FullKey::clone(namespace), FullKey::clone(cache)];
        let mut found = timed(&self.counters.latencies.get, backend.get_many(&keys)).await.into_iter();
        let entry = self.counted(found.next().unwrap_or(Ok(Found::Nothing)))?;
        let Some(entry) = self.decoded(entry) else { return Ok(None) };
        let versions: Result<Vec<_>, _> = found.map(|found| Ok(version::number(&found?))).collect();
        self.current(entry, scope_of(&self.counted(versions)?)).await
    }

    /// What was found, if it counts and is fresh.
    pub(crate) async fn fresh_of(&self, found: Found) -> Result<Option<Hit<V>>, Error> {
        let Some(entry) = self.decoded(found) else { return Ok(None) };
        let versions = self.counted(version::read(&self.core, &self.scope).await)?;
        let hit = self.current(entry, scope_of(&versions)).await?;
        Ok(hit.filter(|hit| hit.fresh_for_ms(self.now_ms()) > 0))
    }

    /// The entry, if its scope and all its tags are as they were.
    async fn current(&self, entry: Entry<V>, scope: Option<u64>) -> Result<Option<Hit<V>>, Error> {
        if Some(entry.scope) != scope {
            self.counters.outdated.increment();
            return Ok(None);
        }
        if !entry.tags.is_empty() {
            let keys: Vec<_> = entry.tags.iter().map(|(tag, _)| self.core.names.tag(tag)).collect();
            let now = self.counted(version::read(&self.core, &keys).await)?;
            if !entry.tags.iter().zip(now).all(|((_, then), now)| *then == now) {
                self.counters.outdated.increment();
                return Ok(None);
            }
        }
        let Entry { value, written_ms, fresh_ms, load_us, .. } = entry;
        Ok(Some(Hit { value, written_ms, fresh_ms, load_us, near: false }))
    }

    pub(crate) fn decoded(&self, found: Found) -> Option<Entry<V>> {
        let decoded = match found {
            Found::Nothing => return None,
            Found::Value(bytes) => {
                self.counters.bytes_read.add(bytes.len() as u64);
                decode(&bytes, &*self.codec, &self.settings.limits)
            }
            Found::Other => Err(Rejected::Foreign),
        };
        decoded.inspect_err(|reason| self.counters.rejected.count(*reason)).ok()
    }

    /// As [`find`](Self::find), for many keys: one command for those of a slot, and one more for the tags of all.
    pub(crate) async fn find_many(&self, keys: &[FullKey]) -> Vec<Result<Option<Hit<V>>, Error>> {
        let (found, scope) = if self.core.near.as_ref().is_some_and(NearTier::is_open) {
            let scope = self.counted(version::read(&self.core, &self.scope).await);
            (timed(&self.counters.latencies.many, self.core.backend.get_many(keys)).await, scope)
        } else {
            let all: Vec<_> = keys.iter().chain(&self.scope).cloned().collect();
            let mut found = timed(&self.counters.latencies.many, self.core.backend.get_many(&all)).await;
            let scope = found.drain(keys.len()..).map(|found| Ok(version::number(&found?))).collect();
            (found, scope)
        };
        let scope = scope.map(|scope: Vec<u64>| scope_of(&scope));
        let entries: Vec<_> = found.into_iter().map(|found| Ok(self.decoded(self.counted(found)?))).collect();
        let tags = self.versions_of(&entries).await;
        let judge = |entry: Result<Option<Entry<V>>, Error>| {
            let Some(entry) = entry? else { return Ok(None) };
            let is_current = Some(entry.scope) == scope.clone()?
                && match entry.tags.is_empty() {
                    true => true,
                    false => {
                        let tags = tags.as_ref().map_err(Error::clone)?;
                        entry.tags.iter().all(|(tag, then)| tags.get(tag) == Some(then))
                    }
                };
            if !is_current {
                self.counters.outdated.increment();
                return Ok(None);
            }
            let Entry { value, written_ms, fresh_ms, load_us, .. } = entry;
            Ok(Some(Hit { value, written_ms, fresh_ms, load_us, near: false }))
        };
        entries.into_iter().map(judge).collect()
    }

    /// The versions that the tags of these entries have now.
    async fn versions_of(
        &self,
        entries: &[Result<Option<Entry<V>>, Error>],
    ) -> Result<std::collections::HashMap<Arc<str>, u64>, Error> {
        let entries = entries.iter().filter_map(|entry| entry.as_ref().ok()?.as_ref());
        let mut tags: Vec<Arc<str>> =
            entries.flat_map(|entry| entry.tags.iter().map(|(tag, _)| Arc::clone(tag))).collect();
        tags.sort_unstable();
        tags.dedup();
        let keys: Vec<_> = tags.iter().map(|tag| self.core.names.tag(tag)).collect();
        let versions = self.counted(version::read(&self.core, &keys).await)?;
        Ok(tags.into_iter().zip(versions).collect())
    }
}
