//! What lies idle is bounded in number and bytes, and given back when it is not needed.

use std::{sync::Barrier, thread};

use perfect21_mem_pool::{Bytes, Pool, Pressure, Trim};

#[test]
fn idle_objects_never_exceed_their_number_over_all_threads() {
    for max_idle in [1, 2, 3, 7, 50, 100] {
        let pool = Pool::builder(String::new).max_idle(max_idle).build().unwrap();
        drop((0..200).map(|_| pool.get()).collect::<Vec<_>>());
        assert_eq!(pool.stats().idle, max_idle as u64, "one thread, {:?}", pool.stats());
        let all_hold = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let held: Vec<_> = (0..50).map(|_| pool.get()).collect();
                        all_hold.wait();
                        drop(held);
                        all_hold.wait();
                        assert!(pool.stats().idle <= max_idle as u64, "{:?}", pool.stats());
                        all_hold.wait();
                    }
                });
            }
        });
        let stats = pool.stats();
        assert!(stats.idle <= max_idle as u64 && stats.live == stats.idle, "{stats:?}");
        // However little a thread may keep, one object at a time is always found again.
        let made = stats.made;
        drop(pool.get());
        (0..100).for_each(|_| drop(pool.get()));
        assert!(pool.stats().made <= made + 1, "{:?}", pool.stats());
    }
}

#[test]
fn idle_bytes_never_exceed_their_bound() {
    let bound = 100 * 1000;
    let pool = Pool::builder(Vec::<u8>::new)
        .max_idle_bytes(Bytes::new(bound))
        .bytes_by(Vec::capacity)
        .build()
        .unwrap();
    let hold = |capacity: usize, n: usize| {
        let mut held: Vec<_> = (0..n).map(|_| pool.get()).collect();
        held.iter_mut().for_each(|buffer| {
            buffer.shrink_to_fit();
            buffer.reserve_exact(capacity);
        });
    };
    for (capacity, n) in [(1000, 300), (10, 500), (99_000, 3), (60_000, 2), (100_001, 2), (1000, 300)] {
        hold(capacity, n);
        assert!(pool.stats().idle_bytes <= bound, "{capacity} B: {:?}", pool.stats());
    }
    assert!(pool.stats().idle_bytes >= bound / 2, "{:?}", pool.stats());
    let idle_bytes = pool.stats().idle_bytes;
    assert_eq!(pool.trim_to(0).bytes, idle_bytes);
    hold(100_001, 1);
    assert_eq!(pool.stats().idle, 0, "larger than all that may be kept");
    hold(100_000, 1);
    assert_eq!(pool.stats().idle_bytes, 100_000);
}

#[test]
fn bytes_without_a_measure_are_those_of_the_type() {
    let pool =
        Pool::builder_with(|| [0_u8; 1000], |_| true).max_idle_bytes(Bytes::new(5_500)).build().unwrap();
    drop((0..20).map(|_| pool.get()).collect::<Vec<_>>());
    assert_eq!((pool.stats().idle, pool.stats().idle_bytes), (5, 5000));
}

#[test]
fn a_burst_decays_to_what_is_needed_since() {
    let pool = Pool::builder(|| vec![0_u8; 64]).max_idle(10_000).build().unwrap();
    let use_some = || drop((0..20).map(|_| pool.get()).collect::<Vec<_>>());
    drop((0..5000).map(|_| pool.get()).collect::<Vec<_>>());
    assert_eq!(pool.stats().idle, 5000);
    for _ in 0..3 {
        use_some();
        pool.trim(Pressure::Routine);
    }
    let after = pool.stats();
    assert!((20..=200).contains(&after.idle), "{after:?}");
    use_some();
    assert_eq!(pool.stats().made, after.made, "what is needed has stayed");
    pool.trim(Pressure::Routine);
    pool.trim(Pressure::Routine);
    assert_eq!(pool.stats().idle, 0, "{:?}", pool.stats());
    assert_eq!(pool.stats().live, 0);
}

#[test]
fn under_pressure_all_that_is_idle_goes_and_what_is_used_stays() {
    let pool = Pool::new(|| vec![0_u8; 64]);
    let held = pool.get();
    pool.prefill(100);
    for (pressure, objects) in [(Pressure::Elevated, 100), (Pressure::Critical, 0)] {
        assert_eq!(pool.trim(pressure).objects, objects, "{pressure:?}");
        assert_eq!((pool.stats().live, pool.stats().idle), (1, 0));
    }
    drop(held);
    assert_eq!(pool.stats().idle, 1);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let small = || Pool::builder(String::new);
    let cases = [
        (small().max_idle(0).build(), "max_idle = 0: must be at least 1"),
        (small().max_idle_bytes(Bytes::new(0)).build(), "max_idle_bytes = 0 B: must be at least 24 B"),
        (small().max_idle_bytes(Bytes::new(23)).build(), "max_idle_bytes = 23 B: must be at least 24 B"),
    ];
    for (built, message) in cases {
        let error = built.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
