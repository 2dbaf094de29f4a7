use crate::plan::Mode;
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, time::Duration};

/// What a run measured.
///
/// `sent` = `completed` + `errors`, always. Printed it is a text for people; as JSON its durations are seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// How requests followed one another, with the rate asked for.
    pub mode: Mode,
    /// Connections, all open from before the first request.
    pub connections: usize,
    /// How long requests were sent, without warm-up and drain.
    #[serde(serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Whether it was stopped before its planned end.
    pub stopped_early: bool,
    /// Requests attempted.
    pub sent: u64,
    /// Requests with a good answer: status below 400, complete, in time.
    pub completed: u64,
    /// Of `completed`, those answered after the last request was sent: not in [`rate`](Self::rate).
    pub drained: u64,
    /// Requests without a good answer.
    pub errors: ErrorCounts,
    /// Complete answers by status, good or not.
    pub statuses: BTreeMap<u16, u64>,
    /// Open mode: requests sent more than a millisecond after they were due.
    pub late: u64,
    /// Open mode: requests that were due, but found no free connection before the end. Where there are any the
    /// latency is too good by what these would have waited.
    pub unsent: u64,
    /// Connections opened in place of one that had ended, after the first ones.
    pub reconnects: u64,
    /// Bytes received, heads included.
    pub bytes_in: u64,
    /// How long good answers took from the moment the request was due: what users would have seen.
    pub latency: Quantiles,
    /// How long good answers took from the moment the request was sent: hides that others had to wait.
    pub service: Quantiles,
    /// The run second by second.
    pub intervals: Vec<Interval>,
    /// CPU time of the generator's thread, where the system tells it.
    #[serde(serialize_with = "optional_seconds")]
    pub generator_cpu: Option<Duration>,
    /// Good answers with the counted header to requests of the list's first pass, warm-up included.
    pub first_pass: HeaderCount,
    /// Good answers with the counted header to requests of all later passes, warm-up included.
    pub later_passes: HeaderCount,
}

impl Report {
    /// Good answers a second while requests were sent.
    #[must_use]
    pub fn rate(&self) -> f64 {
        ratio((self.completed - self.drained) as f64, self.elapsed.as_secs_f64())
    }

    /// The share of attempted requests without a good answer, from 0 to 1; unsent ones are not among them.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        ratio(self.errors.total() as f64, self.sent as f64)
    }
}

/// Requests that failed, by the first thing that went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ErrorCounts {
    /// The connection had ended, and a new one was refused or timed out.
    pub connect: u64,
    /// No complete answer in time.
    pub timeout: u64,
    /// The connection was reset or closed before the answer was complete.
    pub closed: u64,
    /// The answer was not HTTP/1.x, or longer than it said.
    pub malformed: u64,
    /// A complete answer with status 400 to 499.
    pub status_4xx: u64,
    /// A complete answer with status 500 or above.
    pub status_5xx: u64,
}

impl ErrorCounts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.connect + self.timeout + self.closed + self.malformed + self.status_4xx + self.status_5xx
    }

    /// Each kind with its name, in the order of the fields.
    pub fn by_kind(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("connect", self.connect),
            ("timeout", self.timeout),
            ("closed", self.closed),
            ("malformed", self.malformed),
            ("status 4xx", self.status_4xx),
            ("status 5xx", self.status_5xx),
        ]
        .into_iter()
    }
}

/// A distribution of durations, exact to three digits; all zero if `count` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Quantiles {
    /// How many durations.
    pub count: u64,
    /// The shortest.
    #[serde(serialize_with = "seconds")]
    pub min: Duration,
    /// The arithmetic mean.
    #[serde(serialize_with = "seconds")]
    pub mean: Duration,
    /// Half took no longer.
    #[serde(serialize_with = "seconds")]
    pub p50: Duration,
    /// 90 % took no longer.
    #[serde(serialize_with = "seconds")]
    pub p90: Duration,
    /// 95 % took no longer.
    #[serde(serialize_with = "seconds")]
    pub p95: Duration,
    /// 99 % took no longer.
    #[serde(serialize_with = "seconds")]
    pub p99: Duration,
    /// 99.9 % took no longer.
    #[serde(serialize_with = "seconds")]
    pub p999: Duration,
    /// The longest.
    #[serde(serialize_with = "seconds")]
    pub max: Duration,
}

/// One stretch of a run, a second long or, in runs beyond an hour, a power of two of seconds.
///
/// Requests belong to the stretch in which they ended. Where stretches had to be merged, their quantiles are the worse
/// of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Interval {
    /// From the start of the measurement to this stretch's start.
    #[serde(serialize_with = "seconds")]
    pub start: Duration,
    /// How long it is; the last one may be shorter.
    #[serde(serialize_with = "seconds")]
    pub length: Duration,
    /// Good answers.
    pub completed: u64,
    /// Requests without a good answer.
    pub errors: u64,
    /// Half of the good answers took no longer; zero without any.
    #[serde(serialize_with = "seconds")]
    pub p50: Duration,
    /// 95 % took no longer.
    #[serde(serialize_with = "seconds")]
    pub p95: Duration,
    /// 99 % took no longer.
    #[serde(serialize_with = "seconds")]
    pub p99: Duration,
    /// The longest.
    #[serde(serialize_with = "seconds")]
    pub max: Duration,
}

/// How many good answers had the header that the plan counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct HeaderCount {
    /// Good answers.
    pub responses: u64,
    /// Those with the header and value.
    pub matching: u64,
}

impl HeaderCount {
    /// The share of matching answers, from 0 to 1; `None` without answers.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.responses > 0).then(|| ratio(self.matching as f64, self.responses as f64))
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature serde calls")]
fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[allow(clippy::ref_option, reason = "the signature serde calls")]
fn optional_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}
