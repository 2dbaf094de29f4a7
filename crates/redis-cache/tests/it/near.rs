//! What this process holds is what the server has: after changes, flushes, bursts, cuts and silence.

use perfect21_redis_cache::{Cache, Changes, ErrorPolicy, Near, RedisCache};
use perfect21_test_support::{
    fault::{Proxy, Way},
    redis::{Cluster, Redis},
    soak,
};
use std::time::{Duration, Instant};

use crate::support::{
    DEADLINE, Loaded, connect,
    near::{becomes, held, is_open, races},
    numbers, until,
};

const PING: Duration = Duration::from_millis(200);

/// With a near cache, once it is open.
async fn near(url: &str, near: Near) -> RedisCache {
    let builder = RedisCache::builder(url).namespace("test").near(near).connect_timeout(DEADLINE);
    let redis = builder.command_timeout(DEADLINE).ping_interval(PING).connect().await.unwrap();
    is_open(&redis).await;
    redis
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_another_process_is_heard_of() {
    let server = Redis::start().unwrap();
    let (reader, writer) = (near(&server.url(), Near::new()).await, connect(&server).await);
    let cache: Cache<u64, u64> = reader.typed("number").tags(|_| ["t"]).build().unwrap();
    let writes = numbers(&writer);
    cache.set(&1, &0).await.unwrap();
    held(&cache, 1, 0).await;
    for round in 1..50 {
        writes.set(&1, &round).await.unwrap();
        becomes(&cache, 1, Some(round)).await;
        held(&cache, 1, round).await;
    }
    writes.remove(&1).await.unwrap();
    becomes(&cache, 1, None).await;
    for change in ["tag", "clear", "clear all", "flush", "expiry"] {
        cache.set(&1, &7).await.unwrap();
        held(&cache, 1, 7).await;
        match change {
            "tag" => writer.invalidate(["t"]).await.unwrap(),
            "clear" => writes.clear().await.unwrap(),
            "clear all" => writer.clear().await.unwrap(),
            "flush" => drop(server.command(&["FLUSHALL"]).unwrap()),
            _ => drop(server.command(&["PEXPIRE", "test:number:1", "10"]).unwrap()),
        }
        becomes(&cache, 1, None).await;
    }
}

/// Of what this process writes itself nothing old is answered once the write has returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_writes_are_seen_at_once() {
    let server = Redis::start().unwrap();
    let redis = near(&server.url(), Near::new()).await;
    let cache: Cache<u64, u64> = redis.typed("number").tags(|_| ["t"]).build().unwrap();
    for round in 0..300 {
        cache.set(&1, &round).await.unwrap();
        assert_eq!(cache.get(&1).await.unwrap(), Some(round));
        assert_eq!(cache.get(&1).await.unwrap(), Some(round));
        match round % 4 {
            0 => drop(cache.remove(&1).await.unwrap()),
            1 => redis.invalidate(["t"]).await.unwrap(),
            2 => cache.clear().await.unwrap(),
            _ => redis.clear().await.unwrap(),
        }
        assert_eq!(cache.get(&1).await.unwrap(), None, "round {round}");
    }
}

/// Readers and a writer of another process race for the same keys: once all has been told, nothing old is held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_old_stays_after_four_thousand_races() {
    let server = Redis::start().unwrap();
    let (reader, writer) = (near(&server.url(), Near::new()).await, connect(&server).await);
    races(&numbers(&reader), &numbers(&writer)).await;
}

