use super::{
    EndpointId, Policy,
    estimate::Estimate,
    health::{Health, State},
    tuning::Tuning,
    window::Window,
};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// An endpoint and what is known of it.
pub(super) struct Endpoint<E> {
    pub(super) id: EndpointId,
    pub(super) value: E,
    pub(super) in_flight: AtomicU32,
    pub(super) estimate: Estimate,
    pub(super) health: Health,
    window: Window,
    failures_in_a_row: AtomicU32,
    pub(super) counts: Counts,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) picks: AtomicU64,
    pub(super) successes: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) ejections: AtomicU64,
}

impl<E> Endpoint<E> {
    pub(super) fn new(id: EndpointId, value: E, since: u64, tuning: &Tuning) -> Self {
        Self {
            id,
            value,
            in_flight: AtomicU32::new(0),
            estimate: Estimate::new(tuning.usual(), tuning.now()),
            health: Health::new(since),
            window: Window::new(tuning.window_ns),
            failures_in_a_row: AtomicU32::new(0),
            counts: Counts::default(),
        }
    }

    /// What one more request would cost here.
    pub(super) fn cost(&self, weight: f64, tuning: &Tuning) -> f64 {
        let waits = f64::from(self.in_flight.load(Relaxed)) + 1.0;
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
    pub(super) fn succeeded(&self, took: f64, now: u64, tuning: &Tuning) {
        self.counts.successes.fetch_add(1, Relaxed);
        self.estimate.observe(took, now, tuning.decay_ns);
        self.window.count(true, now);
        if self.failures_in_a_row.load(Relaxed) != 0 {
            self.failures_in_a_row.store(0, Relaxed);
        }
    }

    /// A request failed. Says whether that is once too often.
    pub(super) fn failed(&self, took: f64, now: u64, tuning: &Tuning) -> bool {
        self.counts.failures.fetch_add(1, Relaxed);
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

    /// It answers again: what was before counts no more.
    pub(super) fn recovered(&self, now: u64, tuning: &Tuning) {
        self.window.clear();
        self.failures_in_a_row.store(0, Relaxed);
        self.estimate.set(tuning.usual(), now);
    }
}
