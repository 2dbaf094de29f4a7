use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Estimates what a request costs an endpoint: the latency of its answers, and what its failures
/// waste.
///
/// The latency is Finagle's peak EWMA, of successful answers and abandoned requests only: a latency
/// above the estimate replaces it; a latency below it is averaged in, with a weight that grows with
/// the time since the last answer. The estimate of an endpoint that gets no requests sinks below
/// the latency of the others, until a request goes there.
///
/// Failures never change the latency. Their share of the recent requests, times what a failure
/// costs, is a value of its own that decays: at most the cost of a failure, however many fail. Both
/// values are finite, and at most [`LONGEST`] each.
pub(super) struct Estimate {
    /// Nanoseconds, the bits of a float; zero before the first answer.
    nanos: AtomicU64,
    /// What failures waste per request, in nanoseconds, the bits of a float.
    wasted: AtomicU64,
    /// When it was updated last, in nanoseconds of the balancer's time.
    at: AtomicU64,
}

impl Estimate {
    /// An endpoint that has not answered yet.
    pub(super) fn new(now: u64) -> Self {
        Self { nanos: AtomicU64::new(0), wasted: AtomicU64::new(0), at: AtomicU64::new(now) }
    }

    /// The latency, if there was an answer.
    pub(super) fn latency(&self) -> Option<f64> {
        Some(self.nanos()).filter(|nanos| *nanos > 0.0)
    }

    /// What failures waste per request.
    pub(super) fn wasted(&self) -> f64 {
        f64::from_bits(self.wasted.load(Relaxed))
    }

    fn nanos(&self) -> f64 {
        f64::from_bits(self.nanos.load(Relaxed))
    }

    /// Counts the latency of a successful answer.
    pub(super) fn observe(&self, took: f64, now: u64, decay: f64) {
        let took = took.clamp(SHORTEST, LONGEST);
        let since = now.saturating_sub(self.at.load(Relaxed));
        self.at.store(now, Relaxed);
        let old = self.nanos();
        let new = if took >= old {
            took
        } else {
            let decay = if took * FAR_BELOW < old { decay * RECOVERS } else { decay };
            let keep = keeps(since, decay);
            old * keep + took * (1.0 - keep)
        };
        // Of two that come at the same time one is enough.
        self.nanos.store(new.to_bits(), Relaxed);
    }

    /// Counts a failure: `share` of the recent requests failed, and each costs `cost`.
    ///
    /// The share is of exact counts and includes this failure, so a value that decayed since the
    /// last failure is raised to it.
    pub(super) fn failed(&self, share: f64, cost: f64) {
        let wasted = share.clamp(0.0, 1.0) * cost.clamp(0.0, LONGEST);
        if wasted > self.wasted() {
            self.wasted.store(wasted.to_bits(), Relaxed);
        }
    }

    /// Raises the latency to that of a request that was abandoned after `took`.
    pub(super) fn at_least(&self, took: f64, now: u64) {
        let took = took.min(LONGEST);
        if took > self.nanos() {
            self.at.store(now, Relaxed);
            self.nanos.store(took.to_bits(), Relaxed);
        }
    }

    /// Forgets everything: the next answer is the first.
    pub(super) fn clear(&self, now: u64) {
        self.at.store(now, Relaxed);
        self.nanos.store(0, Relaxed);
        self.wasted.store(0, Relaxed);
    }

    /// Lets what failures waste decay by `since`, and sinks the latency towards `floor` if there
    /// was no answer in that time.
    pub(super) fn forget(&self, floor: f64, now: u64, since: u64, decay: f64) {
        let wasted = self.wasted();
        if wasted > 0.0 {
            let left = wasted * keeps(since, decay);
            let left = if left < SHORTEST { 0.0 } else { left };
            // Unless a failure raised it in between.
            let _ = self.wasted.compare_exchange(wasted.to_bits(), left.to_bits(), Relaxed, Relaxed);
        }
        let old = self.nanos();
        if old > floor && now.saturating_sub(self.at.load(Relaxed)) >= since {
            let new = floor + (old - floor) * keeps(since, decay * UNASKED);
            // Unless an answer came in between, which knows better.
            let _ = self.nanos.compare_exchange(old.to_bits(), new.to_bits(), Relaxed, Relaxed);
        }
    }
}

/// How much sooner the latency of an endpoint without requests is forgotten than that of one with
/// requests.
const UNASKED: f64 = 0.5;

/// An answer this many times shorter than the estimate is one of an endpoint that recovered: it
/// counts as if more time had passed.
const FAR_BELOW: f64 = 4.0;
const RECOVERS: f64 = 0.5;

/// The bounds of a latency in nanoseconds: one, so that zero is "no answer yet", and a day.
pub(super) const SHORTEST: f64 = 1.0;
pub(super) const LONGEST: f64 = 86_400e9;

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
        let estimate = Estimate::new(0);
        assert_eq!(estimate.latency(), None);
        estimate.observe(1e6, 0, DECAY);
        assert_eq!(estimate.latency(), Some(1e6), "the first answer replaces nothing");
        estimate.observe(50e6, SECOND, DECAY);
        assert_eq!(estimate.nanos(), 50e6);
        estimate.observe(1e6, SECOND, DECAY);
        assert_eq!(estimate.nanos(), 50e6, "no time has passed");
        estimate.observe(1e6, 4 * SECOND, DECAY);
        let expected = 1e6 + 49e6 / std::f64::consts::E.powi(2);
        assert!((estimate.nanos() - expected).abs() < 1.0, "far below: twice as fast, {}", estimate.nanos());
        estimate.at_least(1e6, 5 * SECOND);
        assert!((estimate.nanos() - expected).abs() < 1.0, "no news");
        estimate.at_least(70e6, 5 * SECOND);
        assert_eq!(estimate.nanos(), 70e6);
    }

    #[test]
    fn what_is_not_asked_sinks_to_a_floor() {
        let estimate = Estimate::new(0);
        estimate.observe(100e6, 0, DECAY);
        estimate.forget(10e6, SECOND / 2, SECOND, DECAY);
        assert_eq!(estimate.nanos(), 100e6, "updated lately");
        for second in 1..60 {
            estimate.forget(10e6, second * SECOND, SECOND, DECAY);
        }
        assert!((10e6..10.1e6).contains(&estimate.nanos()));
        estimate.forget(20e6, 99 * SECOND, SECOND, DECAY);
        assert!(estimate.nanos() < 10.1e6, "never up");
    }

    #[test]
    fn failures_are_bounded_decay_and_leave_the_latency_alone() {
        let estimate = Estimate::new(0);
        estimate.observe(5e6, 0, DECAY);
        for _ in 0..1000 {
            estimate.failed(0.5, 200e6);
        }
        assert_eq!((estimate.nanos(), estimate.wasted()), (5e6, 100e6));
        estimate.failed(0.1, 200e6);
        assert_eq!(estimate.wasted(), 100e6, "a smaller share does not lower it: time does");
        estimate.forget(1e6, 3 * SECOND, 3 * SECOND, DECAY);
        assert!((estimate.wasted() - 100e6 / std::f64::consts::E).abs() < 1.0);
        estimate.failed(1.0, f64::INFINITY);
        estimate.observe(f64::INFINITY, SECOND, DECAY);
        assert_eq!((estimate.nanos(), estimate.wasted()), (LONGEST, LONGEST));
        estimate.clear(SECOND);
        assert_eq!((estimate.latency(), estimate.wasted()), (None, 0.0));
    }
}
