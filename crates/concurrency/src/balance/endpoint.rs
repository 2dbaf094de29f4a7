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
            estimate: Estimate::new(tuning.usual(), tuning.now()),
            health: Health::new(since),
            window: Window::new(tuning.window_ns),
            failures_in_a_row: AtomicU32::new(0),
            failures: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
        }
    }

    /// What one more request would cost here.
    pub(super) fn cost(&self, weight: f64) -> f64 {
        let tuning = &*self.tuning;
        let waits = f64::from(self.calls.in_flight()) + 1.0;
        let latency = match tuning.policy {
            Policy::PeakEwma => self.estimate.nanos(),
            Policy::LeastInFlight => 1.0,
        };
        latency * waits / (weight * self.share(tuning))
    }

    /// In its slow start, the share of its weight that it has.
    fn share(&self, tuning: &Tuning) -> f64 {
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
    pub(super) fn failed(&self, took: f64, now: u64) -> bool {
        let tuning = &*self.tuning;
        self.failures.fetch_add(1, Relaxed);
        let penalty = tuning.failure_ns.max(10.0 * tuning.usual()).max(took);
        self.estimate.at_least(penalty, now);
        self.window.count(false, now);
        let in_a_row = self.failures_in_a_row.fetch_add(1, Relaxed) + 1;
        let (successes, failures) = self.window.counts(now);
        tuning.is_too_bad(in_a_row, successes, failures)
    }

    /// Whether its last request did not fail.
    pub(super) fn does_well(&self) -> bool {
        self.failures_in_a_row.load(Relaxed) == 0
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
        let tuning = &*self.tuning;
        self.window.clear();
        self.failures_in_a_row.store(0, Relaxed);
        self.estimate.set(tuning.usual(), now);
    }
}
