//! A hundred thousand entries that are none, or none of this cache.

use super::trap::{MAX_VALUE, Must, REASONS, Trap};
use crate::support::{DEADLINE, connect, raw::Raw, until};
use fastrand::Rng;
use futures_util::future::join_all;
use perfect21_redis_cache::{
    Cache, CacheBuilder, Codec, ErrorPolicy, Health, Near, RedisCache, Schema, SchemaWriter, Stats,
};
use perfect21_test_support::redis::Redis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// With all that formats treat differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    number: u64,
    text: String,
    maybe: Option<Box<Self>>,
    list: Vec<(u8, Option<bool>)>,
    map: BTreeMap<String, i32>,
    nothing: Vec<()>,
}

impl Schema for Sample {
    fn describe(to: &mut SchemaWriter) {
        to.word("Sample");
    }
}

pub(crate) fn sample() -> Sample {
    let inner = Sample {
        number: u64::MAX,
        text: "é\0".repeat(20),
        maybe: None,
        list: vec![(1, Some(true)), (255, None)],
        map: BTreeMap::new(),
        nothing: vec![(); 3],
    };
    let map = BTreeMap::from([("a".to_owned(), -1), (String::new(), i32::MAX)]);
    Sample {
        number: 17,
        text: "same ".repeat(30),
        maybe: Some(inner.into()),
        list: vec![],
        map,
        nothing: vec![],
    }
}

const CASES: usize = 34_000;
const BATCH: usize = 2000;

fn settings<C: Codec<Sample> + Copy>(redis: &RedisCache, codec: C) -> CacheBuilder<u64, Sample> {
    redis.typed_with("hostile", codec).on_error(ErrorPolicy::Strict).max_value_bytes(MAX_VALUE)
}

/// An entry as the cache writes it in each way that is built in.
async fn entries<C: Codec<Sample> + Copy>(server: &Redis, redis: &RedisCache, codec: C) -> Vec<Vec<u8>> {
    let ways = [
        None,
        #[cfg(feature = "lz4")]
        Some(perfect21_redis_cache::Compression::Lz4),
        #[cfg(feature = "zstd")]
        Some(perfect21_redis_cache::Compression::Zstd(3)),
    ];
    let mut entries = Vec::new();
    for way in ways {
        let cache = settings(redis, codec).compression(way).compress_above(16).build().unwrap();
        cache.set(&0, &sample()).await.unwrap();
        entries.push(Raw::to(server).get(&cache.redis_key(&0)));
    }
    entries
}

/// Whether what was counted is what had to be.
fn counted(before: &Stats, after: &Stats, cases: &[(Vec<u8>, Must)]) -> Result<(), String> {
    let rejected = |stats: &Stats| REASONS.map(|reason| reason(&stats.rejected));
    let (mut seen, is) = (rejected(before), rejected(after));
    let (mut somehow, mut outdated, mut found) = (0, before.outdated, before.hits);
    for (_, must) in cases {
        match must {
            Must::Refuse(reason) => seen[*reason as usize] += 1,
            Must::RefuseSomehow => somehow += 1,
            Must::Outdate => outdated += 1,
            Must::Find(_) => found += 1,
        }
    }
    let more = after.rejected.total().checked_sub(seen.iter().sum::<u64>());
    let right = seen.iter().zip(is).all(|(must, is)| is >= *must)
        && more == Some(somehow)
        && (after.outdated, after.hits) == (outdated, found)
        && after.misses + after.hits - before.misses - before.hits == cases.len() as u64
        && after.errors.total() == 0;
    if right {
        Ok(())
    } else {
        Err(format!("must be {seen:?} and {somehow} more, {outdated}, {found}: {after:?}"))
    }
}

