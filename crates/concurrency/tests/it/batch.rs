//! Every caller gets its own output or a typed error, in time; nothing that one does harms another.

use perfect21_concurrency::{
    Batcher,
    batch::{BatchError, BatcherBuilder, Refused, Stats},
};
use std::{
    convert::Infallible,
    error::Error as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Waker},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

type Doubler = Batcher<u64, u64, &'static str>;

const WAIT: Duration = Duration::from_millis(10);

/// What the handlers were given.
#[derive(Clone, Default)]
struct Seen(Arc<std::sync::Mutex<Vec<Vec<u64>>>>);

impl Seen {
    fn note(&self, items: &[u64]) {
        self.0.lock().unwrap().push(items.to_vec());
    }

    fn all(&self) -> Vec<Vec<u64>> {
        self.0.lock().unwrap().clone()
    }

    fn sizes(&self) -> Vec<usize> {
        self.all().iter().map(Vec::len).collect()
    }
}

/// Doubles, after `time`.
fn doubler(seen: &Seen, time: Duration) -> BatcherBuilder<u64, u64, &'static str> {
    let seen = seen.clone();
    Batcher::builder(move |items: Vec<u64>| {
        seen.note(&items);
        async move {
            sleep(time).await;
            Ok(items.into_iter().map(|n| n * 2).collect())
        }
    })
    .max_wait(WAIT)
}

fn submit_all<K>(
    batcher: &Batcher<u64, u64, &'static str, K>,
    items: impl IntoIterator<Item = u64>,
) -> Vec<JoinHandle<Result<u64, BatchError<&'static str>>>>
where
    K: std::hash::Hash + Eq + Clone + Send + 'static,
{
    items
        .into_iter()
        .map(|n| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.submit(n).await })
        })
        .collect()
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_1050_callers_gets_its_own() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::ZERO).build().unwrap();
    let start = Instant::now();
    for (n, task) in submit_all(&batcher, 0..1050).into_iter().enumerate() {
        assert_eq!(task.await.unwrap().unwrap(), 2 * n as u64);
    }
    assert!(seen.sizes().iter().all(|size| *size <= 100), "{:?}", seen.sizes());
    assert_eq!(seen.sizes().iter().sum::<usize>(), 1050);
    let stats = batcher.stats();
    assert_eq!(
        (stats.submitted, stats.items, stats.batches, stats.filled, stats.waited),
        (1050, 1050, 11, 10, 1)
    );
    assert!(start.elapsed() >= WAIT);
}

