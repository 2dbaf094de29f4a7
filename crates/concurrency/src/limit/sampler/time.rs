use perfect21_core::Clock;
use std::{sync::Arc, time::Instant};

/// Where latencies come from, in nanoseconds from when the limit was made.
#[derive(Debug)]
pub(in crate::limit) enum Time {
    /// Tokio's: the machine's clock, or a paused one.
    Tokio(tokio::time::Instant),
    Clock(Arc<dyn Clock>, Instant),
}

impl Time {
    pub(in crate::limit) fn new(clock: Option<Arc<dyn Clock>>) -> Self {
        match clock {
            None => Self::Tokio(tokio::time::Instant::now()),
            Some(clock) => {
                let start = clock.now();
                Self::Clock(clock, start)
            }
        }
    }

    #[inline]
    pub(super) fn nanos(&self) -> u64 {
        let passed = match self {
            Self::Tokio(start) => tokio::time::Instant::now().saturating_duration_since(*start),
            Self::Clock(clock, start) => clock.now().saturating_duration_since(*start),
        };
        u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
    }
}
