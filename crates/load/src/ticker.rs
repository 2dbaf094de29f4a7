//! Sleeping until a moment more exactly than tokio's timer, whose millisecond would be added to every latency.

use std::{io, time::Instant};

#[cfg(target_os = "linux")]
pub(crate) use linux::Ticker;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Ticker;

#[cfg(target_os = "linux")]
mod linux {
    use super::{Instant, io};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::{os::fd::OwnedFd, time::Duration};
    use tokio::io::{Interest, unix::AsyncFd};

    /// A timer of the kernel's, exact to some ten microseconds, which the event loop waits for like for a socket.
    #[derive(Debug)]
    pub(crate) struct Ticker(AsyncFd<OwnedFd>);

    impl Ticker {
        pub(crate) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            // What took its place is `unsafe`, for types that could close their descriptor or name another one.
            #[allow(
                deprecated,
                reason = "sound for an `OwnedFd`, which keeps its descriptor open and the same"
            )]
            let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
            Ok(Self(timer))
        }

        pub(crate) async fn sleep_until(&self, due: Instant) -> io::Result<()> {
            loop {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(());
                }
                self.set(left)?;
                // The count of expirations is left unread: setting the timer anew clears it, which saves a system
                // call each time.
                self.0.readable().await?.clear_ready();
            }
        }

        fn set(&self, left: Duration) -> io::Result<()> {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let value = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let once = Itimerspec { it_interval: zero, it_value: value };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use super::{Instant, io};

    /// Tokio's timer: up to a millisecond late.
    #[derive(Debug)]
    pub(crate) struct Ticker;

    impl Ticker {
        #[allow(clippy::unnecessary_wraps, reason = "the same signature as on Linux")]
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        #[allow(clippy::unnecessary_wraps, reason = "the same signature as on Linux")]
        pub(crate) async fn sleep_until(&self, due: Instant) -> io::Result<()> {
            tokio::time::sleep_until(due.into()).await;
            Ok(())
        }
    }
}
