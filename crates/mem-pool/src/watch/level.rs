//! Levels with hysteresis: a signal rises at once and falls one level at a time, after it was lower for a while.

use perfect21_core::Pressure;
use std::time::{Duration, Instant};

/// A level is left only below this share of the value that led to it.
const RELEASE: f64 = 0.9;

/// From which value on a signal stands for which level; infinity is never.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    pub(super) elevated: f64,
    pub(super) critical: f64,
}

impl Band {
    fn level(self, value: f64) -> Pressure {
        if value >= self.critical {
            Pressure::Critical
        } else if value >= self.elevated {
            Pressure::Elevated
        } else {
            Pressure::Routine
        }
    }
}

/// One thing that is watched, with the level it stands at.
#[derive(Debug)]
pub(super) struct Gauge {
    level: Pressure,
    /// Since when the value has been too low for the level.
    lower_since: Option<Instant>,
}

impl Gauge {
    pub(super) const CALM: Self = Self { level: Pressure::Routine, lower_since: None };

    /// Takes a level by two values, one for [`Pressure::Elevated`] and one for [`Pressure::Critical`] (often the same).
    ///
    /// A value that is not known raises nothing, and after `hold` no longer keeps a level up.
    pub(super) fn update(
        &mut self,
        band: Band,
        values: (Option<f64>, Option<f64>),
        now: Instant,
        hold: Duration,
    ) -> Pressure {
        let level = |scale: f64| {
            let mild = values.0.map_or(Pressure::Routine, |v| band.level(v / scale).min(Pressure::Elevated));
            let grave = values.1.filter(|value| value / scale >= band.critical);
            grave.map_or(mild, |_| Pressure::Critical)
        };
        let rises_to = level(1.0);
        if rises_to >= self.level {
            *self = Self { level: rises_to, lower_since: None };
        } else if level(RELEASE) >= self.level {
            self.lower_since = None;
        } else {
            let since = *self.lower_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= hold {
                let level =
                    if self.level == Pressure::Critical { Pressure::Elevated } else { Pressure::Routine };
                // What is left of the way down takes another `hold`.
                *self = Self { level: level.max(rises_to), lower_since: None };
            }
        }
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BAND: Band = Band { elevated: 100.0, critical: 200.0 };
    const HOLD: Duration = Duration::from_secs(30);

    fn run(steps: &[(u64, Option<f64>)]) -> Vec<Pressure> {
        let (start, mut gauge) = (Instant::now(), Gauge::CALM);
        let step =
            |&(second, value)| gauge.update(BAND, (value, value), start + Duration::from_secs(second), HOLD);
        steps.iter().map(step).collect()
    }

    #[test]
    fn rises_at_once_and_falls_by_steps() {
        use Pressure::{Critical, Elevated, Routine};
        let seen = run(&[
            (0, Some(99.9)),
            (1, Some(200.0)),
            (2, Some(10.0)),
            (31, Some(10.0)),
            (32, Some(10.0)),
            (33, Some(10.0)),
            (62, Some(10.0)),
            (63, Some(10.0)),
        ]);
        assert_eq!(seen, [Routine, Critical, Critical, Critical, Elevated, Elevated, Elevated, Routine]);
    }

    #[test]
    fn a_value_that_hovers_around_a_threshold_changes_the_level_once() {
        let steps: Vec<_> = (0..1000).map(|i| (i, Some(if i % 2 == 0 { 100.5 } else { 95.0 }))).collect();
        assert!(run(&steps).iter().all(|level| *level == Pressure::Elevated));
        // Dips below the release value that are shorter than the hold do not count.
        let steps: Vec<_> = (0..1000).map(|i| (i, Some(if i % 29 == 0 { 100.5 } else { 1.0 }))).collect();
        assert!(run(&steps).iter().all(|level| *level == Pressure::Elevated));
    }

    #[test]
    fn what_is_not_known_raises_nothing_and_lets_go_after_the_hold() {
        use Pressure::{Critical, Elevated, Routine};
        let seen =
            run(&[(0, None), (1, Some(300.0)), (2, None), (31, None), (32, None), (33, None), (63, None)]);
        assert_eq!(seen, [Routine, Critical, Critical, Critical, Elevated, Elevated, Routine]);
    }

    #[test]
    fn a_clock_that_goes_back_lets_nothing_go_early() {
        let (start, mut gauge) = (Instant::now(), Gauge::CALM);
        let mut at = |second, value| {
            gauge.update(BAND, (Some(value), Some(value)), start + Duration::from_secs(second), HOLD)
        };
        assert_eq!(at(1000, 150.0), Pressure::Elevated);
        assert_eq!(at(1001, 1.0), Pressure::Elevated);
        assert_eq!(at(5, 1.0), Pressure::Elevated);
        assert_eq!(at(1031, 1.0), Pressure::Routine);
    }

    proptest! {
        /// Never below what the value asks for, and no fall sooner than `hold` after the last value that held it up.
        #[test]
        fn levels_are_never_too_low(values in prop::collection::vec((1..20_u64, 0.0..300.0_f64), 1..200)) {
            let (start, mut gauge) = (Instant::now(), Gauge::CALM);
            let (mut second, mut held_up, mut before) = (0, 0, Pressure::Routine);
            for (step, value) in values {
                second += step;
                let now = start + Duration::from_secs(second);
                let level = gauge.update(BAND, (Some(value), Some(value)), now, HOLD);
                prop_assert!(level >= BAND.level(value));
                if level < before {
                    prop_assert!(second - held_up >= HOLD.as_secs());
                }
                if level > Pressure::Routine && BAND.level(value / RELEASE) >= level {
                    held_up = second;
                }
                before = level;
            }
        }
    }
}
