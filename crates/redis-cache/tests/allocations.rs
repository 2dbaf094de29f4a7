//! Hits of the near cache allocate nothing. In a process of its own for its global allocator.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_redis_cache::{Cache, Near, RedisCache};
use perfect21_test_support::{
    alloc::{self, Counting},
    redis::Redis,
};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

#[path = "it/support/mod.rs"]
mod support;
use support::{
    DEADLINE,
    near::{held, is_open},
};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

/// What is answered at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_near_hit_allocates_nothing() {
    let server = Redis::start().unwrap();
    let builder = RedisCache::builder(server.url()).namespace("test").near(Near::new());
    let redis = builder.command_timeout(DEADLINE).connect_timeout(DEADLINE).connect().await.unwrap();
    is_open(&redis).await;
    let cache: Cache<u64, u64> = redis.typed("number").tags(|_| ["t"]).build().unwrap();
    cache.set(&1, &7).await.unwrap();
    held(&cache, 1, 7).await;
    // On a thread of its own, where no task of the runtime allocates meanwhile.
    let counts = std::thread::spawn(move || {
        let look = || {
            assert_eq!(now(cache.get(&1)).unwrap(), Some(7));
            assert_eq!(now(cache.get_or_load(&1, || async { Ok::<u64, ()>(8) })).unwrap(), 7);
        };
        look();
        (0..1000).map(|_| alloc::during(look).1.allocations).max().unwrap()
    });
    assert_eq!(counts.join().unwrap(), 0);
    assert_eq!(redis.near_stats().unwrap().entries, 1);
}
