use super::Window;
use perfect21_meter::Counter;
use std::{
    sync::atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{AcqRel, Relaxed},
    },
    time::Duration,
};

/// The counts of the window that is open. They are read one after the other while others count: what ends in between
/// goes into one window or the next, and nothing is lost.
#[derive(Default)]
pub(super) struct Tally {
    completed: Counter,
    completed_before: AtomicU64,
    overloaded: AtomicU64,
    refused: AtomicU64,
    peak: AtomicUsize,
    samples: AtomicU64,
    nanos: AtomicU64,
    /// The shortest latency, as its complement, so that zero is "none" and more is shorter.
    shortest: AtomicU64,
}

impl Tally {
    #[inline]
    pub(super) fn complete(&self, weight: usize) {
        self.completed.add(weight as u64);
    }

    pub(super) fn overload(&self, weight: usize) {
        self.overloaded.fetch_add(weight as u64, Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    #[inline]
    pub(super) fn saw(&self, in_flight: usize) {
        if in_flight > self.peak.load(Relaxed) {
            self.peak.fetch_max(in_flight, Relaxed);
        }
    }

    /// Gives how many samples there are.
    #[inline]
    pub(super) fn sample(&self, nanos: u64) -> u64 {
        self.nanos.fetch_add(nanos, Relaxed);
        if !nanos > self.shortest.load(Relaxed) {
            self.shortest.fetch_max(!nanos, Relaxed);
        }
        self.samples.fetch_add(1, Relaxed) + 1
    }

    /// How much ended that says something about the time.
    pub(super) fn ended(&self) -> u64 {
        self.samples.load(Relaxed) + self.overloaded.load(Relaxed)
    }

    /// The window that is over; the next one begins. Called by one at a time.
    pub(super) fn take(&self, limit: usize, duration: Duration) -> Window {
        let completed = self.completed.total();
        let before = self.completed_before.swap(completed, Relaxed);
        let samples = self.samples.swap(0, AcqRel);
        let nanos = self.nanos.swap(0, AcqRel);
        let shortest = self.shortest.swap(0, Relaxed);
        let refused = self.refused.swap(0, Relaxed);
        let peak = self.peak.swap(0, Relaxed);
        Window {
            completed: completed.wrapping_sub(before),
            overloaded: self.overloaded.swap(0, Relaxed),
            refused,
            peak: if refused > 0 { peak.max(limit) } else { peak },
            samples,
            latency: Duration::from_nanos(nanos.checked_div(samples).unwrap_or(0)),
            min_latency: Duration::from_nanos(if shortest == 0 { 0 } else { !shortest }),
            ..Window::new(limit, duration)
        }
    }
}
