use super::{
    BatchFn, Inner, LoadFn, Loader, Running,
    held::{Held, StaleOnError, Windows},
    remote::Remote,
    stats::LoadCounts,
};
use crate::{
    Backed, Builder, Cache, Runtime, Store,
    load::backend::Shared,
    remote::{RemoteCodec, RemoteTier},
};
use perfect21_core::{Clock, ConfigError, SystemClock};
use std::{fmt, future::Future, hash::Hash, sync::Arc, time::Duration};

/// Who gets the error of a load that several callers wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnError {
    /// All who wait.
    #[default]
    Share,
    /// The one who led; then one of those who wait leads with a load of its own.
    Retry,
}

/// A store, once its name is known.
type MakeStore<K, V, E> = Box<dyn FnOnce(String) -> Box<dyn Shared<K, Held<V, E>>> + Send + Sync>;

/// Settings of a [`Loader`]; made by [`Loader::builder`].
#[must_use = "a builder does nothing until .build()"]
pub struct LoaderBuilder<K, V, E> {
    name: String,
    cache: Builder<K, Held<V, E>>,
    /// The last setting of our own cache that was given.
    pub(super) bound: Option<&'static str>,
    pub(super) store: Option<MakeStore<K, V, E>>,
    load: LoadFn<K, V, E>,
    batch: Option<BatchFn<K, V, E>>,
    pub(super) max_batch: usize,
    failed: Option<super::Failed<K, E>>,
    remote: Option<Remote<K, V>>,
    pub(super) ttl: Option<Duration>,
    pub(super) jitter: f64,
    pub(super) refresh_at: Option<f64>,
    pub(super) revalidate: Duration,
    on_error: OnError,
    pub(super) stale: Option<StaleOnError>,
    pub(super) negative: Option<Duration>,
    pub(super) soft_timeout: Option<Duration>,
    pub(super) hard_timeout: Option<Duration>,
    pub(super) max_loads: usize,
    pub(super) runtime: Option<Arc<dyn Runtime>>,
    clock: Arc<dyn Clock>,
}

