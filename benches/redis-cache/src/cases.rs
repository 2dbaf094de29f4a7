//! Ours, before the server.

use crate::{KEYS, MANY, Product, TTL, closed_loop, in_turn, key, runtime, server};
use perfect21_bench_support::Op;
use perfect21_redis_cache::{Builder, Cache, Health, Near, RedisCache};
use std::{sync::LazyLock, time::Duration};

/// The tags of an entry that has some.
pub const TAGS: [&str; 2] = ["products", "shop"];

/// A cache of [`Product`]s by number.
type Products = Cache<u64, Product>;

/// Connects, and waits until it hears of changes.
#[must_use]
pub fn connect(change: impl FnOnce(Builder) -> Builder) -> RedisCache {
    // A busy machine may stop all threads for longer than the default of 250 ms.
    let builder =
        RedisCache::builder(server().url()).namespace("bench").command_timeout(Duration::from_secs(5));
    runtime().block_on(async {
        let redis = change(builder).connect().await.expect("a connection");
        while !matches!(redis.health(Duration::from_secs(5)).await, Health::Ready { .. }) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        redis
    })
}

/// A cache with [`KEYS`] entries in it.
#[must_use]
pub fn cache(redis: &RedisCache, name: &str) -> Products {
    let cache: Products = redis.typed(name).ttl(TTL).build().expect("a cache");
    let all: Vec<_> = (0..KEYS).map(|id| (id, Product::new(id))).collect();
    for part in all.chunks(100) {
        let done = runtime().block_on(cache.set_many(part));
        assert!(done.iter().all(Result::is_ok), "{done:?}");
    }
    cache
}

/// The one that most cases ask, without a near cache.
fn far() -> &'static Products {
    static FAR: LazyLock<Products> = LazyLock::new(|| cache(&connect(|builder| builder), "far"));
    &FAR
}

async fn check(cache: &Products, n: u64) {
    let found = cache.get(&key(n)).await.expect("an answer").expect("an entry");
    assert_eq!(found.id, key(n));
}

fn gets(cache: &'static Products, tasks: u64) -> Op {
    Op::with_state(move || {
        move |times| match tasks {
            1 => in_turn(times, |n| check(cache, n)),
            _ => closed_loop(tasks, times, move |n| check(cache, n)),
        }
    })
}

/// One key after the other, by so many tasks.
#[must_use]
pub fn get(tasks: u64) -> Op {
    gets(far(), tasks)
}

/// As [`get`], by a process that has never written.
#[must_use]
pub fn get_read_only(tasks: u64) -> Op {
    static READER: LazyLock<Products> = LazyLock::new(|| {
        let _ = far();
        connect(|builder| builder).typed("far").ttl(TTL).build().expect("a cache")
    });
    gets(&READER, tasks)
}

/// As [`get`], with a near cache that holds hardly any of them.
#[must_use]
pub fn near_miss(tasks: u64) -> Op {
    static SMALL: LazyLock<Products> =
        LazyLock::new(|| cache(&connect(|builder| builder.near(Near::new().max_bytes(4096))), "small"));
    gets(&SMALL, tasks)
}

/// Of keys that are all held.
#[must_use]
pub fn near_hit() -> Op {
    static HELD: LazyLock<Products> = LazyLock::new(|| {
        let near = Near::new().max_age(Duration::from_secs(6 * 3600));
        let cache = cache(&connect(|builder| builder.near(near)), "held");
        for _ in 0..3 {
            in_turn(KEYS, |n| check(&cache, n));
        }
        let before = cache.stats();
        in_turn(KEYS, |n| check(&cache, n));
        assert_eq!(cache.stats().near_hits - before.near_hits, KEYS, "{:?}", cache.stats());
        cache
    });
    gets(&HELD, 1)
}

/// The same values out of a cache of this process alone.
#[must_use]
pub fn smart_hit() -> Op {
    static SMART: LazyLock<perfect21_smart_cache::Cache<u64, Product>> = LazyLock::new(|| {
        let cache = perfect21_smart_cache::Cache::builder().max_entries(100_000).ttl(TTL).build();
        let cache = cache.expect("a cache");
        (0..KEYS).for_each(|id| drop(cache.insert(id, Product::new(id))));
        cache
    });
    let cache = &*SMART;
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| assert_eq!(cache.get(&key(n)).expect("an entry").id, key(n)));
        }
    })
}

/// One task's, to hold near hits against.
#[must_use]
pub fn far_hit() -> Op {
    get(1)
}

/// Hits of what loads where there is none.
#[must_use]
pub fn load_hit(tasks: u64) -> Op {
    let cache = far();
    let load = move |n| async move {
        let found =
            cache.get_or_load(&key(n), || std::future::ready(Err::<Product, _>("there is an entry"))).await;
        assert_eq!(found.expect("an entry").id, key(n));
    };
    Op::with_state(move || {
        move |times| match tasks {
            1 => in_turn(times, load),
            _ => closed_loop(tasks, times, load),
        }
    })
}

/// [`MANY`] keys at once.
#[must_use]
pub fn get_many() -> Op {
    let cache = far();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let keys: Vec<_> = (0..MANY).map(|i| key(n * MANY + i)).collect();
                let found = cache.get_many(&keys).await;
                assert!(found.iter().all(|found| matches!(found, Ok(Some(_)))), "{found:?}");
            });
        }
    })
}

/// One key by so many tasks.
#[must_use]
pub fn set(tasks: u64) -> Op {
    static SETS: LazyLock<Products> = LazyLock::new(|| cache(&connect(|builder| builder), "sets"));
    sets(&SETS, tasks)
}

/// As [`set`], with [`TAGS`].
#[must_use]
pub fn set_tagged(tasks: u64) -> Op {
    static TAGGED: LazyLock<Products> = LazyLock::new(|| {
        let redis = connect(|builder| builder);
        redis.typed("tagged").ttl(TTL).tags(|_: &u64| TAGS).build().expect("a cache")
    });
    sets(&TAGGED, tasks)
}

fn sets(cache: &'static Products, tasks: u64) -> Op {
    Op::with_state(move || {
        let product: &'static Product = Box::leak(Box::new(Product::new(0)));
        let set = move |n| async move { cache.set(&key(n), product).await.expect("it is set") };
        move |times| match tasks {
            1 => in_turn(times, set),
            _ => closed_loop(tasks, times, set),
        }
    })
}

/// [`MANY`] entries at once.
#[must_use]
pub fn set_many() -> Op {
    static SETS: LazyLock<Products> = LazyLock::new(|| cache(&connect(|builder| builder), "many"));
    let cache = &*SETS;
    Op::with_state(move || {
        let entries: Vec<_> = (0..MANY).map(|n| (key(n), Product::new(key(n)))).collect();
        move |times| {
            in_turn(times, async |_| {
                let done = cache.set_many(&entries).await;
                assert!(done.iter().all(Result::is_ok), "{done:?}");
            });
        }
    })
}
