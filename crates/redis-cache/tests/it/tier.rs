//! A cache of bytes as the second tier of loaders: what a removal, a tag or a clear overtook is never kept.

use bytes::Bytes;
use perfect21_redis_cache::{Cache, Changes, Near, Raw, RedisCache};
use perfect21_smart_cache::{
    Loader, RemoteTier,
    remote::{Fence, Lookup, RemoteCodec, RemoteErrorKind, Terms},
};
use perfect21_test_support::redis::Redis;
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::support::{DEADLINE, in_memory, until};

const MINUTE: Duration = Duration::from_secs(60);

fn tier(redis: &RedisCache) -> Cache<str, Bytes> {
    redis.typed_with("tier", Raw).ttl(MINUTE).jitter(0.0).lease(DEADLINE).build().unwrap()
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// Two processes' views of memory, and of a server with and without what they hold themselves.
async fn pairs(server: &Redis) -> Vec<(RedisCache, RedisCache)> {
    let near = |namespace| async move {
        let builder = RedisCache::builder(server.url()).namespace(namespace).near(Near::new());
        builder.command_timeout(DEADLINE).connect_timeout(DEADLINE).connect().await.unwrap()
    };
    let untold = |namespace| async move {
        let builder = RedisCache::builder(server.url()).namespace(namespace).changes(Changes::Unheard);
        builder.command_timeout(DEADLINE).connect_timeout(DEADLINE).connect().await.unwrap()
    };
    let memory = in_memory();
    vec![
        (memory.clone(), memory),
        (near("near").await, near("near").await),
        (near("one").await, untold("one").await),
        (untold("none").await, untold("none").await),
    ]
}

async fn put(tier: &Cache<str, Bytes>, value: &'static str, fence: Fence) -> bool {
    let terms = Terms { ttl: None, tags: &["t".into(), "u".into()], fence };
    tier.put("k", bytes(value), terms).await.unwrap()
}

async fn found(tier: &Cache<str, Bytes>) -> Option<Bytes> {
    RemoteTier::get(tier, "k").await.unwrap().found.map(|found| found.value)
}

/// What another process did is told a moment later.
async fn comes(tier: &Cache<str, Bytes>, expected: Option<Bytes>) {
    until("what another process did", async || match found(tier).await {
        value if value == expected => Ok(()),
        value => Err(format!("{value:?}")),
    })
    .await;
}

/// Of what `there` put last, as soon as `here` is told of it; or of nothing.
async fn fence_of_last(here: &Cache<str, Bytes>, there: &Cache<str, Bytes>, there_is_one: bool) -> Fence {
    until("what another process did", async || {
        let Lookup { found, fence } = RemoteTier::get(here, "k").await.unwrap();
        let is_last = !there_is_one || RemoteTier::get(there, "k").await.unwrap().fence == fence;
        if found.is_some() == there_is_one && is_last { Ok(fence) } else { Err(format!("{found:?}")) }
    })
    .await
}

#[tokio::test]
async fn what_was_loaded_is_kept_unless_something_overtook_it() {
    let server = Redis::start().unwrap();
    for (mine, theirs) in pairs(&server).await {
        let (here, there) = (tier(&mine), tier(&theirs));
        for there_is_one in [false, true] {
            let fence = async || fence_of_last(&here, &there, there_is_one).await;
            let anew = async || {
                RemoteTier::remove(&there, "k").await.unwrap();
                if there_is_one {
                    let terms = Terms {
                        ttl: None,
                        tags: &["old".into()],
                        fence: RemoteTier::get(&there, "k").await.unwrap().fence,
                    };
                    assert!(there.put("k", bytes("old"), terms).await.unwrap());
                }
            };

            anew().await;
            let before = fence().await;
            RemoteTier::remove(&there, "k").await.unwrap();
            assert!(!put(&here, "removed", before).await);
            assert_eq!(found(&there).await, None);

            for tag in ["t", "any other"] {
                anew().await;
                let before = fence().await;
                RemoteTier::invalidate(&there, &[tag]).await.unwrap();
                assert!(!put(&here, "invalidated", before).await, "{tag}");
                assert_ne!(found(&there).await, Some(bytes("invalidated")));
            }

            anew().await;
            let before = fence().await;
            there.clear().await.unwrap();
            assert!(!put(&here, "cleared", before).await);
            assert_eq!(found(&there).await, None);

            anew().await;
            let before = fence().await;
            there.set("k", &bytes("set")).await.unwrap();
            assert!(!put(&here, "overtaken", before).await);
            assert_eq!(found(&there).await, Some(bytes("set")));

            anew().await;
            let before = fence().await;
            assert!(put(&here, "loaded", before).await);
            assert!(!put(&here, "twice", before).await, "a fence is good once");
            assert_eq!(found(&here).await, Some(bytes("loaded")));
            comes(&there, Some(bytes("loaded"))).await;
        }
        RemoteTier::invalidate(&here, &["u"]).await.unwrap();
        comes(&there, None).await;
    }
}

#[tokio::test]
async fn a_value_lives_for_its_own_time_and_the_tiers_at_most() {
    let server = Redis::start().unwrap();
    for (mine, _) in pairs(&server).await {
        let tier = tier(&mine);
        for (ttl, least, most) in [
            (None, 50, 60),
            (Some(Duration::from_secs(30)), 20, 30),
            (Some(Duration::from_secs(3600)), 50, 60),
        ] {
            RemoteTier::remove(&tier, "k").await.unwrap();
            let fence = RemoteTier::get(&tier, "k").await.unwrap().fence;
            assert!(tier.put("k", bytes("v"), Terms { ttl, tags: &[], fence }).await.unwrap());
            let left = tier.ttl("k").await.unwrap().unwrap().as_secs_f64();
            assert!(left <= f64::from(most) && left > f64::from(least), "{ttl:?}: {left}");
        }
        let fence = RemoteTier::get(&tier, "k").await.unwrap().fence;
        let over = Terms { ttl: Some(Duration::ZERO), tags: &[], fence };
        assert!(!tier.put("k", bytes("over"), over).await.unwrap());
    }
}

struct Decimal;

impl RemoteCodec<u64, u64> for Decimal {
    fn key(&self, key: &u64) -> String {
        key.to_string()
    }

    fn encode(&self, value: &u64) -> Option<Bytes> {
        Some(value.to_string().into())
    }

    fn decode(&self, bytes: Bytes) -> Option<u64> {
        std::str::from_utf8(&bytes).ok()?.parse().ok()
    }

    fn tags(&self, key: &u64, _: &u64) -> Vec<Cow<'_, str>> {
        vec![format!("tag:{key}").into()]
    }
}

