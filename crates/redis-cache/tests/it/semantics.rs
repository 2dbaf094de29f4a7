//! Both backends answer the same, and keep what they are given.

use perfect21_core::ManualClock;
use perfect21_redis_cache::{Cache, ErrorKind, RedisCache};
use perfect21_test_support::redis::{Redis, Reply};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::support::{DEADLINE, Loaded, Product, connect, in_memory, numbers, product, until};

#[tokio::test]
async fn memory_does_what_is_written() {
    does_what_is_written(&in_memory()).await;
}

#[tokio::test]
async fn redis_does_what_is_written() {
    let server = Redis::start().unwrap();
    does_what_is_written(&connect(&server).await).await;
}

async fn does_what_is_written(redis: &RedisCache) {
    assert!(redis.health(DEADLINE).await.is_ready());
    values_come_back(redis).await;
    caches_and_keys_are_apart(redis).await;
    sizes_are_bounded(redis).await;
    loads_are_stored(redis).await;
}

async fn values_come_back(redis: &RedisCache) {
    let products = redis.typed::<str, Product>("product").build().unwrap();
    assert_eq!(products.get("a").await.unwrap(), None);
    products.set("a", &product(1)).await.unwrap();
    assert_eq!(products.get("a").await.unwrap(), Some(product(1)));
    products.set("a", &product(2)).await.unwrap();
    assert_eq!(products.get("a").await.unwrap(), Some(product(2)), "the last write counts");
    assert!(products.remove("a").await.unwrap());
    assert!(!products.remove("a").await.unwrap());
    assert_eq!(products.get("a").await.unwrap(), None);
    let stats = products.stats();
    assert_eq!((stats.hits, stats.misses, stats.sets, stats.removes), (2, 2, 2, 2));
    assert_eq!((stats.errors.total(), stats.rejected.total()), (0, 0));
    assert_eq!(stats.hit_rate(), Some(0.5));
}

async fn caches_and_keys_are_apart(redis: &RedisCache) {
    let pairs: Cache<(String, String), u64> = redis.typed("pair").build().unwrap();
    let others: Cache<(String, String), u64> = redis.typed("pair:x").build().unwrap();
    let keys = [("a:b", "c"), ("a", "b:c"), ("", "a"), ("a", ""), ("é\r\n", "*"), ("{a}", "%7B")]
        .map(|(a, b)| (a.to_owned(), b.to_owned()));
    for (number, key) in (0..).zip(&keys) {
        pairs.set(key, &number).await.unwrap();
    }
    for (number, key) in (0..).zip(&keys) {
        assert_eq!(pairs.get(key).await.unwrap(), Some(number), "{key:?}");
        assert_eq!(others.get(key).await.unwrap(), None, "{key:?}");
    }
}

async fn sizes_are_bounded(redis: &RedisCache) {
    let texts: Cache<String, String> = redis.typed("text").max_value_bytes(12).build().unwrap();
    texts.set(&"k".into(), &"0123456789".into()).await.unwrap();
    let error = texts.set(&"k".into(), &"0123456789a".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(error.to_string(), "a value of 13 bytes or more is over max_value_bytes = 12");
    let long = "k".repeat(100_000);
    texts.set(&long, &"long".into()).await.unwrap();
    assert_eq!(texts.get(&long).await.unwrap().as_deref(), Some("long"), "a long key is as good as any");
    assert!(texts.redis_key(&long).len() < 300);
    assert_eq!(texts.stats().errors.too_large, 1);
    let small: Cache<String, String> = redis.typed("text").max_value_bytes(5).build().unwrap();
    assert_eq!(small.get(&"k".into()).await.unwrap(), None);
    assert_eq!(small.stats().rejected.too_large, 1);
}

async fn loads_are_stored(redis: &RedisCache) {
    let (cache, loads) = (numbers(redis), Arc::new(AtomicU64::new(0)));
    let load = || {
        let loads = Arc::clone(&loads);
        || async move { Loaded::Ok(loads.fetch_add(1, Ordering::SeqCst) + 1) }
    };
    assert_eq!(cache.get_or_load(&7, load()).await.unwrap(), 1);
    assert_eq!(cache.get_or_load(&7, load()).await.unwrap(), 1);
    assert_eq!(cache.get(&7).await.unwrap(), Some(1));
    cache.remove(&7).await.unwrap();
    assert_eq!(cache.get_or_load(&7, load()).await.unwrap(), 2);
    let error = cache.get_or_load(&8, || async { Loaded::Err("down") }).await.unwrap_err();
    assert_eq!(error.to_string(), "the load failed");
    assert_eq!(cache.get(&8).await.unwrap(), None, "an error is not stored");
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.load_failures, stats.sets), (3, 1, 2));
}

