use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// How long an answer takes: the peak at once, and down from it by an average that forgets.
///
/// Peak EWMA as of Finagle: a latency above the estimate takes its place; one below it counts by how long ago the last one
/// was. Of what is not asked nobody knows how it is doing: its estimate sinks below what the others take, until it is asked.
pub(super) struct Estimate {
    /// Nanoseconds, the bits of a float.
    nanos: AtomicU64,
    /// When it was updated last, in nanoseconds of the balancer's time.
    at: AtomicU64,
}

impl Estimate {
    pub(super) fn new(nanos: f64, now: u64) -> Self {
        Self { nanos: AtomicU64::new(nanos.to_bits()), at: AtomicU64::new(now) }
    }

    pub(super) fn nanos(&self) -> f64 {
        f64::from_bits(self.nanos.load(Relaxed))
    }

    /// An answer, or a failure that counts as one, took so long.
    pub(super) fn observe(&self, took: f64, now: u64, decay: f64) {
        let since = now.saturating_sub(self.at.load(Relaxed));
        self.at.store(now, Relaxed);
        let old = self.nanos();
        let new = if took >= old {
            took
        } else {
            let keep = keeps(since, decay);
            old * keep + took * (1.0 - keep)
        };
        // Of two that come at the same time one is enough.
        self.nanos.store(new.to_bits(), Relaxed);
    }

    /// At least so long: it was given up, or is known to be slow.
    pub(super) fn at_least(&self, took: f64, now: u64) {
        if took > self.nanos() {
            self.at.store(now, Relaxed);
            self.nanos.store(took.to_bits(), Relaxed);
        }
    }

    pub(super) fn set(&self, nanos: f64, now: u64) {
        self.at.store(now, Relaxed);
        self.nanos.store(nanos.to_bits(), Relaxed);
    }

    /// Sinks to `floor` as if nothing had been known for `since`, if it was not updated in that time.
    pub(super) fn forget(&self, floor: f64, now: u64, since: u64, decay: f64) {
        let old = self.nanos();
        if old > floor && now.saturating_sub(self.at.load(Relaxed)) >= since {
            let new = floor + (old - floor) * keeps(since, decay);
            // Unless an answer came in between, which knows better.
            let _ = self.nanos.compare_exchange(old.to_bits(), new.to_bits(), Relaxed, Relaxed);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of a process's life")]
fn keeps(since: u64, decay: f64) -> f64 {
    let share = since as f64 / decay;
    // Of a thousandth and less, where a busy endpoint is, the first two terms are right to six digits.
    if share < 0.001 { 1.0 - share } else { (-share).exp() }
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of a latency")]
pub(super) fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const DECAY: f64 = 3e9;

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_by_what_comes_after() {
        let estimate = Estimate::new(1e6, 0);
        estimate.observe(50e6, SECOND, DECAY);
        assert_eq!(estimate.nanos(), 50e6);
        estimate.observe(1e6, SECOND, DECAY);
        assert_eq!(estimate.nanos(), 50e6, "no time has passed");
        estimate.observe(1e6, 4 * SECOND, DECAY);
        let expected = 1e6 + 49e6 / std::f64::consts::E;
        assert!((estimate.nanos() - expected).abs() < 1.0, "{}", estimate.nanos());
        estimate.at_least(1e6, 5 * SECOND);
        assert!((estimate.nanos() - expected).abs() < 1.0, "no news");
        estimate.at_least(70e6, 5 * SECOND);
        assert_eq!(estimate.nanos(), 70e6);
    }

    #[test]
    fn what_is_not_asked_sinks_to_a_floor() {
        let estimate = Estimate::new(100e6, 0);
        estimate.forget(10e6, SECOND / 2, SECOND, DECAY);
        assert_eq!(estimate.nanos(), 100e6, "updated lately");
        for second in 1..60 {
            estimate.forget(10e6, second * SECOND, SECOND, DECAY);
        }
        assert!((10e6..10.1e6).contains(&estimate.nanos()));
        estimate.forget(20e6, 99 * SECOND, SECOND, DECAY);
        assert!(estimate.nanos() < 10.1e6, "never up");
    }
}
