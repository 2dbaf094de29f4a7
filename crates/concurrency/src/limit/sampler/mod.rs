//! What an adaptive limit counts, and when a window of it is over.
//!
//! Nothing is locked per call. A success is counted on a cache line of the thread's own; latencies are measured of some
//! calls only where there are very many, so that the clock is not read for each; and the algorithm runs once a window,
//! by whoever sees that it is over and finds the lock free.

mod tally;
mod time;
mod window;

pub(super) use time::Time;
pub use window::Window;

use self::tally::Tally;
use super::{algorithm::Algorithm, semaphore::Semaphore, stats::Change};
use parking_lot::Mutex;
use std::{
    fmt,
    ops::RangeInclusive,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// After each so many samples in a window, only half as many calls are timed.
const MANY: u64 = 2048;
/// One less than how many calls there are at most for each that is timed.
const MAX_MASK: u64 = 63;
/// A window so many times as long as it should be closes with [`FEW`] samples.
const PATIENCE: u32 = 10;
const FEW: u64 = 10;

/// A call that runs; zero if it is not timed, else when it began, in nanoseconds and one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Started(u64);

impl Started {
    pub(super) const UNTIMED: Self = Self(0);
}

/// How the calls under a permit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was served: its latency says how busy the server is.
    Success,
    /// It failed because too much was going on: a timeout, a refusal, a connection that broke.
    Overload,
    /// It says nothing: it was cancelled, or failed for a reason of its own.
    Ignore,
}

impl Outcome {
    /// Takes `Ok` for a success and `Err` for overload: for services whose errors are time-outs and
    /// refusals.
    pub fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Success } else { Self::Overload }
    }
}

/// How long a window is, and what its latencies are held against.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) bounds: RangeInclusive<usize>,
    pub(super) window: Duration,
    pub(super) min_samples: u64,
    pub(super) ceiling: Option<Duration>,
}

pub(super) struct Sampler {
    time: Time,
    plan: Plan,
    tally: Tally,
    /// When the window may close, in nanoseconds.
    due: AtomicU64,
    /// One less than how many calls come on one that is timed: a power of two less one.
    mask: AtomicU64,
    open: Mutex<Open>,
}

struct Open {
    algorithm: Box<dyn Algorithm>,
    since: u64,
    length: u64,
}

impl Sampler {
    pub(super) fn new(algorithm: Box<dyn Algorithm>, plan: Plan, time: Time) -> Self {
        let length = nanos(plan.window);
        Self {
            due: AtomicU64::new(time.nanos().saturating_add(length)),
            mask: AtomicU64::new(0),
            open: Mutex::new(Open { algorithm, since: time.nanos(), length }),
            tally: Tally::default(),
            time,
            plan,
        }
    }

    pub(super) fn bounds(&self) -> &RangeInclusive<usize> {
        &self.plan.bounds
    }

    /// A call that found a place at once.
    #[inline]
    pub(super) fn start(&self, semaphore: &Semaphore) -> Started {
        let mask = self.mask.load(Relaxed);
        if mask != 0 && fastrand::u64(..) & mask != 0 {
            return Started::UNTIMED;
        }
        self.start_timed(semaphore)
    }

    /// A call that waited: always timed, so that a server that stalls after a busy time is noticed.
    #[inline]
    pub(super) fn start_timed(&self, semaphore: &Semaphore) -> Started {
        self.tally.saw(semaphore.in_flight());
        Started(self.time.nanos() + 1)
    }

    /// A call that found no place.
    pub(super) fn refused(&self) {
        self.tally.refuse();
    }

    /// Counts a call that ended; gives the new limit where that closes a window and changes it.
    #[inline]
    pub(super) fn end(
        &self,
        started: Started,
        weight: usize,
        outcome: Outcome,
        semaphore: &Semaphore,
    ) -> Option<Change> {
        match outcome {
            Outcome::Success if started.0 == 0 => {
                self.tally.complete(weight);
                None
            }
            Outcome::Ignore => None,
            _ => self.end_timed(started, weight, outcome, semaphore),
        }
    }

    fn end_timed(
        &self,
        started: Started,
        weight: usize,
        outcome: Outcome,
        semaphore: &Semaphore,
    ) -> Option<Change> {
        let now = self.time.nanos();
        let latency = now.saturating_sub(started.0.saturating_sub(1));
        let ceiling = self.plan.ceiling.map_or(u64::MAX, nanos);
        if outcome == Outcome::Overload || latency > ceiling {
            self.tally.overload(weight);
        } else {
            self.tally.complete(weight);
            // With a ceiling every call is looked at.
            if self.tally.sample(latency).is_multiple_of(MANY) && self.plan.ceiling.is_none() {
                self.time_fewer();
            }
        }
        if now < self.due.load(Relaxed) { None } else { self.close(now, semaphore) }
    }

    #[cold]
    fn close(&self, now: u64, semaphore: &Semaphore) -> Option<Change> {
        let ended = self.tally.ended();
        let mut open = self.open.try_lock()?;
        let duration = now.saturating_sub(open.since);
        let patient = duration < open.length.saturating_mul(u64::from(PATIENCE));
        // Under a low limit and calls that all time out, a few may take minutes to end.
        let few = if patient { FEW } else { FEW.min(semaphore.limit() as u64) };
        if ended < few {
            return None;
        }
        if now < self.due.load(Relaxed) || patient && ended < self.plan.min_samples {
            return None;
        }
        let window = self.tally.take(semaphore.limit(), Duration::from_nanos(duration));
        open.since = now;
        open.length = nanos(self.plan.window.max(window.latency.saturating_mul(2)));
        self.due.store(now.saturating_add(open.length), Relaxed);
        if window.samples < MANY {
            self.mask.store(self.mask.load(Relaxed) >> 1, Relaxed);
        }
        let wanted = open.algorithm.on_window(&window);
        let to = self.within(wanted, &window);
        (to != window.limit).then(|| {
            semaphore.resize(to);
            Change { from: window.limit, to }
        })
    }

    /// A limit that nobody hit does not grow: whether more would do good is not known.
    fn within(&self, wanted: usize, window: &Window) -> usize {
        let wanted = if window.was_hit() { wanted } else { wanted.min(window.limit) };
        wanted.clamp(*self.plan.bounds.start(), *self.plan.bounds.end())
    }

    #[cold]
    fn time_fewer(&self) {
        self.mask.store((self.mask.load(Relaxed) * 2 + 1).min(MAX_MASK), Relaxed);
    }
}

/// In 584 years, all of them.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").field("plan", &self.plan).finish_non_exhaustive()
    }
}
