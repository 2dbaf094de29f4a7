//! A pool with a bound on how many objects exist.

mod builder;
mod error;
mod guard;
mod shared;
mod stats;
#[cfg(feature = "watch")]
mod watched;

pub use self::{builder::BoundedPoolBuilder, error::AcquireError, guard::BoundedPooled, stats::BoundedStats};

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use perfect21_core::{Pressure, Trim, Trimmed};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use self::{shared::Shared, stats::Waiting};
use crate::Reset;

/// At most so many objects: who needs one when all are in use waits, in order of arrival, or is told so.
///
/// Objects are made as they are needed, and the one last returned is the next to be used. All that is idle lies in one
/// place, so an object that any thread has returned is there for every other; an acquire and a return cost about
/// 40 to 90 ns together, by the CPU. Where nothing limits how many may exist, [`Pool`](crate::Pool) costs a tenth of that.
///
/// Clones share the pool.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_mem_pool::{AcquireError, BoundedPool};
///
/// let pool = BoundedPool::builder(2, || vec![0_u8; 1 << 20]).build()?;
/// let (first, second) = (pool.acquire().await?, pool.acquire().await?);
/// assert_eq!(pool.try_acquire().unwrap_err(), AcquireError::Exhausted { max_total: 2 });
/// drop(first);
/// let third = pool.acquire().await?;
/// # drop((second, third));
/// # Ok(())
/// # }
/// ```
pub struct BoundedPool<T> {
    shared: Arc<Shared<T>>,
}

