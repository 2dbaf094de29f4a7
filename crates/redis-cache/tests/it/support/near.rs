//! What is asked of any near cache.

use super::{DEADLINE, until};
use perfect21_redis_cache::{Cache, Health, RedisCache};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub(crate) async fn is_open(redis: &RedisCache) {
    until("the near cache to open", async || match redis.health(DEADLINE).await {
        Health::Ready { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

/// Reads a key until it is answered without the server.
pub(crate) async fn held(cache: &Cache<u64, u64>, key: u64, value: u64) {
    let before = cache.stats().near_hits;
    until("the entry to be held", async || {
        assert_eq!(cache.get(&key).await.unwrap(), Some(value));
        if cache.stats().near_hits > before { Ok(()) } else { Err(format!("{:?}", cache.stats())) }
    })
    .await;
}

pub(crate) async fn becomes(cache: &Cache<u64, u64>, key: u64, value: Option<u64>) {
    until("the change to be heard of", async || match cache.get(&key).await.unwrap() {
        found if found == value => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
}

/// Readers and a writer of another process race for the same keys: once all has been told, nothing old is held.
pub(crate) async fn races(cache: &Cache<u64, u64>, writes: &Cache<u64, u64>) {
    for key in 0..4000 {
        writes.set(&key, &0).await.unwrap();
    }
    let at = Arc::new(AtomicU64::new(0));
    let reading = tokio::spawn({
        let (cache, at) = (cache.clone(), Arc::clone(&at));
        async move {
            loop {
                let key = at.load(Ordering::SeqCst);
                if key >= 4000 {
                    return;
                }
                cache.get(&key).await.unwrap();
            }
        }
    });
    for key in 0..4000 {
        at.store(key, Ordering::SeqCst);
        writes.set(&key, &1).await.unwrap();
    }
    at.store(4000, Ordering::SeqCst);
    reading.await.unwrap();
    // All that was told before this is heard of when this is.
    held(cache, 0, 1).await;
    writes.set(&0, &2).await.unwrap();
    becomes(cache, 0, Some(2)).await;
    for key in 1..4000 {
        assert_eq!(cache.get(&key).await.unwrap(), Some(1), "{key}");
    }
}