#[tokio::test(start_paused = true)]
async fn a_lone_item_waits_exactly_max_wait() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::ZERO).build().unwrap();
    for n in 0..3 {
        let start = Instant::now();
        assert_eq!(batcher.submit(n).await.unwrap(), 2 * n);
        assert_eq!(start.elapsed(), WAIT);
    }
    assert_eq!(seen.sizes(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_drip_is_flushed_by_its_oldest_item() {
    let began = Arc::new(std::sync::Mutex::new(Vec::new()));
    let batcher: Doubler = Batcher::builder({
        let began = began.clone();
        move |items: Vec<u64>| {
            began.lock().unwrap().push((Instant::now(), items.len()));
            async move { Ok(items) }
        }
    })
    .max_wait(WAIT)
    .build()
    .unwrap();
    let start = Instant::now();
    let mut tasks = Vec::new();
    for n in 0..4 {
        tasks.extend(submit_all(&batcher, [n]));
        sleep(Duration::from_millis(6)).await;
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let began: Vec<_> = began.lock().unwrap().iter().map(|(at, n)| (*at - start, *n)).collect();
    let ms = Duration::from_millis;
    assert_eq!(began, [(ms(10), 2), (ms(22), 2)]);
}

#[tokio::test(start_paused = true)]
async fn an_error_reaches_each_caller_with_its_cause() {
    #[derive(Debug, thiserror::Error, PartialEq)]
    #[error("no such table")]
    struct NoTable;
    let batcher = Batcher::<u64, u64, _>::builder(
        async |items: Vec<u64>| {
            if items.contains(&0) { Err(NoTable) } else { Ok(items) }
        },
    )
    .build()
    .unwrap();
    let (one, two) = tokio::join!(batcher.submit(0), batcher.submit(1));
    for error in [one.unwrap_err(), two.unwrap_err()] {
        assert_eq!(error.to_string(), "the batch failed");
        assert_eq!(error.source().unwrap().to_string(), "no such table");
        assert!(matches!(error, BatchError::Failed(error) if *error == NoTable));
    }
    assert_eq!(batcher.submit(5).await.unwrap(), 5);
    assert_eq!(batcher.stats().failed, 1);
}

#[tokio::test(start_paused = true)]
async fn items_may_fail_one_by_one() {
    let batcher = Batcher::builder(async |items: Vec<i64>| {
        Ok::<_, Infallible>(items.into_iter().map(|n| u64::try_from(n).map_err(|_| n)).collect())
    })
    .build()
    .unwrap();
    let (one, two) = tokio::join!(batcher.submit(1), batcher.submit(-2));
    assert_eq!((one.unwrap(), two.unwrap()), (Ok(1), Err(-2)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_reaches_each_caller_and_the_batcher_lives_on() {
    // Before there is a future, and in it.
    for early in [true, false] {
        let batcher: Doubler = Batcher::builder(move |items: Vec<u64>| {
            assert!(!(early && items.contains(&0)), "bad item");
            async move {
                assert!(!items.contains(&0), "bad item");
                Ok(items)
            }
        })
        .build()
        .unwrap();
        let (one, two) = tokio::join!(batcher.submit(0), batcher.submit(1));
        for error in [one.unwrap_err(), two.unwrap_err()] {
            assert!(matches!(error, BatchError::Panicked(why) if why.message() == "bad item"));
        }
        assert_eq!(batcher.submit(5).await.unwrap(), 5);
        assert_eq!((batcher.stats().panicked, batcher.stats().in_flight), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn too_few_and_too_many_outputs_are_nobodys() {
    for (outputs, message) in [
        (2, "the handler gave 2 outputs for 3 items"),
        (0, "the handler gave 0 outputs for 3 items"),
        (4, "the handler gave 4 outputs for 3 items"),
    ] {
        let batcher: Doubler = Batcher::builder(move |mut items: Vec<u64>| {
            if items.len() == 3 {
                items.resize(outputs, 999);
            }
            async move { Ok(items) }
        })
        .build()
        .unwrap();
        for task in submit_all(&batcher, 0..3) {
            assert_eq!(task.await.unwrap().unwrap_err().to_string(), message);
        }
        assert_eq!(batcher.submit(7).await.unwrap(), 7);
        assert_eq!(batcher.stats().miscounted, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn full_batches_run_as_many_at_once_as_may() {
    for (at_once, expected) in [(5, 100), (2, 300), (1, 500)] {
        let time = Duration::from_millis(100);
        let batcher = doubler(&Seen::default(), time).max_in_flight(at_once).build().unwrap();
        let start = Instant::now();
        let tasks = submit_all(&batcher, 0..500);
        settle().await;
        assert_eq!(batcher.stats().in_flight, at_once);
        assert_eq!(batcher.stats().ready, 5 - at_once);
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(start.elapsed(), Duration::from_millis(expected), "{at_once} at once");
    }
}

#[tokio::test(start_paused = true)]
async fn callers_that_leave_a_running_batch_harm_nobody() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::from_millis(100)).build().unwrap();
    let tasks = submit_all(&batcher, 0..10);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(batcher.stats().in_flight, 1);
    for (n, task) in tasks.into_iter().enumerate() {
        if n < 2 {
            task.abort();
        } else {
            assert_eq!(task.await.unwrap().unwrap(), 2 * n as u64);
        }
    }
    assert_eq!((seen.sizes(), batcher.stats().left), (vec![10], 0));
}

#[tokio::test(start_paused = true)]
async fn callers_that_leave_before_are_not_in_the_batch() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::ZERO).build().unwrap();
    let mut tasks = submit_all(&batcher, 0..10);
    settle().await;
    let last = tasks.pop().unwrap();
    for task in tasks {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert_eq!(last.await.unwrap().unwrap(), 18);
    assert_eq!(seen.all(), [[9]]);

    // And where all left there is no batch.
    let task = submit_all(&batcher, [1]).remove(0);
    settle().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    sleep(WAIT * 2).await;
    let stats = batcher.stats();
    assert_eq!((stats.batches, stats.left, stats.waiting, stats.open), (1, 10, 0, 0));
}

/// Places that were left are taken again: a batch is full when it has so many callers that are there.
#[tokio::test(start_paused = true)]
async fn who_left_takes_no_place() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::ZERO).max_size(3).build().unwrap();
    let start = Instant::now();
    for n in 0..1_000 {
        drop(batcher.try_submit(n).unwrap());
    }
    let kept = submit_all(&batcher, 1_000..1_002);
    settle().await;
    assert_eq!(seen.sizes(), [0; 0]);
    let last = submit_all(&batcher, [1_002]);
    for (n, task) in kept.into_iter().chain(last).enumerate() {
        assert_eq!(task.await.unwrap().unwrap(), 2 * (1_000 + n as u64));
    }
    assert_eq!(seen.sizes(), [3]);
    assert!(start.elapsed() < WAIT, "it was full");
}

#[tokio::test(start_paused = true)]
async fn a_batch_weighs_no_more_than_it_may() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::ZERO).weight(10, |n| *n).build().unwrap();
    let replies = submit_all(&batcher, [4, 4, 4, 6, 25, 10, 1]);
    for (item, task) in [4, 4, 4, 6, 25, 10, 1].into_iter().zip(replies) {
        assert_eq!(task.await.unwrap().unwrap(), 2 * item);
    }
    // The heavy one goes alone, and none waits for ever.
    assert_eq!(seen.all(), [vec![4, 4], vec![4, 6], vec![25], vec![10], vec![1]]);
}

#[tokio::test(start_paused = true)]
async fn keys_have_batches_of_their_own_and_vanish() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::ZERO).max_size(2).max_keys(3).key(|n| n % 10).build().unwrap();
    let tasks = submit_all(&batcher, [11, 12, 21, 13]);
    settle().await;
    assert_eq!((seen.all(), batcher.stats().open), (vec![vec![11, 21]], 2));
    // A fourth key closes the oldest batch, before its time.
    let more = submit_all(&batcher, [14, 15]);
    settle().await;
    assert_eq!((seen.all(), batcher.stats().open), (vec![vec![11, 21], vec![12]], 3));
    for task in tasks.into_iter().chain(more) {
        task.await.unwrap().unwrap();
    }
    assert_eq!((batcher.stats().open, batcher.stats().waiting), (0, 0));
    assert_eq!(batcher.stats().batches, 5);
}

#[tokio::test(start_paused = true)]
async fn equal_items_share_a_place_until_the_last_leaves() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::ZERO).max_size(3).dedup().build().unwrap();
    let mut tasks = submit_all(&batcher, [7, 7, 8, 7, 8]);
    settle().await;
    assert_eq!((seen.sizes().len(), batcher.stats().waiting, batcher.stats().deduplicated), (0, 5, 3));
    // One of three 7s leaves, and both 8s.
    for n in [4, 2, 0] {
        let task = tasks.remove(n);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), 14);
    }
    assert_eq!(seen.all(), [[7]]);
}

