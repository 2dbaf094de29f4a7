//! Threads that end while others read: nothing is lost, nothing counted twice, and memory stays that of the living.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use perfect21_meter::{Counter, Latency, LatencyCell};

/// All that can count, in one.
#[derive(Default)]
struct Meters {
    counter: Counter,
    latency: Latency,
    cell: LatencyCell,
}

impl Meters {
    fn record(&self, nanos: u64) {
        self.counter.increment();
        self.latency.record_nanos(nanos);
        self.cell.record_nanos(nanos);
    }

    fn totals(&self) -> [u64; 3] {
        [self.counter.total(), self.latency.snapshot().count(), self.cell.snapshot().count()]
    }
}

#[test]
fn totals_are_exact_and_never_go_back_while_many_short_threads_live_and_die() {
    const GENERATIONS: u64 = 40;
    const ALIVE: u64 = 12;
    const RECORDS: u64 = 200;
    let meters = Meters::default();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut before = [0; 3];
            while !done.load(Ordering::Acquire) {
                let now = meters.totals();
                assert!(
                    before.iter().zip(now).all(|(before, now)| *before <= now),
                    "{before:?} then {now:?}"
                );
                before = now;
            }
        });
        for generation in 0..GENERATIONS {
            thread::scope(|scope| {
                for nth in 0..ALIVE {
                    let meters = &meters;
                    scope.spawn(move || (0..RECORDS).for_each(|n| meters.record(generation * nth * n)));
                }
            });
        }
        done.store(true, Ordering::Release);
        reader.join().unwrap();
    });
    assert_eq!(meters.totals(), [GENERATIONS * ALIVE * RECORDS; 3]);
}

#[test]
fn records_in_destructors_of_thread_locals_are_counted() {
    struct Last(Arc<Meters>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.record(7);
        }
    }
    thread_local! {
        static EARLY: RefCell<Option<Last>> = const { RefCell::new(None) };
        static LATE: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    let meters = Arc::new(Meters::default());
    for _ in 0..20 {
        // One is registered before this thread has ever recorded, one after: whichever way round destructors run, one
        // of them runs after ours.
        let (early, late) = (Arc::clone(&meters), Arc::clone(&meters));
        thread::spawn(move || {
            EARLY.set(Some(Last(early)));
            late.record(7);
            LATE.set(Some(Last(late)));
        })
        .join()
        .unwrap();
        // And one that records nowhere else.
        let only = Arc::clone(&meters);
        thread::spawn(move || EARLY.set(Some(Last(only)))).join().unwrap();
    }
    assert_eq!(meters.totals(), [20 * 4; 3]);
}

#[test]
fn an_idle_threads_records_are_visible_at_once() {
    let meters = Arc::new(Meters::default());
    let (recorded, go_on) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
    let idle = thread::spawn({
        let meters = Arc::clone(&meters);
        move || {
            (0..100).for_each(|n| meters.record(n));
            recorded.0.send(()).unwrap();
            go_on.1.recv().unwrap();
        }
    });
    recorded.1.recv().unwrap();
    assert_eq!(meters.totals(), [100; 3]);
    go_on.0.send(()).unwrap();
    idle.join().unwrap();
}

#[test]
fn series_that_come_and_go_share_nothing() {
    for round in 0..10 {
        let all: Vec<Meters> = (0..100).map(|_| Meters::default()).collect();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    all.iter().zip(1..).for_each(|(meters, times)| (0..times).for_each(|n| meters.record(n)))
                });
            }
        });
        for (meters, times) in all.iter().zip(1..) {
            assert_eq!(meters.totals(), [2 * times; 3], "round {round}");
        }
    }
}
