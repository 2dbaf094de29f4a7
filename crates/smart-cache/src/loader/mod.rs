//! A cache that fetches what it has not: one load for each key however many ask, and every way to live with a source
//! that is slow or down.
//!
//! ```
//! use perfect21_smart_cache::{Loader, loader::LoadErrorKind};
//! use std::time::Duration;
//!
//! #[derive(Debug, Clone)]
//! struct Down;
//!
//! async fn read_rate(currency: &'static str) -> Result<u64, Down> {
//!     if currency == "EUR" { Ok(107) } else { Err(Down) }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let rates = Loader::builder(read_rate)
//!     .max_entries(200)
//!     .ttl(Duration::from_secs(60))
//!     .stale_on_error(Duration::from_secs(3600), Duration::from_secs(5))
//!     .negative_ttl(Duration::from_secs(1))
//!     .build()?;
//! assert_eq!(rates.get("EUR").await.ok(), Some(107));
//! assert_eq!(rates.get("XXX").await.unwrap_err().kind(), LoadErrorKind::Load);
//! # Ok(())
//! # }
//! # futures_util::future::FutureExt::now_or_never(run()).unwrap().unwrap();
//! ```
//!
//! # What is answered when
//!
//! | the value is | answer | load |
//! |---|---|---|
//! | fresh | it | none; from [`refresh_at`](LoaderBuilder::refresh_at) on one in the background |
//! | stale, within [`stale_while_revalidate`](LoaderBuilder::stale_while_revalidate) | it | one in the background |
//! | stale, within [`stale_on_error`](LoaderBuilder::stale_on_error) | the new one; the old one if the load fails or is late | one, then none until the throttle is over |
//! | an error, within [`negative_ttl`](LoaderBuilder::negative_ttl) | it | none |
//! | none of these | the new one, or the load's error | one |
//!
//! With a [`remote`](LoaderBuilder::remote) tier a load is first a look into that, and only then the load itself.
//!
//! A write during a load wins: what was loaded goes to those who had asked before it, and is not stored.

mod builder;
mod check;
mod error;
mod held;
mod many;
mod remote;
mod stats;
mod task;
mod wait;

pub use builder::{LoaderBuilder, OnError};
pub use error::{LoadError, LoadErrorKind};
pub use held::Held;
pub use stats::LoaderStats;

