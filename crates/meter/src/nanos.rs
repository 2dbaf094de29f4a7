//! What callers hand in, as nanoseconds; what is no duration becomes one too long to be recorded.

use std::{fmt, time::Duration};

use perfect21_core::LatencySnapshot;

const TOO_LONG: u64 = u64::MAX;

#[inline]
pub(crate) fn of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(TOO_LONG)
}

#[inline]
pub(crate) fn of_secs(secs: f64) -> u64 {
    // False for NaN too. A float that does not fit saturates in the cast.
    if secs >= 0.0 { (secs * 1e9 + 0.5) as u64 } else { TOO_LONG }
}

/// What a recorder looks like in a log: its count and the quantiles people ask for.
pub(crate) fn debug(name: &str, snapshot: &LatencySnapshot, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("count", &snapshot.count())
        .field("rejected", &snapshot.rejected())
        .field("p50", &snapshot.quantile(0.5))
        .field("p99", &snapshot.quantile(0.99))
        .finish_non_exhaustive()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_duration_is_too_long() {
        for (secs, nanos) in [
            (0.0, 0),
            (-0.0, 0),
            (0.001, 1_000_000),
            (4.9e-10, 0),
            (1e300, TOO_LONG),
            (f64::INFINITY, TOO_LONG),
            (f64::NEG_INFINITY, TOO_LONG),
            (-1e-9, TOO_LONG),
            (f64::NAN, TOO_LONG),
        ] {
            assert_eq!(of_secs(secs), nanos, "{secs}");
        }
        assert_eq!(of(Duration::MAX), TOO_LONG);
        assert_eq!(of(Duration::from_micros(3)), 3_000);
    }
}
