//! How many things run at once, and what becomes of the rest.

mod layer;
mod rejected;
mod stats;

pub use layer::{LimitFuture, LimitLayer, LimitService};
pub use rejected::{Limited, Rejected};
pub use stats::Stats;

use perfect21_core::ConfigError;
use stats::Counts;
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets so many things run at once; clones share the limit.
///
/// Waiting callers are served in order of arrival. Costs one atomic operation where nobody waits, and a place in the
/// queue otherwise.
#[derive(Clone)]
pub struct Limit(Arc<Inner>);

struct Inner {
    name: String,
    max_in_flight: usize,
    max_queue: usize,
    max_wait: Duration,
    semaphore: Arc<Semaphore>,
    counts: Counts,
}

impl Limit {
    /// Begins a limit of so many at once.
    pub fn builder(max_in_flight: usize) -> LimitBuilder {
        LimitBuilder {
            name: "default".to_owned(),
            max_in_flight,
            max_queue: max_in_flight.saturating_mul(10),
            max_wait: Duration::from_secs(1),
        }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`Rejected`] if the queue is full, at once, or if the turn does not come within the longest wait.
    ///
    /// # Cancel safety
    /// A dropped future leaves the queue; a permit that it had been given goes to the next.
    pub async fn acquire(&self) -> Result<Permit, Rejected> {
        if let Some(permit) = self.try_acquire() {
            return Ok(permit);
        }
        let inner = &self.0;
        let _place = inner
            .counts
            .queue(inner.max_queue)
            .ok_or_else(|| inner.counts.reject(Rejected::QueueFull { max_queue: inner.max_queue }))?;
        match tokio::time::timeout(inner.max_wait, Arc::clone(&inner.semaphore).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(self.admit(permit)),
            // The semaphore is never closed; a timeout is the only way here.
            _ => Err(inner.counts.reject(Rejected::WaitedTooLong { max_wait: inner.max_wait })),
        }
    }

    /// Takes a free place, or none: `None` is not counted as a rejection.
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit> {
        let permit = Arc::clone(&self.0.semaphore).try_acquire_owned().ok()?;
        Some(self.admit(permit))
    }

    /// Runs a future under the limit.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire); the future was not polled then.
    ///
    /// # Cancel safety
    /// Dropping it drops the future and frees its place.
    pub async fn run<F: Future>(&self, future: F) -> Result<F::Output, Rejected> {
        let _permit = self.acquire().await?;
        Ok(future.await)
    }

    /// The limit in front of a service; all services of all clones of the layer share it.
    #[must_use]
    pub fn layer(&self) -> LimitLayer {
        LimitLayer::new(self.clone())
    }

    /// What it did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let in_flight = self.0.max_in_flight - self.0.semaphore.available_permits();
        self.0.counts.stats(self.0.max_in_flight, in_flight)
    }

    fn name(&self) -> &str {
        &self.0.name
    }

    fn admit(&self, permit: OwnedSemaphorePermit) -> Permit {
        self.0.counts.admit();
        Permit { _permit: permit }
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("name", &self.0.name)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// A place under a [`Limit`]; dropping it frees the place.
#[derive(Debug)]
#[must_use = "dropping a permit frees its place at once"]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
}

/// Makes a [`Limit`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build()`"]
pub struct LimitBuilder {
    name: String,
    max_in_flight: usize,
    max_queue: usize,
    max_wait: Duration,
}

impl LimitBuilder {
    /// Its label in metrics. Default: `default`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many may wait; zero refuses whatever cannot run at once. Default: ten times the limit.
    pub fn max_queue(mut self, max_queue: usize) -> Self {
        self.max_queue = max_queue;
        self
    }

    /// How long one may wait. Default: 1 s.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// If the limit is zero or beyond what a semaphore counts, or a queue has no time to wait.
    pub fn build(self) -> Result<Limit, ConfigError> {
        if !(1..=Semaphore::MAX_PERMITS).contains(&self.max_in_flight) {
            let rule = format!("must be from 1 to {}", Semaphore::MAX_PERMITS);
            return Err(ConfigError::new("max_in_flight", self.max_in_flight, rule));
        }
        if self.max_queue > 0 && self.max_wait.is_zero() {
            let rule = "must be above zero where there is a queue; set max_queue(0) to refuse at once";
            return Err(ConfigError::new("max_wait", format_args!("{:?}", self.max_wait), rule));
        }
        Ok(Limit(Arc::new(Inner {
            semaphore: Arc::new(Semaphore::new(self.max_in_flight)),
            counts: Counts::default(),
            name: self.name,
            max_in_flight: self.max_in_flight,
            max_queue: self.max_queue,
            max_wait: self.max_wait,
        })))
    }
}
