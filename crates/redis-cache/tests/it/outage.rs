//! A server that is gone, silent or slow costs errors, not time; and nothing written meanwhile lands later.

use crate::support;
use perfect21_redis_cache::{Cache, Error, ErrorKind, ErrorPolicy, Health, LoadError, RedisCache};
use perfect21_test_support::{
    fault::{Proxy, Way},
    redis::{Redis, Reply},
};
use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};
use tokio::time::sleep;

use crate::support::{DEADLINE, Loaded, until};

const TIMEOUT: Duration = Duration::from_millis(100);

async fn connect(url: &str) -> RedisCache {
    let builder = RedisCache::builder(url).namespace("test").connect_timeout(DEADLINE);
    builder.command_timeout(TIMEOUT).connect().await.unwrap()
}

fn strict(redis: &RedisCache) -> Cache<u64, u64> {
    redis.typed("number").on_error(ErrorPolicy::Strict).build().unwrap()
}

fn tolerant(redis: &RedisCache) -> Cache<u64, u64> {
    redis.typed("number").build().unwrap()
}

fn is_outage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}

/// The keys in the server, without those that the cache itself needs.
fn entries(server: &Redis) -> Vec<String> {
    let Reply::List(keys) = server.command(&["KEYS", "*"]).unwrap() else { panic!("KEYS answers a list") };
    keys.iter().filter_map(Reply::text).filter(|key| !key.contains('#')).map(str::to_owned).collect()
}

async fn serves(cache: &Cache<u64, u64>) {
    until("a set that is confirmed", async || cache.set(&0, &0).await.map_err(|e| e.to_string())).await;
}

