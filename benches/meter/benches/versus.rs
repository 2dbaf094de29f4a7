//! Ours beside the peers: `cargo bench -p perfect21-bench-meter --bench versus -- [--quick] [--check]`.

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
};

use hdrhistogram::Histogram as Hdr;
use metrics::{Key, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use perfect21_bench_meter as ours;
use perfect21_bench_support::{Case, Op, versus};
use prometheus_client::metrics::{
    counter::Counter,
    histogram::{Histogram, exponential_buckets},
};

const ATOMIC: &str = "AtomicU64";
const HDR: &str = "hdrhistogram of the thread's own";
const METRICS: &str = "metrics handle, prometheus exporter";
const PROMETHEUS: &str = "prometheus-client handle";

fn main() -> ExitCode {
    let cases = [1, 2].into_iter().flat_map(|threads| {
        let name = |one, two| if threads == 1 { one } else { two };
        let counter = name("Counter, 1 thread", "Counter, 2 threads");
        let latency = name("Latency, 1 thread", "Latency, 2 threads");
        let cell = name("LatencyCell, 1 thread", "LatencyCell, 2 threads");
        [
            Case::new(counter, threads, ours::counter(), ATOMIC, atomic_counter()),
            Case::new(counter, threads, ours::counter(), METRICS, metrics_counter()),
            Case::new(counter, threads, ours::counter(), PROMETHEUS, prometheus_counter()),
            Case::new(latency, threads, ours::latency(), HDR, hdr()),
            Case::new(latency, threads, ours::latency(), METRICS, metrics_histogram()),
            Case::new(latency, threads, ours::latency(), PROMETHEUS, prometheus_histogram()),
            Case::new(cell, threads, ours::latency_cell(), METRICS, metrics_histogram()),
            Case::new(cell, threads, ours::latency_cell(), PROMETHEUS, prometheus_histogram()),
        ]
    });
    versus(include_str!("../targets.toml"), &cases.collect::<Vec<_>>())
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

const METADATA: Metadata<'static> = Metadata::new("perfect21", Level::INFO, None);

fn metrics_counter() -> Op {
    let recorder = PrometheusBuilder::new().build_recorder();
    let counter = recorder.register_counter(&Key::from_static_name("requests"), &METADATA);
    Op::each(move |_| counter.increment(1))
}

/// With the upkeep its documentation asks for, without which memory grows with every record: each 10 000 records, so
/// that every round has its share.
fn metrics_histogram() -> Op {
    let recorder = PrometheusBuilder::new().build_recorder();
    let histogram = recorder.register_histogram(&Key::from_static_name("latency"), &METADATA);
    let handle = recorder.handle();
    Op::with_state(move || {
        let durations = ours::durations().map(seconds);
        let (histogram, handle) = (histogram.clone(), handle.clone());
        let mut records = 0_u64;
        move |times| {
            for n in 0..times {
                histogram.record(durations[n as usize % ours::DURATIONS]);
                records += 1;
                if records.is_multiple_of(10_000) {
                    handle.run_upkeep();
                }
            }
        }
    })
}

fn prometheus_counter() -> Op {
    let counter: Counter = Counter::default();
    Op::each(move |_| counter.inc())
}

/// Its 14 classic buckets: 0.1 ms to 0.8 s.
fn prometheus_histogram() -> Op {
    let histogram = Histogram::new(exponential_buckets(0.0001, 2.0, 14));
    ours::each_duration(seconds, move |secs| histogram.observe(secs))
}

fn hdr() -> Op {
    Op::with_state(|| {
        let durations = ours::durations();
        let mut histogram: Hdr<u64> =
            Hdr::new_with_bounds(1, 3_600_000_000_000, 2).expect("bounds are valid");
        move |times| {
            for n in 0..times {
                histogram.saturating_record(durations[n as usize % ours::DURATIONS]);
            }
        }
    })
}

fn atomic_counter() -> Op {
    let counter = AtomicU64::new(0);
    Op::each(move |_| counter.fetch_add(1, Ordering::Relaxed))
}
