//! A value that is not there, brought by who needs it: once, however many they are and wherever they run.

mod lead;
mod lease;
mod loaded;
mod outcome;

pub use loaded::Loaded;
pub(crate) use outcome::Outcome;

use crate::{
    Cache, ErrorPolicy, Key, LoadError,
    backend::FullKey,
    cache::{Hit, Shared, let_others_run},
};
use lead::Lead;
use std::sync::Arc;

impl<K: Key + ?Sized, V: Clone + Send + Sync + 'static> Cache<K, V> {
    /// The value under `key`; where there is none, `load` brings it, once however many callers wait, in this process and in
    /// others.
    ///
    /// The load runs as a task of its own, so it goes on when its caller goes away. Its error goes to all who waited for it.
    /// A write or removal of the key, an invalidation of one of its tags, or a `clear` during the load wins: what was loaded
    /// goes to those who waited for it, and is not stored. A value that could not be stored is still returned, and the error
    /// counted.
    ///
    /// Where a value is there whose time is over (see [`stale_for`](crate::CacheBuilder::stale_for)), it is the answer if the
    /// load fails, or another process loads already.
    ///
    /// # Errors
    /// [`LoadError::Load`] with the error of the load, [`LoadError::TimedOut`] and [`LoadError::Ended`]; under
    /// [`ErrorPolicy::Strict`] also [`LoadError::Cache`].
    ///
    /// # Cancel safety
    /// May be dropped at any time: a load that began goes on, for those who wait and to be stored. `load` must not ask for
    /// the same key, which would wait for itself until its time is over.
    ///
    /// # Panics
    /// If a load begins outside of a tokio runtime.
    pub async fn get_or_load<F, Fut, L, E>(&self, key: &K, load: F) -> Result<V, LoadError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<L, E>> + Send + 'static,
        L: Into<Loaded<V>>,
        E: Send + Sync + 'static,
    {
        let load = move || {
            let loading = load();
            async move { Ok(loading.await?.into().map(Some)) }
        };
        self.obtain(key, load, |value| value).await
    }

    /// As [`get_or_load`](Self::get_or_load), where there may be nothing: that is remembered too, for the cache's
    /// `absent_ttl`.
    ///
    /// # Errors
    /// As of [`get_or_load`](Self::get_or_load).
    ///
    /// # Cancel safety
    /// As of [`get_or_load`](Self::get_or_load).
    ///
    /// # Panics
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn get_or_find<F, Fut, L, E>(&self, key: &K, find: F) -> Result<Option<V>, LoadError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<L, E>> + Send + 'static,
        L: Into<Loaded<Option<V>>>,
        E: Send + Sync + 'static,
    {
        let load = move || {
            let finding = find();
            async move { Ok(finding.await?.into()) }
        };
        self.obtain(key, load, Some).await
    }

    /// Looks, and loads if what is there is not what is `wanted`.
    async fn obtain<F, Fut, E, T>(
        &self,
        key: &K,
        load: F,
        wanted: impl Fn(Option<V>) -> Option<T>,
    ) -> Result<T, LoadError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Loaded<Option<V>>, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let shared = &self.shared;
        if let Some(value) = shared.at_once(key, &wanted) {
            let_others_run().await;
            return Ok(value);
        }
        let tags = shared.checked_tags(self.tags_of(key), [""; 0]);
        let key = shared.full_key(key);
        let tags = match tags {
            Ok(tags) => tags,
            Err(error) if shared.settings.on_error == ErrorPolicy::Strict => {
                return Err(LoadError::Cache(error));
            }
            // What cannot be kept is nobody else's to wait for.
            Err(_) => return shared.without(load, wanted).await,
        };
        let mut lead = Lead::new(Arc::clone(shared), FullKey::clone(&key), tags);
        match shared.find(&key).await {
            Err(error) if shared.settings.on_error == ErrorPolicy::Strict => {
                return Err(LoadError::Cache(error));
            }
            Err(_) => lead.unreachable(shared.last_held(&key)),
            Ok(None) => {}
            Ok(Some(hit)) => match shared.use_fresh(&hit, &wanted) {
                Some(value) => {
                    if shared.is_early(&hit) {
                        lead.found(hit);
                        lead.refresh(load);
                    }
                    return Ok(value);
                }
                None => lead.found(hit),
            },
        }
        shared.counters.misses.increment();
        if let Some(value) = shared.use_stale(&key, lead.stale(), &wanted) {
            return Ok(value);
        }
        lead.bring(load, wanted).await
    }
}

impl<V: Clone> Shared<V> {
    fn use_fresh<T>(&self, hit: &Hit<V>, wanted: impl Fn(Option<V>) -> Option<T>) -> Option<T> {
        if hit.fresh_for_ms(self.now_ms()) == 0 {
            return None;
        }
        let value = wanted(hit.value.clone())?;
        let counter = match hit {
            Hit { value: None, .. } => &self.counters.absent,
            Hit { near: true, .. } => &self.counters.near_hits,
            Hit { near: false, .. } => &self.counters.hits,
        };
        counter.increment();
        Some(value)
    }

    /// A value whose time is over, where a load is under way in this process, or failed a moment ago.
    fn use_stale<T>(
        &self,
        key: &FullKey,
        stale: Option<&Hit<V>>,
        wanted: impl Fn(Option<V>) -> Option<T>,
    ) -> Option<T> {
        let hit = stale?;
        let failed = self.failed.as_ref().is_some_and(|failed| failed.get(key).is_some());
        if !failed && !self.flight.is_led(&**key) {
            return None;
        }
        let value = wanted(hit.value.clone())?;
        self.counters.stale.increment();
        Some(value)
    }

    /// Whether it is time to load a value anew that is still fresh: by the law of `XFetch`.
    pub(crate) fn is_early(&self, hit: &Hit<V>) -> bool {
        if self.settings.refresh == 0.0 {
            return false;
        }
        let left_ms = hit.fresh_for_ms(self.now_ms());
        let ahead_ms = f64::from(hit.load_us) / 1000.0 * self.settings.refresh * -fastrand::f64().ln();
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of a life need no more than 53 bits")]
        let left_ms = left_ms as f64;
        ahead_ms >= left_ms
    }
}
