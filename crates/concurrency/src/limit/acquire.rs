//! Taking a place under a limit, and giving it back.

use super::{
    Limit, Outcome, OwnedPermit, Permit, Rejected,
    permit::Ticket,
    sampler::Started,
    semaphore::{Refused, Turn},
};

impl Limit {
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

    /// Runs a future under the limit, and says by its output how it went: [`Outcome::of`] takes an
    /// `Err` for overload, which is right where an `Err` is a time-out, as here.
    ///
    /// A timeout or sleep of tokio counts from when it is made. Make it within an `async` block, as here, and the time in
    /// the queue is not part of it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_concurrency::{Limit, limit::Outcome};
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
    pub(super) fn give(&self, taken: usize) {
        self.inner.semaphore.give(self.class, taken);
    }

    #[inline]
    pub(super) fn end(&self, taken: usize, started: Started, outcome: Outcome) {
        self.give(taken);
        let Some(sampler) = &self.inner.sampler else { return };
        if let Some(change) = sampler.end(started, taken, outcome, &self.inner.semaphore) {
            self.inner.changed(change);
        }
    }
}
