//! Wherever the keys are: a cluster, behind sentinels, behind a Unix socket.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_redis_cache::{Cache, ErrorKind, ErrorPolicy, Health, InSlot, Near, RedisCache};
use perfect21_test_support::redis::{Cluster, Redis, Sentinel};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

mod support;
use support::{DEADLINE, Loaded, until};

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

async fn with_near(url: &str) -> RedisCache {
    let builder = RedisCache::builder(url).namespace("test").near(Near::new()).connect_timeout(DEADLINE);
    let builder = builder.command_timeout(Duration::from_secs(2)).ping_interval(Duration::from_millis(200));
    let redis = builder.connect().await.unwrap();
    until("the near cache to open", async || match redis.health(DEADLINE).await {
        Health::Ready { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    redis
}

type InOneSlot = Cache<InSlot<&'static str, u64>, u64>;

fn in_one_slot(redis: &RedisCache) -> InOneSlot {
    redis.typed("moving").on_error(ErrorPolicy::Strict).build().unwrap()
}

/// What the only writer of a key knows of it.
#[derive(Default)]
struct Known {
    confirmed: u64,
    /// May have been done.
    tried: u64,
    done: u64,
    refused: u64,
}

/// Writes one key until told to stop, and sees each of its writes at once.
async fn writes(cache: InOneSlot, key: u64, stop: Arc<AtomicBool>) -> Known {
    let (mut known, key, mut value) = (Known::default(), InSlot("a", key), 0);
    while !stop.load(Ordering::SeqCst) {
        value += 1;
        match cache.set(&key, &value).await {
            Ok(()) => {
                (known.confirmed, known.tried) = (value, value);
                known.done += 1;
                match cache.get(&key).await {
                    Ok(seen) => assert_eq!(seen, Some(value), "{key:?}, right after it was set"),
                    Err(error) => assert!(is_away(error.kind()), "{error}"),
                }
            }
            Err(error) => {
                assert!(is_away(error.kind()), "{error}: {:?}", std::error::Error::source(&error));
                known.refused += 1;
                if error.kind() == ErrorKind::Timeout {
                    known.tried = value;
                }
                // Who is refused at once and tries again at once leaves nobody room.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    known
}

fn is_away(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout)
}

/// Reads what another process writes, again and again.
async fn reads(cache: InOneSlot, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        for key in 0..60 {
            if let Err(error) = cache.get(&InSlot("a", key)).await {
                assert!(is_away(error.kind()), "{error}");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Writes keys of other slots, which a move is nothing to.
async fn stands_by(redis: RedisCache, stop: Arc<AtomicBool>) -> u64 {
    let (cache, mut done) = (strict(&redis), 0);
    while !stop.load(Ordering::SeqCst) {
        let key = done % 100;
        cache.set(&key, &done).await.unwrap();
        assert_eq!(cache.get(&key).await.unwrap(), Some(done));
        done += 1;
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_loses_no_write_and_leaves_nothing_stale() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.urls()[0].replace("redis://", "redis-cluster://");
    let (one, other) = (with_near(&url).await, with_near(&url).await);
    let (writer, reader) = (in_one_slot(&one), in_one_slot(&other));
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (0..60).map(|key| tokio::spawn(writes(writer.clone(), key, Arc::clone(&stop)))).collect();
    let reading = tokio::spawn(reads(reader.clone(), Arc::clone(&stop)));
    let bystander = tokio::spawn(stands_by(one.clone(), Arc::clone(&stop)));
    let key = writer.redis_key(&InSlot("a", 0)).unwrap();
    let cluster = Arc::new(cluster);
    for to in [0, 1, 2, 0] {
        let before = (writer.stats().sets, reader.stats().near_hits);
        until("writes and reads before the slot moves", async || {
            let now = (writer.stats().sets, reader.stats().near_hits);
            if now.0 > before.0 + 200 && now.1 > before.1 + 200 { Ok(()) } else { Err(format!("{now:?}")) }
        })
        .await;
        let (cluster, key) = (Arc::clone(&cluster), key.clone());
        let moved = tokio::task::spawn_blocking(move || cluster.move_slot_of(&key, &cluster.nodes()[to]));
        moved.await.unwrap().unwrap();
    }
    let before = writer.stats().sets;
    until("writes after the slot moved", async || match writer.stats().sets {
        sets if sets > before + 200 => Ok(()),
        sets => Err(format!("{sets} sets: {:?}", writer.stats())),
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    reading.await.unwrap();
    assert!(bystander.await.unwrap() > 0);
    let plain = in_one_slot(&connect(&url).await);
    let (mut done, mut refused) = (0, 0);
    for (key, writing) in (0..).zip(writers) {
        let known = writing.await.unwrap();
        (done, refused) = (done + known.done, refused + known.refused);
        let there = plain.get(&InSlot("a", key)).await.unwrap().unwrap_or_default();
        assert!((known.confirmed..=known.tried).contains(&there), "{key}: {there}, not {}", known.confirmed);
        until("the last value to be heard of", async || match reader.get(&InSlot("a", key)).await {
            Ok(Some(seen)) if seen == there => Ok(()),
            seen => Err(format!("{key}: {seen:?}, not {there}")),
        })
        .await;
    }
    eprintln!(
        "{done} writes done, {refused} refused; {:?}, {:?}",
        writer.stats().errors,
        reader.stats().errors
    );
    for key in 0..60 {
        writer.set(&InSlot("a", key), &0).await.unwrap();
        assert_eq!(writer.get(&InSlot("a", key)).await.unwrap(), Some(0));
        until("a later change to be heard of", async || match reader.get(&InSlot("a", key)).await {
            Ok(Some(0)) => Ok(()),
            seen => Err(format!("{seen:?}")),
        })
        .await;
    }
    // The near caches are as they were.
    let before = reader.stats().near_hits;
    until("the reader to hold entries again", async || match reader.get(&InSlot("a", 1)).await.unwrap() {
        Some(0) if reader.stats().near_hits > before => Ok(()),
        seen => Err(format!("{seen:?}")),
    })
    .await;
}