#[tokio::test(start_paused = true)]
async fn too_many_are_refused_with_their_item() {
    let batcher = doubler(&Seen::default(), WAIT).max_waiting(2).build().unwrap();
    let (one, two) = (batcher.try_submit(1).unwrap(), batcher.try_submit(2).unwrap());
    assert!(matches!(batcher.try_submit(3), Err(Refused::Full(3))));
    assert!(matches!(batcher.submit(3).await, Err(BatchError::Full)));
    drop(one);
    let four = batcher.try_submit(4).unwrap();
    assert_eq!((two.await.unwrap(), four.await.unwrap()), (4, 8));
    assert_eq!((batcher.stats().rejected, batcher.stats().waiting), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_turn_is_topped_up() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::from_millis(100))
        .max_wait(Duration::ZERO)
        .max_in_flight(1)
        .max_size(3)
        .build()
        .unwrap();
    let start = Instant::now();
    let mut tasks = Vec::new();
    for n in 0..6 {
        tasks.extend(submit_all(&batcher, [n]));
        settle().await;
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(seen.all(), [vec![0], vec![1, 2, 3], vec![4, 5]]);
    assert_eq!(start.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_nothing() {
    let seen = Seen::default();
    let batcher = doubler(&seen, Duration::ZERO).max_wait(Duration::from_secs(3600)).build().unwrap();
    let tasks = submit_all(&batcher, [1, 2]);
    settle().await;
    batcher.flush();
    let start = Instant::now();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(start.elapsed() < WAIT);
    assert_eq!((seen.all(), batcher.stats().flushed), (vec![vec![1, 2]], 1));
}

#[tokio::test(start_paused = true)]
async fn a_close_drains_and_refuses() {
    let seen = Seen::default();
    let time = Duration::from_millis(100);
    let batcher = doubler(&seen, time).max_size(2).max_in_flight(1).build().unwrap();
    let tasks = submit_all(&batcher, 0..5);
    settle().await;
    let start = Instant::now();
    // Whoever gives up waiting for it leaves it closed.
    assert!(timeout(Duration::from_millis(1), batcher.close()).await.is_err());
    assert!(matches!(batcher.submit(9).await, Err(BatchError::Closed)));
    assert!(matches!(batcher.try_submit(9), Err(Refused::Closed(9))));
    batcher.close().await;
    assert_eq!(start.elapsed(), Duration::from_millis(300));
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap().unwrap(), 2 * n as u64);
    }
    batcher.close().await;
    let Stats { waiting, open, ready, in_flight, .. } = batcher.stats();
    assert_eq!((waiting, open, ready, in_flight), (0, 0, 0, 0));
}

/// Its runtime ends while one batch runs, one waits for a turn and one for its time.
#[test]
fn nobody_waits_for_a_runtime_that_ended() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let started = Arc::new(Semaphore::new(0));
    let batcher: Doubler = Batcher::builder({
        let started = started.clone();
        move |_: Vec<u64>| {
            started.add_permits(1);
            std::future::pending()
        }
    })
    .max_size(2)
    .max_in_flight(1)
    .max_wait(Duration::from_secs(3600))
    .runtime(runtime.handle().clone())
    .build()
    .unwrap();
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    other.block_on(async {
        let tasks = submit_all(&batcher, 0..5);
        settle().await;
        started.acquire().await.unwrap().forget();
        assert_eq!((batcher.stats().in_flight, batcher.stats().waiting), (1, 3));
        runtime.shutdown_background();
        for task in tasks {
            assert!(matches!(task.await.unwrap(), Err(BatchError::Lost)));
        }
        assert!(matches!(batcher.submit(9).await, Err(BatchError::Lost)));
        batcher.close().await;
    });
}

