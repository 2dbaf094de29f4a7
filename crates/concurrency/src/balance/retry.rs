use super::{Balancer, EndpointId, NoEndpoint, Pick, Target};
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// What a request's end says of its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It does well, whatever the request thinks of the answer.
    Success,
    /// It does not; another one may do better.
    Failure,
    /// It has too much, and says perhaps for how long; another one may do better.
    Overloaded(Option<Duration>),
    /// Nothing.
    Ignore,
}

impl Verdict {
    /// An error is a failure.
    pub fn of<T, Err>(result: &Result<T, Err>) -> Self {
        if result.is_ok() { Self::Success } else { Self::Failure }
    }

    /// Tells it to the endpoint.
    pub fn tell<E>(self, pick: Pick<E>) {
        match self {
            Self::Success => pick.success(),
            Self::Failure => pick.failure(),
            Self::Overloaded(after) => pick.overloaded(after),
            Self::Ignore => pick.ignore(),
        }
    }

    fn may_retry(self) -> bool {
        matches!(self, Self::Failure | Self::Overloaded(_))
    }
}

/// Why [`Balancer::run`] brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError<Err> {
    /// There was nobody to ask.
    #[error("no endpoint to ask")]
    NoEndpoint(#[source] NoEndpoint),
    /// All that were asked failed.
    #[error("failed at {tries} endpoints")]
    Failed {
        /// How many were asked.
        tries: usize,
        /// What the last one failed with.
        source: Err,
    },
}

impl<E> Balancer<E> {
    /// Asks an endpoint, and where that fails another one, as often as [`max_retries`](super::BalancerBuilder::max_retries)
    /// and the [budget](super::BalancerBuilder::retry_budget) of all requests allow. An error is a failure of the endpoint.
    ///
    /// Only for requests that may be made twice. A deadline belongs into `call`, or around all of this.
    ///
    /// # Errors
    /// What the last endpoint failed with, or that there is none.
    ///
    /// # Cancel safety
    /// Dropped, the request that runs counts as given up.
    pub async fn run<T, Err, Fut>(&self, call: impl FnMut(Target<E>) -> Fut) -> Result<T, RunError<Err>>
    where
        Fut: Future<Output = Result<T, Err>>,
    {
        self.run_judged(Verdict::of, call).await
    }

    /// As [`run`](Self::run), where `judge` says what an answer means: an HTTP client's `Ok` may be a 503.
    ///
    /// An answer that is a failure is returned as it is when there is no retry left.
    ///
    /// # Errors
    /// As of [`run`](Self::run).
    ///
    /// # Cancel safety
    /// As of [`run`](Self::run).
    pub async fn run_judged<T, Err, Fut>(
        &self,
        judge: impl Fn(&Result<T, Err>) -> Verdict,
        mut call: impl FnMut(Target<E>) -> Fut,
    ) -> Result<T, RunError<Err>>
    where
        Fut: Future<Output = Result<T, Err>>,
    {
        self.inner.budget.deposit();
        let mut tried: Vec<EndpointId> = Vec::new();
        let mut pick = self.pick().map_err(RunError::NoEndpoint)?;
        loop {
            tried.push(pick.id());
            let result = call(pick.target()).await;
            let verdict = judge(&result);
            verdict.tell(pick);
            if verdict.may_retry()
                && tried.len() <= self.inner.max_retries
                && let Some(other) = self.pick_for_retry(&tried)
            {
                pick = other;
                continue;
            }
            return result.map_err(|source| RunError::Failed { tries: tried.len(), source });
        }
    }

    fn pick_for_retry(&self, tried: &[EndpointId]) -> Option<Pick<E>> {
        let budget = &self.inner.budget;
        if !budget.withdraw(self.inner.tuning.now()) {
            return None;
        }
        let other = self.pick_other(tried).ok();
        if other.is_none() {
            budget.put(ONE);
        }
        other
    }
}

/// What retries are left, in thousandths: each request puts its share in, time puts in the rest, each retry takes one.
pub(super) struct Budget {
    left: AtomicU64,
    share: u64,
    per_second: u64,
    most: u64,
    filled_at: AtomicU64,
}

const ONE: u64 = 1000;

/// So many seconds' worth may be saved.
const SAVES: u64 = 10;

/// What busy services may save, beside that.
const SAVES_REQUESTS: u64 = 100 * ONE;

impl Budget {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share, from 0 to 1")]
    pub(super) fn new(share: f64, per_second: u32) -> Self {
        let (share, per_second) = ((share * 1000.0) as u64, u64::from(per_second) * ONE);
        let most = per_second * SAVES + if share > 0 { SAVES_REQUESTS } else { 0 };
        Self { left: AtomicU64::new(per_second), share, per_second, most, filled_at: AtomicU64::new(0) }
    }

    pub(super) fn deposit(&self) {
        self.put(self.share);
    }

    fn put(&self, amount: u64) {
        // Not written to while it is full, as it mostly is: all threads share it.
        if amount > 0 && self.left.load(Relaxed) < self.most {
            let _ = self.left.fetch_update(Relaxed, Relaxed, |left| Some((left + amount).min(self.most)));
        }
    }

    pub(super) fn withdraw(&self, now: u64) -> bool {
        let before = self.filled_at.load(Relaxed);
        let millis = now.saturating_sub(before) / 1_000_000;
        let filled = before + millis * 1_000_000;
        if millis > 0 && self.filled_at.compare_exchange(before, filled, Relaxed, Relaxed).is_ok() {
            self.put(millis.saturating_mul(self.per_second) / 1000);
        }
        self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(ONE)).is_ok()
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("left", &(self.left.load(Relaxed) / ONE)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn retries_are_a_share_of_the_requests_and_some_a_second() {
        let budget = Budget::new(0.2, 10);
        let spend = |now| (0..10_000).take_while(|_| budget.withdraw(now)).count();
        assert_eq!(spend(0), 10);
        assert_eq!(spend(SECOND / 2), 5);
        (0..50).for_each(|_| budget.deposit());
        assert_eq!(spend(SECOND / 2), 10);
        (0..10_000).for_each(|_| budget.deposit());
        assert_eq!(spend(SECOND / 2), 200, "what may be saved is bounded");
        assert_eq!(spend(1000 * SECOND), 200);
        let none = Budget::new(0.0, 0);
        none.deposit();
        assert!(!none.withdraw(9 * SECOND));
    }
}
