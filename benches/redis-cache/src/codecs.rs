//! What stands between a value and its bytes, without a server: in memory, by codec.

use crate::{KEYS, Product, TTL, in_turn, key};
use perfect21_bench_support::Op;
use perfect21_redis_cache::{Bincode, Cache, Codec, Json, Postcard, RedisCache};

/// The codecs that a [`Product`] can be written by.
pub const CODECS: [&str; 3] = ["JSON", "bincode", "postcard"];

/// A value set, and got again, in memory: key, envelope and codec of both ways.
#[must_use]
pub fn by_codec(codec: &str) -> [Op; 2] {
    match codec {
        "JSON" => ops(|| Json),
        "bincode" => ops(|| Bincode),
        "postcard" => ops(|| Postcard),
        other => panic!("{other} is not one of {CODECS:?}"),
    }
}

fn ops<C: Codec<Product>>(codec: fn() -> C) -> [Op; 2] {
    let cache = move || -> Cache<u64, Product> {
        let redis = RedisCache::in_memory().namespace("bench").build().expect("a memory");
        redis.typed_with("product", codec()).ttl(TTL).build().expect("a cache")
    };
    let set = Op::with_state(move || {
        let (cache, product) = (cache(), Product::new(0));
        move |times| in_turn(times, async |n| cache.set(&key(n), &product).await.expect("it is set"))
    });
    let get = Op::with_state(move || {
        let cache = cache();
        in_turn(KEYS, async |id| cache.set(&id, &Product::new(id)).await.expect("it is set"));
        move |times| {
            in_turn(times, async |n| {
                let found = cache.get(&key(n)).await.expect("an answer").expect("an entry");
                assert_eq!(found.id, key(n));
            });
        }
    });
    [set, get]
}

/// A key as it stands in Redis, made of a number.
#[must_use]
pub fn redis_key() -> Op {
    let redis = RedisCache::in_memory().namespace("bench").build().expect("a memory");
    let cache: Cache<u64, Product> = redis.typed("product").build().expect("a cache");
    Op::each(move |n| cache.redis_key(&key(n)))
}
