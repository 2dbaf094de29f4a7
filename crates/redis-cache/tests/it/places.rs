//! Wherever the keys are: a cluster, behind sentinels, behind a Unix socket.

use perfect21_redis_cache::{Cache, ErrorPolicy, RedisCache};
use perfect21_test_support::redis::{Cluster, Redis, Sentinel};
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Loaded, until};

async fn connect(url: &str) -> RedisCache {
    let builder = RedisCache::builder(url).namespace("test").connect_timeout(DEADLINE);
    builder.command_timeout(Duration::from_secs(2)).connect().await.unwrap()
}

fn strict(redis: &RedisCache) -> Cache<u64, u64> {
    redis.typed("number").tags(|key| [format!("{}", key % 3)]).on_error(ErrorPolicy::Strict).build().unwrap()
}

async fn all_works(redis: &RedisCache) {
    assert!(redis.health(DEADLINE).await.is_ready());
    let cache = strict(redis);
    let keys: Vec<u64> = (0..100).collect();
    let entries: Vec<_> = keys.iter().map(|key| (*key, key * 2)).collect();
    for done in cache.set_many(&entries).await {
        done.unwrap();
    }
    let found: Vec<_> = cache.get_many(&keys).await.into_iter().map(|value| value.unwrap()).collect();
    assert_eq!(found, keys.iter().map(|key| Some(key * 2)).collect::<Vec<_>>());
    redis.invalidate(["1"]).await.unwrap();
    let found: Vec<_> = cache.get_many(&keys).await.into_iter().map(|value| value.unwrap()).collect();
    assert_eq!(found, keys.iter().map(|key| (key % 3 != 1).then_some(key * 2)).collect::<Vec<_>>());
    let removed: u64 =
        cache.remove_many(&keys).await.into_iter().map(|removed| u64::from(removed.unwrap())).sum();
    assert_eq!(removed, 100, "what is out of date is there yet");
    assert_eq!(cache.get_or_load(&7, || async { Loaded::Ok(1) }).await.unwrap(), 1);
    assert_eq!(cache.get(&7).await.unwrap(), Some(1));
    assert!(
        cache.exists(&7).await.unwrap() && cache.ttl(&7).await.unwrap().unwrap() > Duration::from_secs(1)
    );
    assert!(cache.touch(&7, Duration::from_secs(10_000)).await.unwrap());
    assert!(cache.ttl(&7).await.unwrap().unwrap() > Duration::from_secs(9000));
    assert!(!cache.touch(&8, Duration::from_secs(1)).await.unwrap());
    for _ in 0..100 {
        for done in cache.set_many(&entries).await {
            done.unwrap();
        }
    }
    assert_eq!(cache.sweep().all().page(10).pause(Duration::ZERO).run().await.unwrap().removed, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket() {
    let server = Redis::start().unwrap();
    let redis = connect(&format!("redis+unix://{}?db=3", server.socket().display())).await;
    all_works(&redis).await;
    strict(&redis).set(&1, &1).await.unwrap();
    let text = server.command(&["INFO", "keyspace"]).unwrap();
    assert!(text.text().unwrap().contains("db3:"), "{text:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_connections() {
    let server = Redis::start().unwrap();
    let builder = RedisCache::builder(server.url()).connections(4).connect_timeout(DEADLINE);
    let redis = builder.command_timeout(DEADLINE).namespace("test").connect().await.unwrap();
    all_works(&redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_and_a_node_of_it_that_dies() {
    let cluster = Cluster::start().unwrap();
    let redis = connect(&cluster.urls()[0].replace("redis://", "redis-cluster://")).await;
    all_works(&redis).await;
    assert_eq!(redis.servers().await.len(), 3);
    let cache = strict(&redis);
    cache.set(&1, &1).await.unwrap();
    let owner = cluster.owner("test:number:1").unwrap();
    owner.kill().unwrap();
    let start = Instant::now();
    // How long the servers take for that, on a busy machine, is no matter of the cache.
    cluster.owner("test:number:1").unwrap();
    until("a replica to take over", async || {
        let asked = Instant::now();
        let answer = cache.set(&1, &2).await;
        assert!(asked.elapsed() < DEADLINE, "a call takes no longer than its time-outs");
        answer.map_err(|error| format!("{error}: {:?}", std::error::Error::source(&error)))
    })
    .await;
    assert_eq!(cache.get(&1).await.unwrap(), Some(2), "after {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_main_server_behind_sentinels_and_its_successor() {
    let sentinel = Sentinel::start().unwrap();
    let ports = sentinel.ports();
    let url = format!(
        "redis-sentinel://127.0.0.1:{}?sentinelServiceName={}&node=127.0.0.1:{}",
        ports[0],
        Sentinel::NAME,
        ports[1]
    );
    let redis = connect(&url).await;
    all_works(&redis).await;
    let cache = strict(&redis);
    cache.set(&1, &1).await.unwrap();
    sentinel.kill_master().unwrap();
    sentinel.wait_for_failover().unwrap();
    until("the successor to be found", async || {
        let answer = cache.set(&1, &2).await;
        answer.map_err(|error| format!("{error}: {:?}", std::error::Error::source(&error)))
    })
    .await;
    assert_eq!(cache.get(&1).await.unwrap(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_transactions_are_not_allowed_all_works() {
    let server = Redis::start_with(&["user default on nopass ~* &* +@all -multi"]).unwrap();
    all_works(&connect(&server.url()).await).await;
}
