//! What a count and a latency record cost: our operations, which `ops` measures alone and `versus` beside the peers.
#![forbid(unsafe_code)]

use std::{array, hint::black_box};

use perfect21_bench_support::Op;
use perfect21_meter::{Counter, Latency, LatencyCell};

/// How many durations are recorded by turns.
pub const DURATIONS: usize = 1024;

/// The durations that ours and the peers record, in nanoseconds: skewed like a web service's, most between 0.5 and
/// 8 ms, one in a hundred up to 100 ms.
#[must_use]
pub fn durations() -> [u64; DURATIONS] {
    // A multiplicative generator with fixed seed: the same durations in every run.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    array::from_fn(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
        (500_000.0 / (1.0 - uniform).powf(1.15)).min(1e8) as u64
    })
}

/// `record` done with each of the durations by turns, each thread on its own copy.
#[must_use]
pub fn each_duration<T, R>(convert: fn(u64) -> T, record: R) -> Op
where
    T: Copy + 'static,
    R: Fn(T) + Clone + Send + Sync + 'static,
{
    Op::with_state(move || {
        let durations = durations().map(convert);
        let record = record.clone();
        move |times| {
            for n in 0..times {
                record(durations[n as usize % DURATIONS]);
            }
        }
    })
}

/// [`Counter::increment`] on one counter.
#[must_use]
pub fn counter() -> Op {
    let counter = Counter::new();
    Op::each(move |_| counter.increment())
}

/// [`Latency::record_nanos`] on one series.
#[must_use]
pub fn latency() -> Op {
    static SERIES: Latency = Latency::new();
    each_duration(|nanos| nanos, |nanos| SERIES.record_nanos(nanos))
}

/// [`LatencyCell::record_nanos`] on one series.
#[must_use]
pub fn latency_cell() -> Op {
    static SERIES: LatencyCell = LatencyCell::new();
    each_duration(|nanos| nanos, |nanos| SERIES.record_nanos(nanos))
}

/// [`LatencyCell::snapshot`] of a series that has seen all durations.
#[must_use]
pub fn snapshot() -> Op {
    let cell = LatencyCell::new();
    durations().into_iter().for_each(|nanos| cell.record_nanos(nanos));
    Op::each(move |_| black_box(cell.snapshot()))
}
