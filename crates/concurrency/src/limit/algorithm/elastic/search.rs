use super::{Point, Window};
use std::time::Duration;

/// A step is judged by so many calls, in one window or in several.
const ENOUGH: u64 = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

impl Direction {
    fn step(self, limit: usize) -> f64 {
        match self {
            Self::Up => (limit as f64 * 1.4).ceil(),
            // One at least, and of four not two.
            Self::Down => (limit as f64 * 0.7).round().min(limit as f64 - 1.0).max(1.0),
        }
    }

    /// Whether a step with this elasticity was right, by what was served and by the latencies: more that takes no longer is
    /// right whoever sends it, and less that is no faster is wrong.
    fn is_right(self, elasticity: f64, room: f64) -> bool {
        match self {
            Self::Up => elasticity > 0.4 || room > 0.7,
            Self::Down => elasticity < 0.3 && room < 0.7,
        }
    }
}

/// Large steps one way while they are right.
#[derive(Debug, Clone)]
pub(super) struct Search {
    direction: Direction,
    base: Option<Point>,
    moved: bool,
    /// How often it may begin again when the first step seems wrong.
    retries: u32,
    completed: u64,
    seconds: f64,
    /// How many were timed, and how long they took together.
    samples: u64,
    took: f64,
}

impl Search {
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            base: None,
            moved: false,
            retries: 0,
            completed: 0,
            seconds: 0.0,
            samples: 0,
            took: 0.0,
        }
    }

    /// One that does not believe at once that its first step was wrong: the server is changing while it looks.
    pub(super) fn thorough(direction: Direction) -> Self {
        Self { retries: 1, ..Self::new(direction) }
    }

    /// Whether it looked for more and the first step was wrong: then less may do as well.
    pub(super) fn may_be_too_high(&self) -> bool {
        self.direction == Direction::Up && !self.moved
    }

    /// Whether it took a step.
    pub(super) fn has_base(&self) -> bool {
        self.base.is_some()
    }

    /// The next limit; none where the last step was wrong and `center` is as far as it goes.
    pub(super) fn next(&mut self, window: &Window, center: &mut f64) -> Option<f64> {
        self.completed = self.completed.saturating_add(window.completed);
        self.seconds += window.duration.as_secs_f64();
        self.samples = self.samples.saturating_add(window.samples);
        self.took += window.latency.as_secs_f64() * window.samples as f64;
        if self.completed < ENOUGH {
            return Some(window.limit as f64);
        }
        // Of windows at their extremes: not a number.
        let latency =
            Duration::try_from_secs_f64(self.took / self.samples.max(1) as f64).unwrap_or(Duration::MAX);
        let throughput = self.completed as f64 / self.seconds.max(f64::MIN_POSITIVE);
        let now = Point::new(window.limit, throughput, latency);
        (self.completed, self.seconds, self.samples, self.took) = (0, 0.0, 0, 0.0);
        if let Some(base) = self.base {
            // A step that did not move has met a bound.
            let elasticity = now.elasticity(base)?;
            if self.direction.is_right(elasticity, now.room(base).unwrap_or(elasticity)) {
                self.retries = 0;
                self.moved = true;
            } else {
                self.retries = self.retries.checked_sub(1)?;
                self.base = None;
                return Some(center.round());
            }
        }
        self.base = Some(now);
        *center = window.limit as f64;
        Some(self.direction.step(window.limit))
    }
}
