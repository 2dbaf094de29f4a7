use super::{Algorithm, Window};

/// v1
#[derive(Debug, Clone)]
pub struct Elastic {
    center: f64,
    told: usize,
    up: bool,
    slow_start: bool,
    previous: Option<(f64, f64)>,
    elasticity: f64,
}

const SWING: f64 = 0.08;
const TARGET: f64 = 0.25;

impl Elastic {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { center: 0.0, told: 0, up: false, slow_start: true, previous: None, elasticity: TARGET }
    }
}

impl Default for Elastic {
    fn default() -> Self {
        Self::new()
    }
}

impl Algorithm for Elastic {
    fn on_window(&mut self, window: &Window) -> usize {
        if self.told != window.limit {
            self.center = window.limit as f64;
            self.told = window.limit;
            self.previous = None;
        }
        if window.overload_share() > 0.02 {
            self.center = (self.center * 0.9).max(1.0);
            self.previous = None;
            self.slow_start = false;
            self.told = self.center.round() as usize;
            return self.told;
        }
        if !window.was_hit() || window.completed == 0 {
            self.previous = None;
            return self.told;
        }
        let now = ((window.limit as f64).ln(), window.throughput().ln());
        if let Some(before) = self.previous {
            let dl = now.0 - before.0;
            if dl.abs() > 1e-6 {
                let e = ((now.1 - before.1) / dl).clamp(-1.0, 2.0);
                self.elasticity += (e - self.elasticity) * 0.2;
                if self.slow_start {
                    if e > 0.5 {
                        self.center *= 1.5;
                    } else {
                        self.slow_start = false;
                        self.elasticity = TARGET;
                    }
                } else {
                    self.center *= 1.0 + 0.3 * (self.elasticity - TARGET);
                }
            }
        } else if self.slow_start {
            self.center *= 1.5;
        }
        self.center = self.center.clamp(1.0, 1000.0);
        self.previous = Some(now);
        let limit = if self.slow_start {
            self.center.round()
        } else {
            self.up = !self.up;
            if self.up { (self.center * (1.0 + SWING)).ceil() } else { (self.center * (1.0 - SWING)).floor() }
        };
        self.told = (limit as usize).clamp(1, 1000);
        self.told
    }
}
