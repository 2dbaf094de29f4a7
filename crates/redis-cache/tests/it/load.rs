//! One load per key however many callers wait, in one process or several; writes win; nothing stale stays.

use bytes::Bytes;
use perfect21_core::ManualClock;
use perfect21_redis_cache::{Builder, Cache, Changes, LoadError, Loaded as Brought, Near, Raw, RedisCache};
use perfect21_smart_cache::{RemoteTier, remote};
use perfect21_test_support::redis::Redis;
use std::{
    future::{pending, poll_fn},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::sync::Notify;

use crate::support::{DEADLINE, Loaded, connect, in_memory, numbers, until};

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// A load that begins, and ends when told to.
#[derive(Clone, Default)]
struct Slow {
    began: Arc<Notify>,
    go: Arc<Notify>,
}

impl Slow {
    async fn load(self, value: u64) -> Loaded {
        self.began.notify_one();
        self.go.notified().await;
        Loaded::Ok(value)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_make_one_load() {
    let server = Redis::start().unwrap();
    for redis in [in_memory(), connect(&server).await] {
        let (cache, loads) = (numbers(&redis), Arc::new(AtomicU64::new(0)));
        let callers: Vec<_> = (0..1000)
            .map(|_| {
                let (cache, loads) = (cache.clone(), Arc::clone(&loads));
                tokio::spawn(async move {
                    let load = || async move {
                        tokio::task::yield_now().await;
                        Loaded::Ok(loads.fetch_add(1, Ordering::SeqCst) + 1)
                    };
                    cache.get_or_load(&7, load).await.unwrap()
                })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), 1);
        }
        let stats = cache.stats();
        assert_eq!((loads.load(Ordering::SeqCst), stats.loads, stats.sets), (1, 1, 1), "{stats:?}");
        assert_eq!(stats.hits + stats.coalesced + 1, 1000, "{stats:?}");
    }
}

/// Two of them stand for two processes: nothing but the server is shared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_make_one_load() {
    let server = Redis::start().unwrap();
    let (one, other) = (numbers(&connect(&server).await), numbers(&connect(&server).await));
    let slow = Slow::default();
    let first = tokio::spawn({
        let (one, slow) = (one.clone(), slow.clone());
        async move { one.get_or_load(&7, || slow.load(1)).await.unwrap() }
    });
    slow.began.notified().await;
    let second = tokio::spawn({
        let other = other.clone();
        async move { other.get_or_load(&7, || async { Loaded::Ok(2) }).await.unwrap() }
    });
    until("the other to wait", async || match other.stats().lease_waits {
        1 => Ok(()),
        waits => Err(format!("{waits} waits")),
    })
    .await;
    slow.go.notify_one();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 1));
    assert_eq!((one.stats().loads, other.stats().loads), (1, 0));
}

/// Who waits for another process is told by the server, and asks it next to nothing meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_does_not_ask_all_the_time() {
    let server = Redis::start().unwrap();
    let (one, other) = (numbers(&connect(&server).await), numbers(&connect(&server).await));
    let slow = Slow::default();
    let first = tokio::spawn({
        let (one, slow) = (one.clone(), slow.clone());
        async move { one.get_or_load(&7, || slow.load(1)).await.unwrap() }
    });
    slow.began.notified().await;
    let second = tokio::spawn({
        let other = other.clone();
        async move { other.get_or_load(&7, || async { Loaded::Ok(2) }).await.unwrap() }
    });
    until("the other to wait", async || match other.stats().lease_waits {
        1 => Ok(()),
        waits => Err(format!("{waits} waits")),
    })
    .await;
    let asked = || {
        let stats = server.command(&["INFO", "commandstats"]).unwrap();
        let eval = stats.field("cmdstat_eval").unwrap();
        eval.split(['=', ',']).nth(1).unwrap().parse::<u64>().unwrap()
    };
    // Who polls asks some twenty times in this second, who is told twice for fear that it was not.
    let before = asked();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let meanwhile = asked() - before;
    assert!(meanwhile <= 6, "{meanwhile} times");
    slow.go.notify_one();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 1));
}

