//! How many things run at once, and what becomes of the rest.
//!
//! A [`Limit`] is fixed ([`Limit::builder`]) or finds itself ([`Limit::adaptive`]): an [`Algorithm`] sees a [`Window`] of what
//! happened and answers with the next limit.
//!
//! | use | takes | what an adaptive limit learns |
//! |---|---|---|
//! | [`run`](Limit::run), [`run_with`](Limit::run_with) | a future | success, or what a classifier says |
//! | [`acquire`](Limit::acquire), [`try_acquire`](Limit::try_acquire) | nothing: gives a [`Permit`] | what the permit is told |
//! | [`layer`](Limit::layer) | a tower service | `Ok` is success, `Err` overload, or what a classifier says |

mod algorithm;
mod builder;
mod layer;
mod partition;
mod permit;
mod rejected;
mod sampler;
mod semaphore;
mod stats;

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
use permit::Ticket;
use sampler::{Sampler, Started};
use semaphore::{Refused, Semaphore, Turn};
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
/// use perfect21_concurrency::{Limit, Priority};
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

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`Rejected`] if the queue is full, at once, or if the turn does not come within the longest wait.
    ///
    /// # Panics
    /// If it has to wait outside of a tokio runtime with time.
    ///
    /// # Cancel safety
    /// A dropped future leaves the queue; a permit that it had been given goes to the next.
    pub async fn acquire(&self) -> Result<Permit<'_>, Rejected> {
        self.acquire_many(1).await
    }

    /// Waits for several places at once. More than the limit are as many as the limit: it runs alone.
    ///
    /// Nobody overtakes it in its partition and priority: until enough is free, places stay empty for it.
    ///
    /// # Errors
    /// # Panics
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_many(&self, weight: usize) -> Result<Permit<'_>, Rejected> {
        Ok(Permit::new(self, self.take(weight).await?))
    }

    /// As [`acquire`](Self::acquire), with a permit that goes where it likes.
    ///
    /// # Errors
    /// # Panics
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_owned(&self) -> Result<OwnedPermit, Rejected> {
        self.acquire_many_owned(1).await
    }

    /// As [`acquire_many`](Self::acquire_many), with a permit that goes where it likes.
    ///
    /// # Errors
    /// # Panics
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_many_owned(&self, weight: usize) -> Result<OwnedPermit, Rejected> {
        let ticket = self.take(weight).await?;
        Ok(OwnedPermit::new(self.clone(), ticket))
    }

    /// Takes a free place, or none: `None` is not counted as a rejection. Overtakes nobody who waits.
    #[inline]
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// Takes several places that are free, or none; more than the limit are as many as the limit.
    #[inline]
    #[must_use]
    pub fn try_acquire_many(&self, weight: usize) -> Option<Permit<'_>> {
        Some(Permit::new(self, self.try_take(weight)?))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that goes where it likes.
    #[inline]
    #[must_use]
    pub fn try_acquire_owned(&self) -> Option<OwnedPermit> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with a permit that goes where it likes.
    #[inline]
    #[must_use]
    pub fn try_acquire_many_owned(&self, weight: usize) -> Option<OwnedPermit> {
        let ticket = self.try_take(weight)?;
        Some(OwnedPermit::new(self.clone(), ticket))
    }

    /// Runs a future under the limit; whatever it gives counts as success.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire); the future was not polled then.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    /// Dropping it drops the future and frees its place; that says nothing to an adaptive limit.
    pub async fn run<F: Future>(&self, future: F) -> Result<F::Output, Rejected> {
        self.run_with(future, |_| Outcome::Success).await
    }

    /// Runs a future under the limit, and says by its output how it went: [`Outcome::of`] takes an `Err` for overload.
    ///
    /// A timeout or sleep of tokio counts from when it is made. Make it within an `async` block, as here, and the time in
    /// the queue is not part of it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_concurrency::{Limit, Outcome};
    /// use std::time::Duration;
    /// use tokio::time::timeout;
    ///
    /// let limit = Limit::adaptive().build()?;
    /// let ask = async { timeout(Duration::from_millis(1), std::future::pending::<()>()).await };
    /// let answer = limit.run_with(ask, Outcome::of).await?;
    /// assert!(answer.is_err(), "it took too long, and the limit knows");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// # Panics
    /// # Cancel safety
    /// As [`run`](Self::run).
    pub async fn run_with<F: Future>(
        &self,
        future: F,
        classify: impl FnOnce(&F::Output) -> Outcome,
    ) -> Result<F::Output, Rejected> {
        let permit = self.acquire().await?;
        let output = future.await;
        permit.end(classify(&output));
        Ok(output)
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

    /// What it did so far. Locks the queue for a moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.counts.stats(&self.inner.semaphore)
    }

    #[inline]
    fn try_take(&self, weight: usize) -> Option<Ticket> {
        let inner = &*self.inner;
        let Some(taken) = inner.semaphore.try_take(self.class, weight.max(1)) else {
            if let Some(sampler) = &inner.sampler {
                sampler.refused();
            }
            return None;
        };
        inner.counts.admit();
        let started = match &inner.sampler {
            Some(sampler) => sampler.start(&inner.semaphore),
            None => Started::UNTIMED,
        };
        Some(Ticket { taken, started })
    }

    async fn take(&self, weight: usize) -> Result<Ticket, Rejected> {
        match self.try_take(weight) {
            Some(ticket) => Ok(ticket),
            None => self.wait(weight).await,
        }
    }

    async fn wait(&self, weight: usize) -> Result<Ticket, Rejected> {
        let inner = &*self.inner;
        let full = Rejected::QueueFull { max_queue: inner.max_queue };
        if inner.max_queue == 0 {
            return Err(inner.reject(full));
        }
        let turn = Turn::new(&inner.semaphore, self.class, weight.max(1), inner.max_queue);
        let taken = match tokio::time::timeout(inner.max_wait, turn).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(Refused::Full)) => return Err(inner.reject(full)),
            Ok(Err(Refused::Displaced)) => return Err(inner.reject(Rejected::Displaced)),
            Err(_) => return Err(inner.reject(Rejected::WaitedTooLong { max_wait: inner.max_wait })),
        };
        inner.counts.admit();
        let timed = inner.sampler.as_ref().map(|sampler| sampler.start_timed(&inner.semaphore));
        Ok(Ticket { taken, started: timed.unwrap_or(Started::UNTIMED) })
    }

    #[inline]
    fn give(&self, taken: usize) {
        self.inner.semaphore.give(self.class, taken);
    }

    #[inline]
    fn end(&self, taken: usize, started: Started, outcome: Outcome) {
        self.give(taken);
        let Some(sampler) = &self.inner.sampler else { return };
        if let Some(change) = sampler.end(started, taken, outcome, &self.inner.semaphore) {
            self.inner.changed(change);
        }
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
