//! Values beyond their time: refreshed early, answered while they are replaced, answered because the source is down.
#![cfg(feature = "tokio")]

use crate::source::{Down, Source};
use perfect21_core::ManualClock;
use perfect21_smart_cache::{
    Loader,
    loader::{LoadErrorKind, LoaderBuilder},
    runtime::Tokio,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    source: Source,
    clock: ManualClock,
    loader: Loader<u32, u64, Down>,
}

impl Bench {
    /// With values that are fresh for ten seconds.
    fn new(set: impl FnOnce(LoaderBuilder<u32, u64, Down>) -> LoaderBuilder<u32, u64, Down>) -> Self {
        let (source, clock) = (Source::new(), ManualClock::new());
        let builder = Loader::builder(source.load()).ttl(10 * SECOND).clock(Arc::new(clock.clone()));
        let loader = set(builder.runtime(Tokio)).build().unwrap();
        Self { source, clock, loader }
    }

    /// Asks, and has the load bring `outcome`.
    async fn load(&self, outcome: Result<u64, Down>) -> Result<u64, LoadErrorKind> {
        let asked = self.ask();
        self.source.next().await.bring(outcome);
        asked.await.unwrap()
    }

    fn ask(&self) -> tokio::task::JoinHandle<Result<u64, LoadErrorKind>> {
        let loader = self.loader.clone();
        tokio::spawn(async move { loader.get(1).await.map_err(|error| error.kind()) })
    }

    /// Asks where an answer is at hand.
    async fn at_hand(&self) -> u64 {
        self.loader.get(1).await.unwrap()
    }

