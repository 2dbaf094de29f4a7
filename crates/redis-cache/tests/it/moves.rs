//! Keys that go to another server: a slot that moves, a successor.

use perfect21_redis_cache::{Builder, Cache, ErrorKind, ErrorPolicy, Health, InSlot, Near, RedisCache};
use perfect21_test_support::redis::{Cluster, Redis, Sentinel};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::support::{DEADLINE, until};

fn builder(url: &str) -> Builder {
    let builder = RedisCache::builder(url).namespace("test").connect_timeout(DEADLINE);
    builder.command_timeout(Duration::from_secs(2))
}

async fn connect(url: &str) -> RedisCache {
    builder(url).connect().await.unwrap()
}

async fn with_near(url: &str) -> RedisCache {
    let builder = builder(url).near(Near::new()).ping_interval(Duration::from_millis(200));
    let redis = builder.connect().await.unwrap();
    is_open(&redis).await;
    redis
}

async fn is_open(redis: &RedisCache) {
    until("the near cache to open", async || match redis.health(DEADLINE).await {
        Health::Ready { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

fn strict(redis: &RedisCache) -> Cache<u64, u64> {
    redis.typed("number").on_error(ErrorPolicy::Strict).build().unwrap()
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
}

/// Writes one key until told to stop, and sees each of its writes at once.
async fn writes(cache: InOneSlot, key: u64, stop: Arc<AtomicBool>) -> Known {
    let (mut known, key, mut value) = (Known::default(), InSlot("a", key), 0);
    while !stop.load(Ordering::SeqCst) {
        value += 1;
        match cache.set(&key, &value).await {
            Ok(()) => {
                (known.confirmed, known.tried) = (value, value);
                match cache.get(&key).await {
                    Ok(seen) => assert_eq!(seen, Some(value), "{key:?}, right after it was set"),
                    Err(error) => assert!(is_away(error.kind()), "{error}"),
                }
                // Nobody could hold what is written without a break.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => {
                assert!(is_away(error.kind()), "{error}: {:?}", std::error::Error::source(&error));
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

/// Reads what another process writes, each twice, as it may not be held for long.
async fn reads(cache: InOneSlot, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        for key in (0..120).map(|nth| nth / 2) {
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
    let key = writer.redis_key(&InSlot("a", 0));
    let cluster = Arc::new(cluster);
    for to in [0, 1, 2, 0] {
        let before = (writer.stats().sets, reader.stats().near_hits);
        until("writes and reads before the slot moves", async || {
            let now = (writer.stats().sets, reader.stats().near_hits);
            match now.0 > before.0 + 200 && now.1 > before.1 + 200 {
                true => Ok(()),
                false => Err(format!("{before:?}, {now:?}: {:?}, {:?}", other.near_stats(), reader.stats())),
            }
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
    let mut told = Vec::new();
    for writing in writers {
        told.push(writing.await.unwrap());
    }
    eprintln!("{:?}, {:?}", writer.stats().errors, reader.stats().errors);
    nothing_is_lost(&told, &in_one_slot(&connect(&url).await), &reader).await;
    changes_are_heard_of(&writer, &reader).await;
}

async fn nothing_is_lost(told: &[Known], plain: &InOneSlot, reader: &InOneSlot) {
    for (key, known) in (0..).zip(told) {
        let there = plain.get(&InSlot("a", key)).await.unwrap().unwrap_or_default();
        assert!((known.confirmed..=known.tried).contains(&there), "{key}: {there}, not {}", known.confirmed);
        until("the last value to be heard of", async || match reader.get(&InSlot("a", key)).await {
            Ok(Some(seen)) if seen == there => Ok(()),
            seen => Err(format!("{key}: {seen:?}, not {there}")),
        })
        .await;
    }
}

async fn changes_are_heard_of(writer: &InOneSlot, reader: &InOneSlot) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_is_heard_and_nothing_of_the_old_server_is_held() {
    let sentinel = Sentinel::start().unwrap();
    let (ports, name) = (sentinel.ports(), Sentinel::NAME);
    let (first, second) = (ports[0], ports[1]);
    let url =
        format!("redis-sentinel://127.0.0.1:{first}?sentinelServiceName={name}&node=127.0.0.1:{second}");
    let redis = with_near(&url).await;
    let (cache, writes) = (strict(&redis), strict(&connect(&url).await));
    let is = async |key: u64, value: u64| {
        until("the value to be held", async || {
            let before = cache.stats().near_hits;
            match cache.get(&key).await {
                Ok(Some(seen)) if seen == value && cache.stats().near_hits > before => Ok(()),
                other => Err(format!("{key}: {other:?}, not {value}")),
            }
        })
        .await;
    };
    for key in 0..20 {
        writes.set(&key, &0).await.unwrap();
        is(key, 0).await;
    }
    sentinel.kill_master().unwrap();
    sentinel.wait_for_failover().unwrap();
    for key in 0..20 {
        until("the successor to be written to", async || {
            writes.set(&key, &1).await.map_err(|error| error.to_string())
        })
        .await;
        is(key, 1).await;
        writes.set(&key, &2).await.unwrap();
        is(key, 2).await;
    }
    is_open(&redis).await;
}

/// There are slots as in any other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_one_is_a_cluster() {
    let server = Redis::start_with(&["cluster-enabled yes", "cluster-announce-ip 127.0.0.1"]).unwrap();
    server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).unwrap();
    let url = server.url().replace("redis://", "redis-cluster://").replace("/0", "");
    until("the cluster to serve", async || {
        let state = server.command(&["CLUSTER", "INFO"]).unwrap();
        if state.field("cluster_state") == Some("ok") { Ok(()) } else { Err(format!("{state:?}")) }
    })
    .await;
    let redis = with_near(&url).await;
    let cache = redis.typed("number").tags(|key| [format!("{key}"), "all".to_owned()]);
    let cache: Cache<u64, u64> = cache.on_error(ErrorPolicy::Strict).build().unwrap();
    let keys: Vec<u64> = (0..50).collect();
    let entries: Vec<_> = keys.iter().map(|key| (*key, *key)).collect();
    assert!(cache.set_many(&entries).await.iter().all(Result::is_ok));
    for key in &keys {
        let before = cache.stats().near_hits;
        until("the entry to be held", async || {
            assert_eq!(cache.get(key).await.unwrap(), Some(*key));
            if cache.stats().near_hits > before { Ok(()) } else { Err(format!("{:?}", cache.stats())) }
        })
        .await;
    }
    redis.invalidate(["all"]).await.unwrap();
    assert!(cache.get_many(&keys).await.into_iter().all(|left| left.unwrap().is_none()));
    let errors = server.command(&["INFO", "errorstats"]).unwrap();
    assert_eq!(errors.field("errorstat_CROSSSLOT"), None, "{errors:?}");
}
