//! What recorders allocate, in a process of its own for a counting global allocator: the stated bytes for a series,
//! nothing once warm, and no more for each thread that ends.
#![allow(unsafe_code, reason = "a counting allocator implements the unsafe trait GlobalAlloc")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    thread,
    time::Duration,
};

use perfect21_meter::{Counter, Gauge, Latency, LatencyCell};

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}
static ALLOCATIONS: Counter = Counter::new();

/// Counts the bytes each thread asks for; and with our own counter the calls, which it must survive.
struct Counting;

// SAFETY: hands every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + layout.size());
        ALLOCATIONS.increment();
        // SAFETY: the caller's promise is the one that System asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; `pointer` came from System.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The bytes that `work` asks for on this thread.
fn allocated(work: impl FnOnce()) -> usize {
    let before = ALLOCATED.get();
    work();
    ALLOCATED.get() - before
}

/// A route's latencies: from 1 to 31 ms, five powers of two.
fn five_octaves(record: impl Fn(Duration)) {
    (1050..=31_000).step_by(50).for_each(|micros| record(Duration::from_micros(micros)));
}

#[test]
fn a_series_takes_the_stated_bytes() {
    let cell = LatencyCell::new();
    let bytes = size_of_val(&cell) + allocated(|| five_octaves(|latency| cell.record(latency)));
    assert!((3000..=3200).contains(&bytes), "a LatencyCell of five octaves takes {bytes} bytes");

    let latency = Latency::new();
    let bytes = size_of_val(&latency) + allocated(|| five_octaves(|nanos| latency.record(nanos)));
    assert!((3400..=3600).contains(&bytes), "a Latency of five octaves on one thread takes {bytes} bytes");

    let all = allocated(|| (0..42).for_each(|bits| cell.record_nanos(1 << bits)));
    assert!(all <= 32 * 512, "and {all} bytes for all the other octaves");
    assert_eq!([size_of::<Counter>(), size_of::<Gauge>()], [512, 8]);
}

#[test]
fn nothing_is_allocated_after_warm_up() {
    let (counter, gauge, latency, cell) = (Counter::new(), Gauge::new(), Latency::new(), LatencyCell::new());
    let everything = || {
        five_octaves(|duration| {
            counter.increment();
            gauge.add(1);
            latency.record(duration);
            cell.record(duration);
            latency.record_secs(f64::NAN);
            cell.record_secs(-1.0);
        });
    };
    assert!(allocated(everything) > 0);
    assert_eq!(allocated(|| (0..100).for_each(|_| everything())), 0);
}

#[test]
fn short_threads_in_turn_use_the_memory_of_one() {
    static LATENCY: Latency = Latency::new();
    let one_thread = || allocated(|| five_octaves(|duration| LATENCY.record(duration)));
    let bytes: usize = (0..200).map(|_| thread::spawn(one_thread).join().unwrap()).sum();
    assert_eq!(LATENCY.snapshot().count(), 200 * 600);
    // The other tests of this file run meanwhile and hold seats: not one thread's 3.2 KiB, but never 200 times that.
    assert!(bytes <= 16 * 3200, "200 threads in turn allocated {bytes} bytes");
}

#[test]
fn an_allocator_may_count_with_a_counter() {
    let before = ALLOCATIONS.total();
    for _ in 0..50 {
        thread::spawn(|| drop(std::hint::black_box(Box::new(7)))).join().unwrap();
    }
    assert!(ALLOCATIONS.total() >= before + 50);
}
