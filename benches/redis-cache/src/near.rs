//! What the process holds.

use crate::{cache, in_turn, redis_cache, runtime, value};
use futures_util::FutureExt;
use perfect21_bench_support::Op;
use perfect21_redis_cache::{Cache, Near};
use std::time::Duration;

/// So few that all of them are in the processor's caches, on either side.
const HELD: u64 = 1000;

/// A cache of which the process holds the first keys.
fn held() -> Cache<u64, String> {
    let near = Near::new().max_age(Duration::from_secs(3600));
    let cache = cache(&redis_cache(Some(near)));
    runtime().block_on(async {
        while cache.stats().near_hits < HELD {
            for key in 0..HELD {
                cache.get(&key).await.expect("an answer").expect("a value");
            }
        }
    });
    cache
}

/// A hit of what is held, at once.
#[must_use]
pub fn near_get() -> Op {
    Op::with_state(|| {
        let cache = held();
        move |times| {
            for n in 0..times {
                let found = cache.get(&(n % HELD)).now_or_never();
                let found = found.expect("at once").expect("an answer").expect("a value");
                assert_eq!(found.len(), 100);
            }
        }
    })
}

/// The same, where it would be loaded if it were not held.
#[must_use]
pub fn near_get_or_load() -> Op {
    Op::with_state(|| {
        let cache = held();
        move |times| {
            for n in 0..times {
                let load = || async { Ok::<_, ()>(value(0)) };
                let found = cache.get_or_load(&(n % HELD), load).now_or_never();
                assert_eq!(found.expect("at once").expect("a value").len(), 100);
            }
        }
    })
}

/// A hit of a cache in the process, which nobody keeps current.
#[must_use]
pub fn smart_cache_get() -> Op {
    Op::with_state(|| {
        let builder = perfect21_smart_cache::Cache::<u64, String>::builder();
        let cache = builder.max_entries(2 * HELD as usize).build().expect("its settings are right");
        for key in 0..HELD {
            cache.insert(key, value(key)).expect("room");
        }
        move |times| {
            for n in 0..times {
                assert_eq!(cache.get(&(n % HELD)).expect("a value").len(), 100);
            }
        }
    })
}

/// A hit of what is held, by a task: beside one that the server answers.
#[must_use]
pub fn near_get_by_task() -> Op {
    Op::with_state(|| {
        let cache = held();
        move |times| {
            in_turn(times, async |n| {
                let found = cache.get(&(n % HELD)).await.expect("an answer").expect("a value");
                assert_eq!(found.len(), 100);
            });
        }
    })
}
