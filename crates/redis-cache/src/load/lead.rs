//! The one of all callers who loads.

use super::{
    Loaded, Outcome,
    lease::{Lease, Leased},
};
use crate::{
    Error, ErrorPolicy, LoadError,
    backend::FullKey,
    cache::{Basis, Hit, Shared},
    stats::{micros, timed},
    version,
};
use futures_util::future::{Either, join, select};
use perfect21_smart_cache::flight::{Leader, Turn};
use std::{pin::pin, sync::Arc, time::Instant};
use tokio::time::timeout;

/// A caller who may have to load.
pub(super) struct Lead<V> {
    shared: Arc<Shared<V>>,
    key: FullKey,
    /// Those that are known before the value is.
    tags: Vec<Arc<str>>,
    /// Whether the cache answered a moment ago.
    reachable: bool,
    /// What is there and is not fresh any more.
    stale: Option<Hit<V>>,
    /// When the entry was written that we have seen and that will not do.
    seen: Option<u64>,
}

impl<V> Lead<V> {
    pub(super) fn new(shared: Arc<Shared<V>>, key: FullKey, tags: Vec<Arc<str>>) -> Self {
        Self { shared, key, tags, reachable: true, stale: None, seen: None }
    }

    /// Notes that the cache does not answer, and what this process had last.
    pub(super) fn unreachable(&mut self, last: Option<Hit<V>>) {
        self.reachable = false;
        self.stale = last;
    }

    /// Notes what was found that will not do, to be answered if it is only too old and there is nothing better.
    pub(super) fn found(&mut self, hit: Hit<V>) {
        self.seen = Some(hit.written_ms);
        if hit.fresh_for_ms(self.shared.now_ms()) == 0 {
            self.stale = Some(hit);
        }
    }

    pub(super) fn stale(&self) -> Option<&Hit<V>> {
        self.stale.as_ref()
    }
}

