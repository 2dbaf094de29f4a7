//! Threads that come and go, pass objects on, use many pools or none for a while: hits stay, nothing is left behind.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use perfect21_mem_pool::Pool;

fn lines() -> Pool<Vec<u8>> {
    Pool::new(|| Vec::with_capacity(1024))
}

#[test]
fn short_threads_in_turn_inherit_what_the_last_one_had() {
    let pool = Arc::new(lines());
    for _ in 0..200 {
        let pool = Arc::clone(&pool);
        thread::spawn(move || {
            for _ in 0..4 {
                let held: Vec<_> = (0..16).map(|_| pool.get()).collect();
                drop(held);
            }
        })
        .join()
        .unwrap();
    }
    let stats = pool.stats();
    assert!(stats.made <= 48, "{stats:?}");
    assert_eq!(stats.live, stats.idle, "{stats:?}");
}

#[test]
fn what_a_consumer_returns_comes_back_to_the_producer() {
    const OBJECTS: u64 = 96_000;
    let pool = lines();
    let (sender, receiver) = mpsc::sync_channel(64);
    thread::scope(|scope| {
        scope.spawn(|| receiver.into_iter().for_each(drop));
        let pool = &pool;
        scope.spawn(move || (0..OBJECTS).for_each(|_| sender.send(pool.get_owned()).unwrap()));
    });
    let stats = pool.stats();
    assert!(stats.made <= 512, "{stats:?}");
    assert_eq!(stats.hits, OBJECTS - stats.made, "{stats:?}");
    assert_eq!(stats.live, stats.idle, "{stats:?}");
}

#[test]
fn a_thread_that_uses_a_thousand_pools_in_turn_hits_in_all() {
    let pools: Vec<_> = (0..1000).map(|_| lines()).collect();
    for _ in 0..200 {
        pools.iter().for_each(|pool| drop(pool.get()));
    }
    let (made, hits) = pools.iter().map(Pool::stats).fold((0, 0), |(m, h), s| (m + s.made, h + s.hits));
    assert_eq!((made, hits), (1000, 199_000));
}

#[test]
fn a_parked_threads_cache_is_trimmed_from_another() {
    let pool = lines();
    let (parked, is_parked) = mpsc::channel();
    let (wake, woken) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let used = &pool;
        let idle = scope.spawn(move || {
            drop((0..50).map(|_| used.get()).collect::<Vec<_>>());
            parked.send(()).unwrap();
            woken.recv().unwrap();
            drop(used.get());
        });
        is_parked.recv().unwrap();
        assert_eq!(pool.stats().idle, 50);
        assert_eq!(pool.trim_to(10).objects, 40);
        assert_eq!(pool.stats().idle, 10);
        // And the rest by decay: the first looks who is idle, the second takes.
        pool.decay();
        pool.decay();
        assert_eq!(pool.stats().idle, 0, "{:?}", pool.stats());
        wake.send(()).unwrap();
        idle.join().unwrap();
    });
    assert_eq!((pool.stats().idle, pool.stats().live), (1, 1));
}

#[test]
fn more_threads_at_once_than_a_seat_each_share_what_is_there() {
    let pool = lines();
    let barrier = std::sync::Barrier::new(64);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                barrier.wait();
                (0..1000).for_each(|_| drop(pool.get()));
                barrier.wait();
            });
        }
    });
    let stats = pool.stats();
    assert_eq!(stats.live, stats.idle, "{stats:?}");
    assert!(stats.made <= 256, "{stats:?}");
}
