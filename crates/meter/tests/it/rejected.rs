//! What is no duration is counted as rejected and changes nothing else.

use std::time::Duration;

use perfect21_core::latency;
use perfect21_meter::{Latency, LatencyCell};

const NOT_SECONDS: [f64; 8] =
    [f64::NAN, -f64::NAN, -1.0, -f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, 1e10, f64::MAX];

#[test]
fn what_is_no_duration_is_counted_as_rejected() {
    let (latency, cell) = (Latency::new(), LatencyCell::new());
    for secs in NOT_SECONDS {
        latency.record_secs(secs);
        cell.record_secs(secs);
    }
    for nanos in [u64::MAX, 1 << 42, latency::MAX.as_nanos() as u64 + 1] {
        latency.record_nanos(nanos);
        cell.record_nanos(nanos);
    }
    for duration in [Duration::MAX, latency::MAX + Duration::from_nanos(1)] {
        latency.record(duration);
        cell.record(duration);
    }
    for snapshot in [latency.snapshot(), cell.snapshot()] {
        assert_eq!((snapshot.count(), snapshot.rejected()), (0, 13));
    }
}

#[test]
fn the_first_and_the_last_duration_are_recorded() {
    let (latency, cell) = (Latency::new(), LatencyCell::new());
    for duration in [Duration::ZERO, latency::MAX] {
        latency.record(duration);
        cell.record(duration);
    }
    latency.record_secs(-0.0);
    cell.record_secs(-0.0);
    for snapshot in [latency.snapshot(), cell.snapshot()] {
        assert_eq!((snapshot.count(), snapshot.rejected()), (3, 0));
    }
}