impl<V: Clone + Send + Sync + 'static> Lead<V> {
    /// Loads in the background, unless somebody does.
    pub(super) fn refresh<F, Fut, E>(self, load: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<Option<V>>, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        if let Some(leader) = self.shared.flight.try_lead(&self.key) {
            self.shared.counters.refreshes.increment();
            tokio::spawn(self.run(leader, load, true));
        }
    }

    /// Waits for who loads, or does.
    pub(super) async fn bring<F, Fut, E, T>(
        self,
        load: F,
        wanted: impl Fn(Option<V>) -> Option<T>,
    ) -> Result<T, LoadError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<Option<V>>, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let (shared, stale) = (Arc::clone(&self.shared), self.stale.clone());
        let leader = loop {
            match shared.flight.join(FullKey::clone(&self.key)).await {
                Turn::Lead(leader) => break leader,
                Turn::Landed(outcome) => {
                    // Who finds that there is nothing where it wants a value loads for itself.
                    if let Some(value) = wanted(outcome.into_result()?) {
                        shared.counters.coalesced.increment();
                        return Ok(value);
                    }
                }
            }
        };
        let outcome = match tokio::spawn(self.run(leader, load, false)).await {
            Ok(outcome) => outcome.into_result(),
            Err(ended) => match stale {
                Some(hit) => {
                    shared.counters.stale.increment();
                    Ok(hit.value)
                }
                None => Err(LoadError::Ended(ended.to_string())),
            },
        };
        wanted(outcome?).ok_or_else(nothing)
    }

    async fn run<F, Fut, E>(self, leader: Leader<FullKey, Outcome<V>>, load: F, refreshes: bool) -> Outcome<V>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<Option<V>>, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let outcome = self.lead(load, refreshes).await;
        leader.land(outcome.clone());
        outcome
    }

    async fn lead<F, Fut, E>(&self, load: F, refreshes: bool) -> Outcome<V>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<Option<V>>, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let prepared = match self.reachable {
            true => self.prepare(refreshes).await,
            false => Ok((Leased::Without, None)),
        };
        let (lease, basis) = match prepared {
            Ok((Leased::Filled(hit), _)) => {
                self.shared.counters.coalesced.increment();
                return Outcome::Value(hit.value);
            }
            Ok((Leased::Theirs, _)) => return self.outdated().unwrap_or(Outcome::Value(None)),
            Ok((Leased::Ours(lease), basis)) => (Some(lease), basis),
            Ok((Leased::Without, _)) => (None, None),
            Err(error) if self.shared.settings.on_error == ErrorPolicy::Strict => {
                return Outcome::Cache(error);
            }
            Err(_) => (None, None),
        };
        let start = Instant::now();
        match self.load(load, lease.as_ref()).await {
            Ok(loaded) => {
                let load_us = micros(start.elapsed());
                if let (Some(lease), Some(basis)) = (lease, basis) {
                    self.store(lease, basis, &loaded, load_us).await;
                }
                Outcome::Value(loaded.value)
            }
            Err(failed) => {
                if let Some(lease) = &lease {
                    self.shared.release(&lease.key, &lease.token).await;
                }
                self.failed();
                self.outdated().unwrap_or(failed)
            }
        }
    }

    /// Takes the lease, and the versions that count from before the source is read.
    async fn prepare(&self, refreshes: bool) -> Result<(Leased<V>, Option<(Basis, u64)>), Error> {
        let shared = &self.shared;
        let may_wait = !refreshes && self.stale.is_none();
        let leased = shared.lease(&self.key, may_wait, self.seen).await?;
        if !matches!(leased, Leased::Ours(_)) {
            return Ok((leased, None));
        }
        let fresh = shared.settings.ttl;
        let basis = shared.basis(self.tags.clone(), fresh);
        let epoch = version::make(&shared.core, vec![FullKey::clone(&shared.core.names.tags)], None);
        let (basis, epoch) = join(basis, epoch).await;
        let epoch = shared.counted(epoch)?.pop().unwrap_or(0);
        Ok((leased, Some((basis?, epoch))))
    }

    async fn load<F, Fut, E>(&self, load: F, lease: Option<&Lease>) -> Result<Loaded<Option<V>>, Outcome<V>>
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Loaded<Option<V>>, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let shared = &self.shared;
        let mut running = Running { shared, brought: false };
        shared.counters.loads.increment();
        let limit = shared.settings.load_timeout;
        let kept = pin!(async {
            match lease {
                Some(lease) => shared.keep(lease).await,
                None => std::future::pending().await,
            }
        });
        let loading = pin!(timed(&shared.counters.latencies.load, load()));
        let loaded = timeout(limit, async {
            match select(loading, kept).await {
                Either::Left((loaded, _)) => loaded,
                Either::Right((never, _)) => match never {},
            }
        });
        match loaded.await {
            Ok(Ok(loaded)) => {
                running.brought = true;
                Ok(loaded)
            }
            Ok(Err(error)) => Err(Outcome::failed(error)),
            Err(_) => Err(Outcome::TimedOut(limit)),
        }
    }

    /// Stores what a load brought, unless a write overtook it. What goes wrong is counted: the value is there anyway.
    async fn store(
        &self,
        lease: Lease,
        (mut basis, epoch): (Basis, u64),
        loaded: &Loaded<Option<V>>,
        load_us: u32,
    ) {
        let shared = &self.shared;
        let terms = &loaded.terms;
        let Ok(fresh) = shared.fresh(terms.ttl, loaded.value.is_none()) else { return };
        if !terms.tags.is_empty() {
            match self.late_tags(terms, fresh, epoch).await {
                Ok(Some(late)) => basis.tags.extend(late),
                Ok(None) => return shared.counters.overtaken.increment(),
                Err(_) => return,
            }
        }
        let sealed = shared.sealed(lease.key, loaded.value.as_ref(), &basis, fresh, load_us);
        let Ok(put) = sealed else { return };
        // One that failed is counted.
        let _ = shared.fill(put, lease.token).await;
    }

    /// The versions of tags that only the load told; `None` if any tag at all was invalidated since it began. They are read
    /// first: an invalidation counts before it writes a tag's version.
    async fn late_tags(
        &self,
        terms: &crate::Terms,
        fresh: std::time::Duration,
        epoch: u64,
    ) -> Result<Option<version::Stamped>, Error> {
        let shared = &self.shared;
        let mut tags = shared.checked_tags(Vec::new(), &terms.tags)?;
        tags.retain(|tag| !self.tags.contains(tag));
        let keys = tags.iter().map(|tag| shared.core.names.tag(tag)).collect();
        let versions = shared.counted(version::make(&shared.core, keys, Some(shared.life(fresh))).await)?;
        let any = [FullKey::clone(&shared.core.names.tags)];
        let now = shared.counted(version::read_now(&shared.core, &any).await)?;
        let late = tags.into_iter().zip(versions).collect();
        Ok(Some(late).filter(|_| now == [epoch]))
    }

    fn outdated(&self) -> Option<Outcome<V>> {
        let hit = self.stale.as_ref()?;
        self.shared.counters.stale.increment();
        Some(Outcome::Value(hit.value.clone()))
    }

    /// Notes that a load failed where there is something else to answer.
    fn failed(&self) {
        if let (Some(failed), Some(_)) = (&self.shared.failed, &self.stale) {
            // One that does not fit is tried again at once.
            let _ = failed.insert(FullKey::clone(&self.key), ());
        }
    }
}

impl<V> Shared<V> {
    /// Loads what has no place in the cache.
    pub(super) async fn without<F, Fut, E, T>(
        &self,
        load: F,
        wanted: impl Fn(Option<V>) -> Option<T>,
    ) -> Result<T, LoadError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Loaded<Option<V>>, E>>,
    {
        let mut running = Running { shared: self, brought: false };
        self.counters.loads.increment();
        let limit = self.settings.load_timeout;
        let loaded = timeout(limit, load()).await.map_err(|_| LoadError::TimedOut(limit))?;
        let value = loaded.map_err(|error| LoadError::Load(Arc::new(error)))?.value;
        running.brought = true;
        wanted(value).ok_or_else(nothing)
    }
}

#[cold]
fn nothing<E>() -> LoadError<E> {
    LoadError::Ended("there is nothing under the key".to_owned())
}

/// Counts a load that ends by an error, a panic or too late.
struct Running<'a, V> {
    shared: &'a Shared<V>,
    brought: bool,
}

impl<V> Drop for Running<'_, V> {
    fn drop(&mut self) {
        if !self.brought {
            self.shared.counters.load_failures.increment();
        }
    }
}
