//! What goes to the server.

use crate::{KEYS, TASKS, closed_loop, in_turn, key_of, runtime, server, value};
use perfect21_bench_support::Op;
use perfect21_redis_cache::{Bincode, Cache, Near, RedisCache, Terms};
use std::time::Duration;

/// So many keys at once.
pub const MANY: u64 = 100;

/// With the defaults, but time enough on a busy machine.
#[must_use]
pub fn redis_cache(near: Option<Near>) -> RedisCache {
    let second = Duration::from_secs(1);
    let builder = RedisCache::builder(server().url()).namespace("bench").command_timeout(10 * second);
    let builder = if let Some(near) = near { builder.near(near) } else { builder };
    runtime().block_on(builder.connect_timeout(10 * second).connect()).expect("a connection")
}

/// Texts, written by bincode, with all that there are.
#[must_use]
pub fn cache(redis: &RedisCache) -> Cache<u64, String> {
    let cache = redis.typed_with("text", Bincode).build().expect("its settings are right");
    let entries: Vec<_> = (0..KEYS).map(|key| (key, value(key))).collect();
    for done in runtime().block_on(cache.set_many(&entries)) {
        done.expect("a set");
    }
    cache
}

async fn one(cache: &Cache<u64, String>, n: u64) {
    let found = cache.get(&key_of(n)).await.expect("an answer");
    assert_eq!(found.expect("a value").len(), 100);
}

/// A get by 64 tasks.
#[must_use]
pub fn get() -> Op {
    Op::with_state(|| {
        let cache = cache(&redis_cache(None));
        move |times| {
            let cache = cache.clone();
            closed_loop(TASKS, times, move |n| {
                let cache = cache.clone();
                async move { one(&cache, n).await }
            });
        }
    })
}

/// A get by one task.
#[must_use]
pub fn get_by_one() -> Op {
    Op::with_state(|| {
        let cache = cache(&redis_cache(None));
        move |times| in_turn(times, async |n| one(&cache, n).await)
    })
}

/// A set with its TTL by 64 tasks.
#[must_use]
pub fn set() -> Op {
    Op::with_state(|| {
        let (cache, text) = (cache(&redis_cache(None)), value(0));
        move |times| {
            let (cache, text) = (cache.clone(), text.clone());
            closed_loop(TASKS, times, move |n| {
                let (cache, text) = (cache.clone(), text.clone());
                async move { cache.set(&key_of(n), &text).await.expect("a set") }
            });
        }
    })
}

/// A set with two tags by 64 tasks.
#[must_use]
pub fn set_tagged() -> Op {
    Op::with_state(|| {
        let (cache, text) = (cache(&redis_cache(None)), value(0));
        move |times| {
            let (cache, text) = (cache.clone(), text.clone());
            closed_loop(TASKS, times, move |n| {
                let (cache, text) = (cache.clone(), text.clone());
                async move {
                    let terms = Terms::new().tag("one").tag("other");
                    cache.set_with(&key_of(n), &text, terms).await.expect("a set");
                }
            });
        }
    })
}

/// A hundred keys read by one call.
#[must_use]
pub fn get_many() -> Op {
    Op::with_state(|| {
        let cache = cache(&redis_cache(None));
        move |times| {
            in_turn(times, async |n| {
                let keys: Vec<_> = (0..MANY).map(|nth| key_of(n * MANY + nth)).collect();
                for found in cache.get_many(&keys).await {
                    assert_eq!(found.expect("an answer").expect("a value").len(), 100);
                }
            });
        }
    })
}

/// A hundred entries written by one call.
#[must_use]
pub fn set_many() -> Op {
    Op::with_state(|| {
        let cache = cache(&redis_cache(None));
        move |times| {
            in_turn(times, async |n| {
                let entries: Vec<_> = (0..MANY).map(|nth| (key_of(n * MANY + nth), value(nth))).collect();
                for done in cache.set_many(&entries).await {
                    done.expect("a set");
                }
            });
        }
    })
}
