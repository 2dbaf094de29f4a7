//! Which failures are caused by load.

use super::Window;

/// The highest share that can be usual. A server that fails every fourth call is not well, whatever
/// the reason.
const MOST: f64 = 0.25;
/// A window with fewer calls says nothing, unless all of them failed.
const FEW: u64 = 10;
/// How many windows in a row are above the usual share before the limit is lowered.
const IN_A_ROW: u32 = 2;
/// How far the limit goes down to see whether the failures depend on it, and how many windows it
/// stays there.
const LOWERED: f64 = 0.75;
const WATCHED: u32 = 2;
/// A trial that cannot lower the limit, because of its bounds, ends after this many windows.
const LONGEST_TRIAL: u32 = 8;
/// Failures depend on the limit if with the lower one at most this much of their share is left.
const LEFT: f64 = 0.6;
/// How much of the usual share a window of [`FULL`] calls is, where its share is higher and where
/// it is lower.
const RISES: f64 = 0.01;
const FALLS: f64 = 0.05;
const FULL: f64 = 200.0;
/// A window of this many seconds lowers the limit by one step; a longer one by as many steps, up to
/// [`STEPS`].
const STEP: f64 = 0.1;
const STEPS: f64 = 13.0;

/// The share of calls that fails whatever the limit is, and a trial where more fail than that.
///
/// Services fail a little all the time: a bad input, a broken dependency, a caller's deadline. A
/// failure is overload only if it depends on the load. So when the share of failures in a window is
/// above what is usual, by more than chance, the limit is lowered to three quarters. If the share
/// falls with it, load was the cause, and the limit stays low. If not, the share is what is usual
/// from then on, and the limit goes back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Baseline {
    usual: f64,
    above: u32,
    trial: Option<Trial>,
}

#[derive(Debug, Clone, Copy)]
struct Trial {
    /// The limit and the share of failures before.
    limit: usize,
    share: f64,
    windows: u32,
    /// What ended and what failed of it under the lower limit.
    watched: u32,
    ended: u64,
    overloaded: u64,
}

impl Baseline {
    /// The limit that failures ask for, where a step down leaves this share of the limit. None
    /// where failures say nothing and the algorithm may decide.
    pub(super) fn limit(&mut self, window: &Window, step: f64) -> Option<usize> {
        let ended = window.completed.saturating_add(window.overloaded);
        let share = window.overload_share();
        let is_above = ended >= FEW && self.is_above(share, ended);
        if share >= MOST && (is_above || window.completed == 0) {
            (self.trial, self.above) = (None, 0);
            let steps = (window.duration.as_secs_f64() / STEP).clamp(1.0, STEPS);
            return Some(lower(window.limit, step.powf(steps)));
        }
        if ended < FEW {
            // A trial does not wait for more calls for ever.
            let waited = self.trial.map(|trial| Trial { windows: trial.windows + 1, ..trial });
            self.trial = waited.filter(|trial| trial.windows <= LONGEST_TRIAL);
            return self.trial.map(|_| window.limit);
        }
        if let Some(trial) = self.trial.take() {
            return self.go_on(trial, window, ended, step);
        }
        if !is_above {
            self.above = 0;
            self.learn(share, ended);
            return None;
        }
        self.above += 1;
        if self.above < IN_A_ROW {
            return None;
        }
        self.above = 0;
        let limit = window.limit;
        self.trial = Some(Trial { limit, share, windows: 0, watched: 0, ended: 0, overloaded: 0 });
        Some(lower(limit, step))
    }

    /// Whether it is above what is usual by more than chance: three standard deviations, and a call
    /// and a half.
    fn is_above(&self, share: f64, ended: u64) -> bool {
        let (usual, calls) = (self.usual.max(0.005), ended as f64);
        share > self.usual + 3.0 * (usual * (1.0 - usual) / calls).sqrt() + 1.5 / calls
    }

    fn learn(&mut self, share: f64, ended: u64) {
        let weight = if share > self.usual { RISES } else { FALLS };
        self.usual += (share - self.usual) * weight * (ended as f64 / FULL).min(1.0);
    }

    fn go_on(&mut self, mut trial: Trial, window: &Window, ended: u64, step: f64) -> Option<usize> {
        let limit = window.limit;
        // Somebody else set the limit: begin again.
        if limit > trial.limit || trial.limit > limit.saturating_mul(2).saturating_add(20) {
            return None;
        }
        trial.windows += 1;
        let is_low = limit as f64 <= trial.limit as f64 * LOWERED || trial.windows >= LONGEST_TRIAL;
        if !is_low {
            if !self.is_above(window.overload_share(), ended) && window.overload_share() < trial.share * LEFT
            {
                // The failures are gone already.
                return None;
            }
            self.trial = Some(trial);
            return Some(lower(limit, step));
        }
        trial.watched += 1;
        trial.ended = trial.ended.saturating_add(ended);
        trial.overloaded = trial.overloaded.saturating_add(window.overloaded);
        // The first window under a limit holds calls that began under the one before.
        if trial.watched <= WATCHED {
            if trial.watched == 1 {
                (trial.ended, trial.overloaded) = (0, 0);
            }
            self.trial = Some(trial);
            return Some(limit);
        }
        let share = trial.overloaded as f64 / trial.ended.max(1) as f64;
        if share < trial.share * LEFT {
            return None;
        }
        self.usual = share.min(MOST);
        Some(trial.limit)
    }
}

fn lower(limit: usize, step: f64) -> usize {
    // Down, so that it moves where a step is less than one.
    ((limit as f64 * step) as usize).min(limit.saturating_sub(1)).max(1)
}

#[cfg(all(test, not(perfect21_loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    fn window(limit: usize, completed: u64, overloaded: u64) -> Window {
        let mut window = Window::new(limit, Duration::from_millis(100));
        (window.completed, window.overloaded) = (completed, overloaded);
        window
    }

    #[test]
    fn a_share_that_stays_is_usual_and_the_limit_goes_back() {
        let mut baseline = Baseline::default();
        let mut limit = 40;
        let mut lowest = limit;
        for _ in 0..20 {
            limit = baseline.limit(&window(limit, 380, 20), 0.9).unwrap_or(limit);
            lowest = lowest.min(limit);
        }
        assert_eq!((limit, baseline.trial.is_none()), (40, true));
        assert!((26..=30).contains(&lowest), "{lowest}");
        assert!((baseline.usual - 0.05).abs() < 0.001, "{baseline:?}");
    }

    #[test]
    fn a_trial_ends_where_few_calls_come() {
        let mut baseline = Baseline::default();
        for _ in 0..2 {
            baseline.limit(&window(40, 300, 60), 0.9);
        }
        assert!(baseline.trial.is_some());
        let held = (0..100).take_while(|_| baseline.limit(&window(36, 4, 1), 0.9).is_some()).count();
        assert!(held <= 10, "{held} windows");
    }
}
