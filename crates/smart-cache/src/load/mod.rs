//! Loads: one for each key, however many ask.

pub(crate) mod backend;
mod blocking;
mod face;
mod many;

pub(crate) use backend::Backend;
pub(crate) use blocking::get_or_load_blocking;
pub(crate) use many::get_many_or_load;

use crate::{
    Full,
    flight::{Leader, Turn},
};
use std::{
    hash::Hash,
    marker::PhantomData,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The value under `key`; where there is none, `load` brings it, once however many callers wait.
pub(crate) async fn get_or_load<K, V, B, F, Fut, E>(backend: &B, key: K, load: F) -> Result<V, E>
where
    K: Hash + Eq + Clone,
    V: Clone,
    B: Backend<K, V> + ?Sized,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<V, E>>,
{
    if let Some(value) = backend.get(&key) {
        return Ok(value);
    }
    let leader = match backend.flight().join(key.clone()).await {
        Turn::Landed(value) => {
            backend.coalesced(&key);
            return Ok(value);
        }
        Turn::Lead(leader) => leader,
    };
    if let Some(value) = loaded_meanwhile(backend, &key) {
        leader.land(value.clone());
        return Ok(value);
    }
    let loading = Loading::begin(backend, key);
    let value = load().await?;
    loading.land(leader, &value);
    Ok(value)
}

/// What another load may have brought between our miss and our lead.
fn loaded_meanwhile<K: Hash + Eq, V, B: Backend<K, V> + ?Sized>(backend: &B, key: &K) -> Option<V> {
    let value = backend.peek(key)?;
    backend.coalesced(key);
    Some(value)
}

/// What a load stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// What it brought.
    Loaded,
    /// It failed; something else.
    Instead,
}

/// A load under way, registered where writes of its key see it.
pub(crate) struct Loading<'a, K: Hash + Eq, V, B: Backend<K, V> + ?Sized> {
    backend: &'a B,
    key: K,
    number: u64,
    began: Instant,
    brought: AtomicBool,
    value: PhantomData<fn(V)>,
}

impl<'a, K: Hash + Eq + Clone, V, B: Backend<K, V> + ?Sized> Loading<'a, K, V, B> {
    pub(crate) fn begin(backend: &'a B, key: K) -> Self {
        let number = backend.begin(key.clone());
        let (began, brought) = (backend.now(), AtomicBool::new(false));
        Self { backend, key, number, began, brought, value: PhantomData }
    }

    /// Stores a value for so long, unless a write has overtaken the load.
    pub(crate) fn store(&self, value: V, ttl: Option<Duration>, what: Stored) -> Result<(), Full<V>> {
        self.brought.store(what == Stored::Loaded, Relaxed);
        self.backend.store(self.key.clone(), value, ttl, self.number)
    }

    /// Stores what was brought, and gives it to all who wait.
    fn land(self, leader: Leader<K, V>, value: &V)
    where
        V: Clone,
    {
        // What could not be stored was counted, and still goes to all who asked.
        let _ = self.store(value.clone(), None, Stored::Loaded);
        // Only then may it end: until here a write must find it, to keep newcomers from this flight.
        leader.land(value.clone());
    }
}

impl<K: Hash + Eq, V, B: Backend<K, V> + ?Sized> Drop for Loading<'_, K, V, B> {
    fn drop(&mut self) {
        let took = self.backend.now().saturating_duration_since(self.began);
        self.backend.end(&self.key, self.number, self.brought.load(Relaxed), took);
    }
}
