use super::ThreadPool;
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};
use std::time::Duration;

/// What a [`ThreadPool`] did so far, and what it does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// So many threads stay when there is nothing to do.
    pub min_threads: usize,
    /// So many threads there may be.
    pub max_threads: usize,
    /// Threads there are now.
    pub threads: usize,
    /// Threads that sleep now.
    pub idle: usize,
    /// Jobs that wait for a thread.
    pub queued: usize,
    /// Submitters that wait for room in the queue.
    pub waiting: usize,
    /// Jobs that run now.
    pub running: usize,
    /// Jobs that ran to their end.
    pub completed: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs whose handle was dropped before a thread took them.
    pub cancelled: u64,
    /// Jobs that were dropped at the end of a shutdown.
    pub discarded: u64,
    /// Jobs that were refused because the queue was full.
    pub rejected: u64,
    /// How long the oldest queued job has waited.
    pub oldest_wait: Duration,
    /// The most threads there were at once.
    pub peak_threads: usize,
}

const THREADS: Metric = Metric::new("pool_threads", Unit::Count, "Threads there are.");
const IDLE: Metric = Metric::new("pool_idle", Unit::Count, "Threads that sleep.");
const MAX_THREADS: Metric = Metric::new("pool_max_threads", Unit::Count, "Threads there may be.");
const PEAK_THREADS: Metric = Metric::new("pool_peak_threads", Unit::Count, "The most threads at once.");
const QUEUED: Metric = Metric::new("pool_queued", Unit::Count, "Jobs that wait for a thread.");
const WAITING: Metric = Metric::new("pool_waiting", Unit::Count, "Submitters that wait for room.");
const RUNNING: Metric = Metric::new("pool_running", Unit::Count, "Jobs that run.");
const OLDEST_WAIT: Metric =
    Metric::new("pool_oldest_wait", Unit::Seconds, "How long the oldest queued job has waited.");
const JOBS: Metric = Metric::new("pool_jobs", Unit::Count, "Jobs that are over, by outcome.");
const REJECTED: Metric = Metric::new("pool_rejected", Unit::Count, "Jobs refused by a full queue.");

impl Observe for ThreadPool {
    fn observe(&self, visitor: &mut dyn Visitor) {
        self.stats().write(self.name(), visitor);
    }
}

impl Stats {
    pub(crate) fn write(&self, name: &str, visitor: &mut dyn Visitor) {
        let label = ("pool", name);
        let counts = [
            (&THREADS, self.threads),
            (&IDLE, self.idle),
            (&MAX_THREADS, self.max_threads),
            (&PEAK_THREADS, self.peak_threads),
            (&QUEUED, self.queued),
            (&WAITING, self.waiting),
            (&RUNNING, self.running),
        ];
        for (metric, count) in counts {
            visitor.gauge(metric, &[label], Reading::now(count as f64));
        }
        visitor.gauge(&OLDEST_WAIT, &[label], Reading::now(self.oldest_wait.as_secs_f64()));
        let outcomes = [
            ("completed", self.completed),
            ("panicked", self.panicked),
            ("cancelled", self.cancelled),
            ("discarded", self.discarded),
        ];
        for (outcome, total) in outcomes {
            visitor.counter(&JOBS, &[label, ("outcome", outcome)], total);
        }
        visitor.counter(&REJECTED, &[label], self.rejected);
    }
}
