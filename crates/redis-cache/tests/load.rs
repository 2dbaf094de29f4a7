//! One load per key however many callers wait; writes win; nothing stale stays.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_redis_cache::{Cache, RedisCache};
use perfect21_test_support::redis::Redis;
use std::{
    future::{pending, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};
use tokio::sync::Notify;

mod support;
use support::{Loaded, connect, in_memory, numbers};

/// Polls until nothing moves without the outside: with the backend in memory, that is at once.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_make_one_load() {
    let server = Redis::start().unwrap();
    for redis in [in_memory(), connect(&server).await] {
        let (cache, loads) = (numbers(&redis), Arc::new(AtomicU64::new(0)));
        let callers: Vec<_> = (0..1000)
            .map(|_| {
                let (cache, loads) = (cache.clone(), Arc::clone(&loads));
                tokio::spawn(async move {
                    let load = || async {
                        tokio::task::yield_now().await;
                        Loaded::Ok(loads.fetch_add(1, Ordering::SeqCst) + 1)
                    };
                    cache.get_or_load(&7, load).await.unwrap()
                })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), 1);
        }
        let stats = cache.stats();
        assert_eq!((loads.load(Ordering::SeqCst), stats.loads, stats.sets), (1, 1, 1), "{stats:?}");
        assert_eq!(stats.hits + stats.coalesced + 1, 1000, "{stats:?}");
    }
}

#[tokio::test]
async fn a_leader_that_is_dropped_fails_or_panics_hands_over() {
    let cache = numbers(&in_memory());
    let mut dropped = Box::pin(cache.get_or_load(&7, pending::<Loaded>));
    let go = Notify::new();
    let mut fails = pin!(cache.get_or_load(&7, || async {
        go.notified().await;
        Loaded::Err("down")
    }));
    assert!(poll_once(dropped.as_mut()).await.is_pending());
    assert!(poll_once(fails.as_mut()).await.is_pending());
    drop(dropped);
    assert!(poll_once(fails.as_mut()).await.is_pending(), "it leads");
    let mut last = pin!(cache.get_or_load(&7, || async { Loaded::Ok(3) }));
    assert!(poll_once(last.as_mut()).await.is_pending());
    go.notify_one();
    assert_eq!(fails.await.unwrap_err().to_string(), "the load failed");
    assert_eq!(last.await.unwrap(), 3);
    let other = cache.clone();
    let panics = tokio::spawn(async move {
        other.get_or_load(&8, || async { if true { panic!("the load panics") } else { Loaded::Ok(0) } }).await
    });
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(cache.get_or_load(&8, || async { Loaded::Ok(4) }).await.unwrap(), 4);
    assert_eq!(cache.stats().load_failures, 3);
}

#[tokio::test]
async fn a_write_during_the_load_wins() {
    for write in ["set", "remove"] {
        let (cache, go) = (numbers(&in_memory()), Notify::new());
        let mut early = pin!(cache.get_or_load(&7, || async {
            go.notified().await;
            Loaded::Ok(1)
        }));
        assert!(poll_once(early.as_mut()).await.is_pending());
        let after = if write == "set" {
            cache.set(&7, &9).await.unwrap();
            9
        } else {
            cache.remove(&7).await.unwrap();
            5
        };
        let late = pin!(cache.get_or_load(&7, || async { Loaded::Ok(5) }));
        let Poll::Ready(late) = poll_once(late).await else { panic!("{write}: it joined the old load") };
        assert_eq!(late.unwrap(), after, "{write}");
        go.notify_one();
        assert_eq!(early.await.unwrap(), 1);
        assert_eq!(cache.get(&7).await.unwrap(), Some(after), "{write}: the old load is not stored");
        assert_eq!(cache.stats().overtaken, 1);
    }
}

/// Writers raise a "database" and remove the key, readers load it: a reader that starts after a removal never sees what
/// was before, and at the end nothing stale is left in Redis.
async fn nothing_stale(redis: &RedisCache, rounds: u64) {
    let database: Arc<[AtomicU64; 4]> = Arc::default();
    let cache = numbers(redis);
    let read = |cache: Cache<u64, u64>, database: Arc<[AtomicU64; 4]>, key: u64| async move {
        let load = || async {
            let version = database[key as usize].load(Ordering::SeqCst);
            tokio::task::yield_now().await;
            Loaded::Ok(version)
        };
        cache.get_or_load(&key, load).await.unwrap()
    };
    let tasks: Vec<_> = (0..8_u64)
        .map(|task| {
            let (cache, database) = (cache.clone(), Arc::clone(&database));
            tokio::spawn(async move {
                for round in 0..rounds {
                    let key = (round + task) % 4;
                    let mut version = 0;
                    if task < 3 {
                        version = database[key as usize].fetch_add(1, Ordering::SeqCst) + 1;
                        cache.remove(&key).await.unwrap();
                    }
                    let seen = read(cache.clone(), Arc::clone(&database), key).await;
                    assert!(seen >= version, "read {seen} after the removal for {version}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for (key, version) in (0..).zip(database.iter()) {
        let cached = cache.get(&key).await.unwrap();
        assert!(cached.is_none_or(|cached| cached == version.load(Ordering::SeqCst)), "{key}: {cached:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_stays_in_memory() {
    nothing_stale(&in_memory(), 2000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_stays_in_redis() {
    let server = Redis::start().unwrap();
    nothing_stale(&connect(&server).await, 300).await;
}

/// A set whose caller goes away halfway is done all the same, in order with the writes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_a_key_stay_in_order_when_their_callers_go_away() {
    let server = Redis::start().unwrap();
    let cache = numbers(&connect(&server).await);
    for round in 0..300 {
        let mut abandoned = Box::pin(cache.set(&1, &round));
        let _ = poll_once(abandoned.as_mut()).await;
        drop(abandoned);
        cache.set(&1, &(round + 1000)).await.unwrap();
        assert_eq!(cache.get(&1).await.unwrap(), Some(round + 1000));
    }
}
