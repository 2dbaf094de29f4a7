use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// Whether an endpoint is to be asked: in one word, so that exactly one caller probes.
///
/// ```text
///              fails too often                time is over, one caller
///  available ------------------> ejected ------------------------------> probed
///      ^                            ^                                      |
///      |   the probe succeeds       |   fails: for twice as long           |
///      +----------------------------+--------------------------------------+
/// ```
pub(super) struct Health {
    word: AtomicU64,
    /// By the health check.
    down: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Since when, in milliseconds of the balancer's time; zero is from the start.
    Available { since: u64 },
    /// Until when.
    Ejected { until: u64 },
    /// One request finds out.
    Probed,
}

/// The state, how often it was ejected in a row, and milliseconds: 2, 6 and 56 bits.
#[derive(Clone, Copy)]
struct Word(u64);

const MILLIS: u64 = (1 << 56) - 1;
const MAX_STREAK: u64 = 63;

impl Word {
    fn new(state: State, streak: u64) -> Self {
        let (kind, millis) = match state {
            State::Available { since } => (0, since),
            State::Ejected { until } => (1, until),
            State::Probed => (2, 0),
        };
        Self(kind << 62 | streak.min(MAX_STREAK) << 56 | millis.min(MILLIS))
    }

    fn state(self) -> State {
        match self.0 >> 62 {
            0 => State::Available { since: self.0 & MILLIS },
            1 => State::Ejected { until: self.0 & MILLIS },
            _ => State::Probed,
        }
    }

    fn streak(self) -> u64 {
        self.0 >> 56 & MAX_STREAK
    }
}

impl Health {
    pub(super) fn new(since: u64) -> Self {
        let word = Word::new(State::Available { since }, 0);
        Self { word: AtomicU64::new(word.0), down: AtomicBool::new(false) }
    }

    pub(super) fn state(&self) -> State {
        Word(self.word.load(Acquire)).state()
    }

    pub(super) fn is_down(&self) -> bool {
        self.down.load(Relaxed)
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Relaxed);
    }

    /// Out for `first` times two for each time in a row before, `most` at the most; gives whether it was available.
    pub(super) fn eject(&self, now: u64, first: u64, most: u64) -> bool {
        self.change(|word| {
            let State::Available { since } = word.state() else { return None };
            // Who stayed well for as long as it can be out starts over.
            let streak = if now.saturating_sub(since) > most { 0 } else { word.streak() };
            Some(Self::out(now, first, most, streak))
        })
    }

    /// Out until then, whatever was before.
    pub(super) fn eject_until(&self, until: u64) -> bool {
        self.change(|word| match word.state() {
            State::Ejected { until: before } if before >= until => None,
            _ => Some(Word::new(State::Ejected { until }, word.streak())),
        })
    }

    /// Takes the one probe of an endpoint whose time is over.
    pub(super) fn probe(&self, now: u64) -> bool {
        self.change(|word| match word.state() {
            State::Ejected { until } if until <= now => Some(Word::new(State::Probed, word.streak())),
            _ => None,
        })
    }

    /// How the probe went; `None` where it was given up, and the next caller may.
    pub(super) fn probed(&self, success: Option<bool>, now: u64, first: u64, most: u64) -> bool {
        self.change(|word| {
            if word.state() != State::Probed {
                return None;
            }
            let streak = word.streak();
            Some(match success {
                Some(true) => Word::new(State::Available { since: now.max(1) }, streak),
                Some(false) => Self::out(now, first, most, streak),
                None => Word::new(State::Ejected { until: now }, streak),
            })
        })
    }

    /// It was down by the check and is up: it starts slowly, if it is not out for other reasons.
    pub(super) fn start(&self, now: u64) {
        let start = Word::new(State::Available { since: now.max(1) }, 0);
        let _ = self.change(|word| matches!(word.state(), State::Available { .. }).then_some(start));
    }

    /// It has had its slow start.
    pub(super) fn settle(&self, since: u64) {
        let _ = self.change(|word| {
            let starts = word.state() == State::Available { since };
            starts.then(|| Word::new(State::Available { since: 0 }, 0))
        });
    }

    fn out(now: u64, first: u64, most: u64, streak: u64) -> Word {
        let doubled = first.saturating_mul(1_u64.checked_shl(streak as u32).unwrap_or(u64::MAX));
        Word::new(State::Ejected { until: now.saturating_add(doubled.min(most)) }, streak + 1)
    }

    fn change(&self, change: impl Fn(Word) -> Option<Word>) -> bool {
        self.word.fetch_update(AcqRel, Acquire, |word| change(Word(word)).map(|word| word.0)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_out_for_longer_each_time_and_one_caller_finds_out() {
        let health = Health::new(0);
        assert!(health.eject(100, 10, 35));
        assert!(!health.eject(100, 10, 35), "it is out already");
        assert_eq!(health.state(), State::Ejected { until: 110 });
        assert!(!health.probe(109));
        assert!(health.probe(110) && !health.probe(110), "one caller");
        assert!(health.probed(Some(false), 111, 10, 35));
        assert_eq!(health.state(), State::Ejected { until: 131 });
        assert!(health.probe(131) && health.probed(Some(false), 131, 10, 35));
        assert_eq!(health.state(), State::Ejected { until: 166 }, "no longer than the most");
        assert!(health.probe(200) && health.probed(None, 200, 10, 35), "given up");
        assert!(health.probe(200) && health.probed(Some(true), 201, 10, 35));
        assert_eq!(health.state(), State::Available { since: 201 });
        assert!(!health.probed(Some(false), 201, 10, 35), "no probe, no verdict");
        assert!(health.eject(230, 10, 35));
        assert_eq!(health.state(), State::Ejected { until: 265 }, "soon again");
        assert!(health.probe(265) && health.probed(Some(true), 266, 10, 35) && health.eject(999, 10, 35));
        assert_eq!(health.state(), State::Ejected { until: 1009 }, "it was well for long");
    }

    #[test]
    fn no_number_overflows() {
        let health = Health::new(u64::MAX);
        assert_eq!(health.state(), State::Available { since: MILLIS });
        for _ in 0..100 {
            assert!(health.eject_until(u64::MAX) || health.state() == State::Ejected { until: MILLIS });
            health.probe(u64::MAX);
            assert!(health.probed(Some(false), u64::MAX, u64::MAX, u64::MAX));
        }
        assert_eq!(health.state(), State::Ejected { until: MILLIS });
    }
}
