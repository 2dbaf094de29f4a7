//! A second tier: asked first, given what was loaded, and never the reason that a value is missing or too old.
#![cfg(feature = "tokio")]

use crate::source::{Down, Source};
use bytes::Bytes;
use perfect21_core::ManualClock;
use perfect21_smart_cache::{
    Loader, RemoteTier,
    loader::{LoadErrorKind, LoaderBuilder},
    remote::{Answer, Fence, Found, Lookup, RemoteCodec, RemoteError, RemoteErrorKind, Terms},
    runtime::Tokio,
};
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Semaphore;

const SECOND: Duration = Duration::from_secs(1);

/// A tier in this process. A write waits for leave if there is a gate.
#[derive(Default)]
struct Shelf {
    kept: Mutex<HashMap<String, Kept>>,
    removals: Mutex<u64>,
    down: Mutex<bool>,
    gate: Option<Semaphore>,
}

#[derive(Debug, Clone, PartialEq)]
struct Kept {
    value: Bytes,
    age: Duration,
    ttl: Option<Duration>,
    tags: Vec<String>,
}

#[derive(Clone, Default)]
struct Tier(Arc<Shelf>);

impl Tier {
    fn check(&self) -> Result<(), RemoteError> {
        if *self.0.down.lock().unwrap() {
            return Err(RemoteError::new(RemoteErrorKind::Unreachable, "no route to the tier"));
        }
        Ok(())
    }

    fn has(&self, key: &str, value: &'static str, age: Duration) {
        let kept = Kept { value: Bytes::from_static(value.as_bytes()), age, ttl: None, tags: Vec::new() };
        self.0.kept.lock().unwrap().insert(key.to_owned(), kept);
    }

    fn kept(&self, key: &str) -> Option<Kept> {
        self.0.kept.lock().unwrap().get(key).cloned()
    }
}

impl RemoteTier for Tier {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Lookup> {
        Box::pin(async move {
            self.check()?;
            let found = self.kept(key).map(|kept| Found { value: kept.value, age: kept.age });
            Ok(Lookup { found, fence: Fence(*self.0.removals.lock().unwrap()) })
        })
    }

    fn put<'a>(&'a self, key: &'a str, value: Bytes, terms: Terms<'a>) -> Answer<'a, bool> {
        Box::pin(async move {
            if let Some(gate) = &self.0.gate {
                gate.acquire().await.unwrap().forget();
            }
            self.check()?;
            let current = terms.fence == Fence(*self.0.removals.lock().unwrap());
            if current {
                let tags = terms.tags.iter().map(|tag| tag.to_string()).collect();
                let kept = Kept { value, age: Duration::ZERO, ttl: terms.ttl, tags };
                self.0.kept.lock().unwrap().insert(key.to_owned(), kept);
            }
            Ok(current)
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.check()?;
            *self.0.removals.lock().unwrap() += 1;
            self.0.kept.lock().unwrap().remove(key);
            Ok(())
        })
    }

    fn invalidate<'a>(&'a self, tags: &'a [&'a str]) -> Answer<'a, ()> {
        Box::pin(async move {
            self.check()?;
            *self.0.removals.lock().unwrap() += 1;
            let tagged = |kept: &Kept| kept.tags.iter().any(|tag| tags.contains(&&**tag));
            self.0.kept.lock().unwrap().retain(|_, kept| !tagged(kept));
            Ok(())
        })
    }
}

struct Decimal;

impl RemoteCodec<u32, u64> for Decimal {
    fn key(&self, key: &u32) -> String {
        format!("n:{key}")
    }

    fn encode(&self, value: &u64) -> Option<Bytes> {
        (*value != 13).then(|| value.to_string().into())
    }

    fn decode(&self, bytes: Bytes) -> Option<u64> {
        std::str::from_utf8(&bytes).ok()?.parse().ok()
    }

    fn tags(&self, key: &u32, _: &u64) -> Vec<Cow<'_, str>> {
        vec![format!("tag:{key}").into(), "numbers".into()]
    }
}

struct Bench {
    source: Source,
    clock: ManualClock,
    tier: Tier,
    loader: Loader<u32, u64, Down>,
}

impl Bench {
    fn new(
        tier: Tier,
        set: impl FnOnce(LoaderBuilder<u32, u64, Down>) -> LoaderBuilder<u32, u64, Down>,
    ) -> Self {
        let (source, clock) = (Source::new(), ManualClock::new());
        let builder = Loader::builder(source.load()).ttl(10 * SECOND).remote(tier.clone(), Decimal);
        let loader = set(builder.clock(Arc::new(clock.clone()))).build().unwrap();
        Self { source, clock, tier, loader }
    }

    async fn load(&self, outcome: Result<u64, Down>) -> Result<u64, LoadErrorKind> {
        let loader = self.loader.clone();
        let asked = tokio::spawn(async move { loader.get(1).await.map_err(|error| error.kind()) });
        self.source.next().await.bring(outcome);
        asked.await.unwrap()
    }
}

#[tokio::test]
async fn what_the_tier_has_is_not_loaded_and_is_as_old_as_it_is() {
    for runtime in [false, true] {
        let set = |builder: LoaderBuilder<_, _, _>| if runtime { builder.runtime(Tokio) } else { builder };
        let bench = Bench::new(Tier::default(), set);
        bench.tier.has("n:1", "42", 7 * SECOND);
        bench.clock.advance(100 * SECOND);
        assert_eq!(bench.loader.get(1).await, Ok(42));
        assert_eq!(bench.loader.get(1).await, Ok(42));
        let stats = bench.loader.stats();
        assert_eq!((bench.source.loads(), stats.remote_hits, stats.cache.hits), (0, 1, 1));
        bench.clock.advance(4 * SECOND);
        bench.tier.has("n:1", "43", 10 * SECOND);
        assert_eq!(bench.load(Ok(44)).await, Ok(44), "ten seconds are over, here and there");
        assert_eq!(bench.loader.stats().remote_misses, 1);
    }
}

