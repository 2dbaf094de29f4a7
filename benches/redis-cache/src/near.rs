//! What the process holds.

use crate::{TTL, connect, in_turn, runtime, text, texts};
use futures_util::FutureExt;
use perfect21_bench_support::Op;
use perfect21_redis_cache::{Cache, Near};
use std::{sync::LazyLock, time::Duration};

/// So few that all of them are in the processor's caches, on either side.
const HELD: u64 = 1000;

/// A cache of which the process holds the first keys.
fn held() -> &'static Cache<u64, String> {
    static HOLDS: LazyLock<Cache<u64, String>> = LazyLock::new(|| {
        let near = Near::new().max_age(TTL);
        let cache = texts(&connect(|builder| builder.near(near)), "held");
        runtime().block_on(async {
            while cache.stats().near_hits < HELD {
                for key in 0..HELD {
                    cache.get(&key).await.expect("an answer").expect("a value");
                }
            }
        });
        cache
    });
    &HOLDS
}

/// A hit, which is there at once.
#[must_use]
pub fn near_hit() -> Op {
    let cache = held();
    Op::each(move |n| {
        let found = cache.get(&(n % HELD)).now_or_never().expect("at once");
        assert_eq!(found.expect("an answer").expect("a value").len(), crate::VALUE_BYTES);
    })
}

/// The same, where it would be loaded if it were not held.
#[must_use]
pub fn near_load_hit() -> Op {
    let cache = held();
    Op::each(move |n| {
        let load = || async { Err::<String, _>("it is held") };
        let found = cache.get_or_load(&(n % HELD), load).now_or_never().expect("at once");
        assert_eq!(found.expect("a value").len(), crate::VALUE_BYTES);
    })
}

/// By a task of a runtime: beside what the server answers.
#[must_use]
pub fn near_hit_by_task() -> Op {
    let cache = held();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let found = cache.get(&(n % HELD)).await.expect("an answer").expect("a value");
                assert_eq!(found.len(), crate::VALUE_BYTES);
            });
        }
    })
}

/// A hit of a cache in the process, which nobody keeps current; of one whose entries end, if so.
#[must_use]
pub fn smart_hit(ttl: Option<Duration>) -> Op {
    let builder = perfect21_smart_cache::Cache::<u64, String>::builder().max_entries(2 * HELD as usize);
    let builder = if let Some(ttl) = ttl { builder.ttl(ttl) } else { builder };
    let cache = builder.build().expect("its settings are right");
    for n in 0..HELD {
        cache.insert(n, text(n)).expect("room");
    }
    Op::each(move |n| assert_eq!(cache.get(&(n % HELD)).expect("a value").len(), crate::VALUE_BYTES))
}
