//! One load however many ask; leaders that leave, fail or panic; writes that win; errors and who gets them.
#![cfg(feature = "tokio")]

use crate::source::{Down, Source};
use futures_util::future::join_all;
use perfect21_smart_cache::{
    Loader,
    loader::{LoadErrorKind, OnError},
    runtime::Tokio,
};
use perfect21_test_support::wait::DEADLINE;
use std::time::Duration;

/// Both ways to run a load.
fn both_ways(source: &Source) -> [Loader<u32, u64, Down>; 2] {
    let builder = || Loader::builder(source.load());
    [builder().build().unwrap(), builder().runtime(Tokio).build().unwrap()]
}

#[tokio::test]
async fn a_thousand_who_ask_at_once_share_one_load() {
    let source = Source::new();
    for loader in both_ways(&source) {
        let before = source.loads();
        let asked = (0..1000).map(|_| {
            tokio::spawn({
                let loader = loader.clone();
                async move { loader.get(7).await }
            })
        });
        let asked: Vec<_> = asked.collect();
        source.next().await.bring(Ok(70));
        for answer in asked {
            assert_eq!(answer.await.unwrap(), Ok(70));
        }
        assert_eq!(
            (source.loads() - before, loader.stats().cache.entries, loader.stats().running),
            (1, 1, 0)
        );
        assert_eq!(loader.get(7).await, Ok(70));
    }
}

#[tokio::test]
async fn a_leader_that_leaves_hands_over_or_lets_its_task_go_on() {
    let source = Source::new();
    let [within, apart] = both_ways(&source);
    // Within its caller: another one leads.
    let leader = tokio::spawn({
        let loader = within.clone();
        async move { loader.get(1).await }
    });
    let first = source.next().await;
    let waiter = tokio::spawn({
        let loader = within.clone();
        async move { loader.get(1).await }
    });
    tokio::task::yield_now().await;
    leader.abort();
    let second = source.next().await;
    assert!(first.is_abandoned());
    second.bring(Ok(11));
    assert_eq!(waiter.await.unwrap(), Ok(11));
    // A task of its own: it goes on.
    let leader = tokio::spawn({
        let loader = apart.clone();
        async move { loader.get(2).await }
    });
    let load = source.next().await;
    leader.abort();
    assert!(leader.await.is_err());
    load.bring(Ok(22));
    assert_eq!(apart.get(2).await, Ok(22));
    assert_eq!(source.loads(), 3);
}

#[tokio::test]
async fn a_future_that_is_never_polled_again_holds_nobody_up_where_there_is_a_runtime() {
    let source = Source::new();
    let [_, loader] = both_ways(&source);
    let mut never = Box::pin(loader.get(1));
    assert!(futures_util::poll!(&mut never).is_pending());
    let other = tokio::spawn({
        let loader = loader.clone();
        async move { loader.get(1).await }
    });
    source.next().await.bring(Ok(5));
    assert_eq!(tokio::time::timeout(DEADLINE, other).await.unwrap().unwrap(), Ok(5));
    assert_eq!(never.await, Ok(5));
}

#[tokio::test]
async fn a_load_that_panics_is_its_callers_error_and_another_leads() {
    let source = Source::new();
    let [within, apart] = both_ways(&source);
    for loader in [within, apart.clone()] {
        let first = tokio::spawn({
            let loader = loader.clone();
            async move { loader.get(1).await }
        });
        let load = source.next().await;
        let second = tokio::spawn({
            let loader = loader.clone();
            async move { loader.get(1).await }
        });
        tokio::task::yield_now().await;
        load.panic();
        source.next().await.bring(Ok(3));
        assert_eq!(second.await.unwrap(), Ok(3));
        match first.await {
            Ok(answer) => assert_eq!(answer.unwrap_err().kind(), LoadErrorKind::Panicked),
            Err(panicked) => assert!(panicked.is_panic()),
        }
    }
    assert_eq!(apart.stats().running, 0);
}

