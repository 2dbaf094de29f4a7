use super::Policy;
use perfect21_core::Clock;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

/// The checked settings, the time, and what all endpoints have in common.
pub(super) struct Tuning {
    pub(super) policy: Policy,
    pub(super) decay_ns: f64,
    pub(super) failure_ns: f64,
    pub(super) window_ns: u64,
    pub(super) min_requests: u64,
    pub(super) min_success: f64,
    pub(super) max_failures_in_a_row: u32,
    pub(super) first_ejection_ms: u64,
    pub(super) max_ejection_ms: u64,
    pub(super) max_ejected: f64,
    pub(super) slow_start_ms: u64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) made: Instant,
    /// What an answer usually takes, over all endpoints: the bits of a float of nanoseconds.
    pub(super) usual: AtomicU64,
    /// When estimates were last made to forget.
    pub(super) forgot_at: AtomicU64,
}

/// How often what was not asked sinks: a hundredth of a second of work in ten thousand at a thousand endpoints.
const FORGET_EVERY_NS: u64 = 100_000_000;

/// In its slow start an endpoint has at least so much of its weight, so that it is asked at all.
const LEAST_SHARE: f64 = 0.1;

impl Tuning {
    /// Nanoseconds since the balancer was made.
    pub(super) fn now(&self) -> u64 {
        let since = self.clock.now().saturating_duration_since(self.made);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now() / 1_000_000
    }

    pub(super) fn usual(&self) -> f64 {
        f64::from_bits(self.usual.load(Relaxed))
    }

    /// Whether it is time to forget, for so long; one caller is told.
    pub(super) fn forgets(&self, now: u64) -> Option<u64> {
        let before = self.forgot_at.load(Relaxed);
        let since = now.checked_sub(before).filter(|since| *since >= FORGET_EVERY_NS)?;
        self.forgot_at.compare_exchange(before, now, Relaxed, Relaxed).ok()?;
        Some(since)
    }

    #[allow(clippy::cast_precision_loss, reason = "a ratio of counts")]
    pub(super) fn is_too_bad(&self, in_a_row: u32, successes: u64, failures: u64) -> bool {
        let requests = successes + failures;
        let share = successes as f64 / requests.max(1) as f64;
        in_a_row >= self.max_failures_in_a_row || (requests >= self.min_requests && share < self.min_success)
    }

    #[allow(clippy::cast_precision_loss, reason = "a ratio of times")]
    pub(super) fn slow_start_share(&self, since_ms: u64) -> f64 {
        if self.slow_start_ms == 0 {
            return 1.0;
        }
        let gone = self.now_ms().saturating_sub(since_ms) as f64 / self.slow_start_ms as f64;
        gone.max(LEAST_SHARE)
    }

    /// How many of so many may be out at once.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share, from 0 to 1, of a number of endpoints"
    )]
    pub(super) fn may_be_out(&self, of: usize) -> usize {
        (of as f64 * self.max_ejected) as usize
    }
}