#[tokio::test]
async fn a_value_lives_its_ttl_less_the_jitter() {
    let (server, ttl) = (Redis::start().unwrap(), Duration::from_millis(60_000));
    let redis = connect(&server).await;
    for (jitter, shortest) in [(0.0, 60_000), (0.5, 30_000)] {
        let cache: Cache<u64, u64> = redis.typed("ttl").ttl(ttl).jitter(jitter).build().unwrap();
        for key in 0..50 {
            cache.set(&key, &1).await.unwrap();
            let Reply::Int(left) = server.command(&["PTTL", &format!("test:ttl:{key}")]).unwrap() else {
                panic!("PTTL answers a number")
            };
            // Whatever time passed in between, a busy machine's too, is within the deadline.
            let passed = i64::try_from(DEADLINE.as_millis()).unwrap();
            assert!(left <= 60_000 && left >= shortest - passed, "jitter {jitter}: {left} ms left");
        }
    }
    let short: Cache<u64, u64> = redis.typed("short").ttl(Duration::from_millis(1)).build().unwrap();
    short.set(&1, &1).await.unwrap();
    until("expiry", async || match short.get(&1).await {
        Ok(None) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test]
async fn memory_expires_by_its_clock_and_is_bounded() {
    let clock = ManualClock::new();
    let builder = RedisCache::in_memory().namespace("test").max_entries(4).max_bytes(1000);
    let redis = builder.clock(Arc::new(clock.clone())).build().unwrap();
    let ttl = Duration::from_secs(1);
    let cache: Cache<u64, u64> = redis.typed("number").ttl(ttl).jitter(0.0).build().unwrap();
    cache.set(&1, &1).await.unwrap();
    clock.advance(ttl - Duration::from_nanos(1));
    assert_eq!(cache.get(&1).await.unwrap(), Some(1));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(cache.get(&1).await.unwrap(), None);
    for key in 0..100 {
        cache.set(&key, &key).await.unwrap();
    }
    let mut left = 0;
    for key in 0..100 {
        left += usize::from(cache.get(&key).await.unwrap().is_some());
    }
    assert!(left <= 4, "{left} entries in a place for 4");
    let large: Cache<u64, String> = redis.typed("large").build().unwrap();
    let error = large.set(&1, &"x".repeat(2000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn the_key_in_redis_is_the_documented_one() {
    let server = Redis::start().unwrap();
    let redis = RedisCache::builder(server.url()).namespace("my shop").connect().await.unwrap();
    redis.typed::<(u32, &str), u64>("a:b").build().unwrap().set(&(17, "de"), &1).await.unwrap();
    let Reply::List(mut keys) = server.command(&["KEYS", "*"]).unwrap() else {
        panic!("KEYS answers a list")
    };
    keys.sort_by(|a, b| a.text().cmp(&b.text()));
    let expected = ["my%20shop:#clear", "my%20shop:a%3Ab:#clear", "my%20shop:a%3Ab:(17,'de)"];
    assert_eq!(keys.iter().map(|key| key.text().unwrap()).collect::<Vec<_>>(), expected);
}
