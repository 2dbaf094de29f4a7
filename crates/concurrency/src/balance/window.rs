use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many of the requests of the last while succeeded: exact counts in ten buckets.
///
/// A mean weighted by when requests came would let a burst of failures hide behind what came before.
pub(super) struct Window {
    /// Which bucket of time, then successes, then failures: 32, 16 and 16 bits. A count that is
    /// full halves both, so that their ratio stays.
    buckets: [AtomicU64; BUCKETS as usize],
    bucket_ns: u64,
}

const BUCKETS: u64 = 10;
const COUNT: u64 = 0xFFFF;

impl Window {
    pub(super) fn new(window_ns: u64) -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS as usize],
            bucket_ns: (window_ns / BUCKETS).max(1),
        }
    }

    /// From 1 on: a bucket that was never used is of no time.
    fn time(&self, now: u64) -> u64 {
        (now / self.bucket_ns + 1) & 0xFFFF_FFFF
    }

    pub(super) fn count(&self, success: bool, now: u64) {
        let time = self.time(now);
        let bucket = &self.buckets[(time % BUCKETS) as usize];
        let shift = if success { 16 } else { 0 };
        let _ = bucket.fetch_update(Relaxed, Relaxed, |counts| {
            let counts = if counts >> 32 == time { counts } else { time << 32 };
            let is_full = (counts >> shift) & COUNT == COUNT;
            Some(if is_full { halved(counts) } else { counts } + (1 << shift))
        });
    }

    /// Successes and failures.
    pub(super) fn counts(&self, now: u64) -> (u64, u64) {
        let time = self.time(now);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Relaxed));
        let current = counts.filter(|counts| time.wrapping_sub(counts >> 32) < BUCKETS);
        current.fold((0, 0), |(successes, failures), counts| {
            (successes + (counts >> 16 & COUNT), failures + (counts & COUNT))
        })
    }

    pub(super) fn clear(&self) {
        self.buckets.iter().for_each(|bucket| bucket.store(0, Relaxed));
    }
}

/// The same bucket of time with half of both counts.
fn halved(counts: u64) -> u64 {
    let (successes, failures) = (counts >> 16 & COUNT, counts & COUNT);
    (counts >> 32 << 32) | ((successes / 2) << 16) | (failures / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_the_last_ten_buckets() {
        let window = Window::new(1000);
        (0..7).for_each(|_| window.count(true, 0));
        (0..3).for_each(|_| window.count(false, 150));
        assert_eq!(window.counts(150), (7, 3));
        assert_eq!(window.counts(999), (7, 3));
        assert_eq!(window.counts(1000), (0, 3));
        assert_eq!(window.counts(1100), (0, 0));
        window.count(true, 1_000_050);
        assert_eq!(window.counts(1_000_050), (1, 0));
        window.clear();
        assert_eq!(window.counts(1_000_050), (0, 0));
    }

    #[test]
    fn a_full_bucket_keeps_the_ratio_of_its_counts() {
        let window = Window::new(1000);
        (0..1_000_000).for_each(|nth| window.count(nth % 10 != 0, 0));
        let (successes, failures) = window.counts(0);
        assert!(successes <= 65_535 && successes > 32_000, "{successes}");
        let share = failures as f64 / (successes + failures) as f64;
        assert!((share - 0.1).abs() < 0.001, "{share}");
    }
}
