use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// Where a part reads the time, so that a test can hold it still.
///
/// Durations and deadlines come from [`now`](Clock::now), which never goes back. [`wall`](Clock::wall) is for showing
/// and for what must outlive the process; it may jump.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// The wall clock.
    fn wall(&self) -> SystemTime;
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn wall(&self) -> SystemTime {
        (**self).wall()
    }
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it has nothing to add, and its name is its value")]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Clocks that move only when told to; clones share the same time.
///
/// ```
/// use perfect21_core::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(300));
/// assert_eq!(clock.now() - start, Duration::from_secs(300));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock {
    times: Arc<Mutex<(Instant, SystemTime)>>,
}

impl ManualClock {
    /// Starts at some monotonic instant, and at the Unix epoch on the wall.
    #[must_use]
    pub fn new() -> Self {
        Self { times: Arc::new(Mutex::new((Instant::now(), SystemTime::UNIX_EPOCH))) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.0 += by;
        times.1 += by;
    }

    /// Makes the wall clock jump, forwards or back, as an administrator or NTP may; the monotonic one stays.
    pub fn set_wall(&self, wall: SystemTime) {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).1 = wall;
    }

    fn times(&self) -> (Instant, SystemTime) {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.times().0
    }

    fn wall(&self) -> SystemTime {
        self.times().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_jumps_do_not_move_the_monotonic_clock() {
        let clock = ManualClock::new();
        let handle: Arc<dyn Clock> = Arc::new(clock.clone());
        let start = handle.now();
        clock.set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(7));
        assert_eq!(handle.now(), start);
        clock.advance(Duration::from_secs(1));
        assert_eq!(handle.wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(8));
    }
}