impl<K, V, E> LoaderBuilder<K, V, E>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    pub(super) fn new<F, Fut>(load: F) -> Self
    where
        F: Fn(K) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        Self {
            name: "loader".to_owned(),
            cache: Cache::builder(),
            bound: None,
            store: None,
            load: Box::new(move |key| Box::pin(load(key))),
            batch: None,
            max_batch: 100,
            failed: None,
            remote: None,
            ttl: None,
            jitter: 0.0,
            refresh_at: None,
            revalidate: Duration::ZERO,
            on_error: OnError::Share,
            stale: None,
            negative: None,
            soft_timeout: None,
            hard_timeout: None,
            max_loads: 10_000,
            runtime: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The name in metrics and logs. Default: `loader`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The most values held at any instant. Default: 1000.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.cache = self.cache.max_entries(max_entries);
        self.bound = Some("max_entries");
        self
    }

    /// The most bytes held at any instant, as the [`weigher`](Self::weigher) counts them. Default: 100 MiB.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.cache = self.cache.max_bytes(max_bytes);
        self.bound = Some("max_bytes");
        self
    }

    /// Says how many bytes a value counts for, its key included. An error that is remembered counts for the size of the
    /// key itself.
    ///
    /// Default: the size of key and value themselves and their dates, as for [`Builder::weigher`].
    pub fn weigher(mut self, weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.cache = self.cache.weigher(move |key, held| match &held.outcome {
            Ok(value) => weigher(key, value),
            Err(_) => size_of::<K>() as u64,
        });
        self.bound = Some("weigher");
        self
    }

    /// Keeps the values in a store of yours, whose bounds are its own. Default: our own cache.
    ///
    /// ```
    /// # #[cfg(feature = "lru")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_smart_cache::{Loader, Lru};
    ///
    /// let sizes = Loader::builder(|name: String| async move { Ok::<_, ()>(name.len()) })
    ///     .store(Lru::new(1000)?)
    ///     .build()?;
    /// # let _ = sizes;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "lru"))]
    /// # fn main() {}
    /// ```
    pub fn store(mut self, store: impl Store<K, Held<V, E>> + 'static) -> Self {
        self.store = Some(Box::new(|name| Box::new(Backed::named(name, store))));
        self
    }

    /// How long a value is fresh. Default: for ever.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Shortens each TTL by a random part of up to this share, so that what was loaded together is not over together.
    /// Default: 0.
    pub fn ttl_jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// From which share of its TTL on, 0 to 1, a value that is asked for is loaded anew, by one load in the background,
    /// while it is answered. Needs a [`runtime`](Self::runtime). Default: never.
    pub fn refresh_at(mut self, share: f64) -> Self {
        self.refresh_at = Some(share);
        self
    }

    /// How long after its TTL a value is still answered, while one load in the background replaces it. Needs a
    /// [`runtime`](Self::runtime). Default: not at all.
    pub fn stale_while_revalidate(mut self, stale: Duration) -> Self {
        self.revalidate = stale;
        self
    }

    /// *Fail-safe*: how long after its TTL a value is answered where the load of a new one fails or takes too long; the
    /// next load of the key waits for `throttle`. Default: not at all.
    ///
    /// The error is not lost: [`failed`](Self::failed) is told of it, and it is counted.
    pub fn stale_on_error(mut self, max_stale: Duration, throttle: Duration) -> Self {
        self.stale = Some(StaleOnError { max_stale, throttle });
        self
    }

    /// How long an error is remembered and answered without a load. Default: not at all.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative = Some(ttl);
        self
    }

    /// Who gets the error of a load. Default: all who wait for it.
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Told of every load that failed, also where a stale value was answered instead. It must be short.
    pub fn failed(mut self, failed: impl Fn(&K, &super::LoadError<E>) + Send + Sync + 'static) -> Self {
        self.failed = Some(Box::new(failed));
        self
    }

    /// How long a caller waits for whom [`stale_on_error`](Self::stale_on_error) has something to answer; the load goes
    /// on, and others are answered at once until the throttle is over. Needs a [`runtime`](Self::runtime). Default: for ever.
    pub fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.soft_timeout = Some(timeout);
        self
    }

    /// How long any caller waits; the load goes on, and what it brings is stored. Needs a [`runtime`](Self::runtime).
    /// Default: for ever.
    pub fn hard_timeout(mut self, timeout: Duration) -> Self {
        self.hard_timeout = Some(timeout);
        self
    }

    /// How many loads may run at once where there is a runtime. More are refused as
    /// [`Overloaded`](super::LoadError::Overloaded); a refresh in the background is left for later. Default: 10 000.
    pub fn max_loads(mut self, max_loads: usize) -> Self {
        self.max_loads = max_loads;
        self
    }

    /// A second tier that is asked before each load, and given what was loaded: several processes then load a value once.
    /// Default: none.
    ///
    /// A value counts as old there as it is, whoever loaded it. All who wait are answered before the tier is given a value;
    /// the caller that leads waits for that too. A tier that fails or times out is as if there were none: it is counted, and
    /// the value is loaded. To forget a value in both tiers: [`invalidate`](Loader::invalidate).
    pub fn remote(
        mut self,
        tier: impl RemoteTier + 'static,
        codec: impl RemoteCodec<K, V> + 'static,
    ) -> Self {
        self.remote = Some(Remote { tier: Arc::new(tier), codec: Box::new(codec) });
        self
    }

    /// Runs loads as tasks of their own, which go on whatever becomes of their callers. Default: a load runs within the
    /// future of the caller that leads.
    pub fn runtime(mut self, runtime: impl Runtime) -> Self {
        self.runtime = Some(Arc::new(runtime));
        self
    }

    /// Loads many values at once, for [`get_many`](Loader::get_many): one result for each key, in their order.
    /// Default: the load of one, for each.
    pub fn batch<F, Fut>(mut self, batch: F) -> Self
    where
        F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Result<V, E>>> + Send + 'static,
    {
        self.batch = Some(Box::new(move |keys| Box::pin(batch(keys))));
        self
    }

    /// The most keys of a batch; more are split. Default: 100.
    pub fn max_batch(mut self, keys: usize) -> Self {
        self.max_batch = keys;
        self
    }

    /// Where the time is read. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.cache = self.cache.clock(Arc::clone(&clock));
        self.clock = clock;
        self
    }

    /// Makes the loader, empty.
    ///
    /// # Errors
    /// If a bound, a duration or a share is zero or out of range, an option needs another one that is missing, or
    /// `max_bytes` is set without a weigher for types that own heap, or a bound beside a store.
    pub fn build(self) -> Result<Loader<K, V, E>, ConfigError> {
        self.check()?;
        let cache = match self.store {
            Some(store) => store(self.name),
            None => Box::new(self.cache.name(self.name).build()?),
        };
        let refresh_from = self.ttl.zip(self.refresh_at).map(|(ttl, share)| ttl.mul_f64(share));
        Ok(Loader {
            inner: Arc::new(Inner {
                cache,
                load: self.load,
                batch: self.batch,
                max_batch: self.max_batch,
                failed: self.failed,
                remote: self.remote,
                windows: Windows {
                    ttl: self.ttl,
                    jitter: self.jitter,
                    refresh_from,
                    revalidate: self.revalidate,
                    on_error: self.stale,
                    negative: self.negative,
                },
                on_error: self.on_error,
                soft_timeout: self.soft_timeout,
                hard_timeout: self.hard_timeout,
                running: Running::new(self.max_loads),
                runtime: self.runtime,
                clock: self.clock,
                counts: LoadCounts::default(),
            }),
        })
    }
}

impl<K, V, E> fmt::Debug for LoaderBuilder<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoaderBuilder")
            .field("cache", &self.cache)
            .field("ttl", &self.ttl)
            .field("stale_while_revalidate", &self.revalidate)
            .field("stale_on_error", &self.stale)
            .field("negative_ttl", &self.negative)
            .field("on_error", &self.on_error)
            .finish_non_exhaustive()
    }
}
