use super::{
    EndpointId, Policy,
    calls::Calls,
    estimate::Estimate,
    health::{Health, State},
    inner::Inner,
    tuning::Tuning,
    window::Window,
};
use std::sync::{
    Arc, Weak,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};
use std::time::Duration;

/// Added to the requests that failures are a share of: one failure among few requests says little.
const FEW: f64 = 10.0;

/// An endpoint and what is known of it.
pub(super) struct Endpoint<E> {
    pub(super) id: EndpointId,
    pub(super) value: E,
    pub(super) tuning: Arc<Tuning>,
    /// Its balancer, for what concerns all endpoints.
    pub(super) home: Weak<Inner<E>>,
    pub(super) calls: Calls,
    pub(super) estimate: Estimate,
    pub(super) health: Health,
    window: Window,
    failures_in_a_row: AtomicU32,
    pub(super) failures: AtomicU64,
    pub(super) ejections: AtomicU64,
}

impl<E> Endpoint<E> {
    pub(super) fn new(
        id: EndpointId,
        value: E,
        since: u64,
        tuning: &Arc<Tuning>,
        home: &Weak<Inner<E>>,
    ) -> Self {
        Self {
            id,
            value,
            tuning: Arc::clone(tuning),
            home: Weak::clone(home),
            calls: Calls::default(),
            estimate: Estimate::new(tuning.now()),
            health: Health::new(since),
            window: Window::new(tuning.window_ns),
            failures_in_a_row: AtomicU32::new(0),
            failures: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
        }
    }

    /// What one more request would cost here, for an endpoint with this share of its weight.
    pub(super) fn cost(&self, weight: f64, share: f64) -> f64 {
        let waits = f64::from(self.calls.in_flight()) + 1.0;
        let each = match self.tuning.policy {
            Policy::PeakEwma => self.expected() + self.estimate.wasted(),
            Policy::LeastInFlight => 1.0,
        };
        each * waits / (weight * share)
    }

    /// The latency that the next request is expected to have, in nanoseconds. Without an answer it
    /// is half of what is usual: cheap enough to be asked, dear enough that not all requests go
    /// there before the first answer.
    fn expected(&self) -> f64 {
        self.estimate.latency().unwrap_or_else(|| self.tuning.usual() * 0.5)
    }

    /// The estimated latency: that of its answers, or the usual one before the first.
    pub(super) fn latency(&self) -> Duration {
        let nanos = self.estimate.latency().unwrap_or_else(|| self.tuning.usual());
        // Saturates; the estimate is a day at most.
        Duration::from_nanos(nanos as u64)
    }

    /// In its slow start, the share of its weight that it has.
    pub(super) fn share(&self) -> f64 {
        let tuning = &*self.tuning;
        match self.health.state() {
            State::Available { since: 0 } => 1.0,
            State::Available { since } => {
                let share = tuning.slow_start_share(since);
                if share >= 1.0 {
                    self.health.settle(since);
                }
                share
            }
            _ => 1.0,
        }
    }

    /// A request went well, and took so long.
    pub(super) fn succeeded(&self, took: f64, now: u64) {
        let tuning = &*self.tuning;
        self.estimate.observe(took, now, tuning.decay_ns);
        self.window.count(true, now);
        if self.failures_in_a_row.load(Relaxed) != 0 {
            self.failures_in_a_row.store(0, Relaxed);
        }
    }

    /// A request failed. Says whether that is once too often.
    #[allow(clippy::cast_precision_loss, reason = "a ratio of counts")]
    pub(super) fn failed(&self, took: f64, now: u64) -> bool {
        let tuning = &*self.tuning;
        self.failures.fetch_add(1, Relaxed);
        self.window.count(false, now);
        let in_a_row = self.failures_in_a_row.fetch_add(1, Relaxed).saturating_add(1);
        let (successes, failures) = self.window.counts(now);
        let share = failures as f64 / ((successes + failures) as f64 + FEW);
        // The usual latency is of successful answers, so what a failure costs never feeds on
        // itself.
        let cost = tuning.failure_ns.max(10.0 * tuning.usual()).max(took);
        self.estimate.failed(share, cost);
        tuning.is_too_bad(in_a_row, successes, failures)
    }

    /// How its probe went.
    pub(super) fn probed(&self, success: Option<bool>) {
        let Tuning { first_ejection_ms, max_ejection_ms, .. } = *self.tuning;
        self.health.probed(success, self.tuning.now_ms(), first_ejection_ms, max_ejection_ms);
    }

    /// From time to time, what was not asked lately sinks to what the others take.
    pub(super) fn forget_all(&self, now: u64) {
        if let Some(since) = self.tuning.forgets(now)
            && let Some(inner) = self.home.upgrade()
        {
            inner.forget_all(now, since);
        }
    }

    /// It answers again: what was before counts no more.
    pub(super) fn recovered(&self, now: u64) {
        self.window.clear();
        self.failures_in_a_row.store(0, Relaxed);
        self.estimate.clear(now);
    }
}
