//! By what a higher limit brings.

mod hover;
mod search;

use self::{
    hover::{Hover, Verdict},
    search::{Direction, Search},
};
use super::{Algorithm, Baseline, Window};
use std::time::Duration;

/// What is left of the limit after a window with overload.
const BACKOFF: f64 = 0.9;
/// A limit that nobody hits comes down to so many times the peak in flight, by [`SETTLE`] each window, but not below
/// [`MODEST`].
const ROOM: f64 = 3.0;
const SETTLE: f64 = 0.995;
const MODEST: f64 = 20.0;
/// How much of the peak is left after a window: half of it after 35 s of windows of 100 ms.
const FADE: f64 = 0.998;

/// By the elasticity of throughput: how many per cent more are served with one per cent more in flight. The default.
///
/// A server that has room serves in proportion: 1. One that is full serves no more, however many it is given: 0. The limit
/// stands where it is 0.1, a little beyond the knee. It compares successive windows with each other: what was served and,
/// which by Little's law says the same where calls come in bursts, how long that took. So it needs no latency of an idle
/// server, which nobody measures under load and which drifts; and it asks by going 8 % up and down around where it stands,
/// so it never turns traffic away to measure.
///
/// - At first, and when a higher limit would plainly serve more, it **climbs** by 1.4 until that ends. Where the first step
///   is of no use, it sinks.
/// - Then it **hovers**: each window tells it a little, weighed by how much it says.
/// - When the mean latency of windows jumps, or the limit seems far beyond the knee for some time, it **sinks** by 0.7 until
///   throughput suffers: whether a server lost workers, and wants less, or became slower, and does not, shows only so.
/// - Of windows with overload it gives back a tenth, whatever else they say: calls that time out
///   are no throughput. Failures that do not depend on the limit are not
///   [overload](crate::Algorithm#failures-without-load). A
///   [ceiling](crate::limit::LimitBuilder::ceiling) makes what is too slow count so too.
///
/// The idea is that of Uber's Cinnamon, failsafe-go and .NET's thread pool, which ask whether throughput goes with what is in
/// flight. Who finds the limit full is refused or waits; where nobody does, it says nothing, and the limit does not grow.
#[derive(Debug, Clone)]
pub struct Elastic {
    /// Around what it goes up and down.
    center: f64,
    told: usize,
    mode: Mode,
    peak: f64,
    baseline: Baseline,
}

#[derive(Debug, Clone)]
enum Mode {
    Search(Search),
    Hover(Hover),
}

impl Elastic {
    /// Knows nothing yet: it climbs from wherever the limit begins.
    #[must_use]
    pub fn new() -> Self {
        Self {
            center: 1.0,
            told: 1,
            mode: Mode::Search(Search::new(Direction::Up)),
            peak: 0.0,
            baseline: Baseline::default(),
        }
    }

    /// Somebody else set the limit, or its bounds did.
    fn follow(&mut self, limit: usize) {
        let limit_now = limit as f64;
        if limit < self.told {
            self.center = self.center.min(limit_now);
        } else if limit > self.told {
            self.center = self.center.max(limit_now);
        }
        self.told = limit;
    }

    /// Nobody was turned away: there is nothing to compare.
    fn rest(&mut self) -> f64 {
        match &mut self.mode {
            // It climbed far enough.
            Mode::Search(search) if search.has_base() => self.mode = Mode::Hover(Hover::new()),
            Mode::Search(_) => {}
            Mode::Hover(hover) => hover.forget(),
        }
        let most = (ROOM * self.peak).max(MODEST);
        if self.center <= most {
            return self.told as f64;
        }
        self.center = (self.center * SETTLE).max(most);
        self.center.ceil()
    }

    fn search(&mut self, window: &Window) -> f64 {
        let Mode::Search(search) = &mut self.mode else { return self.told as f64 };
        match search.next(window, &mut self.center) {
            Some(limit) => limit,
            None if search.may_be_too_high() => {
                self.mode = Mode::Search(Search::new(Direction::Down));
                self.center.ceil()
            }
            None => self.hover_anew(),
        }
    }

    fn hover(&mut self, window: &Window) -> f64 {
        let Mode::Hover(hover) = &mut self.mode else { return self.told as f64 };
        match hover.learn(window) {
            Verdict::Move(factor) => {
                self.center = (self.center * factor).max(1.0);
                hover.swing(self.center)
            }
            Verdict::Search(search) => {
                self.mode = Mode::Search(search);
                self.center.round()
            }
        }
    }

    fn hover_anew(&mut self) -> f64 {
        self.mode = Mode::Hover(Hover::new());
        self.center.ceil()
    }
}

impl Default for Elastic {
    fn default() -> Self {
        Self::new()
    }
}

impl Algorithm for Elastic {
    fn on_window(&mut self, window: &Window) -> usize {
        self.follow(window.limit);
        self.peak = (self.peak * FADE).max(window.peak as f64);
        let limit = if let Some(limit) = self.baseline.limit(window, BACKOFF) {
            self.center = limit as f64;
            self.mode = Mode::Hover(Hover::new());
            self.center
        } else if !window.was_hit() || window.completed == 0 {
            self.rest()
        } else {
            match self.mode {
                Mode::Search(_) => self.search(window),
                Mode::Hover(_) => self.hover(window),
            }
        };
        self.told = (limit as usize).max(1);
        self.told
    }
}

/// The logarithms of a limit, of what was served under it, and of how long that took.
#[derive(Debug, Clone, Copy)]
struct Point {
    limit: f64,
    throughput: f64,
    latency: Option<f64>,
}

impl Point {
    fn new(limit: usize, throughput: f64, latency: Duration) -> Self {
        let latency = (!latency.is_zero()).then(|| latency.as_secs_f64().ln());
        Self { limit: (limit as f64).ln(), throughput: throughput.max(f64::MIN_POSITIVE).ln(), latency }
    }

    /// How far apart the limits are.
    fn distance(self, other: Self) -> f64 {
        (self.limit - other.limit).abs()
    }

    /// None where the limits are the same.
    fn elasticity(self, before: Self) -> Option<f64> {
        let distance = self.limit - before.limit;
        (distance != 0.0).then(|| (self.throughput - before.throughput) / distance)
    }

    /// The elasticity that the latencies tell: by Little's law what is in flight is throughput times latency, so where twice
    /// as many take no longer, twice as many are served. The same as [`elasticity`](Self::elasticity), but where calls do not
    /// come evenly. None where nothing was timed.
    fn room(self, before: Self) -> Option<f64> {
        let distance = self.limit - before.limit;
        let (now, before) = self.latency.zip(before.latency)?;
        (distance != 0.0).then(|| 1.0 - (now - before) / distance)
    }
}