struct Process {
    tier: Cache<str, Bytes>,
    loads: Arc<AtomicU64>,
    loader: Loader<u64, u64, String>,
}

impl Process {
    fn new(redis: &RedisCache) -> Self {
        let loads = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&loads);
        let load = move |key: u64| {
            counted.fetch_add(1, SeqCst);
            async move { Ok(key * 10) }
        };
        let tier = tier(redis);
        let loader = Loader::builder(load).remote(tier.clone(), Decimal).build().unwrap();
        Self { tier, loads, loader }
    }

    fn loads(&self) -> u64 {
        self.loads.swap(0, SeqCst)
    }

    /// Loads a key, as soon as it is told that what it holds is changed.
    async fn loads_anew(&self, key: u64) {
        until("the change to be told of", async || {
            self.loader.remove(&key);
            assert_eq!(self.loader.get(key).await, Ok(key * 10));
            match self.loads() {
                1 => Ok(()),
                loads => Err(format!("{loads} loads")),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn loaders_of_two_processes_share_what_they_load() {
    let server = Redis::start().unwrap();
    for (mine, theirs) in pairs(&server).await {
        let (here, there) = (Process::new(&mine), Process::new(&theirs));
        for key in 0..20 {
            assert_eq!(here.loader.get(key).await, Ok(key * 10));
            assert_eq!(there.loader.get(key).await, Ok(key * 10));
        }
        assert_eq!((here.loads(), there.loads()), (20, 0));

        here.loader.invalidate(&1).await.unwrap();
        there.loads_anew(1).await;

        // What its codec cannot read is loaded, and written over.
        here.tier.set("2", &bytes("two")).await.unwrap();
        there.loads_anew(2).await;
        assert_eq!(here.tier.get("2").await.unwrap(), Some(bytes("20")));
    }
}

#[tokio::test]
async fn a_tier_that_is_down_says_so_and_costs_a_load() {
    let server = Redis::start().unwrap();
    let redis = RedisCache::builder(server.url()).connect_timeout(DEADLINE).connect().await.unwrap();
    let process = Process::new(&redis);
    assert_eq!(process.loader.get(1).await, Ok(10));
    server.kill().unwrap();
    process.loader.remove(&1);
    assert_eq!(process.loader.get(1).await, Ok(10));
    assert_eq!(process.loads(), 2);
    let error = process.loader.invalidate(&1).await.unwrap_err();
    assert!(matches!(error.kind(), RemoteErrorKind::Unreachable | RemoteErrorKind::TimedOut), "{error:?}");
}
