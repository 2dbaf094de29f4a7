//! Decides at each tick how short memory is and whether a clean-up is due.

use super::{
    builder::Settings,
    level::Gauge,
    report::{Readings, Signal},
};
use perfect21_core::Pressure;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Schedule {
    gauges: [Gauge; Signal::ALL.len()],
    level: Pressure,
    ticks: u64,
    last_cleanup: Instant,
    /// How long after the last clean-up the next one comes while the level stays high.
    pause: Duration,
}

/// What a tick decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decision {
    /// Counts up from 1.
    pub(super) number: u64,
    pub(super) before: Pressure,
    pub(super) level: Pressure,
    pub(super) cause: Option<Signal>,
    pub(super) due: Option<Pressure>,
}

impl Schedule {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            gauges: [const { Gauge::CALM }; Signal::ALL.len()],
            level: Pressure::Routine,
            ticks: 0,
            last_cleanup: settings.clock.now(),
            pause: settings.repeat,
        }
    }

    pub(super) fn level(&self) -> Pressure {
        self.level
    }

    /// Whoever is told that something is due does it: the next call counts it as done.
    pub(super) fn decide(&mut self, readings: &Readings, now: Instant, settings: &Settings) -> Decision {
        let before = self.level;
        let (mut level, mut cause) = (Pressure::Routine, None);
        for (gauge, signal) in self.gauges.iter_mut().zip(Signal::ALL) {
            let band = match signal {
                Signal::Rss => settings.rss,
                Signal::CgroupLimit | Signal::Machine => settings.shares,
                Signal::Stall => settings.stalls,
            };
            let stands_at = gauge.update(band, readings.values(signal), now, settings.hold);
            if stands_at > level {
                (level, cause) = (stands_at, Some(signal));
            }
        }
        self.level = level;
        self.ticks += 1;

        let passed = now.saturating_duration_since(self.last_cleanup);
        let due = if level > before {
            self.pause = settings.repeat;
            Some(level)
        } else if level > Pressure::Routine && passed >= self.pause {
            self.pause = self.pause.saturating_mul(2).min(settings.clean_up_every);
            Some(level)
        } else if passed >= settings.clean_up_every {
            Some(level)
        } else {
            None
        };
        if due.is_some() {
            self.last_cleanup = now;
        }
        Decision { number: self.ticks, before, level, cause, due }
    }
}
