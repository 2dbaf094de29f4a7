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
    /// Loads that found a fresh value in the remote tier.
    pub remote_hits: u64,
    /// Loads that found none there.
    pub remote_misses: u64,
    /// Values of the remote tier that the codec did not take.
    pub remote_rejected: u64,
    /// Calls of the remote tier that failed.
    pub remote_errors: u64,
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
    pub(super) remote_hits: AtomicU64,
    pub(super) remote_misses: AtomicU64,
    pub(super) remote_rejected: AtomicU64,
    pub(super) remote_errors: AtomicU64,
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
            remote_hits: counts.remote_hits.load(Relaxed),
            remote_misses: counts.remote_misses.load(Relaxed),
            remote_rejected: counts.remote_rejected.load(Relaxed),
            remote_errors: counts.remote_errors.load(Relaxed),
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
const REMOTE: Metric = Metric::new("loader_remote", Unit::Count, "What came of looks into the remote tier.");
const REMOTE_ERRORS: Metric =
    Metric::new("loader_remote_errors", Unit::Count, "Calls of the remote tier that failed.");
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
        if self.inner.remote.is_some() {
            let name = label[0];
            for (result, total) in [
                ("hit", stats.remote_hits),
                ("miss", stats.remote_misses),
                ("rejected", stats.remote_rejected),
            ] {
                visitor.counter(&REMOTE, &[name, ("result", result)], total);
            }
            visitor.counter(&REMOTE_ERRORS, &label, stats.remote_errors);
        }
        visitor.gauge(&RUNNING, &label, Reading::now(stats.running as f64));
    }
}
