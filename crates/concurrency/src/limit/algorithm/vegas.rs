use super::{Algorithm, Baseline, Window, is_idle, step};
use std::time::Duration;

/// After so many windows the shortest latency is taken anew, times 0.5 to 1.
const RENEW: u64 = 300;
/// What is left of the limit after a window with overload.
const BACKOFF: f64 = 0.9;

/// By the length of the queue in front of the server, which it takes from how far latencies are from the shortest one:
/// TCP Vegas, as Netflix's `VegasLimit`, on windows.
///
/// The shortest latency that it knows is replaced by the present one every 15 to 30 s of windows of 100 ms: a server that
/// became slower is seen then and not before, and one that is busy all the time makes the limit drift up.
#[derive(Debug, Clone)]
pub struct Vegas {
    shortest: Option<Duration>,
    renew_in: u64,
    random: fastrand::Rng,
    baseline: Baseline,
}

impl Vegas {
    /// Knows no latency yet.
    #[must_use]
    pub fn new() -> Self {
        // Seeded, so that the same windows give the same limits.
        Self {
            shortest: None,
            renew_in: RENEW,
            random: fastrand::Rng::with_seed(21),
            baseline: Baseline::default(),
        }
    }

    fn shortest(&mut self, latency: Duration) -> Duration {
        self.renew_in = self.renew_in.saturating_sub(1);
        let shortest = match self.shortest {
            Some(shortest) if self.renew_in > 0 => shortest.min(latency),
            _ => {
                self.renew_in = RENEW / 2 + self.random.u64(..RENEW / 2);
                latency
            }
        };
        self.shortest = Some(shortest);
        shortest
    }
}

impl Default for Vegas {
    fn default() -> Self {
        Self::new()
    }
}

impl Algorithm for Vegas {
    fn on_window(&mut self, window: &Window) -> usize {
        let limit = window.limit;
        let step = step(limit);
        if let Some(limit) = self.baseline.limit(window, BACKOFF) {
            return limit;
        }
        if window.samples == 0 {
            return limit;
        }
        let shortest = self.shortest(window.latency);
        if is_idle(window) {
            return limit;
        }
        let idle_share = shortest.as_secs_f64() / window.latency.as_secs_f64().max(f64::MIN_POSITIVE);
        let queue = (limit as f64 * (1.0 - idle_share)).ceil() as usize;
        if queue <= step {
            limit.saturating_add(6 * step)
        } else if queue < 3 * step {
            limit.saturating_add(step)
        } else if queue > 6 * step {
            limit.saturating_sub(step)
        } else {
            limit
        }
    }
}
