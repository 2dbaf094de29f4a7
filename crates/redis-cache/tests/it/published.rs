//! Where a server tells nobody of changes, those who make them do: what a process holds is what they wrote last.

use perfect21_redis_cache::{Cache, Changes, Health, Near, RedisCache};
use perfect21_test_support::{
    fault::Proxy,
    redis::{Cluster, Redis},
};
use std::time::Duration;

use crate::support::{
    DEADLINE,
    near::{becomes, held, is_open, races},
    numbers, until,
};

/// A server that refuses to track.
fn start() -> Redis {
    Redis::start_with(&["user default on nopass ~* &* +@all -client|tracking"]).unwrap()
}

async fn connect(url: &str, near: Option<Near>) -> RedisCache {
    let builder = RedisCache::builder(url).namespace("test").changes(Changes::Published);
    let builder = if let Some(near) = near { builder.near(near) } else { builder };
    let builder = builder.command_timeout(DEADLINE).connect_timeout(DEADLINE);
    let redis = builder.ping_interval(Duration::from_millis(200)).connect().await.unwrap();
    is_open(&redis).await;
    redis
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_another_process_is_heard_of() {
    let server = start();
    let (reader, writer) =
        (connect(&server.url(), Some(Near::new())).await, connect(&server.url(), None).await);
    let cache: Cache<u64, u64> = reader.typed("number").tags(|_| ["t"]).build().unwrap();
    let writes = numbers(&writer);
    cache.set(&1, &0).await.unwrap();
    held(&cache, 1, 0).await;
    for round in 1..50 {
        writes.set(&1, &round).await.unwrap();
        becomes(&cache, 1, Some(round)).await;
        held(&cache, 1, round).await;
    }
    for change in ["set many", "remove", "tag", "clear", "clear all", "sweep", "idle"] {
        cache.set(&1, &7).await.unwrap();
        held(&cache, 1, 7).await;
        let mut after = None;
        match change {
            "set many" => {
                assert!(writes.set_many(&[(0, 0), (1, 8)]).await.iter().all(Result::is_ok));
                after = Some(8);
            }
            "remove" => drop(writes.remove(&1).await.unwrap()),
            "tag" => writer.invalidate(["t"]).await.unwrap(),
            "clear" => writes.clear().await.unwrap(),
            "clear all" => writer.clear().await.unwrap(),
            "sweep" => drop(writes.sweep().all().run().await.unwrap()),
            _ => drop(writes.sweep().all().idle(Duration::ZERO).run().await.unwrap()),
        }
        becomes(&cache, 1, after).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_old_stays_after_four_thousand_races() {
    let server = start();
    let (reader, writer) =
        (connect(&server.url(), Some(Near::new())).await, connect(&server.url(), None).await);
    races(&numbers(&reader), &numbers(&writer)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_of_a_cluster_are_heard() {
    let cluster = Cluster::start().unwrap();
    let nodes: Vec<_> = cluster.nodes().iter().map(|node| node.addr().to_string()).collect();
    let url = format!("redis-cluster://{}?node={}", nodes[0], nodes[1]);
    let (reader, writer) = (connect(&url, Some(Near::new())).await, connect(&url, None).await);
    let (cache, writes) = (numbers(&reader), numbers(&writer));
    let keys: Vec<u64> = (0..100).collect();
    for key in &keys {
        writes.set(key, key).await.unwrap();
        held(&cache, *key, *key).await;
    }
    let entries: Vec<_> = keys.iter().map(|key| (*key, key + 1000)).collect();
    assert!(writes.set_many(&entries).await.iter().all(Result::is_ok));
    for key in &keys {
        becomes(&cache, *key, Some(key + 1000)).await;
    }
}

/// What was published while nobody could hear it is not answered from what is held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_voids_all_that_is_held() {
    let server = start();
    let proxy = Proxy::start(server.addr()).unwrap();
    let builder =
        RedisCache::builder(format!("redis://{}", proxy.addr())).namespace("test").near(Near::new());
    let builder = builder.changes(Changes::Published).command_timeout(Duration::from_millis(500));
    let redis = builder.ping_interval(Duration::from_millis(200)).connect().await.unwrap();
    is_open(&redis).await;
    let (cache, writes) = (numbers(&redis), numbers(&connect(&server.url(), None).await));
    for round in 0..5 {
        writes.set(&1, &round).await.unwrap();
        becomes(&cache, 1, Some(round)).await;
        held(&cache, 1, round).await;
        proxy.refuse();
        proxy.cut();
        writes.set(&1, &(1000 + round)).await.unwrap();
        until("the cut to be seen", async || match cache.get(&1).await.unwrap() {
            None => Ok(()),
            found => Err(format!("{found:?}")),
        })
        .await;
        proxy.pass();
        is_open(&redis).await;
        becomes(&cache, 1, Some(1000 + round)).await;
    }
}

/// What nobody publishes is old for a while at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_programs_do_is_found_out_in_time() {
    let server = start();
    let near = Near::new().max_age(Duration::from_millis(200));
    let cache = numbers(&connect(&server.url(), Some(near)).await);
    for command in ["FLUSHALL", "DEL"] {
        cache.set(&1, &1).await.unwrap();
        held(&cache, 1, 1).await;
        let words = if command == "DEL" { vec!["DEL", "test:number:1"] } else { vec!["FLUSHALL"] };
        server.command(&words).unwrap();
        becomes(&cache, 1, None).await;
    }
}

/// A process that is told by the server beside one that is not: with such a server it holds nothing, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_to_be_told_by_such_a_server_asks_it_each_time() {
    let server = start();
    let builder = RedisCache::builder(server.url()).namespace("test").near(Near::new());
    let redis = builder.command_timeout(DEADLINE).connect_timeout(DEADLINE).connect().await.unwrap();
    let cache = numbers(&redis);
    cache.set(&1, &1).await.unwrap();
    for _ in 0..10 {
        assert_eq!(cache.get(&1).await.unwrap(), Some(1));
    }
    assert_eq!(cache.stats().near_hits, 0);
    assert!(matches!(redis.health(DEADLINE).await, Health::Degraded { .. }));
}