/// A process that dies while it loads holds the others up no longer than its lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_dies_lets_the_next_one_load() {
    let server = Redis::start().unwrap();
    server.command(&["SET", "{test:number:7}!lease", "of one who died", "PX", "300"]).unwrap();
    let cache = numbers(&connect(&server).await);
    assert_eq!(cache.get_or_load(&7, || async { Loaded::Ok(2) }).await.unwrap(), 2);
    assert_eq!((cache.stats().loads, cache.stats().lease_waits), (1, 1));
    assert_eq!(cache.get(&7).await.unwrap(), Some(2), "and is stored");
}

/// As long as a load runs, its lease is asked for again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_lives_as_long_as_its_load() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    let lease = Duration::from_millis(400);
    let cache: Cache<u64, u64> = redis.typed("number").lease(lease).build().unwrap();
    let slow = Slow::default();
    let loading = tokio::spawn({
        let (cache, slow) = (cache.clone(), slow.clone());
        async move { cache.get_or_load(&7, || slow.load(1)).await.unwrap() }
    });
    slow.began.notified().await;
    tokio::time::sleep(lease * 3).await;
    slow.go.notify_one();
    assert_eq!(loading.await.unwrap(), 1);
    assert_eq!(cache.get(&7).await.unwrap(), Some(1), "stored by its own lease");
}

#[tokio::test]
async fn a_load_outlives_its_caller() {
    let cache = numbers(&in_memory());
    let slow = Slow::default();
    let mut dropped = Box::pin(cache.get_or_load(&7, {
        let slow = slow.clone();
        || slow.load(1)
    }));
    assert!(poll_once(dropped.as_mut()).await.is_pending());
    slow.began.notified().await;
    drop(dropped);
    let waits = cache.get_or_load(&7, || async { Loaded::Ok(2) });
    slow.go.notify_one();
    assert_eq!(waits.await.unwrap(), 1, "it waits for the load of who went away");
    assert_eq!(cache.stats().loads, 1);
}

#[tokio::test]
async fn what_a_load_fails_with_goes_to_all_who_wait() {
    let cache = numbers(&in_memory());
    let go = Arc::new(Notify::new());
    let fails = || {
        let go = Arc::clone(&go);
        || async move {
            go.notified().await;
            Err::<u64, _>(io::Error::other("down"))
        }
    };
    let mut first = Box::pin(cache.get_or_load(&7, fails()));
    assert!(poll_once(first.as_mut()).await.is_pending());
    let mut second = Box::pin(cache.get_or_load(&7, fails()));
    assert!(poll_once(second.as_mut()).await.is_pending());
    let mut other = Box::pin(cache.get_or_load(&7, || async { Loaded::Ok(1) }));
    assert!(poll_once(other.as_mut()).await.is_pending());
    go.notify_one();
    for error in [first.await.unwrap_err(), second.await.unwrap_err()] {
        assert!(matches!(&error, LoadError::Load(error) if error.to_string() == "down"), "{error:?}");
    }
    assert!(matches!(other.await.unwrap_err(), LoadError::Other(of) if of.contains("Error")));
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (1, 1));
}