/// Writes the cases under keys from `first` on, and looks them up in both ways.
async fn survives(raw: &mut Raw, caches: &[Cache<u64, Sample>; 2], first: u64, cases: &[(Vec<u8>, Must)]) {
    let keys: Vec<u64> = (first..).take(cases.len()).collect();
    let names: Vec<_> = keys.iter().map(|key| caches[0].redis_key(key)).collect();
    let commands =
        names.iter().zip(cases).map(|(name, (bytes, _))| vec![&b"SET"[..], name.as_bytes(), bytes]);
    raw.send(&commands.collect::<Vec<_>>());
    let before = caches.each_ref().map(Cache::stats);
    let together = caches[0].get_many(&keys).await;
    let singly = join_all(keys.iter().map(|key| caches[1].get(key))).await;
    for answers in [together, singly] {
        for (answer, (bytes, must)) in answers.into_iter().zip(cases) {
            let expected = match must {
                Must::Find(value) => Some(&**value),
                _ => None,
            };
            assert_eq!(answer.unwrap().as_ref(), expected, "{must:?}: {bytes:x?}");
        }
    }
    for (cache, before) in caches.iter().zip(&before) {
        counted(before, &cache.stats(), cases).unwrap();
    }
}

async fn all<C: Codec<Sample> + Copy>(codec: C) {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    let near = RedisCache::builder(server.url()).namespace("test").near(Near::new());
    let near = near.connect_timeout(DEADLINE).command_timeout(DEADLINE).connect().await.unwrap();
    until("the near cache to open", async || match near.health(DEADLINE).await {
        Health::Ready { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let caches = [&redis, &near].map(|redis| settings(redis, codec).build().unwrap());
    let seed = fastrand::u64(..);
    // Shown where the test fails.
    eprintln!("seed {seed}");
    let entries = entries(&server, &redis, codec).await;
    let mut rng = Rng::with_seed(seed);
    let mut trap = Trap { codec: &codec, rng: &mut rng, entries };
    let mut cases = trap.broken();
    while cases.len() < CASES {
        cases.push(trap.any());
    }
    let mut raw = Raw::to(&server);
    for (batch, cases) in (0..).zip(cases.chunks(BATCH)) {
        survives(&mut raw, &caches, batch * BATCH as u64, cases).await;
    }
    // And is none the worse for it.
    caches[0].set(&1, &sample()).await.unwrap();
    assert_eq!(caches[0].get(&1).await.unwrap(), Some(sample()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_json_is_counted_misses() {
    all(perfect21_redis_cache::Json).await;
}

#[cfg(feature = "bincode")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bincode_is_counted_misses() {
    all(perfect21_redis_cache::Bincode).await;
}

#[cfg(feature = "postcard")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_postcard_is_counted_misses() {
    all(perfect21_redis_cache::Postcard).await;
}

#[cfg(feature = "macros")]
mod an_older_type {
    use super::{ErrorPolicy, Redis, connect};
    use perfect21_redis_cache::{Cache, Schema};
    use serde::{Deserialize, Serialize};

    mod before {
        use super::{Deserialize, Schema, Serialize};

        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Schema)]
        pub(super) struct User {
            pub(super) id: u64,
            pub(super) level: u8,
            pub(super) name: String,
        }
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Schema)]
    struct User {
        id: u64,
        name: String,
    }

    /// Without a schema bincode and postcard take the one for the other.
    #[tokio::test]
    async fn is_a_counted_miss() {
        let server = Redis::start().unwrap();
        let redis = connect(&server).await;
        macro_rules! with {
            ($codec:expr) => {
                let old: Cache<u64, before::User> = redis.typed_with("user", $codec).build().unwrap();
                let new = redis.typed_with("user", $codec).on_error(ErrorPolicy::Strict);
                let new: Cache<u64, User> = new.build().unwrap();
                old.set(&1, &before::User { id: 7, level: 2, name: "ab".into() }).await.unwrap();
                assert_eq!(new.get(&1).await.unwrap(), None);
                assert_eq!((new.stats().rejected.schema, new.stats().misses), (1, 1));
                let user = User { id: 7, name: "ab".into() };
                new.set(&1, &user).await.unwrap();
                assert_eq!(new.get(&1).await.unwrap(), Some(user));
                assert_eq!(old.get(&1).await.unwrap(), None, "nor the other way round");
            };
        }
        #[cfg(feature = "bincode")]
        with!(perfect21_redis_cache::Bincode);
        #[cfg(feature = "postcard")]
        with!(perfect21_redis_cache::Postcard);
    }
}
