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
    let (loading, leader) = match look_again(backend, key, leader) {
        Looked::Found(value) => return Ok(value),
        Looked::Missing(loading, leader) => (loading, leader),
    };
    let value = load().await?;
    loading.land(leader, &value);
    Ok(value)
}

/// What a new leader finds when it looks again.
enum Looked<'a, K: Hash + Eq, V, B: Backend<K, V> + ?Sized> {
    /// Another load stored it between the caller's miss and its lead; all who wait have it.
    Found(V),
    Missing(Loading<'a, K, V, B>, Leader<K, V>),
}

/// Looks for a value that another load stored between the caller's miss and its lead.
///
/// The look is registered as a load. A write that comes after the look therefore finds it and keeps
/// newcomers from this flight: whoever asks after the write returned never gets a value from before.
fn look_again<K, V, B>(backend: &B, key: K, leader: Leader<K, V>) -> Looked<'_, K, V, B>
where
    K: Hash + Eq + Clone,
    V: Clone,
    B: Backend<K, V> + ?Sized,
{
    let loading = Loading::begin(backend, key);
    let Some(value) = backend.peek(leader.key()) else { return Looked::Missing(loading, leader) };
    leader.land(value.clone());
    loading.end_with(Ended::Found);
    Looked::Found(value)
}

/// How a registered load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It asked the source, for so long, and stored what it brought or not.
    Ran { brought: bool, took: Duration },
    /// It never asked the source, since another load had brought the value.
    Found,
    /// It never asked the source.
    Withdrawn,
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
    /// `None` where it ran.
    ended: Option<Ended>,
    value: PhantomData<fn(V)>,
}

impl<'a, K: Hash + Eq + Clone, V, B: Backend<K, V> + ?Sized> Loading<'a, K, V, B> {
    pub(crate) fn begin(backend: &'a B, key: K) -> Self {
        let number = backend.begin(key.clone());
        let (began, brought) = (backend.now(), AtomicBool::new(false));
        Self { backend, key, number, began, brought, ended: None, value: PhantomData }
    }

    /// Stores a value for so long, unless a write has overtaken the load.
    pub(crate) fn store(&self, value: V, ttl: Option<Duration>, what: Stored) -> Result<(), Full<V>> {
        self.brought.store(what == Stored::Loaded, Relaxed);
        self.backend.store(self.key.clone(), value, ttl, self.number)
    }

    /// Whether no write of the key has overtaken the load.
    pub(crate) fn is_current(&self) -> bool {
        self.backend.may_store(&self.key, self.number)
    }

    /// Ends a load that did not ask the source.
    pub(crate) fn end_with(mut self, ended: Ended) {
        self.ended = Some(ended);
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
        let ended = self.ended.unwrap_or_else(|| Ended::Ran {
            brought: self.brought.load(Relaxed),
            took: self.backend.now().saturating_duration_since(self.began),
        });
        self.backend.end(&self.key, self.number, ended);
    }
}
