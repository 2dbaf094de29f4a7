//! Many keys at once: what is at hand, what others load, one batch for the rest, and each key's own result.
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

type Batches = Arc<Mutex<Vec<Vec<u32>>>>;

/// Batches bring ten times the key, and know no 13.
fn with_batch(source: &Source) -> (LoaderBuilder<u32, u64, Down>, Batches) {
    let batches = Batches::default();
    let seen = Arc::clone(&batches);
    let builder = Loader::builder(source.load()).batch(move |keys: Vec<u32>| {
        seen.lock().unwrap().push(keys.clone());
        async move {
            keys.iter().map(|key| if *key == 13 { Err(Down) } else { Ok(u64::from(*key) * 10) }).collect()
        }
    });
    (builder, batches)
}

fn kinds(
    answers: Vec<Result<u64, perfect21_smart_cache::loader::LoadError<Down>>>,
) -> Vec<Result<u64, LoadErrorKind>> {
    answers.into_iter().map(|answer| answer.map_err(|error| error.kind())).collect()
}

#[tokio::test]
async fn one_batch_loads_what_is_neither_at_hand_nor_under_way() {
    let source = Source::new();
    for runtime in [false, true] {
        let (builder, batches) = with_batch(&source);
        let loader = if runtime { builder.runtime(Tokio) } else { builder }.build().unwrap();
        loader.insert(1, 111).unwrap();
        let other = tokio::spawn({
            let loader = loader.clone();
            async move { loader.get(2).await }
        });
        let load = source.next().await;
        let many = tokio::spawn({
            let loader = loader.clone();
            async move { loader.get_many([1, 2, 3, 13, 4, 3]).await }
        });
        while batches.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        load.bring(Ok(222));
        assert_eq!(
            kinds(many.await.unwrap()),
            [Ok(111), Ok(222), Ok(30), Err(LoadErrorKind::Load), Ok(40), Ok(30)]
        );
        assert_eq!(other.await.unwrap(), Ok(222));
        let mut batch = batches.lock().unwrap().concat();
        batch.sort_unstable();
        assert_eq!((batch, loader.stats().batches, loader.stats().running), (vec![3, 4, 13], 1, 0));
        assert_eq!(loader.get(4).await, Ok(40), "stored");
    }
}

#[tokio::test]
async fn large_batches_are_split_and_overlapping_calls_share() {
    let source = Source::new();
    let (builder, batches) = with_batch(&source);
    let loader = builder.max_batch(8).max_entries(200).build().unwrap();
    let call = |from: u32| {
        let loader = loader.clone();
        async move { loader.get_many(from..from + 50).await }
    };
    let (one, other) = tokio::join!(call(100), call(120));
    assert!(one.iter().zip(100..).all(|(answer, key)| *answer == Ok(key * 10)));
    assert!(other.iter().zip(120..).all(|(answer, key)| *answer == Ok(key * 10)));
    let batches = batches.lock().unwrap();
    assert!(batches.iter().all(|batch| batch.len() <= 8));
    let mut keys = batches.concat();
    keys.sort_unstable();
    assert_eq!(keys, (100..170).collect::<Vec<_>>(), "each loaded once");
}

#[tokio::test]
async fn without_a_batch_each_is_loaded_by_itself_at_the_same_time() {
    let source = Source::new();
    let loader = Loader::builder(source.load()).build().unwrap();
    let many = tokio::spawn({
        let loader = loader.clone();
        async move { loader.get_many(0..3).await }
    });
    let mut loads = [source.next().await, source.next().await, source.next().await];
    loads.sort_by_key(|load| load.key);
    for (load, value) in loads.into_iter().zip([7, 8, 9]) {
        load.bring(Ok(value));
    }
    assert_eq!(many.await.unwrap(), [Ok(7), Ok(8), Ok(9)]);
}

#[tokio::test]
async fn a_batch_of_the_wrong_size_is_each_keys_error() {
    let source = Source::new();
    for given in [0_usize, 1, 5] {
        let builder = Loader::builder(source.load()).batch(move |_| async move { vec![Ok(1); given] });
        let loader = builder.build().unwrap();
        let answers = loader.get_many([1, 2]).await;
        assert!(
            answers.iter().all(|answer| answer.as_ref().unwrap_err().kind() == LoadErrorKind::WrongCount)
        );
        let said = answers[0].as_ref().unwrap_err().to_string();
        assert_eq!(said, format!("the batch load gave {given} results for 2 keys"));
        assert_eq!(loader.peek(&1), None);
    }
}

#[tokio::test]
async fn a_batch_that_panics_or_is_dropped_hands_its_keys_over() {
    let source = Source::new();
    let loader = Loader::builder(source.load())
        .batch(|_| async { panic!("the batch panics") })
        .runtime(Tokio)
        .build()
        .unwrap();
    assert_eq!(kinds(loader.get_many([1, 2]).await), [Err(LoadErrorKind::Panicked); 2]);
    let next = tokio::spawn({
        let loader = loader.clone();
        async move { loader.get(1).await }
    });
    source.next().await.bring(Ok(1));
    assert_eq!(next.await.unwrap(), Ok(1));

    let within = Loader::builder(source.load()).batch(|_| std::future::pending()).build().unwrap();
    let mut many = Box::pin(within.get_many([5]));
    assert!(futures_util::poll!(&mut many).is_pending());
    let waits = tokio::spawn({
        let loader = within.clone();
        async move { loader.get(5).await }
    });
    tokio::task::yield_now().await;
    drop(many);
    source.next().await.bring(Ok(50));
    assert_eq!(waits.await.unwrap(), Ok(50));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_late_is_answered_by_what_there_was() {
    let (source, clock, second) = (Source::new(), ManualClock::new(), Duration::from_secs(1));
    let loader = Loader::builder(source.load())
        .batch(|_| std::future::pending())
        .ttl(10 * second)
        .stale_on_error(60 * second, second)
        .soft_timeout(second)
        .hard_timeout(5 * second)
        .runtime(Tokio)
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    loader.insert(1, 100).unwrap();
    clock.advance(10 * second);
    assert_eq!(kinds(loader.get_many([1, 2]).await), [Ok(100), Err(LoadErrorKind::TimedOut)]);
}