use crate::{
    Full, Runtime,
    flight::{Leader, Turn},
    load::{Ended, Loading, backend::Shared},
};
use held::{Look, Windows};
use perfect21_core::{Clock, Pressure, Trim, Trimmed};
use remote::Remote;
use stats::{LoadCounts, count};
use std::{
    fmt,
    hash::Hash,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type LoadFn<K, V, E> = Box<dyn Fn(K) -> Boxed<Result<V, E>> + Send + Sync>;
type BatchFn<K, V, E> = Box<dyn Fn(Vec<K>) -> Boxed<Vec<Result<V, E>>> + Send + Sync>;
type Failed<K, E> = Box<dyn Fn(&K, &LoadError<E>) + Send + Sync>;

/// A cache that loads what it has not; see the [module's page](self).
///
/// A handle: clones share the values. Values and errors come out as clones, so they are small or in an [`Arc`].
pub struct Loader<K, V, E> {
    inner: Arc<Inner<K, V, E>>,
}

struct Inner<K, V, E> {
    cache: Box<dyn Shared<K, Held<V, E>>>,
    load: LoadFn<K, V, E>,
    batch: Option<BatchFn<K, V, E>>,
    max_batch: usize,
    failed: Option<Failed<K, E>>,
    remote: Option<Remote<K, V>>,
    windows: Windows,
    on_error: OnError,
    soft_timeout: Option<Duration>,
    hard_timeout: Option<Duration>,
    running: Running,
    runtime: Option<Arc<dyn Runtime>>,
    clock: Arc<dyn Clock>,
    counts: LoadCounts,
}

/// What is there without a load.
enum AtHand<V, E> {
    Answer(Result<V, LoadError<E>>),
    /// To be loaded, and whether there is something to answer if that does not work.
    Load {
        has_fallback: bool,
    },
}

impl<K, V, E> Loader<K, V, E>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// Starts a loader by what it loads with.
    pub fn builder<F, Fut>(load: F) -> LoaderBuilder<K, V, E>
    where
        F: Fn(K) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        LoaderBuilder::new(load)
    }

    /// The value of the key: the one at hand, or a new one.
    ///
    /// # Errors
    /// If it could not be loaded, and nothing else may be answered.
    ///
    /// # Cancel safety
    /// With a [`runtime`](LoaderBuilder::runtime), a load goes on when its caller leaves. Without one it is part of
    /// this future: dropped or panicking, it lets one of those who wait lead, with a load of its own.
    pub async fn get(&self, key: K) -> Result<V, LoadError<E>> {
        match self.at_hand(&key) {
            AtHand::Answer(answer) => answer,
            AtHand::Load { has_fallback } => self.load_in_time(key, has_fallback).await,
        }
    }

    /// The value at hand, stale or fresh, without a load.
    #[must_use]
    pub fn peek(&self, key: &K) -> Option<V> {
        self.inner.cache.get(key).and_then(|held| held.outcome.ok())
    }

    /// Puts a value in, as if it had been loaded now. A load of the key that is under way will not be stored.
    ///
    /// # Errors
    /// As [`Cache::insert`](crate::Cache::insert).
    pub fn insert(&self, key: K, value: V) -> Result<(), Full<V>> {
        let now = self.now();
        let held = self.inner.windows.hold(Ok(value), now);
        let left = self.inner.windows.left(&held, now);
        self.inner.cache.insert(key, held, left).or_else(|full| match full.value.outcome {
            Ok(value) => Err(Full { value, weight: full.weight, max_bytes: full.max_bytes }),
            // It was a value that went in.
            Err(_) => Ok(()),
        })
    }

    /// Forgets the value of a key; a load of it that is under way will not be stored.
    pub fn remove(&self, key: &K) {
        drop(self.inner.cache.remove(key));
    }

    /// Forgets all; no load under way will be stored.
    pub fn clear(&self) {
        self.inner.cache.clear();
    }

    fn at_hand(&self, key: &K) -> AtHand<V, E> {
        let Some(held) = self.inner.cache.get(key) else { return AtHand::Load { has_fallback: false } };
        let look = self.inner.windows.look(&held, self.now());
        match look {
            Look::Fresh => AtHand::Answer(held.outcome),
            Look::Nothing => AtHand::Load { has_fallback: false },
            Look::Fallback => AtHand::Load { has_fallback: true },
            Look::Throttled => {
                self.count_stale_on_error();
                AtHand::Answer(held.outcome)
            }
            Look::Due { stale } => {
                if stale {
                    count(&self.inner.counts.stale);
                }
                self.refresh(key);
                AtHand::Answer(held.outcome)
            }
        }
    }

    /// Loads, or waits for who does, within the timeouts; else answers what there is.
    async fn load_in_time(&self, key: K, has_fallback: bool) -> Result<V, LoadError<E>> {
        match self.in_time(has_fallback, self.load_or_join(key.clone())).await {
            Ok(held) => self.answer(held),
            Err(error) => self.instead(error, &key),
        }
    }

    async fn load_or_join(&self, key: K) -> Result<Held<V, E>, LoadError<E>> {
        let leader = match self.inner.cache.flight().join(key).await {
            Turn::Landed(held) => return Ok(held),
            Turn::Lead(leader) => leader,
        };
        match self.look_again(leader) {
            Ok(held) => Ok(held),
            Err(leader) => self.lead(leader).await,
        }
    }

    async fn in_time<T>(
        &self,
        has_fallback: bool,
        load: impl Future<Output = Result<T, LoadError<E>>>,
    ) -> Result<T, LoadError<E>> {
        let inner = &*self.inner;
        let soft = inner.soft_timeout.filter(|_| has_fallback);
        let after = [soft, inner.hard_timeout].into_iter().flatten().min();
        let Some((after, runtime)) = after.zip(inner.runtime.as_ref()) else { return load.await };
        wait::before(load, runtime.sleep(after)).await.unwrap_or_else(|| {
            count(&inner.counts.timeouts);
            Err(LoadError::TimedOut { after })
        })
    }

    /// What a load ended with: a value, its error, or what was there before.
    fn answer(&self, held: Held<V, E>) -> Result<V, LoadError<E>> {
        let fresh =
            matches!(self.inner.windows.look(&held, self.now()), Look::Fresh | Look::Due { stale: false });
        if held.outcome.is_ok() && !fresh {
            self.count_stale_on_error();
        }
        held.outcome
    }

    /// What is there now, for a load that did not end. What was there when the caller asked may have
    /// been replaced or removed since.
    fn instead(&self, error: LoadError<E>, key: &K) -> Result<V, LoadError<E>> {
        let Some(held) = self.inner.cache.peek(key) else { return Err(error) };
        match self.inner.windows.look(&held, self.now()) {
            Look::Nothing => return Err(error),
            Look::Fresh | Look::Due { stale: false } => return held.outcome,
            Look::Due { stale: true } | Look::Throttled | Look::Fallback => (),
        }
        if error.kind() == LoadErrorKind::TimedOut {
            // Who comes next need not wait as long for the same load. What it brings takes the place of this.
            self.inner.windows.throttle(&held, self.now());
        }
        self.count_stale_on_error();
        held.outcome
    }

    fn count_stale_on_error(&self) {
        count(&self.inner.counts.stale);
        count(&self.inner.counts.stale_on_error);
    }

    /// Gives all who wait what another load stored between the caller's look and its lead, if it
    /// needs no load.
    ///
    /// The look is registered as a load: a write that comes after it keeps newcomers from this flight.
    fn look_again(&self, leader: Leader<K, Held<V, E>>) -> Result<Held<V, E>, Leader<K, Held<V, E>>> {
        let looking = Loading::begin(&*self.inner.cache, leader.key().clone());
        let found = self.at_hand_again(leader.key());
        let result = match found {
            Some(held) => {
                leader.land(held.clone());
                Ok(held)
            }
            None => Err(leader),
        };
        looking.end_with(Ended::Withdrawn);
        result
    }

    /// What is there by now, if it needs no load.
    fn at_hand_again(&self, key: &K) -> Option<Held<V, E>> {
        let held = self.inner.cache.peek(key)?;
        let look = self.inner.windows.look(&held, self.now());
        matches!(look, Look::Fresh | Look::Due { .. } | Look::Throttled).then_some(held)
    }
}

