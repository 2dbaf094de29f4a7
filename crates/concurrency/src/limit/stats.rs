use super::{Limit, Rejected};
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What a [`Limit`] did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// How many may run at once.
    pub limit: usize,
    /// How many run now.
    pub in_flight: usize,
    /// How many wait now.
    pub waiting: usize,
    /// How many were let in.
    pub admitted: u64,
    /// How many were refused because the queue was full.
    pub rejected_queue_full: u64,
    /// How many were refused because they had waited too long.
    pub rejected_waited: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    waiting: AtomicUsize,
    admitted: AtomicU64,
    queue_full: AtomicU64,
    waited: AtomicU64,
}

impl Counts {
    /// A place in the queue, unless so many are taken.
    pub(super) fn queue(&self, max: usize) -> Option<Place<'_>> {
        let taken =
            self.waiting.fetch_update(Relaxed, Relaxed, |waiting| (waiting < max).then_some(waiting + 1));
        taken.ok().map(|_| Place(self))
    }

    pub(super) fn admit(&self) {
        self.admitted.fetch_add(1, Relaxed);
    }

    #[cold]
    pub(super) fn reject(&self, why: Rejected) -> Rejected {
        let count = match why {
            Rejected::QueueFull { .. } => &self.queue_full,
            Rejected::WaitedTooLong { .. } => &self.waited,
        };
        count.fetch_add(1, Relaxed);
        why
    }

    pub(super) fn stats(&self, limit: usize, in_flight: usize) -> Stats {
        Stats {
            limit,
            in_flight,
            waiting: self.waiting.load(Relaxed),
            admitted: self.admitted.load(Relaxed),
            rejected_queue_full: self.queue_full.load(Relaxed),
            rejected_waited: self.waited.load(Relaxed),
        }
    }
}

/// Gives the place back however the wait ends.
pub(super) struct Place<'a>(&'a Counts);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

const LIMIT: Metric = Metric::new("limit", Unit::Count, "How many may run at once.");
const IN_FLIGHT: Metric = Metric::new("limit_in_flight", Unit::Count, "How many run now.");
const WAITING: Metric = Metric::new("limit_waiting", Unit::Count, "How many wait for their turn.");
const ADMITTED: Metric = Metric::new("limit_admitted", Unit::Count, "How many were let in.");
const REJECTED: Metric = Metric::new("limit_rejected", Unit::Count, "How many were refused, by reason.");

impl Observe for Limit {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let stats = self.stats();
        let label = ("limit", self.name());
        visitor.gauge(&LIMIT, &[label], Reading::now(stats.limit as f64));
        visitor.gauge(&IN_FLIGHT, &[label], Reading::now(stats.in_flight as f64));
        visitor.gauge(&WAITING, &[label], Reading::now(stats.waiting as f64));
        visitor.counter(&ADMITTED, &[label], stats.admitted);
        visitor.counter(&REJECTED, &[label, ("reason", "queue_full")], stats.rejected_queue_full);
        visitor.counter(&REJECTED, &[label, ("reason", "waited")], stats.rejected_waited);
    }
}