#[tokio::test]
async fn a_load_that_panics_or_takes_too_long_is_an_error() {
    let redis = in_memory();
    let cache: Cache<u64, u64> =
        redis.typed("number").load_timeout(Duration::from_millis(20)).build().unwrap();
    let panics =
        cache.get_or_load(&8, || async { if true { panic!("the load panics") } else { Loaded::Ok(0) } });
    assert!(matches!(panics.await.unwrap_err(), LoadError::Ended(why) if why.contains("panic")));
    assert!(matches!(cache.get_or_load(&8, pending::<Loaded>).await.unwrap_err(), LoadError::TimedOut(_)));
    assert_eq!(cache.stats().load_failures, 2);
    assert_eq!(cache.get_or_load(&8, || async { Loaded::Ok(4) }).await.unwrap(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_during_the_load_wins_in_all_processes() {
    let server = Redis::start().unwrap();
    for (redis, other) in [
        (in_memory(), None),
        (connect(&server).await, None),
        (connect(&server).await, Some(connect(&server).await)),
    ] {
        let redis = &redis;
        let writer = other.as_ref().unwrap_or(redis);
        for write in ["set", "remove", "clear", "clear all", "tag", "late tag"] {
            let cache: Cache<u64, u64> =
                redis.typed("number").tags(|key| [format!("n{key}")]).build().unwrap();
            let writes: Cache<u64, u64> = writer.typed("number").build().unwrap();
            writes.remove(&7).await.unwrap();
            let slow = Slow::default();
            let loading = tokio::spawn({
                let (cache, slow) = (cache.clone(), slow.clone());
                async move {
                    let load = || async move {
                        let value = slow.load(1).await.unwrap();
                        Ok::<_, io::Error>(Brought::new(value).tag("late"))
                    };
                    cache.get_or_load(&7, load).await.unwrap()
                }
            });
            slow.began.notified().await;
            let expected = match write {
                "set" => writes.set(&7, &9).await.map(|()| Some(9)),
                "remove" => writes.remove(&7).await.map(|_| None),
                "clear" => writes.clear().await.map(|()| None),
                "clear all" => writer.clear().await.map(|()| None),
                "tag" => writer.invalidate(["n7"]).await.map(|()| None),
                _ => writer.invalidate(["late"]).await.map(|()| None),
            };
            let expected = expected.unwrap();
            slow.go.notify_one();
            assert_eq!(loading.await.unwrap(), 1, "{write}: who waited gets it");
            // What another process did is told a moment later.
            until("the old load to count no more", async || {
                let found = [cache.get(&7).await.unwrap(), writes.get(&7).await.unwrap()];
                if found == [expected; 2] {
                    Ok(())
                } else {
                    Err(format!("{write}: {found:?}, not {expected:?}"))
                }
            })
            .await;
        }
    }
}

/// What this process knows of a tag's version may be old: it is told of changes later than they are, and here never.
#[tokio::test]
async fn a_tag_that_only_the_load_tells_is_looked_at_where_it_is_changed() {
    let server = Redis::start().unwrap();
    let connect = |builder: Builder| builder.command_timeout(DEADLINE).connect_timeout(DEADLINE).connect();
    let builder = || RedisCache::builder(server.url()).namespace("test");
    let redis = connect(builder().changes(Changes::Published).near(Near::new())).await.unwrap();
    let untold = connect(builder().changes(Changes::Unheard)).await.unwrap();
    let cache = numbers(&redis);
    for key in 0..15 {
        let others = untold.clone();
        let load = move || async move {
            if (5..10).contains(&key) {
                others.invalidate(["late"]).await.unwrap();
            }
            Ok::<_, io::Error>(Brought::new(key).tag("late"))
        };
        assert_eq!(cache.get_or_load(&key, load).await.unwrap(), key);
    }
    assert!((5..=6).contains(&cache.stats().overtaken), "{:?}", cache.stats());
    assert_eq!(numbers(&untold).get(&9).await.unwrap(), None);
    assert_eq!(numbers(&untold).get(&14).await.unwrap(), Some(14), "what is old is not relied on for ever");

    let (tier, others) = (tier(&redis), tier(&untold));
    for round in 0..10 {
        let fence = RemoteTier::get(&tier, "k").await.unwrap().fence;
        if round > 4 {
            untold.invalidate(["late"]).await.unwrap();
        }
        let terms = remote::Terms { ttl: None, tags: &["late".into()], fence };
        let is_put = tier.put("k", "v".into(), terms).await.unwrap();
        assert_eq!(is_put, round <= 4, "{round}");
        RemoteTier::remove(&others, "k").await.unwrap();
    }
}

fn tier(redis: &RedisCache) -> Cache<str, Bytes> {
    redis.typed_with("tier", Raw).build().unwrap()
}

#[tokio::test]
async fn what_is_not_there_is_remembered_too() {
    let server = Redis::start().unwrap();
    for redis in [in_memory(), connect(&server).await] {
        let cache = numbers(&redis);
        let find = || async { Ok::<_, io::Error>(None) };
        assert_eq!(cache.get_or_find(&1, find).await.unwrap(), None);
        assert_eq!(cache.get_or_find(&1, || async { Ok::<_, io::Error>(Some(1)) }).await.unwrap(), None);
        assert_eq!(cache.stats().loads, 1);
        assert_eq!(cache.lookup(&1).await.unwrap(), perfect21_redis_cache::Lookup::Absent);
        assert_eq!(cache.get_or_load(&1, || async { Loaded::Ok(3) }).await.unwrap(), 3, "a value is wanted");
        assert_eq!(cache.get(&1).await.unwrap(), Some(3));
    }
}

#[tokio::test]
async fn a_value_outlives_its_time_where_a_load_fails() {
    let clock = ManualClock::new();
    let redis = RedisCache::in_memory().clock(Arc::new(clock.clone())).build().unwrap();
    let second = Duration::from_secs(1);
    let cache: Cache<u64, u64> =
        redis.typed("n").ttl(second).jitter(0.0).stale_for(10 * second).retry_after(second).build().unwrap();
    let fails = || async { Loaded::Err("down") };
    cache.set(&1, &7).await.unwrap();
    clock.advance(second);
    assert_eq!(cache.get(&1).await.unwrap(), None, "its time is over");
    assert_eq!(cache.get_or_load(&1, fails).await.unwrap(), 7);
    assert_eq!(
        cache.get_or_load(&1, || async { Loaded::Ok(8) }).await.unwrap(),
        7,
        "not tried again at once"
    );
    assert_eq!((cache.stats().loads, cache.stats().stale), (1, 2));
    clock.advance(second);
    assert_eq!(cache.get_or_load(&1, || async { Loaded::Ok(8) }).await.unwrap(), 8);
    clock.advance(12 * second);
    assert!(cache.get_or_load(&1, fails).await.is_err(), "nothing lives for ever");
}

#[tokio::test]
async fn what_is_asked_for_often_is_loaded_before_its_time_is_over() {
    let clock = ManualClock::new();
    let redis = RedisCache::in_memory().clock(Arc::new(clock.clone())).build().unwrap();
    let cache: Cache<u64, u64> =
        redis.typed("n").ttl(Duration::from_secs(60)).jitter(0.0).refresh_ahead(100.0).build().unwrap();
    let load = || async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Loaded::Ok(1)
    };
    assert_eq!(cache.get_or_load(&1, load).await.unwrap(), 1);
    clock.advance(Duration::from_millis(59_900));
    until("an early load", async || {
        assert_eq!(cache.get_or_load(&1, || async { Loaded::Ok(2) }).await.unwrap() / 3, 0, "always at once");
        match cache.get(&1).await.unwrap() {
            Some(2) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!((cache.stats().misses, cache.stats().refreshes), (1, 1));
}

/// Writers raise a "database" and remove the key, readers load it: a reader that starts after a removal never sees what
/// was before, and at the end nothing stale is left in Redis.
async fn nothing_stale(handles: [&RedisCache; 2], rounds: u64) {
    let database: Arc<[AtomicU64; 4]> = Arc::default();
    let caches = handles.map(numbers);
    let tasks: Vec<_> = (0..8_u64)
        .map(|task| {
            let (cache, database) = (caches[task as usize % 2].clone(), Arc::clone(&database));
            tokio::spawn(async move {
                for round in 0..rounds {
                    let key = (round + task) % 4;
                    let mut version = 0;
                    if task < 3 {
                        version = database[key as usize].fetch_add(1, Ordering::SeqCst) + 1;
                        cache.remove(&key).await.unwrap();
                    }
                    let source = Arc::clone(&database);
                    let load = move || async move {
                        let version = source[key as usize].load(Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        Loaded::Ok(version)
                    };
                    let seen = cache.get_or_load(&key, load).await.unwrap();
                    assert!(seen >= version, "read {seen} after the removal for {version}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for (key, version) in (0..).zip(database.iter()) {
        let cached = caches[0].get(&key).await.unwrap();
        assert!(cached.is_none_or(|cached| cached == version.load(Ordering::SeqCst)), "{key}: {cached:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_stays_in_memory() {
    let redis = in_memory();
    nothing_stale([&redis, &redis], 1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stale_stays_in_redis_between_two_processes() {
    let server = Redis::start().unwrap();
    nothing_stale([&connect(&server).await, &connect(&server).await], 200).await;
}

/// A set whose caller goes away halfway is done all the same, in order with the writes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_a_key_stay_in_order_when_their_callers_go_away() {
    let server = Redis::start().unwrap();
    let cache = numbers(&connect(&server).await);
    cache.set(&1, &0).await.unwrap();
    for round in 0..300 {
        let mut abandoned = Box::pin(cache.set(&1, &round));
        let _ = poll_once(abandoned.as_mut()).await;
        drop(abandoned);
        cache.set(&1, &(round + 1000)).await.unwrap();
        assert_eq!(cache.get(&1).await.unwrap(), Some(round + 1000));
    }
}
