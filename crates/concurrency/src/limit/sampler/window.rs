use std::time::Duration;

/// What a limit saw in a stretch of time: all that an [`Algorithm`](super::super::Algorithm) goes by.
///
/// Weights count: who takes three places and succeeds completes three.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// The limit that was in force at its end.
    pub limit: usize,
    /// How long it was: at least twice the mean latency of the one before.
    pub duration: Duration,
    /// What succeeded.
    pub completed: u64,
    /// What failed by overload: errors and timeouts, and what took longer than the limit's ceiling.
    pub overloaded: u64,
    /// Who found no free place, whether it waited or was refused. Zero means that the limit was not hit.
    pub refused: u64,
    /// The most that was in flight at once, as far as was looked.
    pub peak: usize,
    /// How many latencies were measured, all of successes.
    pub samples: u64,
    /// Their mean, without the time in the queue; zero where there are none.
    pub latency: Duration,
    /// The shortest of them; zero where there are none.
    pub min_latency: Duration,
}

impl Window {
    /// A window of so long under so many, with nothing in it: for tests of algorithms.
    #[must_use]
    pub fn new(limit: usize, duration: Duration) -> Self {
        Self {
            limit,
            duration,
            completed: 0,
            overloaded: 0,
            refused: 0,
            peak: 0,
            samples: 0,
            latency: Duration::ZERO,
            min_latency: Duration::ZERO,
        }
    }

    /// Whether somebody found no free place.
    #[must_use]
    pub fn was_hit(&self) -> bool {
        self.refused > 0
    }

    /// What succeeded in a second; zero for a window without length.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        let seconds = self.duration.as_secs_f64();
        if seconds > 0.0 { self.completed as f64 / seconds } else { 0.0 }
    }

    /// The share of what ended that failed by overload, from 0 to 1.
    #[must_use]
    pub fn overload_share(&self) -> f64 {
        let ended = self.completed.saturating_add(self.overloaded);
        if ended == 0 { 0.0 } else { (self.overloaded as f64 / ended as f64).min(1.0) }
    }
}
