//! A bound on what exists: never exceeded, served in order, nothing lost by those who give up.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Waker},
    thread,
    time::Duration,
};

use perfect21_mem_pool::{AcquireError, BoundedPool, Pressure, Trim};
use tokio::time::Instant;

/// Knows how many of its kind exist.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>, usize);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>, max: usize) -> Self {
        let before = alive.fetch_add(1, SeqCst);
        assert!(before < max, "{} of {max} exist", before + 1);
        Self(Arc::clone(alive), 0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn pool(max: usize) -> (Arc<AtomicUsize>, BoundedPool<Counted>) {
    let alive = Arc::new(AtomicUsize::new(0));
    let made = Arc::clone(&alive);
    let create = move || Counted::new(&made, max);
    let reset = |object: &mut Counted| {
        object.1 += 1;
        !object.1.is_multiple_of(7)
    };
    let pool =
        BoundedPool::builder_with(max, create, reset).max_wait(Duration::from_secs(5)).build().unwrap();
    (alive, pool)
}

#[test]
fn never_more_exist_whatever_many_threads_do() {
    const MAX: usize = 5;
    let (alive, pool) = pool(MAX);
    thread::scope(|scope| {
        for seed in 0..6 {
            let pool = &pool;
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(seed);
                let mut held = Vec::new();
                for _ in 0..20_000 {
                    match rng.u8(0..100) {
                        0..50 => held.extend(pool.try_acquire()),
                        50..95 => drop(held.pop()),
                        95 => drop(pool.trim_to(rng.usize(0..4))),
                        96 => drop(pool.prefill(rng.usize(0..4))),
                        97 => drop(pool.decay()),
                        _ => held.clear(),
                    }
                }
            });
        }
    });
    let stats = pool.stats();
    assert_eq!((stats.in_use, stats.idle), (0, alive.load(SeqCst)), "{stats:?}");
    assert_eq!(stats.made, stats.dropped + stats.idle as u64, "{stats:?}");
    let all: Vec<_> = (0..MAX).map(|_| pool.try_acquire().unwrap()).collect();
    assert_eq!(pool.try_acquire().unwrap_err(), AcquireError::Exhausted { max_total: MAX });
    drop((all, pool));
    assert_eq!(alive.load(SeqCst), 0);
}

#[test]
fn what_another_thread_returned_is_there_for_all() {
    let (_, pool) = pool(3);
    thread::scope(|scope| {
        let idle = scope.spawn(|| drop([pool.try_acquire(), pool.try_acquire(), pool.try_acquire()]));
        idle.join().unwrap();
    });
    let all: Vec<_> = (0..3).map(|_| pool.try_acquire().unwrap()).collect();
    assert_eq!((all.len(), pool.stats().made, pool.stats().hits), (3, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn who_waits_longest_is_served_first_and_nobody_overtakes() {
    let (_, pool) = pool(1);
    let held = pool.acquire().await.unwrap();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut waiters = Vec::new();
    for nth in 0..10 {
        let (waiting, order) = (pool.clone(), Arc::clone(&order));
        waiters.push(tokio::spawn(async move {
            let object = waiting.acquire().await.unwrap();
            order.lock().unwrap().push(nth);
            drop(object);
        }));
        while pool.stats().waiting <= nth {
            tokio::task::yield_now().await;
        }
    }
    drop(held);
    assert!(pool.try_acquire().is_err(), "the first who waits has it already");
    for waiter in waiters {
        waiter.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(pool.stats().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_in_time() {
    let (_, pool) = pool(1);
    let held = pool.acquire().await.unwrap();
    let started = Instant::now();
    let error = pool.acquire().await.unwrap_err();
    assert!(matches!(error, AcquireError::TimedOut { max_total: 1, .. }), "{error}");
    assert_eq!(started.elapsed().as_secs(), 5);
    assert!(pool.acquire_within(Duration::from_millis(10)).await.is_err());
    assert_eq!((pool.stats().timed_out, pool.stats().waiting), (2, 0));
    drop(held);
    assert!(pool.acquire().await.is_ok());
}

#[test]
fn a_dropped_wait_leaves_the_queue_and_passes_its_turn_on() {
    // Without a longest wait there is nothing that needs a runtime.
    let pool = BoundedPool::builder(1, String::new).max_wait(None).build().unwrap();
    let held = pool.try_acquire().unwrap();
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut first = Box::pin(pool.acquire());
        let mut second = pin!(pool.acquire());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert_eq!(pool.stats().waiting, 2);
        drop(held);
        // The first one has been given its turn and is dropped before it takes it.
        drop(first);
        assert!(second.as_mut().poll(&mut context).is_ready());
    }
    assert_eq!((pool.stats().waiting, pool.stats().in_use, pool.stats().idle), (0, 0, 1));
    assert!(pool.try_acquire().is_ok());
}

#[tokio::test]
async fn a_closed_pool_ends_all_waits_and_keeps_nothing() {
    let (alive, pool) = pool(2);
    let held = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire().await.map(drop) }
    });
    while pool.stats().waiting == 0 {
        tokio::task::yield_now().await;
    }
    pool.close();
    assert_eq!(waiter.await.unwrap(), Err(AcquireError::Closed));
    assert_eq!(pool.try_acquire().map(drop), Err(AcquireError::Closed));
    assert_eq!(alive.load(SeqCst), 2);
    drop(held);
    assert_eq!((alive.load(SeqCst), pool.stats().idle, pool.stats().dropped), (0, 0, 2));
}

#[test]
fn idle_objects_are_bounded_trimmed_and_decay() {
    let pool = BoundedPool::builder(100, String::new).max_idle(40).build().unwrap();
    let all: Vec<_> = (0..100).map(|_| pool.try_acquire().unwrap()).collect();
    drop(all);
    assert_eq!((pool.stats().idle, pool.stats().dropped), (40, 60));
    pool.trim(Pressure::Routine);
    drop([pool.try_acquire(), pool.try_acquire()]);
    pool.trim(Pressure::Routine);
    assert_eq!(pool.stats().idle, 2, "two were needed");
    assert_eq!(pool.prefill(10), 8);
    assert_eq!(pool.trim_to(5).objects, 5);
    assert_eq!(pool.trim(Pressure::Elevated).objects, 5);
    let stats = pool.stats();
    assert_eq!((stats.idle, stats.made, stats.dropped), (0, 108, 108), "{stats:?}");
}

#[test]
fn a_detached_object_frees_its_place() {
    let pool = BoundedPool::builder(1, String::new).build().unwrap();
    let mut object = pool.try_acquire().unwrap();
    object.push('x');
    assert_eq!(perfect21_mem_pool::BoundedPooled::detach(object), "x");
    assert_eq!(*pool.try_acquire().unwrap(), "");
    assert_eq!((pool.stats().made, pool.stats().detached, pool.stats().dropped), (2, 1, 0));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let of = |max_total| BoundedPool::builder(max_total, String::new);
    let cases = [
        (of(0).build(), "max_total = 0: must be from 1 to"),
        (of(usize::MAX).build(), "max_total = 18446744073709551615: must be"),
        (of(5).max_idle(0).build(), "max_idle = 0: must be from 1 to max_total, which is 5"),
        (of(5).max_idle(6).build(), "max_idle = 6: must be from 1 to max_total, which is 5"),
        (of(5).max_wait(Duration::ZERO).build(), "max_wait = 0ns: must be above zero"),
    ];
    for (built, message) in cases {
        let error = built.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
