use super::{Algorithm, Window, is_idle};

/// Additive increase, multiplicative decrease, as TCP does and Netflix's `AIMDLimit`: one more each window, and nine
/// tenths after an overload.
///
/// It learns by overload only, so it wants a [ceiling](crate::limit::LimitBuilder::ceiling) or calls that time out; without
/// either it grows to its bound.
#[derive(Debug, Clone, Copy)]
pub struct Aimd {
    backoff: f64,
}

impl Aimd {
    /// With nine tenths.
    #[must_use]
    pub fn new() -> Self {
        Self { backoff: 0.9 }
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
        if window.overloaded > 0 {
            (window.limit as f64 * self.backoff) as usize
        } else if is_idle(window) {
            window.limit
        } else {
            window.limit + 1
        }
    }
}
