use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};

use super::{BoundedPool, shared::Shared};

/// What a [`BoundedPool`] did so far, and what it holds.
///
/// Exact while nothing is acquired or returned; otherwise each number is as of some moment during the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BoundedStats {
    /// How many objects may exist.
    pub max_total: usize,
    /// How many are in use now, or being dropped by a trim.
    pub in_use: usize,
    /// How many are idle now.
    pub idle: usize,
    /// How many callers wait now.
    pub waiting: usize,
    /// How often an idle object was handed out.
    pub hits: u64,
    /// Objects created.
    pub made: u64,
    /// Objects that came back.
    pub returned: u64,
    /// Objects that the pool has dropped: not to be kept, beyond its bounds, trimmed.
    pub dropped: u64,
    /// Of those, the ones that lay idle and were trimmed.
    pub trimmed: u64,
    /// Objects that users took out for good.
    pub detached: u64,
    /// How often there was none for `try_acquire`.
    pub exhausted: u64,
    /// How often one was waited for in vain.
    pub timed_out: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    waiting: AtomicUsize,
    pub(super) hits: AtomicU64,
    pub(super) made: AtomicU64,
    pub(super) returned: AtomicU64,
    /// Became idle: returned or filled in.
    pub(super) kept: AtomicU64,
    pub(super) filled: AtomicU64,
    pub(super) trimmed: AtomicU64,
    pub(super) detached: AtomicU64,
    pub(super) exhausted: AtomicU64,
    pub(super) timed_out: AtomicU64,
}

/// A caller that waits, until it is dropped.
pub(super) struct Waiting<'a>(&'a Counts);

impl<'a> Waiting<'a> {
    pub(super) fn begin(counts: &'a Counts) -> Self {
        counts.waiting.fetch_add(1, Relaxed);
        Self(counts)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

impl<T> Shared<T> {
    pub(super) fn stats(&self) -> BoundedStats {
        let load = |count: &AtomicU64| count.load(Relaxed);
        let counts = &self.counts;
        let (kept, trimmed) = (load(&counts.kept), load(&counts.trimmed));
        let came = load(&counts.returned) + load(&counts.filled);
        BoundedStats {
            max_total: self.max_total,
            in_use: self.max_total.saturating_sub(self.permits.available_permits()),
            idle: self.places.reserved(),
            waiting: counts.waiting.load(Relaxed),
            hits: load(&counts.hits),
            made: load(&counts.made),
            returned: load(&counts.returned),
            dropped: came.saturating_sub(kept) + trimmed,
            trimmed,
            detached: load(&counts.detached),
            exhausted: load(&counts.exhausted),
            timed_out: load(&counts.timed_out),
        }
    }
}

const MAX: Metric = Metric::new("bounded_pool_max", Unit::Count, "Objects that may exist.");
const IN_USE: Metric = Metric::new("bounded_pool_in_use", Unit::Count, "Objects in use.");
const IDLE: Metric = Metric::new("bounded_pool_idle", Unit::Count, "Objects that lie idle.");
const WAITING: Metric = Metric::new("bounded_pool_waiting", Unit::Count, "Callers that wait for an object.");
const HITS: Metric = Metric::new("bounded_pool_hits", Unit::Count, "Idle objects that were handed out.");
const MADE: Metric = Metric::new("bounded_pool_made", Unit::Count, "Objects that were created.");
const DROPPED: Metric =
    Metric::new("bounded_pool_dropped", Unit::Count, "Objects that the pool has dropped.");
const REFUSED: Metric =
    Metric::new("bounded_pool_refused", Unit::Count, "Callers without an object, by reason.");

impl<T: Send + 'static> Observe for BoundedPool<T> {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let stats = self.stats();
        let label = ("pool", self.name());
        let gauges = [
            (&MAX, stats.max_total),
            (&IN_USE, stats.in_use),
            (&IDLE, stats.idle),
            (&WAITING, stats.waiting),
        ];
        for (metric, value) in gauges {
            visitor.gauge(metric, &[label], Reading::now(value as f64));
        }
        let counters = [(&HITS, stats.hits), (&MADE, stats.made), (&DROPPED, stats.dropped)];
        counters.into_iter().for_each(|(metric, total)| visitor.counter(metric, &[label], total));
        for (reason, total) in [("exhausted", stats.exhausted), ("timed_out", stats.timed_out)] {
            visitor.counter(&REFUSED, &[label, ("reason", reason)], total);
        }
    }
}
