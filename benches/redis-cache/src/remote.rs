//! What goes to the server.

use crate::{
    KEYS, MANY, Product, TTL, entries, entry, hundred, in_turn, key, loop_of, runtime, server, text,
};
use perfect21_bench_support::Op;
use perfect21_redis_cache::{Bincode, Builder, Cache, Health, Near, RedisCache};
use std::{sync::LazyLock, time::Duration};

/// The tags of an entry that has some.
pub const TAGS: [&str; 2] = ["products", "shop"];

type Texts = Cache<u64, String>;

/// Connects, and waits until it hears of changes.
#[must_use]
pub fn connect(change: impl FnOnce(Builder) -> Builder) -> RedisCache {
    // With the defaults, but time enough on a busy machine.
    let long = Duration::from_secs(10);
    let builder = RedisCache::builder(server().url()).namespace("bench");
    let builder = change(builder.command_timeout(long).connect_timeout(long));
    runtime().block_on(async {
        let redis = builder.connect().await.expect("a connection");
        while !matches!(redis.health(long).await, Health::Ready { .. }) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        redis
    })
}

/// A cache of [`text`]s by number, written by bincode, with [`KEYS`] in it.
#[must_use]
pub fn texts(redis: &RedisCache, name: &str) -> Texts {
    let cache = redis.typed_with(name, Bincode).ttl(TTL).build().expect("its settings are right");
    filled(cache, text)
}

/// A cache with [`KEYS`] entries put into it.
pub fn filled<V: Clone + Send + Sync + 'static>(cache: Cache<u64, V>, value: fn(u64) -> V) -> Cache<u64, V> {
    let all: Vec<_> = (0..KEYS).map(|n| (n, value(n))).collect();
    for part in all.chunks(MANY as usize) {
        for done in runtime().block_on(cache.set_many(part)) {
            done.expect("a set");
        }
    }
    cache
}

/// The one that most cases read, without a near cache.
fn far() -> &'static Texts {
    static FAR: LazyLock<Texts> = LazyLock::new(|| texts(&connect(|builder| builder), "far"));
    &FAR
}

/// The one whose values are structures in JSON.
fn products() -> &'static Cache<u64, Product> {
    static PRODUCTS: LazyLock<Cache<u64, Product>> = LazyLock::new(|| {
        let redis = connect(|builder| builder);
        filled(redis.typed("product").ttl(TTL).build().expect("its settings are right"), Product::new)
    });
    &PRODUCTS
}

async fn one(cache: &Texts, n: u64) {
    let found = cache.get(&key(n)).await.expect("an answer");
    assert_eq!(found.expect("a value").len(), crate::VALUE_BYTES);
}

/// One key after the other, by so many tasks.
#[must_use]
pub fn get(tasks: u64) -> Op {
    let cache = far();
    loop_of(tasks, move |n| one(cache, n))
}

/// As [`get`], by a process that has never written.
#[must_use]
pub fn get_by_reader(tasks: u64) -> Op {
    static READER: LazyLock<Texts> = LazyLock::new(|| {
        let _ = far();
        connect(|builder| builder)
            .typed_with("far", Bincode)
            .ttl(TTL)
            .build()
            .expect("its settings are right")
    });
    let cache = &*READER;
    loop_of(tasks, move |n| one(cache, n))
}

/// As [`get`], of structures in JSON.
#[must_use]
pub fn get_of_json(tasks: u64) -> Op {
    let cache = products();
    loop_of(tasks, move |n| async move {
        let found = cache.get(&key(n)).await.expect("an answer");
        assert_eq!(found.expect("a value").id, key(n));
    })
}

/// As [`get`], with a near cache that holds hardly any of them.
#[must_use]
pub fn near_miss(tasks: u64) -> Op {
    static SMALL: LazyLock<Texts> =
        LazyLock::new(|| texts(&connect(|builder| builder.near(Near::new().max_bytes(4096))), "small"));
    let cache = &*SMALL;
    loop_of(tasks, move |n| one(cache, n))
}

/// Hits of what loads where there is none.
#[must_use]
pub fn load_hit(tasks: u64) -> Op {
    let cache = far();
    loop_of(tasks, move |n| async move {
        let load = || std::future::ready(Err::<String, _>("there is an entry"));
        let found = cache.get_or_load(&key(n), load).await;
        assert_eq!(found.expect("a value").len(), crate::VALUE_BYTES);
    })
}

/// [`MANY`] keys at once.
#[must_use]
pub fn get_many() -> Op {
    many_of(far())
}

/// As [`get_many`], of structures in JSON.
#[must_use]
pub fn get_many_of_json() -> Op {
    many_of(products())
}

fn many_of<V: Clone + Send + Sync + 'static>(cache: &'static Cache<u64, V>) -> Op {
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let keys: Vec<_> = (0..MANY).map(|nth| key(n * MANY + nth)).collect();
                for found in cache.get_many(&keys).await {
                    drop(found.expect("an answer").expect("a value"));
                }
            });
        }
    })
}

/// One key after the other with its TTL, by so many tasks.
#[must_use]
pub fn set(tasks: u64) -> Op {
    static SETS: LazyLock<Texts> = LazyLock::new(|| texts(&connect(|builder| builder), "sets"));
    sets(&SETS, tasks)
}

/// As [`set`], with [`TAGS`].
#[must_use]
pub fn set_tagged(tasks: u64) -> Op {
    static TAGGED: LazyLock<Texts> = LazyLock::new(|| {
        let tagged = connect(|builder| builder).typed_with("tagged", Bincode).ttl(TTL).tags(|_: &u64| TAGS);
        tagged.build().expect("its settings are right")
    });
    sets(&TAGGED, tasks)
}

fn sets(cache: &'static Texts, tasks: u64) -> Op {
    let _ = entries();
    loop_of(tasks, move |n| async move {
        let (key, text) = entry(n);
        cache.set(key, text).await.expect("a set");
    })
}

/// [`MANY`] entries at once.
#[must_use]
pub fn set_many() -> Op {
    static SETS: LazyLock<Texts> = LazyLock::new(|| texts(&connect(|builder| builder), "many"));
    let (cache, _) = (&*SETS, entries());
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                for done in cache.set_many(hundred(n)).await {
                    done.expect("a set");
                }
            });
        }
    })
}
