use super::Batcher;
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};
use std::hash::Hash;

/// What a [`Batcher`] did so far, and what it does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Callers whose batch has not begun.
    pub waiting: usize,
    /// Batches that take items: one for each key that has some.
    pub open: usize,
    /// Batches that wait for another to end, because as many run as may.
    pub ready: usize,
    /// Batches that run.
    pub in_flight: usize,
    /// Items that were taken.
    pub submitted: u64,
    /// Items that shared an equal one's place.
    pub deduplicated: u64,
    /// Callers that left before their batch began.
    pub left: u64,
    /// Items that were refused because too many waited.
    pub rejected: u64,
    /// Batches begun.
    pub batches: u64,
    /// Items in them.
    pub items: u64,
    /// Batches closed by their size, their weight or too many keys.
    pub filled: u64,
    /// Batches whose oldest item had waited long enough.
    pub waited: u64,
    /// Batches that a flush closed.
    pub flushed: u64,
    /// Batches whose handler failed.
    pub failed: u64,
    /// Batches whose handler panicked.
    pub panicked: u64,
    /// Batches with another number of outputs than items.
    pub miscounted: u64,
    /// Batches that ended with their runtime.
    pub lost: u64,
}

const WAITING: Metric = Metric::new("batch_waiting", Unit::Count, "Callers whose batch has not begun.");
const OPEN: Metric = Metric::new("batch_open", Unit::Count, "Batches that take items.");
const READY: Metric = Metric::new("batch_ready", Unit::Count, "Batches that wait for another to end.");
const IN_FLIGHT: Metric = Metric::new("batch_in_flight", Unit::Count, "Batches that run.");
const SUBMITTED: Metric = Metric::new("batch_submitted", Unit::Count, "Items that were taken.");
const DEDUPLICATED: Metric =
    Metric::new("batch_deduplicated", Unit::Count, "Items that shared an equal one's place.");
const LEFT: Metric = Metric::new("batch_left", Unit::Count, "Callers that left before their batch began.");
const REJECTED: Metric = Metric::new("batch_rejected", Unit::Count, "Items refused: too many waited.");
const BATCHES: Metric = Metric::new("batch_batches", Unit::Count, "Batches begun.");
const ITEMS: Metric = Metric::new("batch_items", Unit::Count, "Items in the batches begun.");
const CLOSED: Metric = Metric::new("batch_closed", Unit::Count, "Batches that take no more, by cause.");
const FAILURES: Metric = Metric::new("batch_failures", Unit::Count, "Batches without outputs, by cause.");

impl<I, O, E, K> Observe for Batcher<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    fn observe(&self, visitor: &mut dyn Visitor) {
        let stats = self.stats();
        let label = ("batcher", self.name());
        let now = [
            (&WAITING, stats.waiting),
            (&OPEN, stats.open),
            (&READY, stats.ready),
            (&IN_FLIGHT, stats.in_flight),
        ];
        for (metric, count) in now {
            visitor.gauge(metric, &[label], Reading::now(count as f64));
        }
        let totals = [
            (&SUBMITTED, stats.submitted),
            (&DEDUPLICATED, stats.deduplicated),
            (&LEFT, stats.left),
            (&REJECTED, stats.rejected),
            (&BATCHES, stats.batches),
            (&ITEMS, stats.items),
        ];
        for (metric, total) in totals {
            visitor.counter(metric, &[label], total);
        }
        for (cause, total) in [("filled", stats.filled), ("waited", stats.waited), ("flushed", stats.flushed)]
        {
            visitor.counter(&CLOSED, &[label, ("cause", cause)], total);
        }
        let failures = [
            ("failed", stats.failed),
            ("panicked", stats.panicked),
            ("miscounted", stats.miscounted),
            ("lost", stats.lost),
        ];
        for (cause, total) in failures {
            visitor.counter(&FAILURES, &[label, ("cause", cause)], total);
        }
    }
}
