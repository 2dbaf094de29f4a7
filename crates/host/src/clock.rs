use perfect21_core::Clock;
use std::time::{Instant, SystemTime};

/// The monotonic clock as of the kernel's last tick: for a third of the cost, it is behind by up to 4 ms, or 1 to 10 ms as the
/// kernel was built. For what lives for seconds and is looked at in nanoseconds, like a cache's entries.
///
/// Its instants may be compared with those of [`Instant::now`], which they are never ahead of, and never go back. The wall
/// clock is the exact one. Elsewhere than on Linux both are.
///
/// ```
/// use perfect21_core::Clock;
/// use perfect21_host::CoarseClock;
/// use std::time::Instant;
///
/// let clock = CoarseClock::new();
/// let earlier = clock.now();
/// assert!(earlier <= Instant::now());
/// assert!(earlier <= clock.now());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CoarseClock {
    start: Instant,
    /// What the kernel's clock showed at the start, or a moment later.
    #[cfg(target_os = "linux")]
    shown: std::time::Duration,
}

impl CoarseClock {
    /// Its instants begin now: they are equal until the next tick.
    #[must_use]
    pub fn new() -> Self {
        Self {
            // First this, so that it is behind if the thread is held up here.
            start: Instant::now(),
            #[cfg(target_os = "linux")]
            shown: since_boot(rustix::time::ClockId::Monotonic),
        }
    }
}

impl Default for CoarseClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for CoarseClock {
    #[cfg(target_os = "linux")]
    #[inline]
    fn now(&self) -> Instant {
        // The last tick may have been before the start.
        self.start + since_boot(rustix::time::ClockId::MonotonicCoarse).saturating_sub(self.shown)
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> Instant {
        Instant::now().max(self.start)
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

#[cfg(target_os = "linux")]
#[inline]
fn since_boot(clock: rustix::time::ClockId) -> std::time::Duration {
    duration(rustix::time::clock_gettime(clock))
}

#[cfg(target_os = "linux")]
#[inline]
fn duration(time: rustix::time::Timespec) -> std::time::Duration {
    // Neither is negative, and the nanoseconds are fewer than a second's.
    std::time::Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_behind_the_exact_clock_and_never_back() {
        let clock = CoarseClock::new();
        let (mut last, mut ticks) = (clock.now(), 0);
        while ticks < 3 {
            let now = clock.now();
            assert!(now >= last, "it went back");
            assert!(now <= Instant::now(), "it is ahead");
            ticks += usize::from(now > last);
            last = now;
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_is_behind_by_a_tick_at_most() {
        let tick = duration(rustix::time::clock_getres(rustix::time::ClockId::MonotonicCoarse));
        let clock = CoarseClock::new();
        // Where the machine holds a thread up between the two readings, another try shows it.
        let within = (0..1000).any(|_| {
            let exact = Instant::now();
            exact.saturating_duration_since(clock.now()) <= tick
        });
        assert!(within, "it is always behind by more than {tick:?}");
    }
}
