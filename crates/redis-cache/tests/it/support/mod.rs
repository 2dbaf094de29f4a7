//! The value that the tests keep, the deadline that nothing may pass, and both backends.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod near;
pub(crate) mod raw;

use perfect21_redis_cache::{Cache, RedisCache};
use perfect21_test_support::redis::Redis;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

pub(crate) use perfect21_test_support::wait::DEADLINE;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) name: String,
    pub(crate) price: f64,
    pub(crate) tags: Vec<String>,
}

pub(crate) fn product(number: u32) -> Product {
    Product {
        name: format!("product {number} é\0\n"),
        price: f64::from(number) + 0.1,
        tags: vec!["a".into(); 3],
    }
}

pub(crate) type Loaded = Result<u64, &'static str>;

pub(crate) async fn connect(server: &Redis) -> RedisCache {
    // A machine that builds meanwhile may be slow; what tests time-outs sets its own.
    let builder = RedisCache::builder(server.url()).command_timeout(DEADLINE).connect_timeout(DEADLINE);
    builder.namespace("test").connect().await.unwrap()
}

pub(crate) fn in_memory() -> RedisCache {
    RedisCache::in_memory().namespace("test").build().unwrap()
}

pub(crate) fn numbers(redis: &RedisCache) -> Cache<u64, u64> {
    redis.typed("number").build().unwrap()
}

/// Tries until `look` is content, or fails with what it saw last.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(start.elapsed() < DEADLINE, "{what} did not happen: {seen}"),
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}
