//! Snapshots while threads record.

use perfect21_test_support::wait::DEADLINE;
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use perfect21_meter::{Counter, Gauge, Latency, LatencyCell, LatencySnapshot};

fn is_shared<T: Send + Sync + std::fmt::Debug + Default + 'static>() {}

#[test]
fn all_can_be_shared_and_printed() {
    is_shared::<Counter>();
    is_shared::<Gauge>();
    is_shared::<Latency>();
    is_shared::<LatencyCell>();
    let cell = LatencyCell::new();
    cell.record(Duration::from_nanos(40));
    cell.record_secs(f64::NAN);
    let text = format!("{cell:?} {:?}", Counter::new());
    assert_eq!(
        text,
        "LatencyCell { count: 1, rejected: 1, p50: Some(40ns), p99: Some(40ns), .. } Counter(0)"
    );
}

/// Snapshots follow one another: each bucket only grows, and what came in between is no more than was recorded.
fn snapshots_only_grow<R>(record: R, snapshot: impl Fn() -> LatencySnapshot)
where
    R: Fn(u64) + Sync,
{
    const WRITERS: usize = 4;
    const RECORDS: u64 = 100_000;
    let writing = AtomicUsize::new(WRITERS);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                (0..RECORDS).for_each(|n| record(n * n % 5_000_011));
                writing.fetch_sub(1, Ordering::Release);
            });
        }
        let mut before = snapshot();
        while writing.load(Ordering::Acquire) > 0 {
            let now = snapshot();
            assert!(now.since(&before).is_some(), "{before:?} then {now:?}");
            let sum: u64 = now.buckets().map(|(_, count)| count).sum();
            assert_eq!(now.count(), sum);
            before = now;
        }
    });
    assert_eq!(snapshot().count(), WRITERS as u64 * RECORDS);
}

#[test]
fn snapshots_of_a_latency_only_grow() {
    let latency = Latency::new();
    snapshots_only_grow(|nanos| latency.record_nanos(nanos), || latency.snapshot());
}

#[test]
fn snapshots_of_a_latency_cell_only_grow() {
    let cell = LatencyCell::new();
    snapshots_only_grow(|nanos| cell.record_nanos(nanos), || cell.snapshot());
}

fn wait_for_all(alive: &AtomicUsize, all: usize) {
    let started = Instant::now();
    while alive.load(Ordering::Relaxed) < all {
        assert!(started.elapsed() < DEADLINE, "only {alive:?} of {all} threads recorded");
        thread::yield_now();
    }
}

#[test]
fn three_hundred_threads_alive_at_once_count_apart_and_together() {
    const THREADS: u64 = 300;
    let (counter, latency) = (Counter::new(), Latency::new());
    let alive = AtomicUsize::new(0);
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (counter, latency, alive) = (&counter, &latency, &alive);
            scope.spawn(move || {
                counter.add(n);
                latency.record_nanos(n);
                alive.fetch_add(1, Ordering::Relaxed);
                wait_for_all(alive, THREADS as usize);
                counter.add(n);
                latency.record_nanos(n);
            });
        }
    });
    assert_eq!(counter.total(), THREADS * (THREADS - 1));
    assert_eq!(latency.snapshot().count(), 2 * THREADS);
}

#[test]
fn a_gauge_ends_where_adds_and_takes_cancel_out() {
    let gauge = Gauge::new();
    gauge.set(5);
    thread::scope(|scope| {
        for change in [1, -1, 3, -3] {
            let gauge = &gauge;
            scope.spawn(move || (0..10_000).for_each(|_| gauge.add(change)));
        }
    });
    assert_eq!(gauge.value(), 5);
}
