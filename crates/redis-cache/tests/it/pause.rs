//! A server that does nothing for a while, and then does all that was sent to it: what was told to have failed has.

use perfect21_redis_cache::{Cache, Changes, Error, ErrorKind, ErrorPolicy, Health, Near, RedisCache};
use perfect21_test_support::{
    fault::{Proxy, Way},
    redis::{Redis, Reply},
};
use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};
use tokio::time::sleep;

use crate::support::{DEADLINE, until};

const TIMEOUT: Duration = Duration::from_millis(300);
/// What a busy machine may add.
const MARGIN: Duration = Duration::from_secs(1);

async fn connect(url: &str, timeout: Duration) -> RedisCache {
    let builder = RedisCache::builder(url).namespace("test").near(Near::new()).ping_interval(TIMEOUT);
    let redis = builder.connect_timeout(DEADLINE).command_timeout(timeout).connect().await.unwrap();
    until("the near cache to open", async || match redis.health(DEADLINE).await {
        Health::Ready { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    redis
}

fn strict(redis: &RedisCache) -> Cache<u64, u64> {
    redis.typed("number").on_error(ErrorPolicy::Strict).build().unwrap()
}

/// Reads a key until it is answered without the server, with all that this depends on.
async fn held(cache: &Cache<u64, u64>, key: u64) {
    until("the entry to be held", async || {
        let before = cache.stats().near_hits;
        let seen = cache.get(&key).await;
        if cache.stats().near_hits > before { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

fn exists(server: &Redis, key: u64) -> bool {
    server.command(&["EXISTS", &format!("test:number:{key}")]).unwrap() == Reply::Int(1)
}

/// What many writers were told of their writes, each under a key of its own.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    next: AtomicU64,
    done: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
}

type Told = Vec<(u64, Result<(), ErrorKind>)>;

impl Load {
    async fn write(self: Arc<Self>, cache: Cache<u64, u64>) -> Told {
        let mut told = Vec::new();
        while !self.stop.load(Ordering::SeqCst) {
            let key = self.next.fetch_add(1, Ordering::SeqCst);
            let start = Instant::now();
            let answer = cache.set(&key, &key).await.map_err(|error: Error| error.kind());
            let took = start.elapsed();
            // The versions are one call, the write is another.
            assert!(took < 2 * TIMEOUT + MARGIN, "{answer:?} after {took:?}");
            let counter = match answer {
                Ok(()) => &self.done,
                Err(ErrorKind::Unavailable) => &self.refused,
                Err(ErrorKind::Timeout) => &self.unanswered,
                Err(other) => panic!("{other:?}"),
            };
            counter.fetch_add(1, Ordering::SeqCst);
            told.push((key, answer));
            if answer.is_err() {
                sleep(Duration::from_millis(1)).await;
            }
        }
        told
    }

    async fn counts(&self, what: &str, counter: &AtomicU64, more: u64) {
        let before = counter.load(Ordering::SeqCst);
        until(what, async || match counter.load(Ordering::SeqCst) {
            now if now >= before + more => Ok(()),
            now => Err(format!("{now} after {before}")),
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_server_keeps_nobody_and_does_nothing_it_was_not_told() {
    let server = Redis::start().unwrap();
    let redis = connect(&server.url(), TIMEOUT).await;
    let cache = strict(&redis);
    let stale: Cache<u64, u64> = redis.typed("stale").on_error(ErrorPolicy::StaleOnError).build().unwrap();
    let load = Arc::new(Load::default());
    let writers: Vec<_> = (0..16).map(|_| tokio::spawn(Arc::clone(&load).write(cache.clone()))).collect();
    // The last one is so long that other connections are tried, which the system takes for the server.
    for (round, refusals) in (0..).zip([1000, 1000, 30_000]) {
        load.counts("writes", &load.done, 200).await;
        stale.set(&1, &round).await.unwrap();
        held(&stale, 1).await;
        server.pause().unwrap();
        load.counts("writes without an answer", &load.unanswered, 10).await;
        load.counts("writes that are refused", &load.refused, refusals).await;
        let start = Instant::now();
        assert_eq!(stale.get(&1).await.unwrap(), Some(round), "the last value is answered all the while");
        assert!(start.elapsed() < TIMEOUT + MARGIN);
        server.resume().unwrap();
        let resumed = Instant::now();
        load.counts("writes after the pause", &load.done, 1).await;
        let back = resumed.elapsed();
        eprintln!("round {round}: serves {back:?} after the pause");
        assert!(back < Duration::from_secs(1) + MARGIN, "serves {back:?} after the pause");
    }
    load.stop.store(true, Ordering::SeqCst);
    let mut refused = 0;
    for writer in writers {
        for (key, told) in writer.await.unwrap() {
            match told {
                Ok(()) => assert!(exists(&server, key), "{key} was confirmed"),
                Err(ErrorKind::Unavailable) if refused < 2000 => {
                    refused += 1;
                    assert!(!exists(&server, key), "{key} was refused, and is there");
                }
                Err(_) => {}
            }
        }
    }
}

/// What was on its way when the connection was lost may be done, and is told so; nothing else is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_connection_left_open_is_not_told_to_have_failed() {
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let cache = strict(&connect(&format!("redis://{}", proxy.addr()), DEADLINE).await);
    for key in 0..20 {
        until("a set that is confirmed", async || {
            cache.set(&1000, &0).await.map_err(|error| error.to_string())
        })
        .await;
        held(&cache, 1000).await;
        // It gets there, and its answer does not get back.
        proxy.stall(Way::ToClient);
        let mut set = pin!(cache.set(&key, &1));
        let _ = poll_fn(|context| Poll::Ready(set.as_mut().poll(context))).await;
        until(
            "the write to be done",
            async || if exists(&server, key) { Ok(()) } else { Err("no".to_owned()) },
        )
        .await;
        proxy.cut();
        let error = set.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}: {:?}", std::error::Error::source(&error));
        proxy.pass();
    }
}

/// As something between us and the server may do that has forgotten the connection: nobody says that it is dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_only_takes_is_given_up_for_another() {
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let builder =
        RedisCache::builder(format!("redis://{}", proxy.addr())).namespace("test").changes(Changes::Unheard);
    let redis = builder.command_timeout(TIMEOUT).connect_timeout(TIMEOUT).connect().await.unwrap();
    let cache = strict(&redis);
    cache.set(&1, &1).await.unwrap();
    proxy.stall(Way::ToClient);
    let accepted = proxy.stats().accepted;
    // All the while it is asked.
    until("another connection", async || {
        let _ = cache.set(&1, &2).await;
        if proxy.stats().accepted > accepted { Ok(()) } else { Err("the same one".to_owned()) }
    })
    .await;
    proxy.cut();
    proxy.pass();
    until("a set that is confirmed", async || cache.set(&1, &3).await.map_err(|error| error.to_string()))
        .await;
}

/// What waits to be written to it would keep all others waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_takes_no_more_bytes_is_given_up_for_another() {
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    // Versions are known and stay so: each set is one large write.
    let builder = RedisCache::builder(format!("redis://{}", proxy.addr())).namespace("test");
    let builder =
        builder.command_timeout(TIMEOUT).connect_timeout(DEADLINE).ping_interval(Duration::from_secs(3600));
    let redis = builder.connect().await.unwrap();
    let cache: Cache<u64, String> = redis.typed("text").on_error(ErrorPolicy::Strict).build().unwrap();
    until("the versions to be known", async || {
        let (before, set) = (proxy.stats().to_server, cache.set(&1, &"small".to_owned()).await);
        let sent = proxy.stats().to_server - before;
        if set.is_ok() && sent < 700 { Ok(()) } else { Err(format!("{set:?}, {sent} bytes")) }
    })
    .await;
    proxy.stall(Way::Both);
    let (accepted, large) = (proxy.stats().accepted, "x".repeat(1_000_000));
    until("another connection", async || {
        let _ = cache.set(&1, &large).await;
        if proxy.stats().accepted > accepted { Ok(()) } else { Err("the same one".to_owned()) }
    })
    .await;
    proxy.cut();
    proxy.pass();
    until("a set that is confirmed", async || cache.set(&2, &large).await.map_err(|error| error.to_string()))
        .await;
}