#[tokio::test]
async fn an_error_goes_to_all_who_wait_or_each_loads_for_itself() {
    let source = Source::new();
    let shared = Loader::builder(source.load()).build().unwrap();
    let alone = Loader::builder(source.load()).on_error(OnError::Retry).build().unwrap();
    let ask = |loader: &Loader<u32, u64, Down>| {
        let loader = loader.clone();
        tokio::spawn(async move { join_all((0..3).map(|_| loader.get(9))).await })
    };
    let answers = ask(&shared);
    source.next().await.bring(Err(Down));
    let errors = answers.await.unwrap();
    assert!(errors.iter().all(|answer| answer.clone().unwrap_err().into_load() == Some(Down)), "{errors:?}");
    assert_eq!((source.loads(), shared.stats().failures, shared.stats().cache.entries), (1, 1, 0));

    let answers = ask(&alone);
    for answer in [Err(Down), Err(Down), Ok(1)] {
        source.next().await.bring(answer);
    }
    let mut answers = answers.await.unwrap();
    answers.sort_by_key(Result::is_ok);
    assert!(answers[0].is_err() && answers[1].is_err() && answers[2] == Ok(1), "{answers:?}");
}

#[tokio::test]
async fn a_write_during_a_load_wins() {
    let source = Source::new();
    for loader in both_ways(&source) {
        let early = tokio::spawn({
            let loader = loader.clone();
            async move { loader.get(1).await }
        });
        let load = source.next().await;
        loader.insert(1, 100).unwrap();
        load.bring(Ok(1));
        assert_eq!(early.await.unwrap(), Ok(1), "who asked before the write");
        assert_eq!(loader.get(1).await, Ok(100));
        let early = tokio::spawn({
            let loader = loader.clone();
            async move { loader.get(2).await }
        });
        let load = source.next().await;
        loader.remove(&2);
        load.bring(Ok(2));
        assert_eq!((early.await.unwrap(), loader.peek(&2)), (Ok(2), None));
    }
}

#[tokio::test]
async fn no_more_loads_run_than_may() {
    let source = Source::new();
    let loader = Loader::builder(source.load()).runtime(Tokio).max_loads(2).build().unwrap();
    let asked: Vec<_> = (0..2)
        .map(|key| {
            tokio::spawn({
                let loader = loader.clone();
                async move { loader.get(key).await }
            })
        })
        .collect();
    let loads = [source.next().await, source.next().await];
    let refused = loader.get(3).await.unwrap_err();
    assert_eq!(refused.kind(), LoadErrorKind::Overloaded);
    assert_eq!(refused.to_string(), "2 loads are under way, which is as many as there may be");
    loads.into_iter().for_each(|load| load.bring(Ok(1)));
    for answer in asked {
        assert_eq!(answer.await.unwrap(), Ok(1));
    }
    assert_eq!((loader.stats().running, loader.stats().overloaded), (0, 1));
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_reason() {
    let source = Source::new();
    let builder = || Loader::builder(source.load());
    let ttl = || builder().ttl(Duration::from_secs(1));
    for (builder, expected) in [
        (builder().max_entries(0), "max_entries"),
        (builder().ttl(Duration::ZERO), "ttl"),
        (ttl().ttl_jitter(1.5), "ttl_jitter"),
        (ttl().runtime(Tokio).refresh_at(0.0), "refresh_at"),
        (builder().runtime(Tokio).refresh_at(0.5), "without `ttl`"),
        (ttl().refresh_at(0.5), "without `runtime`"),
        (ttl().stale_while_revalidate(Duration::from_secs(1)), "without `runtime`"),
        (ttl().stale_on_error(Duration::ZERO, Duration::from_secs(1)), "stale_on_error"),
        (ttl().runtime(Tokio).soft_timeout(Duration::from_secs(1)), "without `stale_on_error`"),
        (ttl().hard_timeout(Duration::from_secs(1)), "without `runtime`"),
        (builder().max_batch(0), "max_batch"),
        (builder().max_loads(0), "max_loads"),
        (ttl().stale_on_error(Duration::MAX, Duration::from_secs(1)), "past the clock's range"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let texts = Loader::builder(|key: u32| async move { Ok::<_, Down>(key.to_string()) });
    let error = texts.max_bytes(5000).build().unwrap_err().to_string();
    assert!(error.contains("max_bytes") && error.contains("5000") && error.contains("weigher"), "{error}");
}