/// On several threads: callers come, leave and wait by chance, and nothing is left in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_of_callers_leaves_nothing() {
    let executed = Arc::new(AtomicUsize::new(0));
    let batcher: Batcher<u64, u64, &str, u64> = Batcher::builder({
        let executed = executed.clone();
        move |items: Vec<u64>| {
            executed.fetch_add(items.len(), SeqCst);
            async move {
                tokio::task::yield_now().await;
                Ok(items.into_iter().map(|n| n * 2).collect())
            }
        }
    })
    .max_size(16)
    .max_wait(Duration::from_millis(1))
    .max_in_flight(2)
    .max_waiting(100_000)
    .dedup()
    .key(|n| n % 3)
    .build()
    .unwrap();
    let tasks: Vec<_> = (0..8_u64)
        .map(|seed| {
            let batcher = batcher.clone();
            tokio::spawn(async move {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..300 {
                    let n = random.u64(0..200);
                    let submit = batcher.submit(n);
                    if random.u8(0..3) == 0 {
                        let mut submit = Box::pin(submit);
                        let polled = Pin::new(&mut submit).poll(&mut Context::from_waker(Waker::noop()));
                        if random.bool() {
                            tokio::task::yield_now().await;
                        }
                        drop((polled, submit));
                    } else {
                        assert_eq!(submit.await.unwrap(), 2 * n);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    batcher.close().await;
    let stats = batcher.stats();
    assert_eq!((stats.waiting, stats.open, stats.ready, stats.in_flight), (0, 0, 0, 0));
    assert_eq!(stats.items, executed.load(SeqCst) as u64);
    assert!(stats.items + stats.deduplicated <= stats.submitted);
    assert!(stats.items + stats.deduplicated + stats.left >= stats.submitted, "{stats:?}");
}

#[test]
fn settings_are_checked_where_it_is_built() {
    let builder = || doubler(&Seen::default(), WAIT);
    for (builder, message) in [
        (builder().max_size(0), "max_size = 0: must be at least 1"),
        (builder().max_in_flight(0), "max_in_flight = 0: must be at least 1"),
        (builder().max_waiting(0), "max_waiting = 0: must be at least 1"),
        (builder().max_keys(0), "max_keys = 0: must be at least 1"),
        (builder().weight(0, |_| 1), "weight = 0: must let a batch weigh something"),
        (builder(), "runtime = none: must be given where it is built outside a tokio runtime"),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    }
}

#[test]
fn handles_cross_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<Batcher<std::cell::Cell<u8>, std::cell::Cell<u8>, u8>>();
}

/// Each has had a batch, so each has a task for its deadline, which is an hour away.
#[tokio::test(start_paused = true)]
async fn timer_tasks_end_with_their_batchers() {
    let metrics = tokio::runtime::Handle::current().metrics();
    for _ in 0..100 {
        let batcher = Batcher::builder(|items: Vec<u32>| std::future::ready(Ok::<_, Infallible>(items)))
            .max_wait(Duration::from_secs(3600))
            .max_size(2)
            .build()
            .unwrap();
        let first = batcher.try_submit(1).unwrap();
        // The task sleeps to the deadline before the batch is full.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(batcher.submit(2).await.unwrap(), 2);
        assert_eq!(first.await.unwrap(), 1);
    }
    // Time stands still, so no task gets to its deadline.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(metrics.num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_owned_reply_can_be_awaited_on_a_task() {
    let factor = Arc::new(10);
    let batcher = Batcher::new(move |items: Vec<u32>| {
        let factor = factor.clone();
        async move { Ok::<_, Infallible>(items.into_iter().map(|item| item * *factor).collect()) }
    })
    .unwrap();
    let reply = batcher.try_submit_owned(7).unwrap();
    let left = batcher.try_submit_owned(8).unwrap();
    drop((batcher, left));
    assert_eq!(tokio::spawn(reply).await.unwrap().unwrap(), 70);
}
