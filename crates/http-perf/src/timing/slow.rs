//! The log line of slow requests: at most one a second, however many there are.

use super::series::Series;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct SlowLog {
    made: Instant,
    /// From when on the next line may be written, in nanoseconds since `made`.
    next: AtomicU64,
    left_out: AtomicU64,
}

impl SlowLog {
    pub(super) fn new(made: Instant) -> Self {
        Self { made, next: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    #[cold]
    pub(super) fn report(&self, series: &Series, took: Duration, status: Option<u16>, now: Instant) {
        let since_made = now.saturating_duration_since(self.made);
        let now = u64::try_from(since_made.as_nanos()).unwrap_or(u64::MAX);
        let after = now.saturating_add(EVERY.as_nanos() as u64);
        let may_write = |next: u64| (next <= now).then_some(after);
        if self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, may_write).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        tracing::warn!(
            method = series.method,
            route = &*series.route,
            status,
            took_ms = took.as_secs_f64() * 1e3,
            left_out = self.left_out.swap(0, Ordering::Relaxed),
            "slow request"
        );
    }
}
