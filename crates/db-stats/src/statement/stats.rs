use super::{table::Key, tally::Tally};
use crate::Fingerprint;
use perfect21_core::LatencySnapshot;
use std::{cmp::Reverse, time::Duration};
use tokio_postgres::error::SqlState;

/// By what statements are ordered, the greatest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Order {
    /// The time that all calls took together: where there is most to gain.
    #[default]
    TotalTime,
    /// The time that a call took on average.
    MeanTime,
    /// The time from sending to the server's answer that one call in a hundred exceeded. Reads all histograms.
    P99,
    /// How often it was called.
    Calls,
    /// How many rows it returned.
    Rows,
    /// How often it failed.
    Errors,
    /// How often nobody waited for its end.
    Cancelled,
}

/// What one statement cost so far.
///
/// Times are of calls that ended in any way: with rows, in error, or cancelled, then until nobody waited any more.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StatementStats {
    /// Its normalised text, or `other` for all that have no place of their own.
    pub sql: String,
    /// What tells it from others; `None` for `other`.
    pub fingerprint: Option<Fingerprint>,
    /// How often it ran to its end, in error too.
    pub calls: u64,
    /// Rows it returned in all.
    pub rows: u64,
    /// How often it failed.
    pub errors: u64,
    /// How often it failed with which code, most often first; `None` is a lost connection or another error that the
    /// server gave no code. At most eight codes: the rest is in `errors` only.
    pub errors_by_code: Vec<(Option<SqlState>, u64)>,
    /// How often nobody waited for its end.
    pub cancelled: u64,
    /// How often it was sent again within a call.
    pub retries: u64,
    /// Of server, network and decoding in all calls; exact, where the histograms know each within 4 %.
    pub total_time: Duration,
    /// What calls waited for a connection, without those that held one already.
    pub wait: LatencySnapshot,
    /// From sending to the server's answer.
    pub server: LatencySnapshot,
    /// From the answer to the last row, where that was told apart; else it is in `server`.
    pub decode: LatencySnapshot,
}

impl StatementStats {
    /// The time that a call took on average, the wait for a connection left out; `None` before the first one ends.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        mean(self.total_time, self.calls + self.cancelled)
    }

    pub(super) fn new(key: Option<&Key>, tally: &Tally) -> Self {
        let mut errors = tally.errors();
        errors.by_code.sort_by_key(|(_, count)| Reverse(*count));
        Self {
            sql: key.map_or("other", |key| &key.sql).to_owned(),
            fingerprint: key.map(|key| key.fingerprint),
            calls: tally.calls(),
            rows: tally.rows(),
            errors: errors.count(),
            errors_by_code: errors.by_code,
            cancelled: tally.cancelled(),
            retries: tally.retries(),
            total_time: Duration::from_nanos(tally.nanos()),
            wait: tally.wait.snapshot(),
            server: tally.server.snapshot(),
            decode: tally.decode.snapshot(),
        }
    }
}

impl Order {
    pub(super) fn rank(self, tally: &Tally) -> u64 {
        match self {
            Self::TotalTime => tally.nanos(),
            Self::MeanTime => tally.nanos() / (tally.calls() + tally.cancelled()).max(1),
            Self::P99 => {
                let p99 = tally.server.snapshot().quantile(0.99).unwrap_or_default();
                u64::try_from(p99.as_nanos()).unwrap_or(u64::MAX)
            }
            Self::Calls => tally.calls(),
            Self::Rows => tally.rows(),
            Self::Errors => tally.error_count(),
            Self::Cancelled => tally.cancelled(),
        }
    }
}

fn mean(total: Duration, count: u64) -> Option<Duration> {
    let nanos = total.as_nanos().checked_div(count.into())?;
    Some(Duration::from_nanos_u128(nanos))
}
