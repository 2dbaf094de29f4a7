//! When an entry is over.

use crate::engine::entry::Entry;
use perfect21_core::Clock;
use std::{
    cell::OnceCell,
    sync::Arc,
    time::{Duration, Instant},
};

/// The deadline of an entry without one.
pub(crate) const NEVER: u64 = u64::MAX;
/// Parts of the idle time that a touch is dated by, so that few hits store one.
const IDLE_PARTS: u64 = 128;
const MIN_TICK_NS: u64 = 100_000;

pub(crate) struct Times {
    clock: Arc<dyn Clock>,
    epoch: Instant,
    ttl: Option<Duration>,
    jitter: f64,
    idle: Option<Idle>,
}

/// The time to idle, rounded down: an entry leaves early by a 128th, and never late.
struct Idle {
    tick_ns: u64,
    ticks: u32,
}

impl Times {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        ttl: Option<Duration>,
        jitter: f64,
        idle: Option<Duration>,
    ) -> Self {
        let idle = idle.map(|idle| {
            let idle_ns = nanos(idle);
            let tick_ns = (idle_ns / IDLE_PARTS).max(MIN_TICK_NS);
            Idle { tick_ns, ticks: (idle_ns / tick_ns) as u32 }
        });
        Self { epoch: clock.now(), clock, ttl, jitter, idle }
    }

    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn now(&self) -> u64 {
        // Below `NEVER` for 584 years.
        nanos(self.clock.now().saturating_duration_since(self.epoch)).min(NEVER - 1)
    }

    /// The time of one operation, read now if it will be needed, else when it is.
    #[inline]
    pub(crate) fn moment(&self) -> Moment<'_> {
        let now = OnceCell::new();
        if self.ttl.is_some() || self.idle.is_some() {
            let _ = now.set(self.now());
        }
        Moment { times: self, now }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

pub(crate) struct Moment<'a> {
    times: &'a Times,
    now: OnceCell<u64>,
}

impl Moment<'_> {
    fn now(&self) -> u64 {
        *self.now.get_or_init(|| self.times.now())
    }

    /// Reads the clock, if it was not read yet.
    pub(crate) fn settle(&self) {
        let _ = self.now();
    }

    /// When what lives so long from now is over: jitter only makes it sooner.
    pub(crate) fn deadline(&self, ttl: Option<Duration>) -> u64 {
        let Some(ttl) = ttl else { return NEVER };
        let mut ttl = nanos(ttl);
        if self.times.jitter > 0.0 {
            ttl = ttl.saturating_sub((ttl as f64 * self.times.jitter * fastrand::f64()) as u64);
        }
        self.now().saturating_add(ttl)
    }

    /// How long it lives yet, by its deadline; `None` is for ever.
    pub(crate) fn left<K, V>(&self, entry: &Entry<K, V>) -> Option<Duration> {
        (entry.deadline != NEVER).then(|| Duration::from_nanos(entry.deadline.saturating_sub(self.now())))
    }

    /// The number of the current tick, which wraps: what an entry that is touched now is dated by.
    pub(crate) fn tick(&self) -> u32 {
        self.long_tick() as u32
    }

    fn long_tick(&self) -> u64 {
        self.times.idle.as_ref().map_or(0, |idle| self.now() / idle.tick_ns)
    }

    /// Whether ticks that wrap need the entries to be looked at, and from which one on they will again.
    pub(crate) fn ages(&self, next: u64) -> Option<u64> {
        self.times.idle.as_ref()?;
        let tick = self.long_tick();
        (tick >= next).then_some(tick + (1 << 31))
    }

    #[inline]
    pub(crate) fn is_over<K, V>(&self, entry: &Entry<K, V>) -> bool {
        (entry.deadline != NEVER && entry.deadline <= self.now())
            || self
                .times
                .idle
                .as_ref()
                .is_some_and(|idle| self.tick().wrapping_sub(entry.touched) >= idle.ticks)
    }

    /// A hit.
    #[inline]
    pub(crate) fn touch<K, V>(&self, entry: &mut Entry<K, V>) {
        if self.times.idle.is_some() {
            let tick = self.tick();
            if entry.touched != tick {
                entry.touched = tick;
            }
        }
    }

    /// Whether entries can be over at all, without a deadline of their own.
    pub(crate) fn idles(&self) -> bool {
        self.times.idle.is_some()
    }
}
