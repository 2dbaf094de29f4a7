use crate::{record, report::Interval};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// The most stretches that are kept: an hour of seconds.
const MOST: usize = 3600;

/// The run second by second, in bounded memory: when full, neighbours are merged and stretches become twice as long.
#[derive(Debug)]
pub(crate) struct Intervals {
    start: Instant,
    length: Duration,
    closed: Vec<Interval>,
    most: usize,
    /// Where the open stretch begins, from the start.
    offset: Duration,
    completed: u64,
    errors: u64,
    latency: Histogram<u64>,
}

impl Intervals {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            length: Duration::from_secs(1),
            closed: Vec::new(),
            most: MOST,
            offset: Duration::ZERO,
            completed: 0,
            errors: 0,
            latency: record::histogram(),
        }
    }

    #[inline]
    pub(crate) fn good(&mut self, latency_nanos: u64) {
        self.completed += 1;
        self.latency.saturating_record(latency_nanos);
    }

    pub(crate) fn bad(&mut self) {
        self.errors += 1;
    }

    /// Closes every stretch that has ended by `now`.
    #[inline]
    pub(crate) fn roll(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.start);
        while passed >= self.offset + self.length {
            self.close(self.length);
        }
    }

    /// The last whole stretch.
    pub(crate) fn last(&self) -> Option<Interval> {
        self.closed.last().copied()
    }

    /// Closes the last stretch, unless nothing was in it.
    pub(crate) fn finish(&mut self, now: Instant) -> &[Interval] {
        self.roll(now);
        let left = now.saturating_duration_since(self.start).saturating_sub(self.offset);
        if self.completed + self.errors > 0 {
            self.close(left);
        }
        &self.closed
    }

    #[cold]
    fn close(&mut self, length: Duration) {
        let at = |q| Duration::from_nanos(self.latency.value_at_quantile(q));
        let (p50, p95, p99) = (at(0.5), at(0.95), at(0.99));
        let max = Duration::from_nanos(self.latency.max());
        let (completed, errors) = (self.completed, self.errors);
        self.closed.push(Interval { start: self.offset, length, completed, errors, p50, p95, p99, max });
        self.offset += length;
        (self.completed, self.errors) = (0, 0);
        self.latency.reset();
        if self.closed.len() >= self.most {
            self.merge_neighbours();
        }
    }

    fn merge_neighbours(&mut self) {
        self.closed = self.closed.chunks(2).filter_map(|pair| pair.iter().copied().reduce(merge)).collect();
        self.length *= 2;
    }
}

fn merge(a: Interval, b: Interval) -> Interval {
    Interval {
        start: a.start,
        length: a.length + b.length,
        completed: a.completed + b.completed,
        errors: a.errors + b.errors,
        p50: a.p50.max(b.p50),
        p95: a.p95.max(b.p95),
        p99: a.p99.max(b.p99),
        max: a.max.max(b.max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_shows_as_empty_stretches() {
        let start = Instant::now();
        let mut intervals = Intervals::new(start);
        intervals.roll(start + Duration::from_millis(500));
        intervals.good(1_000_000);
        intervals.roll(start + Duration::from_millis(3200));
        intervals.bad();
        let log = intervals.finish(start + Duration::from_millis(3500));
        let counts: Vec<_> = log.iter().map(|i| (i.completed, i.errors, i.length.as_millis())).collect();
        assert_eq!(counts, [(1, 0, 1000), (0, 0, 1000), (0, 0, 1000), (0, 1, 500)]);
        assert_eq!((log[0].max.as_millis(), log[1].max.as_millis()), (1, 0));
    }

    #[test]
    fn a_long_run_keeps_a_bounded_log_that_forgets_nothing() {
        let start = Instant::now();
        let mut intervals = Intervals { most: 8, ..Intervals::new(start) };
        for second in 0..1000 {
            intervals.roll(start + Duration::from_secs(second));
            intervals.good(1_000 * (second + 1));
        }
        let log = intervals.finish(start + Duration::from_secs(1000));
        assert!(log.len() <= 8, "{}", log.len());
        assert_eq!(log.iter().map(|i| i.completed).sum::<u64>(), 1000);
        assert!(log.windows(2).all(|pair| pair[0].start + pair[0].length == pair[1].start));
        assert_eq!(log.last().map(|i| i.max.as_micros()), Some(1000));
    }
}
