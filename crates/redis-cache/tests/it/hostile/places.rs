//! Something else under the keys that the caches themselves need: what it spoils is put right by the next write.

use crate::support::{DEADLINE, Loaded, connect, until};
use perfect21_redis_cache::{Cache, Changes, ErrorPolicy, Near, RedisCache};
use perfect21_test_support::redis::Redis;

const PLACES: [&str; 6] = [
    "test:number:1",
    "test:#clear",
    "test:number:#clear",
    "test:#tag:t",
    "test:#tags",
    "{test:number:1}!lease",
];

const THINGS: [&[&str]; 11] = [
    &["RPUSH", "KEY", "a"],
    &["HSET", "KEY", "a", "1"],
    &["SADD", "KEY", "a"],
    &["ZADD", "KEY", "1", "a"],
    &["XADD", "KEY", "*", "a", "1"],
    &["SET", "KEY", ""],
    &["SET", "KEY", "0"],
    &["SET", "KEY", "-1"],
    &["SET", "KEY", "of somebody else"],
    &["SET", "KEY", "18446744073709551616"],
    &["SET", "KEY", "7 \r\n"],
];

fn put(server: &Redis, place: &str, thing: &[&str]) {
    let words: Vec<_> = thing.iter().map(|word| if *word == "KEY" { place } else { word }).collect();
    server.command(&["DEL", place]).unwrap();
    server.command(&words).unwrap();
}

/// Writes until what is written is read: what this process knows of versions may be from before the last change by somebody
/// else, of which it hears in a moment.
async fn stored(cache: &Cache<u64, u64>, value: u64, of: &str) {
    until("a value to be there", async || {
        let set = cache.set(&1, &value).await;
        assert!(set.is_ok(), "{of}: {set:?}");
        seen(cache, Some(value), of).await
    })
    .await;
}

async fn seen(cache: &Cache<u64, u64>, value: Option<u64>, of: &str) -> Result<(), String> {
    match cache.get(&1).await {
        Ok(seen) if seen == value => Ok(()),
        other => Err(format!("{of}: {other:?}, not {value:?}")),
    }
}

async fn puts_right(server: &Redis, redis: &RedisCache, place: &str, thing: &[&str]) {
    let of = &*format!("{thing:?} under {place}");
    let cache = redis.typed("number").tags(|_| ["t"]).on_error(ErrorPolicy::Strict);
    let cache: Cache<u64, u64> = cache.build().unwrap();
    // Before a lookup, a load, a write, and what makes entries out of date.
    stored(&cache, 1, of).await;
    put(server, place, thing);
    let counts = ["test:#tags", "{test:number:1}!lease"].contains(&place);
    until("the lookup", async || seen(&cache, counts.then_some(1), of).await).await;

    cache.remove(&1).await.unwrap();
    put(server, place, thing);
    until("a load to be stored", async || {
        let loaded = cache.get_or_load(&1, || async { Loaded::Ok(2) }).await;
        assert!(matches!(loaded, Ok(2)), "{of}: {loaded:?}");
        seen(&cache, Some(2), of).await
    })
    .await;

    put(server, place, thing);
    stored(&cache, 3, of).await;
    for change in ["tag", "clear", "clear all"] {
        put(server, place, thing);
        let done = match change {
            "tag" => redis.invalidate(["t"]).await,
            "clear" => cache.clear().await,
            _ => redis.clear().await,
        };
        assert!(done.is_ok(), "{of}: {change}: {done:?}");
        let gone = seen(&cache, None, of).await;
        assert!(gone.is_ok(), "{change}: {gone:?}");
        stored(&cache, 4, of).await;
    }
    assert_eq!(cache.stats().errors.total(), 0, "{of}: {:?}", cache.stats());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_foreign_there_is_put_right() {
    let server = Redis::start().unwrap();
    let near = RedisCache::builder(server.url()).namespace("test").near(Near::new());
    let deaf = RedisCache::builder(server.url()).namespace("test").changes(Changes::Unheard);
    let [near, deaf] =
        [near, deaf].map(|builder| builder.connect_timeout(DEADLINE).command_timeout(DEADLINE));
    let ways = [connect(&server).await, near.connect().await.unwrap(), deaf.connect().await.unwrap()];
    for redis in ways {
        for place in PLACES {
            for thing in THINGS {
                puts_right(&server, &redis, place, thing).await;
            }
        }
    }
}

/// A lease that is taken away or spoilt while its holder loads: what it brings is not stored, and nobody waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_spoilt_during_the_load_is_lost() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    for thing in THINGS {
        let cache = redis.typed("number").on_error(ErrorPolicy::Strict);
        let cache: Cache<u64, u64> = cache.build().unwrap();
        cache.remove(&1).await.unwrap();
        let (began, go) = (tokio::sync::oneshot::channel(), tokio::sync::oneshot::channel::<()>());
        let loading = tokio::spawn({
            let cache = cache.clone();
            let (tell, wait) = (began.0, go.1);
            async move {
                let load = || async move {
                    tell.send(()).unwrap();
                    wait.await.unwrap();
                    Loaded::Ok(1)
                };
                cache.get_or_load(&1, load).await.unwrap()
            }
        });
        began.1.await.unwrap();
        put(&server, "{test:number:1}!lease", thing);
        go.0.send(()).unwrap();
        assert_eq!(loading.await.unwrap(), 1, "{thing:?}: who waited gets it");
        let stats = cache.stats();
        assert_eq!((stats.overtaken, stats.errors.total()), (1, 0), "{thing:?}: {stats:?}");
        assert_eq!(cache.get_or_load(&1, || async { Loaded::Ok(2) }).await.unwrap(), 2, "{thing:?}");
        assert_eq!(cache.get(&1).await.unwrap(), Some(2), "{thing:?}");
    }
}
