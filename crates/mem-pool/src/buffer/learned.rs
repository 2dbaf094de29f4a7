//! How much of their buffers users really use: what to hand out, and what is too large to keep.

use super::class::Classes;
use std::{
    cell::Cell,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
};

/// After so many samples the sizes are taken anew, and older samples count half; the first time sooner.
const PERIOD: u32 = 256;
const FIRST: u32 = 64;
/// One return in so many is sampled, so that threads seldom write to the same place.
const EVERY: u32 = 16;

/// The sizes that 90 % and 99 % of the lately returned buffers would have fitted in.
#[derive(Debug)]
pub(super) struct Learned {
    classes: Classes,
    counts: Box<[AtomicU32]>,
    samples: AtomicU32,
    period: AtomicU32,
    p90: AtomicUsize,
    p99: AtomicUsize,
}

impl Learned {
    pub(super) fn new(classes: Classes, initial: usize) -> Self {
        Self {
            classes,
            counts: (0..classes.count()).map(|_| AtomicU32::new(0)).collect(),
            samples: AtomicU32::new(0),
            period: AtomicU32::new(FIRST),
            p90: AtomicUsize::new(initial),
            p99: AtomicUsize::new(initial),
        }
    }

    pub(super) fn p90(&self) -> usize {
        self.p90.load(Relaxed)
    }

    pub(super) fn p99(&self) -> usize {
        self.p99.load(Relaxed)
    }

    /// Notes, now and then, how many bytes were used of a buffer that comes back.
    pub(super) fn note(&self, used: usize) {
        thread_local!(static TURN: Cell<u32> = const { Cell::new(0) });
        let turn = TURN.get();
        TURN.set(turn.wrapping_add(1));
        if turn.is_multiple_of(EVERY) || self.period.load(Relaxed) == FIRST {
            self.sample(used);
        }
    }

    #[cold]
    fn sample(&self, used: usize) {
        let class = self.classes.holding(used).unwrap_or(self.classes.count() - 1);
        self.counts[class].fetch_add(1, Relaxed);
        let samples = self.samples.fetch_add(1, Relaxed) + 1;
        if samples >= self.period.load(Relaxed)
            // One thread does it; what others count meanwhile may fall to either side.
            && self.samples.compare_exchange(samples, 0, Relaxed, Relaxed).is_ok()
        {
            self.learn();
        }
    }

    fn learn(&self) {
        let counts: Vec<u32> = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let size_of_share = |percent: u64| {
            let mut below = 0;
            let reached = counts.iter().position(|count| {
                below += u64::from(*count);
                below * 100 >= total * percent
            });
            self.classes.size(reached.unwrap_or(0))
        };
        self.p90.store(size_of_share(90), Relaxed);
        self.p99.store(size_of_share(99), Relaxed);
        for (count, seen) in self.counts.iter().zip(counts) {
            // Saturating, should two periods end at once.
            let _ = count.fetch_update(Relaxed, Relaxed, |count| Some(count.saturating_sub(seen - seen / 2)));
        }
        self.period.store(PERIOD, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(learned: &Learned, used: usize, times: u32) {
        (0..times * EVERY).for_each(|_| learned.note(used));
    }

    #[test]
    fn sizes_follow_what_is_used_up_and_down() {
        let learned = Learned::new(Classes::up_to(1 << 20), 1024);
        assert_eq!((learned.p90(), learned.p99()), (1024, 1024));
        noted(&learned, 100, PERIOD);
        assert_eq!((learned.p90(), learned.p99()), (128, 128));
        noted(&learned, 60_000, 2 * PERIOD);
        assert_eq!(learned.p99(), 65_536);
        noted(&learned, 100, 10 * PERIOD);
        assert_eq!((learned.p90(), learned.p99()), (128, 128));
    }

    #[test]
    fn one_large_use_in_a_thousand_changes_nothing() {
        let learned = Learned::new(Classes::up_to(1 << 20), 1024);
        for i in 0..100 * PERIOD * EVERY {
            learned.note(if i % 1000 == 999 { 1 << 20 } else { 100 });
        }
        assert_eq!((learned.p90(), learned.p99()), (128, 128));
    }
}
