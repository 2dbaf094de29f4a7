//! One load, within its caller or as a task of its own, and what becomes of what it brings.

use super::{
    LoadError, Loader, OnError,
    held::{Held, Look},
    stats::count,
    wait,
};
use crate::{
    flight::Leader,
    load::{Loading, Stored, backend::Shared},
};
use std::hash::Hash;

/// A load of the cache below.
type Loads<'a, K, V, E> = Loading<'a, K, Held<V, E>, dyn Shared<K, Held<V, E>>>;

impl<K, V, E> Loader<K, V, E>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    pub(super) async fn lead(&self, leader: Leader<K, Held<V, E>>) -> Result<Held<V, E>, LoadError<E>> {
        self.apart(self.clone().run(leader)).await
    }

    /// Runs a task by itself where there is a runtime, else here and now.
    pub(super) async fn apart<T: Clone + Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, LoadError<E>> {
        let Some(runtime) = &self.inner.runtime else { return Ok(task.await) };
        let place = Place::take(self)?;
        let (teller, told) = wait::answer();
        runtime.spawn(Box::pin(async move {
            let value = task.await;
            drop(place);
            teller.tell(value);
        }));
        told.await.ok_or(LoadError::Panicked)
    }

    /// Sees to a new value while the old one is answered, if nobody does.
    pub(super) fn refresh(&self, key: &K) {
        let Some(runtime) = &self.inner.runtime else { return };
        let Some(leader) = self.inner.cache.flight().try_lead(key) else { return };
        // Another refresh may have ended between our look and our lead. A value that was removed is not
        // due: the next caller loads it.
        let now = self.inner.cache.peek(key);
        let due =
            now.is_some_and(|now| matches!(self.inner.windows.look(&now, self.now()), Look::Due { .. }));
        let Some(place) = due.then(|| Place::take(self).ok()).flatten() else { return };
        count(&self.inner.counts.refreshes);
        let load = self.clone().run(leader);
        runtime.spawn(Box::pin(async move {
            load.await;
            drop(place);
        }));
    }

    async fn run(self, leader: Leader<K, Held<V, E>>) -> Held<V, E> {
        let loading = Loading::begin(&*self.inner.cache, leader.key().clone());
        let fallback = self.fallback(leader.key());
        let (key, mut asked) = (leader.key().clone(), self.ask(leader.key()).await);
        if let Some(held) = asked.as_mut().and_then(|asked| asked.found.take()) {
            return self.keep(leader, &loading, held, Stored::Loaded);
        }
        let outcome = (self.inner.load)(key.clone()).await.map_err(LoadError::Load);
        let loaded = outcome.is_ok();
        let held = self.land(leader, &loading, outcome, fallback);
        drop(loading);
        if loaded {
            self.share(&key, &held, asked).await;
        }
        held
    }

    /// What a load that fails may be replaced by. Read once the load is registered: a write from then on
    /// overtakes the load, and so the fallback.
    pub(super) fn fallback(&self, key: &K) -> Option<Held<V, E>> {
        self.inner.cache.peek(key)
    }

    /// Stores what a load brought, and gives it to all who wait.
    ///
    /// The fallback of a load that failed counts only if the key was not written or removed since the
    /// load began: what was written then is the answer.
    pub(super) fn land(
        &self,
        leader: Leader<K, Held<V, E>>,
        loading: &Loads<'_, K, V, E>,
        outcome: Result<V, LoadError<E>>,
        fallback: Option<Held<V, E>>,
    ) -> Held<V, E> {
        let (inner, now) = (&*self.inner, self.now());
        let failed = outcome.is_err();
        let (held, keep) = match outcome {
            Ok(value) => (inner.windows.hold(Ok(value), now), true),
            Err(error) => {
                count(&inner.counts.failures);
                if let Some(failed) = &inner.failed {
                    failed(leader.key(), &error);
                }
                let fallback = if loading.is_current() {
                    fallback.and_then(|held| inner.windows.after_failure(held, now))
                } else {
                    self.at_hand_again(leader.key())
                };
                match fallback {
                    Some(held) => (held, true),
                    None => (inner.windows.hold(Err(error), now), inner.windows.negative.is_some()),
                }
            }
        };
        if keep {
            let stored = if failed { Stored::Instead } else { Stored::Loaded };
            return self.keep(leader, loading, held, stored);
        }
        if inner.on_error == OnError::Share {
            leader.land(held.clone());
        }
        held
    }

    /// Stores what is to be answered from now on, and gives it to all who wait.
    pub(super) fn keep(
        &self,
        leader: Leader<K, Held<V, E>>,
        loading: &Loads<'_, K, V, E>,
        held: Held<V, E>,
        stored: Stored,
    ) -> Held<V, E> {
        // What could not be stored was counted, and still goes to all who asked.
        let _ = loading.store(held.clone(), self.inner.windows.left(&held, self.now()), stored);
        // Only then may `loading` end: until here a write must find it, to keep newcomers from this flight.
        leader.land(held.clone());
        held
    }
}

/// One of the loads that may run as tasks.
struct Place<K, V, E>(Loader<K, V, E>);

impl<K, V, E> Place<K, V, E> {
    fn take(loader: &Loader<K, V, E>) -> Result<Self, LoadError<E>> {
        if loader.inner.running.begin() {
            return Ok(Self(loader.clone()));
        }
        count(&loader.inner.counts.overloaded);
        Err(LoadError::Overloaded { max_loads: loader.inner.running.max })
    }
}

impl<K, V, E> Drop for Place<K, V, E> {
    fn drop(&mut self) {
        self.0.inner.running.end();
    }
}