impl<K: Hash + Eq, V, E> Loader<K, V, E> {
    fn now(&self) -> Instant {
        self.inner.clock.now()
    }
}

/// How many loads run as tasks.
struct Running {
    max: usize,
    now: AtomicUsize,
}

impl Running {
    fn new(max: usize) -> Self {
        Self { max, now: AtomicUsize::new(0) }
    }

    fn now(&self) -> usize {
        self.now.load(Relaxed)
    }

    fn begin(&self) -> bool {
        self.now.fetch_update(Relaxed, Relaxed, |now| (now < self.max).then_some(now + 1)).is_ok()
    }

    fn end(&self) {
        self.now.fetch_sub(1, Relaxed);
    }
}

/// As its cache: see the `Trim` of [`Cache`](crate::Cache).
impl<K, V, E> Trim for Loader<K, V, E>
where
    K: Hash + Eq + Send + Sync,
    V: Send + Sync,
    E: Send + Sync,
{
    fn name(&self) -> &str {
        self.inner.cache.name()
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        self.inner.cache.trim(pressure)
    }
}

impl<K, V, E> Clone for Loader<K, V, E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K, V, E> fmt::Debug for Loader<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("name", &self.inner.cache.name())
            .field("windows", &self.inner.windows)
            .finish_non_exhaustive()
    }
}
