use super::{Limit, Rejected, semaphore::Semaphore};
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};
use perfect21_meter::Counter;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a [`Limit`] did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// How many may run at once.
    pub limit: usize,
    /// How many run now, by weight; more than the limit for a while after it shrank.
    pub in_flight: usize,
    /// How many wait now.
    pub waiting: usize,
    /// How many were let in.
    pub admitted: u64,
    /// How many were refused because the queue was full.
    pub rejected_queue_full: u64,
    /// How many were refused because they had waited too long.
    pub rejected_waited: u64,
    /// How many gave their place in the full queue to one that comes first.
    pub rejected_displaced: u64,
    /// How often the limit changed.
    pub changes: u64,
}

/// A limit that became another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The limit before.
    pub from: usize,
    /// The limit now.
    pub to: usize,
}

#[derive(Default)]
pub(super) struct Counts {
    admitted: Counter,
    queue_full: AtomicU64,
    waited: AtomicU64,
    displaced: AtomicU64,
    changes: AtomicU64,
}

impl Counts {
    #[inline]
    pub(super) fn admit(&self) {
        self.admitted.increment();
    }

    pub(super) fn change(&self) {
        self.changes.fetch_add(1, Relaxed);
    }

    pub(super) fn reject(&self, why: Rejected) {
        let count = match why {
            Rejected::QueueFull { .. } => &self.queue_full,
            Rejected::WaitedTooLong { .. } => &self.waited,
            Rejected::Displaced => &self.displaced,
        };
        count.fetch_add(1, Relaxed);
    }

    pub(super) fn stats(&self, semaphore: &Semaphore) -> Stats {
        Stats {
            limit: semaphore.limit(),
            in_flight: semaphore.in_flight(),
            waiting: semaphore.waiting(),
            admitted: self.admitted.total(),
            rejected_queue_full: self.queue_full.load(Relaxed),
            rejected_waited: self.waited.load(Relaxed),
            rejected_displaced: self.displaced.load(Relaxed),
            changes: self.changes.load(Relaxed),
        }
    }
}

const LIMIT: Metric = Metric::new("limit", Unit::Count, "How many may run at once.");
const IN_FLIGHT: Metric = Metric::new("limit_in_flight", Unit::Count, "How many run now.");
const WAITING: Metric = Metric::new("limit_waiting", Unit::Count, "How many wait for their turn.");
const ADMITTED: Metric = Metric::new("limit_admitted", Unit::Count, "How many were let in.");
const REJECTED: Metric = Metric::new("limit_rejected", Unit::Count, "How many were refused, by reason.");
const CHANGES: Metric = Metric::new("limit_changes", Unit::Count, "How often the limit changed.");
const PARTITION: Metric =
    Metric::new("limit_partition_in_flight", Unit::Count, "How many run now, by partition.");

impl Observe for Limit {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let stats = self.stats();
        let label = ("limit", &*self.inner.name);
        visitor.gauge(&LIMIT, &[label], Reading::now(stats.limit as f64));
        visitor.gauge(&IN_FLIGHT, &[label], Reading::now(stats.in_flight as f64));
        visitor.gauge(&WAITING, &[label], Reading::now(stats.waiting as f64));
        visitor.counter(&ADMITTED, &[label], stats.admitted);
        visitor.counter(&REJECTED, &[label, ("reason", "queue_full")], stats.rejected_queue_full);
        visitor.counter(&REJECTED, &[label, ("reason", "waited")], stats.rejected_waited);
        visitor.counter(&REJECTED, &[label, ("reason", "displaced")], stats.rejected_displaced);
        visitor.counter(&CHANGES, &[label], stats.changes);
        for (name, in_flight) in self.inner.semaphore.shares().named() {
            visitor.gauge(&PARTITION, &[label, ("partition", name)], Reading::now(in_flight as f64));
        }
    }
}