impl<T: Send + 'static> BoundedPool<T> {
    /// Begins a pool of at most so many objects that know how to [`Reset`] themselves.
    pub fn builder(max_total: usize, create: impl Fn() -> T + Send + Sync + 'static) -> BoundedPoolBuilder<T>
    where
        T: Reset,
    {
        BoundedPoolBuilder::new(max_total, create, T::reset)
    }

    /// Begins a pool of at most so many objects; `reset` cleans one that comes back and says whether it may be kept.
    pub fn builder_with(
        max_total: usize,
        create: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) -> bool + Send + Sync + 'static,
    ) -> BoundedPoolBuilder<T> {
        BoundedPoolBuilder::new(max_total, create, reset)
    }

    /// An object now, or none: never before those who wait.
    ///
    /// # Errors
    /// [`AcquireError::Exhausted`] if as many as may exist are in use, or are being dropped by a trim at this moment;
    /// [`AcquireError::Closed`].
    pub fn try_acquire(&self) -> Result<BoundedPooled<T>, AcquireError> {
        let shared = &self.shared;
        match Arc::clone(&shared.permits).try_acquire_owned() {
            Ok(permit) => Ok(shared.hand_out(permit)),
            Err(TryAcquireError::Closed) => Err(AcquireError::Closed),
            Err(TryAcquireError::NoPermits) => {
                shared.counts.exhausted.fetch_add(1, Relaxed);
                Err(AcquireError::Exhausted { max_total: shared.max_total })
            }
        }
    }

    /// An object, as soon as it is this caller's turn.
    ///
    /// # Errors
    /// [`AcquireError::TimedOut`] after [`max_wait`](BoundedPoolBuilder::max_wait); [`AcquireError::Closed`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the queue; a turn that it had been given goes to the next.
    ///
    /// # Panics
    /// If it has to wait outside of a tokio runtime that keeps time, and there is a longest wait.
    pub async fn acquire(&self) -> Result<BoundedPooled<T>, AcquireError> {
        match self.shared.max_wait {
            Some(max_wait) => self.acquire_within(max_wait).await,
            None => {
                let permit = match self.permit_now()? {
                    Some(permit) => permit,
                    None => {
                        let _waiting = Waiting::begin(&self.shared.counts);
                        self.permit().await?
                    }
                };
                Ok(self.shared.hand_out(permit))
            }
        }
    }

    /// As [`acquire`](Self::acquire), with a longest wait of its own.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_within(&self, max_wait: Duration) -> Result<BoundedPooled<T>, AcquireError> {
        let shared = &self.shared;
        let permit = match self.permit_now()? {
            Some(permit) => permit,
            None => {
                let _waiting = Waiting::begin(&shared.counts);
                let waited = tokio::time::timeout(max_wait, self.permit()).await;
                waited.unwrap_or_else(|_| {
                    shared.counts.timed_out.fetch_add(1, Relaxed);
                    Err(AcquireError::TimedOut { max_total: shared.max_total, max_wait })
                })?
            }
        };
        Ok(shared.hand_out(permit))
    }

    /// Makes objects until so many are idle, as far as the bounds allow; says how many it made. Nobody else gets an
    /// object meanwhile.
    #[allow(clippy::must_use_candidate, reason = "done for its effect; the numbers are for logs")]
    pub fn prefill(&self, idle: usize) -> usize {
        let shared = &self.shared;
        let missing = idle.saturating_sub(shared.places.reserved());
        // Those that are idle have to be held meanwhile, so that new ones are made.
        let mut held: Vec<_> = std::iter::from_fn(|| self.take_idle()).collect();
        let mut made = 0;
        while made < missing
            && let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned()
        {
            let object = shared.take().unwrap_or_else(|| {
                made += 1;
                shared.make()
            });
            held.push((object, permit));
        }
        for (object, permit) in held.into_iter().rev() {
            shared.counts.filled.fetch_add(1, Relaxed);
            shared.keep(object);
            drop(permit);
        }
        made
    }

    /// Ends the pool: all who wait and all who come later get [`AcquireError::Closed`]; what is idle is dropped, and what
    /// is in use when it comes back.
    pub fn close(&self) {
        self.shared.permits.close();
        self.shared.drop_all();
    }

    /// What it did so far, and what it holds.
    #[must_use]
    pub fn stats(&self) -> BoundedStats {
        self.shared.stats()
    }

    /// Its name in metrics.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Drops idle objects until so many are left.
    #[allow(clippy::must_use_candidate, reason = "done for its effect; the numbers are for logs")]
    pub fn trim_to(&self, keep: usize) -> Trimmed {
        self.drop_idle(self.shared.places.reserved().saturating_sub(keep))
    }

    /// Drops the idle objects that were not needed since the last call.
    #[allow(clippy::must_use_candidate, reason = "done for its effect; the numbers are for logs")]
    pub fn decay(&self) -> Trimmed {
        let shared = &self.shared;
        let unneeded = shared.low.swap(usize::MAX, Relaxed).min(shared.places.reserved());
        let trimmed = self.drop_idle(unneeded);
        shared.low.store(shared.places.reserved(), Relaxed);
        trimmed
    }

    fn drop_idle(&self, most: usize) -> Trimmed {
        let mut objects = 0;
        while objects < most
            && let Some((object, permit)) = self.take_idle()
        {
            objects += 1;
            self.shared.counts.trimmed.fetch_add(1, Relaxed);
            // It exists until it is dropped, so nobody else may be in its place before.
            drop(object);
            drop(permit);
        }
        Trimmed::new(objects as u64, (objects * size_of::<T>()) as u64)
    }

    fn take_idle(&self) -> Option<(Box<T>, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.shared.permits).try_acquire_owned().ok()?;
        Some((self.shared.take()?, permit))
    }

    fn permit_now(&self) -> Result<Option<OwnedSemaphorePermit>, AcquireError> {
        match Arc::clone(&self.shared.permits).try_acquire_owned() {
            Ok(permit) => Ok(Some(permit)),
            Err(TryAcquireError::NoPermits) => Ok(None),
            Err(TryAcquireError::Closed) => Err(AcquireError::Closed),
        }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.shared.permits).acquire_owned().await.map_err(|_| AcquireError::Closed)
    }
}

impl<T> Clone for BoundedPool<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

/// `Routine` is [`decay`](BoundedPool::decay); above that, all that is idle is dropped.
impl<T: Send + 'static> Trim for BoundedPool<T> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        match pressure {
            Pressure::Routine => self.decay(),
            _ => self.trim_to(0),
        }
    }
}

impl<T> fmt::Debug for BoundedPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedPool")
            .field("name", &self.shared.name)
            .field("stats", &self.shared.stats())
            .finish_non_exhaustive()
    }
}
