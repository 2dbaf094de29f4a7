use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use perfect21_core::{LatencySnapshot, latency};

use crate::{
    nanos,
    pages::{self, Pages},
    seat,
    shards::Shards,
};

/// One record in so many must collide with another before a series gets pages for each thread. A series that takes
/// 10 000 records a second stays a hundred times below that, two threads that do little else are some times above.
const COLLISIONS: u64 = 4096;
/// How many collisions there are between two looks at their share.
const LOOK_EVERY: u64 = 64;

/// Records durations into one array of atomic buckets: for many series, such as routes, statements or labels.
///
/// Takes 632 bytes, and 512 more for each power of two its durations reach: 3.1 KiB for a route between 1 and 32 ms,
/// 19.1 KiB at the very most. A record costs about 3 ns, and up to 14 ns while two threads do nothing but record in the
/// same series. If they meet that often, more than once in 4096 records, the series gets pages for each thread as a
/// [`Latency`](crate::Latency) has: the record costs 3 ns again, and the series takes 3.1 KiB more a thread. At ten
/// thousand records a second that does not happen.
///
/// ```
/// use perfect21_meter::LatencyCell;
/// use std::{sync::Arc, thread, time::Duration};
///
/// let route = Arc::new(LatencyCell::new());
/// let worker = thread::spawn({
///     let route = Arc::clone(&route);
///     move || route.record(Duration::from_millis(3))
/// });
/// route.record_nanos(5_000_000);
/// worker.join().unwrap();
/// assert_eq!(route.snapshot().count(), 2);
/// ```
#[derive(Default)]
pub struct LatencyCell {
    pages: Pages,
    /// Made when threads collide too often; from then on they record there.
    by_thread: OnceLock<Box<Shards>>,
    collisions: AtomicU64,
    /// How many records there were at the last look.
    looked_at: AtomicU64,
    rejected: AtomicU64,
}

impl LatencyCell {
    /// Makes an empty recorder; nothing is allocated before the first record.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pages: Pages::new(),
            by_thread: OnceLock::new(),
            collisions: AtomicU64::new(0),
            looked_at: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }
    }

    /// Records a duration up to [`latency::MAX`]; a longer one is counted as rejected.
    #[inline]
    pub fn record(&self, duration: Duration) {
        self.record_nanos(nanos::of(duration));
    }

    /// Records a duration in nanoseconds, as [`record`](Self::record) does.
    #[inline]
    pub fn record_nanos(&self, nanos: u64) {
        match latency::index_of(nanos) {
            Some(index) => self.add(index),
            None => self.reject(),
        }
    }

    /// Records a duration in seconds; NaN, negative and too long values are counted as rejected.
    #[inline]
    pub fn record_secs(&self, secs: f64) {
        self.record_nanos(nanos::of_secs(secs));
    }

    /// Everything recorded so far. Locks nothing: records go on meanwhile, and each is in this snapshot or the next.
    #[must_use]
    pub fn snapshot(&self) -> LatencySnapshot {
        let by_thread = self.by_thread.get().into_iter().flat_map(|shards| shards.pages());
        let counts = pages::counts(by_thread.chain([&self.pages]));
        LatencySnapshot::from_counts(counts, self.rejected.load(Ordering::Relaxed))
    }

    #[inline]
    fn add(&self, index: usize) {
        if let Some(shards) = self.by_thread.get() {
            shards.add(seat::current(), index);
        } else if self.pages.add_shared(index) {
            self.collided();
        }
    }

    #[cold]
    fn collided(&self) {
        let collisions = self.collisions.fetch_add(1, Ordering::Relaxed) + 1;
        if collisions.is_multiple_of(LOOK_EVERY) {
            let count = self.snapshot().count();
            let since_last_look = count.checked_sub(self.looked_at.swap(count, Ordering::Relaxed));
            // None when two looks overtook one another.
            if since_last_look.is_some_and(|records| records <= LOOK_EVERY * COLLISIONS) {
                self.by_thread.get_or_init(Box::default);
            }
        }
    }

    #[cold]
    fn reject(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for LatencyCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        nanos::debug("LatencyCell", &self.snapshot(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records, and pretends that each `collide_every`th record met another one.
    fn record(cell: &LatencyCell, records: u64, collide_every: u64) {
        for n in 0..records {
            cell.record_nanos(n % 1000);
            if n % collide_every == 0 {
                cell.collided();
            }
        }
    }

    #[test]
    fn only_threads_that_collide_often_get_pages_of_their_own() {
        let cell = LatencyCell::new();
        record(&cell, 10 * LOOK_EVERY * COLLISIONS, 2 * COLLISIONS);
        assert!(cell.by_thread.get().is_none());
        record(&cell, 2 * LOOK_EVERY * COLLISIONS, COLLISIONS / 2);
        assert!(cell.by_thread.get().is_some());
        record(&cell, 100, 1);
        assert_eq!(cell.snapshot().count(), 12 * LOOK_EVERY * COLLISIONS + 100);
    }
}
