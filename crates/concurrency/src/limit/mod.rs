//! How many things run at once, and what becomes of the rest.
//!
//! A [`Limit`] is fixed ([`Limit::builder`]) or finds itself ([`Limit::adaptive`]): an [`Algorithm`] sees a [`Window`] of what
//! happened and answers with the next limit.
//!
//! | use | takes | what an adaptive limit learns |
//! |---|---|---|
//! | [`run`](Limit::run), [`run_with`](Limit::run_with) | a future | success, or what a classifier says |
//! | [`acquire`](Limit::acquire), [`try_acquire`](Limit::try_acquire) | nothing: gives a [`Permit`] | what the permit is told |
//! | [`layer`](Limit::layer) | a tower service | `Ok` is success, `Err` says nothing, or what a classifier says |
//! | `http_layer`, with feature `http` | an HTTP service | 429, 503 and 504 are overload, other failures say nothing |

mod acquire;
mod algorithm;
mod builder;
#[cfg(feature = "http")]
mod http;
mod layer;
mod partition;
mod permit;
mod rejected;
mod sampler;
mod semaphore;
mod stats;
mod under;

#[cfg(feature = "http")]
pub use self::http::{ByStatus, HttpLimitFuture, HttpLimitLayer, HttpLimitService, LimitedBody};
pub use algorithm::{Aimd, Algorithm, Elastic, Fixed, Gradient2, Vegas};
pub use builder::LimitBuilder;
pub use layer::{ByResult, Classify, LimitFuture, LimitLayer, LimitService};
pub use partition::Priority;
pub use permit::{OwnedPermit, Permit};
pub use rejected::{Limited, Rejected};
pub use sampler::{Outcome, Window};
pub use stats::{Change, Stats};

use partition::Class;
use perfect21_core::ConfigError;
use sampler::Sampler;
use semaphore::Semaphore;
use stats::Counts;
use std::{fmt, sync::Arc, time::Duration};

/// Lets so many things run at once; clones share the limit.
///
/// Waiting callers are served by partition and priority, where there are some, and in order of arrival. Costs two atomic
/// operations where nobody waits, and a place in a locked queue otherwise; an adaptive one also reads the clock, for some
/// of the calls where there are very many. Takes about 1 KiB, and 80 bytes for each that waits.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_concurrency::{Limit, limit::Priority};
///
/// let limit = Limit::builder(100).name("api").partition("checkout", 0.3).build()?;
/// let checkout = limit.partition("checkout").ok_or("no such partition")?.priority(Priority::High);
/// assert_eq!(checkout.run(async { "paid" }).await?, "paid");
///
/// limit.resize(50)?;
/// let export = limit.acquire_many(20).await?;
/// assert_eq!((limit.stats().limit, limit.stats().in_flight), (50, 20));
/// drop(export);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Limit {
    inner: Arc<Inner>,
    class: Class,
}

struct Inner {
    name: String,
    max_queue: usize,
    max_wait: Duration,
    semaphore: Semaphore,
    sampler: Option<Sampler>,
    counts: Counts,
    on_change: Option<OnChange>,
}

type OnChange = Box<dyn Fn(Change) + Send + Sync>;

impl Limit {
    /// The highest limit there can be.
    pub const MAX: usize = Semaphore::MAX;

    /// A fixed limit of so many at once, with a queue of ten times as many that wait up to 1 s.
    ///
    /// # Errors
    /// If it is zero, or more than [`MAX`](Self::MAX).
    pub fn new(max_in_flight: usize) -> Result<Self, ConfigError> {
        Self::builder(max_in_flight).build()
    }

    /// Begins a fixed limit of so many at once.
    pub fn builder(max_in_flight: usize) -> LimitBuilder {
        LimitBuilder::new(max_in_flight)
    }

    /// Begins a limit that finds itself by [`Elastic`]; it starts at 20 and stays from 1 to 1000.
    pub fn adaptive() -> LimitBuilder {
        LimitBuilder::new(20).algorithm(Elastic::new())
    }

    /// The same limit for who belongs to a partition: all that goes by the handle does. `None` if there is none of the name.
    #[must_use]
    pub fn partition(&self, name: &str) -> Option<Self> {
        let partition = self.inner.semaphore.shares().find(name)?;
        let class = Class::new(partition, Priority::Normal);
        Some(Self { inner: Arc::clone(&self.inner), class })
    }

    /// The same limit for who has another priority, in the same partition: all that goes by the handle has it.
    #[must_use]
    pub fn priority(&self, priority: Priority) -> Self {
        Self { inner: Arc::clone(&self.inner), class: self.class.with_priority(priority) }
    }

    /// The limit in front of a service; all services of all clones of the layer share it.
    #[must_use]
    pub fn layer(&self) -> LimitLayer {
        LimitLayer::new(self.clone())
    }

    /// Sets how many may run at once from now on. Where it shrinks, what runs beyond it may end, and nobody is let in
    /// until enough has; an adaptive limit goes on from there.
    ///
    /// # Errors
    /// If it is zero or more than [`MAX`](Self::MAX), or out of an adaptive limit's bounds.
    pub fn resize(&self, limit: usize) -> Result<(), ConfigError> {
        let bounds = self.inner.sampler.as_ref().map_or(1..=Self::MAX, |sampler| sampler.bounds().clone());
        if !bounds.contains(&limit) {
            let rule = format!("must be from {} to {}", bounds.start(), bounds.end());
            return Err(ConfigError::new("limit", limit, rule));
        }
        let from = self.inner.semaphore.limit();
        self.inner.semaphore.resize(limit);
        if from != limit {
            self.inner.changed(Change { from, to: limit });
        }
        Ok(())
    }

    /// What it did so far. Locks nothing.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.counts.stats(&self.inner.semaphore)
    }
}

impl Inner {
    #[cold]
    fn changed(&self, change: Change) {
        self.counts.change();
        #[cfg(feature = "tracing")]
        tracing::debug!(limit = self.name, from = change.from, to = change.to, "the limit changed");
        if let Some(on_change) = &self.on_change {
            on_change(change);
        }
    }

    #[cold]
    fn reject(&self, why: Rejected) -> Rejected {
        self.counts.reject(why);
        #[cfg(feature = "tracing")]
        tracing::debug!(limit = self.name, reason = %why, "a call was rejected");
        why
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("name", &self.inner.name)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
