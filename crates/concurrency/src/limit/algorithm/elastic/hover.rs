use super::{Direction, Point, Search, Window};

/// Where the limit stands: a little beyond the knee.
const TARGET: f64 = 0.1;
/// How far it goes up and down to ask.
const SWING: f64 = 0.08;
/// The information of a comparison that moves the limit by as much as the elasticity is off: calls by the square of how far
/// the limits are apart, since that is what its variance goes by.
const INFORMATION: f64 = 150.0;
/// The most and least that a comparison counts for.
const GAIN: std::ops::RangeInclusive<f64> = 0.005..=0.3;
/// How much of the mean a comparison is, and of the latency a window.
const SMOOTHING: f64 = 0.1;
/// A mean below it says that the limit is far beyond the knee, after so many windows on end.
const LOW: (f64, u32) = (0.02, 30);
/// And one above it that it is far below; this mean is the quicker one, as whoever is turned away there waits for it.
const HIGH: (f64, u32) = (0.7, 3);
const QUICK: f64 = 0.25;
/// What the latencies say, if what is served says half of it, after so many windows on end.
const WAVERS: (f64, u32) = (0.4, 9);
/// The logarithm of a latency this far above its mean is a change, after so many windows on end.
const JUMP: (f64, u32) = (0.35, 2);

/// What a window said.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// The center moves by this factor.
    Move(f64),
    /// It is somewhere else, this way.
    Search(Search),
}

/// Small steps up and down.
#[derive(Debug, Clone)]
pub(super) struct Hover {
    is_up: bool,
    before: Option<Point>,
    elasticity: f64,
    quick_elasticity: f64,
    quick_room: f64,
    /// The mean of logarithms of latencies.
    latency: Option<f64>,
    low: u32,
    high: u32,
    roomy: u32,
    jumped: u32,
}

impl Hover {
    pub(super) fn new() -> Self {
        Self {
            is_up: false,
            before: None,
            elasticity: TARGET,
            quick_elasticity: TARGET,
            quick_room: TARGET,
            latency: None,
            low: 0,
            high: 0,
            roomy: 0,
            jumped: 0,
        }
    }

    /// The next window has none to be compared with.
    pub(super) fn forget(&mut self) {
        self.before = None;
    }

    pub(super) fn learn(&mut self, window: &Window) -> Verdict {
        let now = Point::new(window.limit, window.throughput(), window.latency);
        let before = self.before.replace(now);
        let factor = before.map_or(1.0, |before| self.compare(before, now, window.completed));
        self.watch_latency(window);
        if self.jumped >= JUMP.1 {
            Verdict::Search(Search::thorough(Direction::Down))
        } else if self.low >= LOW.1 {
            Verdict::Search(Search::new(Direction::Down))
        } else if self.high >= HIGH.1 || self.roomy >= WAVERS.1 {
            Verdict::Search(Search::new(Direction::Up))
        } else {
            Verdict::Move(factor)
        }
    }

    fn compare(&mut self, before: Point, now: Point, completed: u64) -> f64 {
        let Some(elasticity) = now.elasticity(before) else { return 1.0 };
        // Beyond it is noise, or a server that changed.
        let elasticity = elasticity.clamp(TARGET - 1.0, TARGET + 1.0);
        self.elasticity += (elasticity - self.elasticity) * SMOOTHING;
        self.quick_elasticity += (elasticity - self.quick_elasticity) * QUICK;
        let room = now.room(before).map_or(elasticity, |room| room.clamp(TARGET - 1.0, TARGET + 1.0));
        self.quick_room += (room - self.quick_room) * QUICK;
        self.low = if self.elasticity < LOW.0 { self.low + 1 } else { 0 };
        // Where calls come in bursts, what is served wavers, and the latencies know better.
        let is_roomy = self.quick_room > HIGH.0 && self.quick_elasticity > WAVERS.0;
        self.roomy = if is_roomy { self.roomy + 1 } else { 0 };
        self.high = if self.quick_elasticity > HIGH.0 { self.high + 1 } else { 0 };
        let information = completed as f64 * now.distance(before).powi(2) / INFORMATION;
        (information.clamp(*GAIN.start(), *GAIN.end()) * (elasticity - TARGET)).exp()
    }

    fn watch_latency(&mut self, window: &Window) {
        if window.samples == 0 {
            return;
        }
        let latency = window.latency.as_secs_f64().max(1e-9).ln();
        let mean = *self.latency.get_or_insert(latency);
        if latency - mean > JUMP.0 {
            self.jumped += 1;
        } else {
            self.jumped = 0;
            // A server that is faster than before wants no less.
            let weight = if mean - latency > JUMP.0 { 1.0 } else { SMOOTHING };
            self.latency = Some(mean + (latency - mean) * weight);
        }
    }

    /// The limit for the next window.
    pub(super) fn swing(&mut self, center: f64) -> f64 {
        self.is_up = !self.is_up;
        if self.is_up { (center * (1.0 + SWING)).ceil() } else { (center * (1.0 - SWING)).floor().max(1.0) }
    }
}
