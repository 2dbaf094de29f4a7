use super::Loader;
use crate::Stats;
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};
use std::{
    hash::Hash,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// What a [`Loader`] did so far, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoaderStats {
    /// Of its cache: here a stale value that was found counts as a hit.
    pub cache: Stats,
    /// Values that were answered after their TTL, while a new one was loaded or after a load had failed.
    pub stale: u64,
    /// Of those, the ones that were answered because a load failed or took too long.
    pub stale_on_error: u64,
    /// Loads that failed, in the background too.
    pub failures: u64,
    /// Loads in the background that replace a value while it is answered.
    pub refreshes: u64,
    /// Callers who waited for longer than a timeout.
    pub timeouts: u64,
    /// Loads that were not begun because too many were under way.
    pub overloaded: u64,
    /// Batch loads.
    pub batches: u64,
    /// Loads that run now as tasks of their own.
    pub running: u64,
}

#[derive(Default)]
pub(super) struct LoadCounts {
    pub(super) stale: AtomicU64,
    pub(super) stale_on_error: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) refreshes: AtomicU64,
    pub(super) timeouts: AtomicU64,
    pub(super) overloaded: AtomicU64,
    pub(super) batches: AtomicU64,
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl<K: Hash + Eq, V, E> Loader<K, V, E> {
    /// What it did so far, and what it holds.
    #[must_use]
    pub fn stats(&self) -> LoaderStats {
        let counts = &self.inner.counts;
        LoaderStats {
            cache: self.inner.cache.stats(),
            stale: counts.stale.load(Relaxed),
            stale_on_error: counts.stale_on_error.load(Relaxed),
            failures: counts.failures.load(Relaxed),
            refreshes: counts.refreshes.load(Relaxed),
            timeouts: counts.timeouts.load(Relaxed),
            overloaded: counts.overloaded.load(Relaxed),
            batches: counts.batches.load(Relaxed),
            running: self.inner.running.now() as u64,
        }
    }
}

const STALE: Metric = Metric::new("loader_stale", Unit::Count, "Values answered after their TTL.");
const STALE_ON_ERROR: Metric =
    Metric::new("loader_stale_on_error", Unit::Count, "Values answered because a load failed or was late.");
const FAILURES: Metric = Metric::new("loader_failures", Unit::Count, "Loads that failed.");
const REFRESHES: Metric = Metric::new("loader_refreshes", Unit::Count, "Loads that replace a value early.");
const TIMEOUTS: Metric = Metric::new("loader_timeouts", Unit::Count, "Callers who waited too long.");
const OVERLOADED: Metric = Metric::new("loader_overloaded", Unit::Count, "Loads refused as too many ran.");
const BATCHES: Metric = Metric::new("loader_batches", Unit::Count, "Batch loads.");
const RUNNING: Metric = Metric::new("loader_running", Unit::Count, "Loads under way as tasks.");

impl<K, V, E> Observe for Loader<K, V, E>
where
    K: Hash + Eq + Send + Sync,
    V: Send + Sync,
    E: Send + Sync,
{
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats; exact below 2^53")]
    fn observe(&self, visitor: &mut dyn Visitor) {
        self.inner.cache.observe(visitor);
        let (stats, label) = (self.stats(), [("cache", self.inner.cache.name())]);
        for (metric, total) in [
            (&STALE, stats.stale),
            (&STALE_ON_ERROR, stats.stale_on_error),
            (&FAILURES, stats.failures),
            (&REFRESHES, stats.refreshes),
            (&TIMEOUTS, stats.timeouts),
            (&OVERLOADED, stats.overloaded),
            (&BATCHES, stats.batches),
        ] {
            visitor.counter(metric, &label, total);
        }
        visitor.gauge(&RUNNING, &label, Reading::now(stats.running as f64));
    }
}
