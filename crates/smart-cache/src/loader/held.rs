//! What a loader keeps of a load, and what that is good for.

use super::LoadError;
use crate::freshness::{Age, Freshness, jitter};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// How long a refresh waits after one that failed, where nothing else was said.
const REFRESH_PAUSE: Duration = Duration::from_secs(1);

/// What a [`Loader`](super::Loader) keeps under a key: a value or an error, and its dates.
///
/// Named only where a [`Store`](crate::Store) is made for a loader.
#[derive(Debug, Clone)]
pub struct Held<V, E> {
    pub(super) outcome: Result<V, LoadError<E>>,
    /// When it was loaded, or a little earlier, so that what was loaded together is not over together.
    loaded: Instant,
    /// Where the next load may have to wait for a while.
    pause: Option<Pause>,
}

impl<V, E> Held<V, E> {
    /// The value; `None` where an error is remembered. For weighers and listeners.
    pub fn value(&self) -> Option<&V> {
        self.outcome.as_ref().ok()
    }
}

/// A load that should have replaced a value failed or is late: so many nanoseconds after the value was loaded the next
/// one may begin. All copies of the value share it.
type Pause = Arc<AtomicU64>;

/// What to do about a key.
pub(super) enum Look {
    /// Answer it.
    Fresh,
    /// Answer it, and see to a new one.
    Due { stale: bool },
    /// Answer it: a load has just failed, and the next one waits.
    Throttled,
    /// Load; answer it only where that does not work.
    Fallback,
    /// Load.
    Nothing,
}

/// How long what is good for what.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    pub(super) ttl: Option<Duration>,
    pub(super) jitter: f64,
    /// From which age on a value is replaced that is still fresh.
    pub(super) refresh_from: Option<Duration>,
    /// How long after its TTL a value is answered while it is replaced.
    pub(super) revalidate: Duration,
    pub(super) on_error: Option<StaleOnError>,
    /// How long an error is remembered.
    pub(super) negative: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct StaleOnError {
    pub(super) max_stale: Duration,
    pub(super) throttle: Duration,
}

impl Windows {
    pub(super) fn hold<V, E>(&self, outcome: Result<V, LoadError<E>>, now: Instant) -> Held<V, E> {
        let earlier = self.ttl.map_or(Duration::ZERO, |ttl| jitter(ttl, self.jitter));
        let loaded = if outcome.is_ok() { now.checked_sub(earlier).unwrap_or(now) } else { now };
        let pause = (outcome.is_ok() && self.pauses()).then(Pause::default);
        Held { outcome, loaded, pause }
    }

    pub(super) fn look<V, E>(&self, held: &Held<V, E>, now: Instant) -> Look {
        let age = now.saturating_duration_since(held.loaded);
        if held.outcome.is_err() {
            return if self.negative.is_some_and(|ttl| age < ttl) { Look::Fresh } else { Look::Nothing };
        }
        let Some(ttl) = self.ttl else { return Look::Fresh };
        let waits =
            || held.pause.as_ref().is_some_and(|until| age < Duration::from_nanos(until.load(Relaxed)));
        let within = |stale: Duration| Freshness::new(ttl).stale_for(stale).age(age) != Age::Over;
        if within(Duration::ZERO) {
            let due = self.refresh_from.is_some_and(|from| age >= from);
            if due && !waits() { Look::Due { stale: false } } else { Look::Fresh }
        } else if waits() && within(self.stale()) {
            Look::Throttled
        } else if within(self.revalidate) {
            Look::Due { stale: true }
        } else if within(self.stale()) {
            Look::Fallback
        } else {
            Look::Nothing
        }
    }

    /// What was held before, to be answered because the load of a new one failed; the next load waits for a while.
    pub(super) fn after_failure<V, E>(&self, held: Held<V, E>, now: Instant) -> Option<Held<V, E>> {
        self.throttle(&held, now);
        let usable = held.outcome.is_ok() && self.left(&held, now) != Some(Duration::ZERO);
        usable.then_some(held)
    }

    /// Lets no load begin, and nobody wait for one, for a while.
    pub(super) fn throttle<V, E>(&self, held: &Held<V, E>, now: Instant) {
        let Some(until) = &held.pause else { return };
        let pause = self.on_error.map_or(REFRESH_PAUSE, |on_error| on_error.throttle);
        let after = now.saturating_duration_since(held.loaded).saturating_add(pause);
        until.store(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Whether a value may be answered while a load fails or is late.
    fn pauses(&self) -> bool {
        self.on_error.is_some() || self.refresh_from.is_some() || !self.revalidate.is_zero()
    }

    /// How much longer it is of any use; `None` is for ever.
    pub(super) fn left<V, E>(&self, held: &Held<V, E>, now: Instant) -> Option<Duration> {
        let age = now.saturating_duration_since(held.loaded);
        match (&held.outcome, self.ttl) {
            (Err(_), _) => Some(self.negative.unwrap_or_default().saturating_sub(age)),
            (Ok(_), None) => None,
            (Ok(_), Some(ttl)) => Some(Freshness::new(ttl).stale_for(self.stale()).left(age)),
        }
    }

    /// How long after its TTL a value is of any use.
    pub(super) fn stale(&self) -> Duration {
        self.on_error.map_or(Duration::ZERO, |on_error| on_error.max_stale).max(self.revalidate)
    }
}
