use super::{Algorithm, Baseline, Window, is_idle};

/// Windows in the long mean.
const LONG: f64 = 600.0;
/// Of the first windows it is the plain mean.
const WARM_UP: f64 = 10.0;
/// A window may be so much slower than the long mean before the limit falls.
const TOLERANCE: f64 = 1.5;
/// Room for a queue, so that the limit finds out whether more would do.
const ROOM: f64 = 4.0;
/// How much of what is found the limit takes at once.
const SMOOTHING: f64 = 0.2;
/// What is left of the limit after a window with overload.
const BACKOFF: f64 = 0.9;

/// By how a window's latency stands to the mean of the last 600: Netflix's `Gradient2Limit`, on windows.
///
/// A server that is busy all the time becomes the mean that it is held against, so under a load that is a little too high
/// the limit grows for ever; and a server that became slower is taken for an overloaded one for minutes.
#[derive(Debug, Clone)]
pub struct Gradient2 {
    limit: f64,
    long: f64,
    windows: f64,
    baseline: Baseline,
}

impl Gradient2 {
    /// Knows no latency yet.
    #[must_use]
    pub fn new() -> Self {
        Self { limit: 0.0, long: 0.0, windows: 0.0, baseline: Baseline::default() }
    }

    fn long(&mut self, latency: f64) -> f64 {
        self.windows += 1.0;
        let factor = if self.windows <= WARM_UP { 1.0 / self.windows } else { 2.0 / (LONG + 1.0) };
        self.long += (latency - self.long) * factor;
        // After an overload the mean comes down sooner than its length would have it.
        if self.long > 2.0 * latency {
            self.long *= 0.95;
        }
        self.long
    }
}

impl Default for Gradient2 {
    fn default() -> Self {
        Self::new()
    }
}

impl Algorithm for Gradient2 {
    fn on_window(&mut self, window: &Window) -> usize {
        if self.limit.round() as usize != window.limit {
            self.limit = window.limit as f64;
        }
        if let Some(limit) = self.baseline.limit(window, BACKOFF) {
            self.limit = limit as f64;
        } else if window.samples > 0 {
            let latency = window.latency.as_secs_f64();
            let long = self.long(latency);
            if !is_idle(window) {
                let gradient = (TOLERANCE * long / latency).clamp(0.5, 1.0);
                let found = self.limit * gradient + ROOM;
                self.limit += (found - self.limit) * SMOOTHING;
            }
        }
        self.limit.round() as usize
    }
}