#[tokio::test]
async fn what_is_loaded_is_given_to_the_tier_with_its_time_and_tags() {
    let bench = Bench::new(Tier::default(), |builder| builder.stale_on_error(50 * SECOND, SECOND));
    assert_eq!(bench.load(Ok(5)).await, Ok(5));
    let kept = bench.tier.kept("n:1").unwrap();
    assert_eq!((&kept.value[..], kept.ttl), (&b"5"[..], Some(60 * SECOND)));
    assert_eq!(kept.tags, ["tag:1", "numbers"]);
    bench.loader.invalidate(&1).await.unwrap();
    assert_eq!(bench.load(Ok(13)).await, Ok(13), "not to be shared");
    assert_eq!(bench.tier.kept("n:1"), None);
}

#[tokio::test]
async fn an_error_is_not_given_to_the_tier_nor_what_is_answered_instead() {
    let bench = Bench::new(Tier::default(), |builder| builder.stale_on_error(50 * SECOND, SECOND));
    assert_eq!(bench.load(Err(Down)).await, Err(LoadErrorKind::Load));
    assert_eq!(bench.load(Ok(5)).await, Ok(5));
    bench.tier.0.kept.lock().unwrap().clear();
    bench.clock.advance(11 * SECOND);
    assert_eq!(bench.load(Err(Down)).await, Ok(5), "stale");
    assert_eq!(bench.tier.kept("n:1"), None);
}

#[tokio::test]
async fn a_tier_that_is_down_or_holds_nonsense_is_counted_and_passed_by() {
    let bench = Bench::new(Tier::default(), |builder| builder);
    *bench.tier.0.down.lock().unwrap() = true;
    assert_eq!(bench.load(Ok(1)).await, Ok(1));
    let error = bench.loader.invalidate(&1).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (RemoteErrorKind::Unreachable, "no route to the tier".to_owned())
    );
    *bench.tier.0.down.lock().unwrap() = false;
    bench.tier.has("n:1", "forty-two", Duration::ZERO);
    assert_eq!(bench.load(Ok(2)).await, Ok(2), "forgotten here although the tier was not told");
    let stats = bench.loader.stats();
    assert_eq!((stats.remote_errors, stats.remote_rejected, stats.remote_misses), (2, 1, 0));
    assert_eq!(&bench.tier.kept("n:1").unwrap().value[..], b"2");
}

#[tokio::test]
async fn a_removal_during_a_load_wins_in_both_tiers() {
    let bench = Bench::new(Tier::default(), |builder| builder.runtime(Tokio));
    let loader = bench.loader.clone();
    let asked = tokio::spawn(async move { loader.get(1).await });
    let load = bench.source.next().await;
    bench.loader.invalidate(&1).await.unwrap();
    load.bring(Ok(1));
    assert_eq!(asked.await.unwrap(), Ok(1), "it had asked before");
    assert_eq!((bench.loader.peek(&1), bench.tier.kept("n:1")), (None, None));
}

#[tokio::test]
async fn who_waits_is_answered_before_the_tier_is() {
    let tier = Tier(Arc::new(Shelf { gate: Some(Semaphore::new(0)), ..Shelf::default() }));
    let bench = Bench::new(tier, |builder| builder.runtime(Tokio));
    let ask = || {
        let loader = bench.loader.clone();
        tokio::spawn(async move { loader.get(1).await })
    };
    let leads = ask();
    let load = bench.source.next().await;
    let waits = ask();
    load.bring(Ok(1));
    assert_eq!(waits.await.unwrap(), Ok(1));
    assert!(!leads.is_finished() && bench.tier.kept("n:1").is_none());
    bench.tier.0.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(leads.await.unwrap(), Ok(1));
    assert!(bench.tier.kept("n:1").is_some());
}

#[tokio::test]
async fn of_many_keys_only_those_that_neither_tier_has_are_loaded() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let keys = Arc::clone(&asked);
    let batch = move |batch: Vec<u32>| {
        keys.lock().unwrap().push(batch.clone());
        async move {
            batch.into_iter().map(|key| if key == 4 { Err(Down) } else { Ok(u64::from(key) * 10) }).collect()
        }
    };
    let bench = Bench::new(Tier::default(), |builder| builder.batch(batch));
    bench.tier.has("n:2", "2", SECOND);
    bench.loader.insert(1, 1).unwrap();
    let values = bench.loader.get_many([1, 2, 3, 4, 5]).await;
    let values: Vec<_> = values.into_iter().map(|value| value.map_err(|error| error.kind())).collect();
    assert_eq!(values, [Ok(1), Ok(2), Ok(30), Err(LoadErrorKind::Load), Ok(50)]);
    let mut loaded = asked.lock().unwrap().concat();
    loaded.sort_unstable();
    assert_eq!((asked.lock().unwrap().len(), loaded), (1, vec![3, 4, 5]));
    assert_eq!((&bench.tier.kept("n:3").unwrap().value[..], bench.tier.kept("n:4")), (&b"30"[..], None));
    bench.tier.0.kept.lock().unwrap().clear();
    let tags = ["numbers"];
    bench.tier.has("n:9", "9", SECOND);
    bench.tier.invalidate(&tags).await.unwrap();
    let values = bench.loader.get_many([2, 9]).await;
    assert_eq!(values, [Ok(2), Ok(9)]);
    assert_eq!(asked.lock().unwrap().len(), 1, "all at hand: no batch");
}
