//! Whoever leaves, at any moment, leaves nothing behind.

use fastrand::Rng;
use perfect21_concurrency::Limit;
use perfect21_test_support::wait::DEADLINE;
use std::sync::Arc;
use tokio::{sync::Barrier, task::yield_now, time::timeout};

/// Tasks that acquire some weight under a limit that changes, and are dropped while they wait, when they were just given
/// what they wait for, and while they run.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_random_cancellations_leave_nothing_in_flight() {
    let limit = Limit::builder(7).max_queue(10_000).max_wait(DEADLINE).build().unwrap();
    let mut random = Rng::with_seed(21);
    for _ in 0..100 {
        let start = Arc::new(Barrier::new(101));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (limit, start, mut random) = (limit.clone(), start.clone(), random.fork());
                tokio::spawn(async move {
                    start.wait().await;
                    let permit = limit.acquire_many(random.usize(1..10)).await.unwrap();
                    for _ in 0..random.u8(..4) {
                        yield_now().await;
                    }
                    if random.bool() { permit.success() } else { drop(permit) }
                })
            })
            .collect();
        start.wait().await;
        for task in &tasks {
            if random.u8(..4) == 0 {
                limit.resize(random.usize(1..12)).unwrap();
                yield_now().await;
            }
            task.abort();
        }
        for task in tasks {
            let ended = timeout(DEADLINE, task).await;
            assert!(ended.is_ok(), "it hangs: {:?}", limit.stats());
        }
    }
    assert_eq!((limit.stats().in_flight, limit.stats().waiting), (0, 0));
    limit.resize(3).unwrap();
    assert!(limit.try_acquire_many(3).is_some(), "all of it is free");
}

/// One that was first and too heavy leaves: those behind it fit.
#[tokio::test(start_paused = true)]
async fn a_heavy_one_that_leaves_makes_way() {
    let limit = Limit::builder(2).build().unwrap();
    let held = limit.acquire().await.unwrap();
    let heavy = tokio::spawn({
        let limit = limit.clone();
        async move { limit.acquire_many(2).await.map(drop) }
    });
    yield_now().await;
    let light = tokio::spawn({
        let limit = limit.clone();
        async move { limit.acquire_owned().await }
    });
    yield_now().await;
    assert_eq!(limit.stats().waiting, 2, "nobody overtakes it");
    assert!(limit.try_acquire().is_none());
    heavy.abort();
    let permit = light.await.unwrap().unwrap();
    assert_eq!(limit.stats().in_flight, 2);
    drop((held, permit));
    assert_eq!(limit.stats().in_flight, 0);
}
