use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};

use crate::{Pool, magazine::Store};

/// What a [`Pool`] did so far, and what it holds.
///
/// Exact while nothing is got or returned; otherwise each number is as of some moment during the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// How often an idle object was handed out.
    pub hits: u64,
    /// Objects created, because none was idle or by `prefill`.
    pub made: u64,
    /// Objects given to the pool by `attach`.
    pub attached: u64,
    /// How often an object became idle: returned, attached or filled in, and kept.
    pub returned: u64,
    /// Objects that the pool has dropped: not to be kept, beyond its bounds, trimmed.
    pub dropped: u64,
    /// Of those, the ones that lay idle and were trimmed.
    pub trimmed: u64,
    /// Objects that users took out for good.
    pub detached: u64,
    /// Objects that exist: in use and idle.
    pub live: u64,
    /// Objects that lie idle now, in the depot and the caches of all threads.
    pub idle: u64,
    /// Their bytes, by the pool's measure.
    pub idle_bytes: u64,
}

/// What is counted for the whole pool: what happens rarely.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counts {
    pub(crate) made: AtomicU64,
    pub(crate) attached: AtomicU64,
    pub(crate) detached: AtomicU64,
    pub(crate) trimmed: AtomicU64,
    /// Objects that belong to the pool from some moment, and no more from another.
    pub(crate) joined: AtomicU64,
    pub(crate) left: AtomicU64,
    /// As in a cache, where there was none.
    pub(crate) taken: AtomicU64,
    pub(crate) kept: AtomicU64,
}

impl<T: Send + 'static> Store<T> {
    pub(crate) fn stats(&self) -> Stats {
        let counts = &self.counts;
        // In the order that keeps differences from falling below zero while others work: what goes out first.
        let [mut hits, trimmed] = [&counts.taken, &counts.trimmed].map(|count| count.load(Relaxed));
        let (left, detached) = (counts.left.load(Relaxed), counts.detached.load(Relaxed));
        hits += self.caches().map(|cache| cache.taken.load(Relaxed)).sum::<u64>();
        let credit: usize = self.caches().map(|cache| cache.credit.load(Relaxed)).sum();
        let returned =
            counts.kept.load(Relaxed) + self.caches().map(|cache| cache.kept.load(Relaxed)).sum::<u64>();
        // While others work the counts are of different moments; what is reserved bounds what may lie idle at any.
        let reserved = self.settings.budget.objects.reserved() as u64;
        let idle = returned.saturating_sub(hits + trimmed).min(reserved);
        let idle_bytes = if self.sized() {
            self.settings.budget.bytes.reserved().saturating_sub(credit) as u64
        } else {
            idle * size_of::<T>() as u64
        };
        Stats {
            hits,
            made: counts.made.load(Relaxed),
            attached: counts.attached.load(Relaxed),
            returned,
            dropped: left.saturating_sub(detached),
            trimmed,
            detached,
            live: counts.joined.load(Relaxed).saturating_sub(left),
            idle,
            idle_bytes,
        }
    }
}

const HITS: Metric = Metric::new("pool_hits", Unit::Count, "Idle objects that were handed out.");
const MADE: Metric = Metric::new("pool_made", Unit::Count, "Objects that had to be created.");
const RETURNED: Metric = Metric::new("pool_returned", Unit::Count, "Objects that came back and were kept.");
const DROPPED: Metric = Metric::new("pool_dropped", Unit::Count, "Objects that the pool has dropped.");
const LIVE: Metric = Metric::new("pool_live", Unit::Count, "Objects that exist, in use and idle.");
const IDLE: Metric = Metric::new("pool_idle", Unit::Count, "Objects that lie idle.");
const IDLE_BYTES: Metric = Metric::new("pool_idle_bytes", Unit::Bytes, "Bytes that idle objects hold.");

impl Stats {
    pub(crate) fn write(&self, name: &str, visitor: &mut dyn Visitor) {
        let label = [("pool", name)];
        let counters =
            [(&HITS, self.hits), (&MADE, self.made), (&RETURNED, self.returned), (&DROPPED, self.dropped)];
        counters.into_iter().for_each(|(metric, total)| visitor.counter(metric, &label, total));
        let gauges = [(&LIVE, self.live), (&IDLE, self.idle), (&IDLE_BYTES, self.idle_bytes)];
        for (metric, value) in gauges {
            visitor.gauge(metric, &label, Reading::now(value as f64));
        }
    }
}

impl<T: Send + 'static> Observe for Pool<T> {
    fn observe(&self, visitor: &mut dyn Visitor) {
        self.stats().write(self.name(), visitor);
    }
}