/// A client that ends its listening when too much is told at once would hold the rest for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_changes_at_once_are_heard_of() {
    let server = Redis::start().unwrap();
    let redis = near(&server.url(), Near::new().max_entries(200_000).max_bytes(1 << 30)).await;
    let cache = numbers(&redis);
    let many = u64::from(soak::rounds(20_000, 100_000));
    let keys: Vec<u64> = (0..many).collect();
    for some in keys.chunks(5000) {
        let entries: Vec<_> = some.iter().map(|key| (*key, 0)).collect();
        assert!(cache.set_many(&entries).await.iter().all(Result::is_ok));
        let readers = some.chunks(1000).map(|some| {
            let (cache, some) = (cache.clone(), some.to_vec());
            tokio::spawn(async move {
                for key in some {
                    assert_eq!(cache.get(&key).await.unwrap(), Some(0));
                }
            })
        });
        for reader in readers.collect::<Vec<_>>() {
            reader.await.unwrap();
        }
    }
    let script = "for i = 0, ARGV[1] - 1 do redis.call('SET', 'test:number:' .. i, 'of another') end";
    server.command(&["EVAL", script, "0", &many.to_string()]).unwrap();
    becomes(&cache, many - 1, None).await;
    for key in keys {
        assert_eq!(cache.get(&key).await.unwrap(), None, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_voids_all_at_once_and_it_comes_back() {
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let builder =
        RedisCache::builder(format!("redis://{}", proxy.addr())).namespace("test").near(Near::new());
    // What is on its way when a connection is cut may take its whole time-out.
    let builder = builder.command_timeout(Duration::from_millis(500)).connect_timeout(DEADLINE);
    let redis = builder.ping_interval(PING).connect().await.unwrap();
    is_open(&redis).await;
    let (cache, writes) = (numbers(&redis), numbers(&connect(&server).await));
    for round in 0..10 {
        writes.set(&1, &round).await.unwrap();
        becomes(&cache, 1, Some(round)).await;
        held(&cache, 1, round).await;
        // Written while nobody can be told.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_clients_come_back_and_hold_nothing_old() {
    let server = Redis::start().unwrap();
    let redis = near(&server.url(), Near::new()).await;
    let (cache, writes) = (numbers(&redis), numbers(&connect(&server).await));
    for round in 0..20 {
        writes.set(&1, &round).await.unwrap();
        becomes(&cache, 1, Some(round)).await;
        server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
        until("the writer to be back", async || {
            writes.set(&1, &(1000 + round)).await.map_err(|e| e.to_string())
        })
        .await;
        becomes(&cache, 1, Some(1000 + round)).await;
    }
}

/// A connection that is dead without a word: what is held counts for an interval and a time-out at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_voids_all_after_a_ping_interval_and_a_time_out() {
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let time_out = Duration::from_millis(300);
    let builder =
        RedisCache::builder(format!("redis://{}", proxy.addr())).namespace("test").near(Near::new());
    let redis = builder.command_timeout(time_out).connect_timeout(DEADLINE).ping_interval(PING).connect();
    let redis = redis.await.unwrap();
    is_open(&redis).await;
    let (cache, writes) = (numbers(&redis), numbers(&connect(&server).await));
    writes.set(&1, &1).await.unwrap();
    held(&cache, 1, 1).await;
    proxy.black_hole(Way::Both);
    writes.set(&1, &2).await.unwrap();
    let written = Instant::now();
    let mut last = Duration::ZERO;
    until("the silence to be seen", async || match cache.get(&1).await.unwrap() {
        None => Ok(()),
        Some(1) => {
            last = written.elapsed();
            Err("the old value".to_owned())
        }
        Some(other) => panic!("{other}"),
    })
    .await;
    // What else a busy machine adds is no fault of the cache; it is measured in the benches.
    assert!(last < PING + time_out + Duration::from_secs(1), "answered for {last:?}");
    proxy.pass();
    is_open(&redis).await;
    becomes(&cache, 1, Some(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_held_is_answered_over_an_outage_where_that_is_allowed() {
    let server = Redis::start().unwrap();
    let window = Near::new().stale_window(Duration::from_secs(3600));
    let (open, shut) = (near(&server.url(), window).await, near(&server.url(), Near::new()).await);
    let strict: Cache<u64, u64> = open.typed("number").on_error(ErrorPolicy::Strict).build().unwrap();
    let stale: Cache<u64, u64> = shut.typed("number").on_error(ErrorPolicy::StaleOnError).build().unwrap();
    let miss = numbers(&shut);
    strict.set(&1, &7).await.unwrap();
    for cache in [&strict, &stale, &miss] {
        held(cache, 1, 7).await;
    }
    server.kill().unwrap();
    until("the outage to be seen", async || match miss.get(&1).await.unwrap() {
        None => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
    until("the window to be used", async || {
        assert_eq!(strict.get(&1).await.unwrap(), Some(7));
        if strict.stats().stale > 0 { Ok(()) } else { Err(format!("{:?}", strict.stats())) }
    })
    .await;
    assert_eq!(stale.get(&1).await.unwrap(), Some(7));
    assert!(strict.get(&2).await.is_err());
    assert_eq!(stale.get(&2).await.unwrap(), None);
    assert_eq!(stale.get_or_load(&1, || async { Loaded::Err("down too") }).await.unwrap(), 7);
    server.restart().unwrap();
    is_open(&open).await;
    assert_eq!(strict.get(&1).await.unwrap(), None, "nothing older than the outage counts after it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bounds_hold() {
    let server = Redis::start().unwrap();
    let redis = near(&server.url(), Near::new().max_entries(10)).await;
    let cache = numbers(&redis);
    for key in 0..1000 {
        cache.set(&key, &key).await.unwrap();
        assert_eq!(cache.get(&key).await.unwrap(), Some(key));
    }
    let before = cache.stats().near_hits;
    for key in 0..1000 {
        assert_eq!(cache.get(&key).await.unwrap(), Some(key));
    }
    assert!(cache.stats().near_hits - before <= 10);
    assert!(RedisCache::builder("redis://h").near(Near::new().max_age(Duration::ZERO)).build().is_err());
    assert!(RedisCache::builder("redis://h").near(Near::new().max_entries(0)).build().is_err());
    let error =
        RedisCache::builder("redis://h").near(Near::new()).changes(Changes::Unheard).build().unwrap_err();
    assert_eq!(error.to_string(), "changes = Unheard: must be Tracked or Published for a near cache");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_of_a_cluster_are_heard() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.urls()[0].replace("redis://", "redis-cluster://");
    let redis = near(&url, Near::new()).await;
    let plain =
        RedisCache::builder(url).namespace("test").connect_timeout(DEADLINE).command_timeout(DEADLINE);
    let (cache, writes) = (numbers(&redis), numbers(&plain.connect().await.unwrap()));
    for key in 0..300 {
        writes.set(&key, &0).await.unwrap();
        held(&cache, key, 0).await;
    }
    for key in 0..300 {
        writes.set(&key, &1).await.unwrap();
    }
    for key in 0..300 {
        becomes(&cache, key, Some(1)).await;
        held(&cache, key, 1).await;
    }
    let owner = cluster.owner("test:number:7").unwrap();
    owner.kill().unwrap();
    until("a replica to take over", async || writes.set(&7, &2).await.map_err(|error| error.to_string()))
        .await;
    becomes(&cache, 7, Some(2)).await;
    is_open(&redis).await;
    held(&cache, 7, 2).await;
}