    /// Lets a load in the background end.
    async fn settle(&self) {
        while self.loader.stats().running > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_value_that_grows_old_is_replaced_by_one_load_before_its_time_is_over() {
    let bench = Bench::new(|builder| builder.refresh_at(0.8));
    bench.load(Ok(1)).await.unwrap();
    bench.clock.advance(Duration::from_millis(7_999));
    assert_eq!((bench.at_hand().await, bench.source.loads()), (1, 1));
    bench.clock.advance(Duration::from_millis(1));
    for _ in 0..10 {
        assert_eq!(bench.at_hand().await, 1);
    }
    let refresh = bench.source.next().await;
    assert_eq!((bench.source.loads(), bench.loader.stats().refreshes), (2, 1));
    refresh.bring(Ok(2));
    bench.settle().await;
    assert_eq!((bench.at_hand().await, bench.source.loads(), bench.loader.stats().stale), (2, 2, 0));
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_the_value_and_waits_before_the_next() {
    let bench = Bench::new(|builder| builder.refresh_at(0.5));
    bench.load(Ok(1)).await.unwrap();
    bench.clock.advance(6 * SECOND);
    assert_eq!(bench.at_hand().await, 1);
    bench.source.next().await.bring(Err(Down));
    bench.settle().await;
    assert_eq!((bench.at_hand().await, bench.source.loads(), bench.loader.stats().failures), (1, 2, 1));
    bench.clock.advance(SECOND);
    assert_eq!(bench.at_hand().await, 1);
    bench.source.next().await.bring(Ok(2));
    bench.settle().await;
    assert_eq!(bench.at_hand().await, 2);
}

#[tokio::test]
async fn a_stale_value_is_answered_while_it_is_replaced_and_not_for_ever() {
    let bench = Bench::new(|builder| builder.stale_while_revalidate(5 * SECOND));
    bench.load(Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    assert_eq!((bench.at_hand().await, bench.at_hand().await), (1, 1));
    let refresh = bench.source.next().await;
    assert_eq!((bench.source.loads(), bench.loader.stats().stale), (2, 2));
    refresh.bring(Ok(2));
    bench.settle().await;
    assert_eq!((bench.at_hand().await, bench.loader.stats().stale), (2, 2));
    bench.clock.advance(15 * SECOND);
    assert_eq!(bench.load(Ok(3)).await, Ok(3), "too old: it is waited for");
}

#[tokio::test]
async fn while_the_source_is_down_the_last_value_is_answered_for_a_while_and_the_source_left_in_peace() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let bench = Bench::new(move |builder| {
        builder
            .stale_on_error(60 * SECOND, 5 * SECOND)
            .failed(move |key, error| tell.lock().unwrap().push((*key, error.kind())))
    });
    bench.load(Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    assert_eq!(bench.load(Err(Down)).await, Ok(1));
    // Throttled: no load for five seconds.
    bench.clock.advance(Duration::from_millis(4_999));
    assert_eq!((bench.at_hand().await, bench.source.loads()), (1, 2));
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.load(Err(Down)).await, Ok(1));
    assert_eq!(*told.lock().unwrap(), [(1, LoadErrorKind::Load); 2], "no error is swallowed");
    assert_eq!((bench.loader.stats().failures, bench.loader.stats().stale_on_error), (2, 3));
    // Back again.
    bench.clock.advance(5 * SECOND);
    assert_eq!(bench.load(Ok(2)).await, Ok(2));
    // Too old in the end: 10 s fresh, 60 s stale.
    bench.clock.advance(70 * SECOND);
    assert_eq!(bench.load(Err(Down)).await, Err(LoadErrorKind::Load));
    assert_eq!(bench.loader.peek(&1), None);
}

#[tokio::test]
async fn an_error_is_remembered_for_its_time() {
    let bench = Bench::new(|builder| builder.negative_ttl(2 * SECOND));
    assert_eq!(bench.load(Err(Down)).await, Err(LoadErrorKind::Load));
    bench.clock.advance(Duration::from_millis(1_999));
    assert_eq!(bench.ask().await.unwrap(), Err(LoadErrorKind::Load));
    assert_eq!(bench.source.loads(), 1);
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.load(Ok(1)).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn who_has_something_to_answer_waits_for_the_soft_timeout_others_for_the_hard_one() {
    let bench = Bench::new(|builder| {
        builder.stale_on_error(60 * SECOND, SECOND).soft_timeout(SECOND).hard_timeout(3 * SECOND)
    });
    // Nothing yet: the hard one, and the load goes on and is stored.
    let asked = (tokio::time::Instant::now(), bench.ask());
    let slow = bench.source.next().await;
    assert_eq!(asked.1.await.unwrap(), Err(LoadErrorKind::TimedOut));
    assert_eq!(asked.0.elapsed(), 3 * SECOND);
    slow.bring(Ok(1));
    bench.settle().await;
    assert_eq!((bench.at_hand().await, bench.source.loads()), (1, 1));
    // Stale: the soft one, and the load goes on.
    bench.clock.advance(10 * SECOND);
    let asked = (tokio::time::Instant::now(), bench.ask());
    let slow = bench.source.next().await;
    assert_eq!(asked.1.await.unwrap(), Ok(1));
    assert_eq!(asked.0.elapsed(), SECOND);
    // Others who come meanwhile do not wait for it again.
    let asked = (tokio::time::Instant::now(), bench.ask());
    assert_eq!((asked.1.await.unwrap(), asked.0.elapsed()), (Ok(1), Duration::ZERO));
    slow.bring(Ok(2));
    bench.settle().await;
    assert_eq!((bench.at_hand().await, bench.source.loads(), bench.loader.stats().timeouts), (2, 2, 2));
}

#[tokio::test]
async fn jitter_makes_values_older_than_they_are_and_never_younger() {
    let (source, clock) = (Source::new(), ManualClock::new());
    let builder = Loader::builder(source.load()).ttl(100 * SECOND).ttl_jitter(0.5).max_entries(4000);
    let loader = builder.clock(Arc::new(clock.clone())).build().unwrap();
    (0..2000).for_each(|key| loader.insert(key, 1).unwrap());
    let there = || (0..2000).filter(|key| loader.peek(key).is_some()).count();
    clock.advance(50 * SECOND);
    assert_eq!(there(), 2000);
    clock.advance(25 * SECOND);
    let half = there();
    assert!((600..1400).contains(&half), "{half}");
    clock.advance(25 * SECOND);
    assert_eq!(there(), 0);
}

type Change = fn(&Loader<u32, u64, Down>);

/// Lets a refresh of the value 1 fail, and calls `change` before or after it has registered its load.
async fn fail_a_refresh(bench: &Bench, registered: bool, change: impl Fn(&Loader<u32, u64, Down>)) {
    bench.load(Ok(1)).await.unwrap();
    bench.clock.advance(11 * SECOND);
    assert_eq!(bench.at_hand().await, 1);
    let refresh = if registered {
        let refresh = bench.source.next().await;
        change(&bench.loader);
        refresh
    } else {
        change(&bench.loader);
        bench.source.next().await
    };
    refresh.bring(Err(Down));
    bench.settle().await;
}

#[tokio::test]
async fn a_failed_refresh_never_replaces_a_newer_value() {
    for registered in [false, true] {
        let bench = Bench::new(|builder| builder.stale_while_revalidate(3600 * SECOND));
        fail_a_refresh(&bench, registered, |loader| loader.insert(1, 2).unwrap()).await;
        assert_eq!((bench.loader.peek(&1), bench.at_hand().await), (Some(2), 2), "{registered}");
    }
}

#[tokio::test]
async fn a_failed_refresh_never_brings_a_removed_value_back() {
    for registered in [false, true] {
        let changes: [Change; 2] = [|loader| loader.remove(&1), Loader::clear];
        for change in changes {
            let bench = Bench::new(|builder| builder.stale_while_revalidate(3600 * SECOND));
            fail_a_refresh(&bench, registered, change).await;
            assert_eq!(bench.loader.peek(&1), None, "{registered}");
            assert_eq!(bench.load(Err(Down)).await, Err(LoadErrorKind::Load), "{registered}");
        }
    }
}

#[tokio::test]
async fn a_removed_value_is_no_fallback_for_a_load_that_began_before() {
    let (source, clock) = (Source::new(), ManualClock::new());
    let builder = Loader::builder(source.load()).ttl(10 * SECOND).clock(Arc::new(clock.clone()));
    let loader = builder.stale_on_error(3600 * SECOND, SECOND).build().unwrap();
    loader.insert(1, 1).unwrap();
    clock.advance(11 * SECOND);
    let ask = || {
        let loader = loader.clone();
        tokio::spawn(async move { loader.get(1).await.map_err(|error| error.kind()) })
    };
    let leader = ask();
    let _never_ends = source.next().await;
    let waits = ask();
    tokio::task::yield_now().await;
    loader.remove(&1);
    leader.abort();
    source.next().await.bring(Err(Down));
    assert_eq!(waits.await.unwrap(), Err(LoadErrorKind::Load));
    assert_eq!(loader.peek(&1), None);
}
