//! Tags and `clear` make entries out of date for all processes, and nothing else.

use perfect21_redis_cache::{Cache, ErrorKind, RedisCache, Terms};
use perfect21_test_support::redis::Redis;
use std::time::Duration;

use crate::support::{connect, in_memory, until};

fn tagged(redis: &RedisCache) -> Cache<u64, u64> {
    redis.typed("number").tags(|key| [format!("n{key}"), "all".to_owned()]).build().unwrap()
}

#[tokio::test]
async fn memory_forgets_what_is_invalidated() {
    let redis = in_memory();
    forgets_what_is_invalidated(&redis, &redis).await;
}

#[tokio::test]
async fn redis_forgets_what_is_invalidated_by_another_process() {
    let server = Redis::start().unwrap();
    forgets_what_is_invalidated(&connect(&server).await, &connect(&server).await).await;
}

async fn forgets_what_is_invalidated(reader: &RedisCache, writer: &RedisCache) {
    let cache = tagged(reader);
    // The reader is told of what another process does a moment after it is done.
    let sees = async |expected: [Option<u64>; 3]| {
        until("the change to be told of", async || {
            let found = cache.get_many(&[1, 2, 3]).await.into_iter().map(|value| value.unwrap());
            let mut found = vec![found.collect::<Vec<_>>(), Vec::new()];
            for key in 1..=3 {
                found[1].push(cache.get(&key).await.unwrap());
            }
            if found == [expected, expected] { Ok(()) } else { Err(format!("{found:?}, not {expected:?}")) }
        })
        .await;
    };
    let fill = async || {
        for key in 1..=2 {
            cache.set(&key, &key).await.unwrap();
        }
        cache.set_with(&3, &3, Terms::new().tag("odd {*}\n").tag("")).await.unwrap();
        sees([Some(1), Some(2), Some(3)]).await;
    };
    fill().await;
    writer.invalidate(["n1", "no such"]).await.unwrap();
    sees([None, Some(2), Some(3)]).await;
    writer.invalidate(["odd {*}\n"]).await.unwrap();
    sees([None, Some(2), None]).await;
    fill().await;
    writer.invalidate([""]).await.unwrap();
    sees([Some(1), Some(2), None]).await;
    fill().await;
    writer.invalidate(["all"]).await.unwrap();
    sees([None, None, None]).await;
    fill().await;
    let other: Cache<u64, u64> = reader.typed("other").build().unwrap();
    other.set(&1, &1).await.unwrap();
    writer.typed::<u64, u64>("number").build().unwrap().clear().await.unwrap();
    sees([None, None, None]).await;
    assert_eq!(other.get(&1).await.unwrap(), Some(1), "another cache keeps its own");
    fill().await;
    writer.clear().await.unwrap();
    sees([None, None, None]).await;
    assert_eq!(other.get(&1).await.unwrap(), None);
    assert!(cache.stats().outdated > 0);
}

/// A version that is lost is another one when it comes back: nothing that was out of date counts again.
#[tokio::test]
async fn a_lost_version_brings_nothing_back() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    let cache = tagged(&redis);
    for lost in ["test:#clear", "test:number:#clear", "test:#tag:n1", "test:#tag:all"] {
        cache.set(&1, &1).await.unwrap();
        assert_eq!(cache.get(&1).await.unwrap(), Some(1));
        redis.invalidate(["n1"]).await.unwrap();
        server.command(&["DEL", lost]).unwrap();
        assert_eq!(cache.get(&1).await.unwrap(), None, "{lost}");
        cache.set(&2, &2).await.unwrap();
        assert_eq!(cache.get(&1).await.unwrap(), None, "{lost}, made again");
    }
    cache.set(&1, &1).await.unwrap();
    server.command(&["FLUSHALL"]).unwrap();
    assert_eq!(cache.get(&1).await.unwrap(), None);
    cache.set(&1, &1).await.unwrap();
    assert_eq!(cache.get(&1).await.unwrap(), Some(1));
}

/// Each tag takes one key of the server, which goes some time after what was stored with it.
#[tokio::test]
async fn versions_of_tags_outlive_their_entries_and_end() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    let ttl = Duration::from_secs(60);
    let cache: Cache<u64, u64> =
        redis.typed("number").ttl(ttl).stale_for(ttl).jitter(0.0).tags(|_| ["t"]).build().unwrap();
    cache.set(&1, &1).await.unwrap();
    let left = |key: &str| match server.command(&["PTTL", key]).unwrap() {
        perfect21_test_support::redis::Reply::Int(left) => left,
        other => panic!("{other:?}"),
    };
    assert!(left("test:#tag:t") > left("test:number:1"));
    redis.invalidate(["t", "unknown"]).await.unwrap();
    assert!(left("test:#tag:t") > 0, "an invalidation leaves it its end");
    assert_eq!(left("test:#tag:unknown"), -2, "what no entry has is not written down");
}

#[tokio::test]
async fn too_many_and_too_long_tags_are_refused() {
    let cache: Cache<u64, u64> = in_memory().typed("number").build().unwrap();
    let many = Terms::new().tags((0..65).map(|tag| tag.to_string()));
    let error = cache.set_with(&1, &1, many).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Config, "an entry may have 64 tags, not 65")
    );
    let error = cache.set_with(&1, &1, Terms::new().tag("x".repeat(256))).await.unwrap_err();
    assert_eq!(error.to_string(), "a tag may have 255 bytes, not 256");
    let error = cache.set_with(&1, &1, Terms::new().ttl(Duration::ZERO)).await.unwrap_err();
    assert_eq!(error.to_string(), "a ttl of 0ns must be from 1 ms to 100 years");
}