async fn reads(cache: &Cache<u64, u64>, key: u64, value: Option<u64>) -> Result<(), String> {
    match cache.get(&key).await {
        Ok(found) if found == value => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

async fn is_down(redis: &RedisCache) {
    until("the outage to be seen", async || match redis.health(DEADLINE).await {
        Health::Down(_) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_errors_or_counted_misses_and_leaves_nothing_behind() {
    let server = Redis::start().unwrap();
    let redis = connect(&server.url()).await;
    let (strict, tolerant) = (strict(&redis), tolerant(&redis));
    serves(&strict).await;
    server.kill().unwrap();
    let start = Instant::now();
    for key in 0..200 {
        let error = strict.get(&key).await.unwrap_err();
        assert!(is_outage(&error), "{error}");
        let error = strict.set(&key, &1).await.unwrap_err();
        assert!(is_outage(&error), "{error}");
        assert!(is_outage(&strict.remove(&key).await.unwrap_err()));
        let loaded = strict.get_or_load(&key, || async { Loaded::Ok(1) }).await;
        assert!(matches!(&loaded, Err(LoadError::Cache(error)) if is_outage(error)), "{loaded:?}");
        assert_eq!(tolerant.get(&key).await.unwrap(), None);
        assert_eq!(tolerant.get_or_load(&key, move || async move { Loaded::Ok(key) }).await.unwrap(), key);
        assert!(is_outage(&tolerant.set(&key, &1).await.unwrap_err()), "a failed write is always an error");
    }
    assert!(start.elapsed() < DEADLINE, "1400 calls in {:?}: they wait", start.elapsed());
    let stats = tolerant.stats();
    assert_eq!((stats.hits, stats.misses, stats.loads), (0, 400, 200));
    assert!(stats.errors.total() >= 600, "{stats:?}");
    assert_eq!(strict.stats().misses, 0, "a failed lookup is no miss there");

    server.restart().unwrap();
    serves(&strict).await;
    assert_eq!(entries(&server), ["test:number:0"]);
    until("a load to be stored", async || {
        assert_eq!(tolerant.get_or_load(&5, || async { Loaded::Ok(6) }).await.unwrap(), 6);
        reads(&strict, 5, Some(6)).await
    })
    .await;
}

#[tokio::test]
async fn writes_whose_callers_went_away_do_not_land_after_the_outage() {
    let server = Redis::start().unwrap();
    let redis = connect(&server.url()).await;
    let cache = strict(&redis);
    serves(&cache).await;
    server.kill().unwrap();
    // A while passes until the client holds itself for unconnected: all through it, writes set out.
    for key in 1..100 {
        let mut abandoned = pin!(cache.set(&key, &1));
        let _ = poll_fn(|context| Poll::Ready(abandoned.as_mut().poll(context))).await;
        sleep(Duration::from_millis(1)).await;
    }
    // The next write of a key gets its turn when the one before has ended, and only then fails for the outage.
    for key in 1..100 {
        until("the end of the abandoned write", async || match cache.set(&key, &2).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    }
    server.restart().unwrap();
    serves(&cache).await;
    assert_eq!(entries(&server), ["test:number:0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_costs_each_call_its_time_out() {
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let redis = connect(&format!("redis://{}", proxy.addr())).await;
    let (strict, tolerant) = (strict(&redis), tolerant(&redis));
    serves(&strict).await;
    proxy.black_hole(Way::Both);
    let start = Instant::now();
    let calls: Vec<_> = (0..400)
        .map(|_| {
            let (strict, tolerant) = (strict.clone(), tolerant.clone());
            tokio::spawn(async move {
                // All on one key: they wait for one another, and still no longer than that.
                assert!(is_outage(&strict.set(&1, &1).await.unwrap_err()));
                assert!(is_outage(&strict.get(&1).await.unwrap_err()));
                assert_eq!(tolerant.get_or_load(&1, || async { Loaded::Ok(3) }).await.unwrap(), 3);
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert!(start.elapsed() < DEADLINE, "{:?}: they wait for one another", start.elapsed());
    proxy.pass();
    serves(&strict).await;
    until("an answer, which is that no write of the silence landed", async || reads(&strict, 1, None).await)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_outage_is_told_at_once_and_without_bound_on_the_callers() {
    let server = Redis::start().unwrap();
    let redis = connect(&server.url()).await;
    let cache = strict(&redis);
    serves(&cache).await;
    server.kill().unwrap();
    is_down(&redis).await;
    let start = Instant::now();
    for key in 0..10_000 {
        assert!(is_outage(&cache.set(&key, &1).await.unwrap_err()));
    }
    assert!(start.elapsed() < DEADLINE, "10 000 sets in {:?}", start.elapsed());
    assert!(!redis.health(DEADLINE).await.is_ready());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_again_and_again_are_made_again() {
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let redis = connect(&format!("redis://{}", proxy.addr())).await;
    let cache = strict(&redis);
    for round in 0..10 {
        proxy.cut();
        let _ = cache.get(&round).await;
        serves(&cache).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_can_start_before_its_cache() {
    let server = Redis::start().unwrap();
    server.stop().unwrap();
    let builder = RedisCache::builder(server.url()).namespace("test").connect_timeout(DEADLINE);
    let redis = builder.command_timeout(TIMEOUT).build().unwrap();
    let cache = tolerant(&redis);
    assert_eq!(cache.get_or_load(&1, || async { Loaded::Ok(1) }).await.unwrap(), 1);
    assert!(cache.stats().errors.unavailable >= 1, "{:?}", cache.stats());
    server.restart().unwrap();
    serves(&cache).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_closes_with_the_last_handle() {
    let server = Redis::start().unwrap();
    let clients = || match server.command(&["CLIENT", "LIST"]).unwrap() {
        Reply::Text(list) => list.lines().count(),
        other => panic!("{other:?}"),
    };
    let alone = clients();
    let redis = connect(&server.url()).await;
    let cache = strict(&redis);
    assert_eq!(clients(), alone + 3, "one for commands, one that hears of changes, one for the rest");
    drop(redis);
    serves(&cache).await;
    drop(cache);
    until("the connection to close", async || match clients() {
        seen if seen == alone => Ok(()),
        seen => Err(format!("{seen} clients")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_errors_are_its_own() {
    let server = Redis::start_with(&["maxmemory 1"]).unwrap();
    let error = strict(&support::connect(&server).await).set(&1, &1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().starts_with("OOM"));
}
