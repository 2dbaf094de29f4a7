use super::{Shared, Timing, series::AllSeries, slow::SlowLog};
use perfect21_core::{Clock, ConfigError, SystemClock};
use std::{sync::Arc, time::Duration};

/// Settings of a [`Timing`]; made by [`Timing::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until .build()"]
pub struct TimingBuilder {
    process_time: bool,
    server_timing: bool,
    slow: Duration,
    max_series: usize,
    clock: Arc<dyn Clock>,
}

impl TimingBuilder {
    pub(super) fn new() -> Self {
        Self {
            process_time: true,
            server_timing: false,
            slow: Duration::from_secs(1),
            max_series: 256,
            clock: Arc::new(SystemClock),
        }
    }

    /// Whether answers say `X-Process-Time`, in seconds. Default: yes.
    pub fn process_time(mut self, process_time: bool) -> Self {
        self.process_time = process_time;
        self
    }

    /// Whether answers say `Server-Timing: app;dur=…`, in milliseconds and beside what the service says there; browsers
    /// show it. Default: no.
    pub fn server_timing(mut self, server_timing: bool) -> Self {
        self.server_timing = server_timing;
        self
    }

    /// From how long on a request is slow: counted, and one a second is logged as a warning. Default: 1 s.
    pub fn slow(mut self, slow: Duration) -> Self {
        self.slow = slow;
        self
    }

    /// The most series for routes, each a method of a route; what comes later counts as `other`. Default: 256.
    pub fn max_series(mut self, max_series: usize) -> Self {
        self.max_series = max_series;
        self
    }

    /// Where the time is read. Default: the system's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the recorder, empty.
    ///
    /// # Errors
    /// If `max_series` or `slow` is zero.
    pub fn build(self) -> Result<Timing, ConfigError> {
        if self.max_series == 0 {
            return Err(ConfigError::new("max_series", 0, "must be at least 1"));
        }
        if self.slow.is_zero() {
            return Err(ConfigError::new("slow", "0ns", "must be above zero"));
        }
        let shared = Shared {
            process_time: self.process_time,
            server_timing: self.server_timing,
            slow: self.slow,
            series: AllSeries::new(self.max_series),
            slow_log: SlowLog::new(self.clock.now()),
            clock: self.clock,
        };
        Ok(Timing { shared: Arc::new(shared) })
    }
}
