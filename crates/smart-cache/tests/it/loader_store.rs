//! A loader over other stores: what it promises does not depend on who keeps the values.
#![cfg(all(feature = "tokio", feature = "lru", feature = "moka"))]

use crate::source::{Down, Source};
use perfect21_core::ManualClock;
use perfect21_smart_cache::{
    Loader, Lru, Moka, Store,
    loader::{Held, LoadErrorKind},
    runtime::Tokio,
};
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

type Any = Arc<dyn Store<u32, Held<u64, Down>>>;

fn stores(clock: &ManualClock) -> [(&'static str, Any); 2] {
    let lru = Lru::new(100).unwrap().with_clock(Arc::new(clock.clone()));
    [("lru", Arc::new(lru)), ("moka", Arc::new(Moka::new(100, |moka| moka).unwrap()))]
}

struct Bench {
    source: Source,
    loader: Loader<u32, u64, Down>,
}

impl Bench {
    fn new(store: Any, clock: &ManualClock) -> Self {
        let source = Source::new();
        let loader = Loader::builder(source.load())
            .store(store)
            .ttl(10 * SECOND)
            .stale_on_error(60 * SECOND, 5 * SECOND)
            .clock(Arc::new(clock.clone()))
            .runtime(Tokio)
            .build()
            .unwrap();
        Self { source, loader }
    }

    async fn load(&self, outcome: Result<u64, Down>) -> Result<u64, LoadErrorKind> {
        let loader = self.loader.clone();
        let asked = tokio::spawn(async move { loader.get(1).await.map_err(|error| error.kind()) });
        self.source.next().await.bring(outcome);
        asked.await.unwrap()
    }
}

#[tokio::test]
async fn fail_safe_and_its_throttle_hold_over_any_store() {
    let clock = ManualClock::new();
    for (name, store) in stores(&clock) {
        let bench = Bench::new(store, &clock);
        assert_eq!(bench.load(Ok(1)).await, Ok(1), "{name}");
        assert_eq!(bench.loader.get(1).await, Ok(1), "{name}");
        clock.advance(11 * SECOND);
        assert_eq!(bench.load(Err(Down)).await, Ok(1), "{name}: stale");
        assert_eq!(bench.loader.get(1).await, Ok(1), "{name}: throttled, no load");
        assert_eq!(bench.source.loads(), 2, "{name}");
        clock.advance(6 * SECOND);
        assert_eq!(bench.load(Ok(2)).await, Ok(2), "{name}: the throttle is over");
        clock.advance(71 * SECOND);
        assert_eq!(bench.load(Err(Down)).await, Err(LoadErrorKind::Load), "{name}: too old");
        assert_eq!(bench.loader.stats().cache.loads, 4, "{name}");
    }
}

#[tokio::test]
async fn a_write_during_a_load_wins_over_any_store() {
    let clock = ManualClock::new();
    for (name, store) in stores(&clock) {
        let bench = Bench::new(store, &clock);
        let loader = bench.loader.clone();
        let asked = tokio::spawn(async move { loader.get(1).await });
        let load = bench.source.next().await;
        bench.loader.insert(1, 2).unwrap();
        load.bring(Ok(1));
        assert_eq!(asked.await.unwrap(), Ok(1), "{name}: it had asked before");
        assert_eq!(bench.loader.peek(&1), Some(2), "{name}");
    }
}

#[test]
fn a_bound_beside_a_store_is_refused() {
    let load = |_: u32| async { Ok::<u64, Down>(1) };
    let with_store = || Loader::builder(load).store(Lru::new(10).unwrap());
    let refused = [
        with_store().max_entries(5).build().unwrap_err(),
        with_store().weigher(|_, _| 1).build().unwrap_err(),
        with_store().weigher(|_, _| 1).max_bytes(5).build().unwrap_err(),
    ];
    for (error, setting) in refused.iter().zip(["max_entries", "weigher", "max_bytes"]) {
        let said = error.to_string();
        assert!(said.contains(setting) && said.contains("store"), "{said}");
    }
}
