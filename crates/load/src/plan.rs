use crate::request_builder::{is_token, is_visible};
use perfect21_core::ConfigError;
use serde::Serialize;
use std::time::Duration;

/// The longest a run, its warm-up, a time-out or a drain may last: a week.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// How requests follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Mode {
    /// Each connection sends as soon as it has its answer: finds the highest rate, and hides how long requests would
    /// have waited.
    Closed,
    /// Requests are due at a constant rate, whatever the server does, as users send them.
    Open {
        /// Requests a second.
        rate: f64,
    },
}

/// What a run does: its mode, connections and limits.
///
/// ```
/// use perfect21_load::Plan;
/// use std::time::Duration;
///
/// let plan = Plan::open(1000.0)
///     .connections(32)
///     .warm_up(Duration::from_secs(1))
///     .duration(Duration::from_secs(5))
///     .build()?;
/// # let _ = plan;
/// let error = Plan::closed().connections(0).requests(10).build().unwrap_err();
/// assert_eq!(error.to_string(), "connections = 0: must be from 1 to 60000");
/// # Ok::<(), perfect21_load::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) mode: Mode,
    pub(crate) connections: usize,
    pub(crate) duration: Option<Duration>,
    pub(crate) requests: Option<u64>,
    pub(crate) warm_up: Duration,
    pub(crate) timeout: Duration,
    pub(crate) drain: Duration,
    pub(crate) count_header: Option<(String, String)>,
}

impl Plan {
    /// A plan in [`Mode::Closed`].
    pub fn closed() -> PlanBuilder {
        PlanBuilder::new(Mode::Closed)
    }

    /// A plan in [`Mode::Open`]: `i` / `rate` seconds after the start request `i` is due, and its latency counts from
    /// then, whether or not it could be sent.
    pub fn open(rate_per_second: f64) -> PlanBuilder {
        PlanBuilder::new(Mode::Open { rate: rate_per_second })
    }

    /// How requests follow one another.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How many connections are kept open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections
    }
}

/// Makes a [`Plan`]; a duration or a number of requests is required, and with both the first that is reached ends the
/// run.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build()`"]
pub struct PlanBuilder(Plan);

impl PlanBuilder {
    fn new(mode: Mode) -> Self {
        Self(Plan {
            mode,
            connections: 64,
            duration: None,
            requests: None,
            warm_up: Duration::ZERO,
            timeout: Duration::from_secs(5),
            drain: Duration::from_secs(2),
            count_header: None,
        })
    }

    /// How many connections are opened up front and kept; also the most requests in flight. Default: 64.
    pub fn connections(mut self, connections: usize) -> Self {
        self.0.connections = connections;
        self
    }

    /// How long requests are sent, warm-up not counted.
    pub fn duration(mut self, duration: Duration) -> Self {
        self.0.duration = Some(duration);
        self
    }

    /// How many requests are sent, warm-up not counted.
    pub fn requests(mut self, requests: u64) -> Self {
        self.0.requests = Some(requests);
        self
    }

    /// How long requests are sent, in the same mode, before any is recorded. Default: not at all.
    pub fn warm_up(mut self, warm_up: Duration) -> Self {
        self.0.warm_up = warm_up;
        self
    }

    /// How long a connect or an answer may take before it counts as an error. Default: 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// How long requests that are in flight when the duration ends or the run is stopped may still take; after that
    /// they count as timed out. Default: 2 s.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.0.drain = drain;
        self
    }

    /// Counts the good answers that carry this header with this value (both compared without case), such as a
    /// cache's `x-cache: HIT`.
    pub fn count_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.count_header = Some((name.into(), value.into()));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// If neither duration nor number of requests is given, or a value is out of its range.
    pub fn build(self) -> Result<Plan, ConfigError> {
        let plan = self.0;
        if !(1..=60_000).contains(&plan.connections) {
            return Err(ConfigError::new("connections", plan.connections, "must be from 1 to 60000"));
        }
        if let Mode::Open { rate } = plan.mode
            && !(0.001..=1e7).contains(&rate)
        {
            return Err(ConfigError::new("rate_per_second", rate, "must be from 0.001 to 10000000"));
        }
        if plan.requests == Some(0) {
            return Err(ConfigError::new("requests", 0, "must be at least 1"));
        }
        let Some(duration) = plan.duration.or(plan.requests.map(|_| LONGEST)) else {
            return Err(ConfigError::new("duration", "none", "set a duration or a number of requests"));
        };
        for (setting, value, zero_is_right) in [
            ("duration", duration, false),
            ("timeout", plan.timeout, false),
            ("warm_up", plan.warm_up, true),
            ("drain", plan.drain, true),
        ] {
            if value > LONGEST || (value.is_zero() && !zero_is_right) {
                let from = if zero_is_right { "0" } else { "more than 0" };
                return Err(ConfigError::new(
                    setting,
                    format_args!("{value:?}"),
                    format!("must be from {from} to 7 days"),
                ));
            }
        }
        if let Some((name, value)) = &plan.count_header
            && (name.is_empty()
                || !name.bytes().all(is_token)
                || !value.bytes().all(|b| is_visible(b) || b == b' '))
        {
            return Err(ConfigError::new(
                "count_header",
                format_args!("{}: {}", name.escape_debug(), value.escape_debug()),
                "must be a header name and value in ASCII",
            ));
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let good = || Plan::closed().requests(1);
        for (builder, setting) in [
            (Plan::closed(), "duration"),
            (good().connections(0), "connections"),
            (good().connections(60_001), "connections"),
            (good().requests(0), "requests"),
            (good().duration(Duration::ZERO), "duration"),
            (good().duration(Duration::MAX), "duration"),
            (good().timeout(Duration::ZERO), "timeout"),
            (good().warm_up(Duration::MAX), "warm_up"),
            (good().drain(Duration::MAX), "drain"),
            (good().count_header("x cache", "HIT"), "count_header"),
            (good().count_header("x-cache", "a\r\nb"), "count_header"),
            (Plan::open(0.0).requests(1), "rate_per_second"),
            (Plan::open(-1.0).requests(1), "rate_per_second"),
            (Plan::open(f64::NAN).requests(1), "rate_per_second"),
            (Plan::open(f64::INFINITY).requests(1), "rate_per_second"),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!(error.setting(), setting, "{error}");
        }
        assert!(good().drain(Duration::ZERO).build().is_ok());
    }
}
