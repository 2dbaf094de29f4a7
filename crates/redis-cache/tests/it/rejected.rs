//! Whatever lies under a key of ours that is no value of ours is a counted miss.

use crate::support;
use perfect21_redis_cache::{Cache, ErrorPolicy, RejectCounts};
use perfect21_test_support::redis::Redis;

use crate::support::{Loaded, connect, numbers};

/// An envelope of version 1, of any length.
const OLD: &str =
    "P2\x01\x01\x02\0\0\0abcd17 and what more there may have been of it at that time, which matters not";

#[tokio::test]
async fn foreign_values_are_counted_misses() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    type Reason = fn(&RejectCounts) -> u64;
    let cases: [(&[&str], Reason); 6] = [
        (&["SET", "test:number:1", ""], |r| r.foreign),
        (&["SET", "test:number:1", "17"], |r| r.foreign),
        (&["RPUSH", "test:number:1", "a list"], |r| r.foreign),
        (&["HSET", "test:number:1", "a", "hash"], |r| r.foreign),
        (&["SET", "test:number:1", "P2"], |r| r.length),
        (&["SET", "test:number:1", OLD], |r| r.version),
    ];
    for (command, reason) in cases {
        server.command(&["DEL", "test:number:1"]).unwrap();
        server.command(command).unwrap();
        let cache: Cache<u64, u64> = redis.typed("number").on_error(ErrorPolicy::Strict).build().unwrap();
        assert_eq!(cache.get(&1).await.unwrap(), None, "{command:?}");
        assert_eq!(cache.get_or_load(&1, || async { Loaded::Ok(5) }).await.unwrap(), 5);
        let stats = cache.stats();
        // Each look at it counts, the one that takes the lease too.
        let rejected = reason(&stats.rejected);
        assert!(rejected >= 1 && rejected == stats.rejected.total(), "{command:?}: {stats:?}");
        assert_eq!((stats.misses, stats.errors.total()), (2, 0), "{command:?}");
        assert_eq!(cache.get(&1).await.unwrap(), Some(5), "{command:?}: a load puts it right");
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_a_counted_miss() {
    let redis = support::in_memory();
    let texts: Cache<u64, String> = redis.typed("number").build().unwrap();
    texts.set(&1, &"seventeen".to_owned()).await.unwrap();
    let numbers = numbers(&redis);
    assert_eq!(numbers.get(&1).await.unwrap(), None);
    assert_eq!(numbers.stats().rejected.wrong_type, 1);
}

#[tokio::test]
async fn altered_bytes_are_counted_misses() {
    let server = Redis::start().unwrap();
    let cache = numbers(&connect(&server).await);
    for (command, at, bytes) in [("SETRANGE", "12", "8"), ("SETRANGE", "5", "\x01"), ("APPEND", "", "x")] {
        cache.set(&1, &17).await.unwrap();
        let words: Vec<_> =
            ["test:number:1", at, bytes].into_iter().filter(|word| !word.is_empty()).collect();
        server.command(&[&[command], &words[..]].concat()).unwrap();
        assert_eq!(cache.get(&1).await.unwrap(), None, "{command} {at}");
    }
    assert_eq!(cache.stats().rejected.checksum, 3);
}
