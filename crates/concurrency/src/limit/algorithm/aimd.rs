use super::{Algorithm, Baseline, Window, is_idle};

/// Additive increase, multiplicative decrease, as TCP does and Netflix's `AIMDLimit`: one more each window, and nine
/// tenths after an overload.
///
/// Failures that do not depend on the limit are not overload: see
/// [`Algorithm`](crate::Algorithm#failures-without-load).
///
/// It learns by overload only, so it wants a [ceiling](crate::limit::LimitBuilder::ceiling) or calls that time out; without
/// either it grows to its bound.
#[derive(Debug, Clone, Copy)]
pub struct Aimd {
    backoff: f64,
    baseline: Baseline,
}

impl Aimd {
    /// With nine tenths.
    #[must_use]
    pub fn new() -> Self {
        Self { backoff: 0.9, baseline: Baseline::default() }
    }

    /// What is left of the limit after a window with overload; brought to 0.1 to 0.99. Default: 0.9.
    #[must_use]
    pub fn backoff(mut self, share: f64) -> Self {
        self.backoff = if share.is_nan() { 0.9 } else { share.clamp(0.1, 0.99) };
        self
    }
}

impl Default for Aimd {
    fn default() -> Self {
        Self::new()
    }
}

impl Algorithm for Aimd {
    fn on_window(&mut self, window: &Window) -> usize {
        if let Some(limit) = self.baseline.limit(window, self.backoff) {
            limit
        } else if is_idle(window) {
            window.limit
        } else {
            window.limit.saturating_add(1)
        }
    }
}
