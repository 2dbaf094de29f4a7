//! An entry, and whether it counts.

use super::Shared;
use crate::{
    Error,
    backend::{Found, FullKey},
    entry::{Entry, Rejected, decode},
    stats::timed,
    version,
};
use std::sync::Arc;

/// An entry that counts.
#[derive(Debug, Clone)]
pub(crate) struct Hit<V> {
    /// `None`: it is known that there is nothing.
    pub(crate) value: Option<V>,
    pub(crate) written_ms: u64,
    pub(crate) fresh_ms: u64,
    pub(crate) load_us: u32,
}

impl<V> Hit<V> {
    /// How long it is fresh yet; 0 if it is no more. A clock that is behind the writer's takes it for just written.
    pub(crate) fn fresh_for_ms(&self, now_ms: u64) -> u64 {
        self.fresh_ms.saturating_sub(now_ms.saturating_sub(self.written_ms))
    }
}

impl<V: 'static> Shared<V> {
    /// The entry under a key, if it counts; perhaps not fresh any more.
    pub(crate) async fn find(&self, key: &FullKey) -> Result<Option<Hit<V>>, Error> {
        let [namespace, cache] = &self.scope;
        let keys = [FullKey::clone(key), FullKey::clone(namespace), FullKey::clone(cache)];
        let backend = &*self.core.backend;
        let mut found = timed(&self.counters.latencies.get, backend.get_many(&keys)).await.into_iter();
        let entry = self.counted(found.next().unwrap_or(Ok(Found::Nothing)))?;
        let Some(entry) = self.decoded(entry) else { return Ok(None) };
        let mut versions = found.map(|version| version.map(|version| self.version_in(&version)));
        let scope = version::scope(
            self.counted(versions.next().unwrap_or(Ok(0)))?,
            self.counted(versions.next().unwrap_or(Ok(0)))?,
        );
        self.current(entry, scope).await
    }

    /// What was found, if it counts and is fresh.
    pub(crate) async fn fresh_of(&self, found: Found) -> Result<Option<Hit<V>>, Error> {
        let Some(entry) = self.decoded(found) else { return Ok(None) };
        let [namespace, cache] = self.counted(version::read(&*self.core.backend, &self.scope).await)?[..] else {
            return Ok(None);
        };
        let hit = self.current(entry, version::scope(namespace, cache)).await?;
        Ok(hit.filter(|hit| hit.fresh_for_ms(self.now_ms()) > 0))
    }

    fn version_in(&self, found: &Found) -> u64 {
        match found {
            Found::Value(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0),
            _ => 0,
        }
    }

    /// The entry, if its scope and all its tags are as they were.
    async fn current(&self, entry: Entry<V>, scope: Option<u64>) -> Result<Option<Hit<V>>, Error> {
        if Some(entry.scope) != scope {
            self.counters.outdated.increment();
            return Ok(None);
        }
        if !entry.tags.is_empty() {
            let keys: Vec<_> = entry.tags.iter().map(|(tag, _)| self.core.names.tag(tag)).collect();
            let now = self.counted(version::read(&*self.core.backend, &keys).await)?;
            if !entry.tags.iter().zip(now).all(|((_, then), now)| *then == now) {
                self.counters.outdated.increment();
                return Ok(None);
            }
        }
        let Entry { value, written_ms, fresh_ms, load_us, .. } = entry;
        Ok(Some(Hit { value, written_ms, fresh_ms, load_us }))
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
        let all: Vec<_> = keys.iter().chain(&self.scope).cloned().collect();
        let mut found = timed(&self.counters.latencies.many, self.core.backend.get_many(&all)).await;
        let scope: Result<Vec<u64>, Error> =
            found.drain(keys.len()..).map(|version| Ok(self.version_in(&version?))).collect();
        let scope = scope.map(|scope| match scope[..] {
            [namespace, cache] => version::scope(namespace, cache),
            _ => None,
        });
        let entries: Vec<_> =
            found.into_iter().map(|found| Ok(self.decoded(self.counted(found)?))).collect();
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
            Ok(Some(Hit { value, written_ms, fresh_ms, load_us }))
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
        let versions = self.counted(version::read(&*self.core.backend, &keys).await)?;
        Ok(tags.into_iter().zip(versions).collect())
    }
}
