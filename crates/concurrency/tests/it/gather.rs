//! Many futures at once: order, bound, failures, panics, and what is left when nobody waits any more.

use futures_util::{FutureExt, Stream, StreamExt};
use perfect21_concurrency::{
    Panicked,
    gather::{GatherError, gather},
};
use perfect21_test_support::wait::DEADLINE;
use std::{
    future::{pending, ready},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    task::yield_now,
    time::{Instant, sleep, timeout},
};

const MS: Duration = Duration::from_millis(1);

/// How many run, ran at the most, and were begun.
#[derive(Clone, Default)]
struct Watch(Arc<[AtomicUsize; 3]>);

struct Running(Watch);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0[0].fetch_sub(1, SeqCst);
    }
}

impl Watch {
    fn begin(&self) -> Running {
        let now = self.0[0].fetch_add(1, SeqCst) + 1;
        self.0[1].fetch_max(now, SeqCst);
        self.0[2].fetch_add(1, SeqCst);
        Running(self.clone())
    }

    fn now(&self) -> usize {
        self.0[0].load(SeqCst)
    }

    fn most(&self) -> usize {
        self.0[1].load(SeqCst)
    }

    fn begun(&self) -> usize {
        self.0[2].load(SeqCst)
    }

    /// The later the item, the shorter it takes.
    async fn work(self, nth: u32) -> u32 {
        let _running = self.begin();
        sleep(MS * (200 - nth)).await;
        nth
    }
}

fn unwrap<T>(results: Vec<Result<T, Panicked>>) -> Vec<T> {
    results.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(start_paused = true)]
async fn results_are_in_the_order_of_the_items_and_never_more_run_than_allowed() {
    let expected: Vec<u32> = (0..200).collect();
    let items = |watch: &Watch| {
        (0..200).map({
            let watch = watch.clone();
            move |nth| watch.clone().work(nth)
        })
    };
    for limit in [1, 7, 50, 200, 1000] {
        let watch = Watch::default();
        assert_eq!(unwrap(gather(items(&watch), limit).unwrap().all().await), expected);
        assert_eq!((watch.most(), watch.now()), (limit.min(200), 0));

        let watch = Watch::default();
        let stream = gather(items(&watch), limit).unwrap().stream();
        assert_eq!(stream.size_hint(), (200, Some(200)));
        assert_eq!(unwrap(stream.collect().await), expected);
        assert_eq!((watch.most(), watch.now()), (limit.min(200), 0));

        let watch = Watch::default();
        let spawned = gather(items(&watch), limit).unwrap().spawned(&Handle::current());
        assert_eq!(unwrap(spawned.all().await), expected);
        assert_eq!((watch.most(), watch.now()), (limit.min(200), 0));

        let watch = Watch::default();
        let spawned = gather(items(&watch), limit).unwrap().spawned(&Handle::current());
        assert_eq!(unwrap(spawned.stream().collect().await), expected);
        assert_eq!((watch.most(), watch.now()), (limit.min(200), 0));
    }
}

#[test]
fn a_limit_of_nothing_is_an_error_and_not_a_hang() {
    for (limit, rule) in [(0, "from 1 to 1048576"), (usize::MAX, "from 1 to 1048576")] {
        let refused = gather([ready(1)], limit).unwrap_err().to_string();
        assert!(
            refused.contains("limit") && refused.contains(&limit.to_string()) && refused.contains(rule),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn nothing_to_do_is_done() {
    let nothing = || gather(Vec::<std::future::Ready<Result<u8, ()>>>::new(), 5).unwrap();
    assert_eq!(nothing().all().await, []);
    assert_eq!(nothing().try_all().await, Ok(vec![]));
    assert_eq!(nothing().stream().next().await, None);
    assert_eq!(nothing().spawned(&Handle::current()).all().await, []);
    assert_eq!(nothing().spawned(&Handle::current()).stream().next().await, None);
}

#[tokio::test]
async fn a_panic_is_the_result_of_its_item() {
    let items =
        || (0..10).map(|nth| async move { if nth % 4 == 3 { panic!("item {nth} is bad") } else { nth } });
    let runtime = Handle::current();
    let check = |results: Vec<Result<i32, Panicked>>| {
        for (nth, result) in results.iter().enumerate() {
            match result {
                Ok(value) => assert!(nth % 4 != 3 && *value == nth as i32),
                Err(panicked) => assert_eq!(panicked.message(), format!("item {nth} is bad")),
            }
        }
        assert_eq!(results.len(), 10);
    };
    check(gather(items(), 3).unwrap().all().await);
    check(gather(items(), 3).unwrap().stream().collect().await);
    check(gather(items(), 3).unwrap().spawned(&runtime).all().await);
    check(gather(items(), 3).unwrap().spawned(&runtime).stream().collect().await);
}

/// Ready at once; number two panics when it is dropped.
struct Bomb(usize);

impl Future for Bomb {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<usize> {
        Poll::Ready(self.0)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert_ne!(self.0, 2, "the destructor panics");
    }
}

#[tokio::test]
async fn a_destructor_that_panics_takes_no_item_along() {
    let items = || (0..5).map(Bomb);
    assert_eq!(unwrap(gather(items(), 2).unwrap().all().await), [0, 1, 2, 3, 4]);
    assert_eq!(unwrap(gather(items(), 2).unwrap().spawned(&Handle::current()).all().await), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_ends_it_and_the_rest_is_dropped() {
    let failing = |watch: &Watch| {
        let watch = watch.clone();
        (0..100).map(move |nth| {
            let watch = watch.clone();
            async move {
                let _running = watch.begin();
                if nth == 5 {
                    sleep(MS).await;
                    return Err("five");
                }
                pending::<()>().await;
                Ok(nth)
            }
        })
    };
    let watch = Watch::default();
    let failed = gather(failing(&watch), 10).unwrap().try_all().await;
    assert_eq!(failed, Err(GatherError::Item { nth: 5, source: "five" }));
    assert_eq!((watch.begun(), watch.now()), (10, 0));

    let watch = Watch::default();
    let failed = gather(failing(&watch), 10).unwrap().spawned(&Handle::current()).try_all().await;
    assert_eq!(failed, Err(GatherError::Item { nth: 5, source: "five" }));
    drained(&watch).await;
    assert_eq!(watch.begun(), 10);

    let panics = || (0..3).map(|nth| async move { if nth == 1 { panic!("no") } else { Ok::<_, ()>(nth) } });
    let errors = [
        gather(panics(), 1).unwrap().try_all().await.unwrap_err(),
        gather(panics(), 1).unwrap().spawned(&Handle::current()).try_all().await.unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(&error, GatherError::Panicked { nth: 1, source } if source.message() == "no"),
            "{error:?}"
        );
        assert_eq!(error.to_string(), "item 1 panicked");
    }
    let fine = || (0..9).map(|nth| ready(Ok::<_, ()>(nth)));
    let expected: Vec<_> = (0..9).collect();
    assert_eq!(gather(fine(), 4).unwrap().try_all().await, Ok(expected.clone()));
    assert_eq!(gather(fine(), 4).unwrap().spawned(&Handle::current()).try_all().await, Ok(expected));
}

/// Waits until the tasks that were aborted are gone.
async fn drained(watch: &Watch) {
    let drain = async {
        while watch.now() > 0 {
            yield_now().await;
        }
    };
    timeout(DEADLINE, drain).await.unwrap_or_else(|_| panic!("{} still run", watch.now()));
}

#[tokio::test]
async fn dropping_it_drops_what_runs_and_begins_nothing_more() {
    let endless = |watch: &Watch| {
        let watch = watch.clone();
        (0..).map(move |_: u64| {
            let running = watch.begin();
            async move {
                let _running = running;
                pending::<()>().await;
            }
        })
    };
    let runtime = Handle::current();
    let watch = Watch::default();
    assert!(pin!(gather(endless(&watch), 10).unwrap().all()).now_or_never().is_none());
    assert_eq!((watch.begun(), watch.now()), (10, 0));

    let watch = Watch::default();
    let mut stream = gather(endless(&watch), 10).unwrap().stream();
    assert!(stream.next().now_or_never().is_none());
    drop(stream);
    assert_eq!((watch.begun(), watch.now()), (10, 0));

    let watch = Watch::default();
    let mut all = Box::pin(gather(endless(&watch), 10).unwrap().spawned(&runtime).all());
    assert!((&mut all).now_or_never().is_none());
    drop(all);
    drained(&watch).await;

    let watch = Watch::default();
    let mut stream = gather(endless(&watch), 10).unwrap().spawned(&runtime).stream();
    assert!(stream.next().now_or_never().is_none());
    drop(stream);
    drained(&watch).await;
    assert_eq!(watch.begun(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_time_out_what_is_spawned() {
    let items = || (0..20).map(|nth| async move { timeout(10 * MS, sleep(5 * MS)).await.map(|()| nth) });
    let mut stream = gather(items(), 4).unwrap().spawned(&Handle::current()).stream();
    let mut expected = 0;
    while let Some(result) = stream.next().await {
        assert_eq!(result.unwrap(), Ok(expected));
        expected += 1;
        sleep(100 * MS).await;
    }
    assert_eq!(expected, 20);
}

#[tokio::test(start_paused = true)]
async fn no_deadlock_over_a_semaphore_that_the_reader_needs_too() {
    let semaphore = Arc::new(Semaphore::new(2));
    let items = (0..10).map({
        let semaphore = Arc::clone(&semaphore);
        move |nth| {
            let semaphore = Arc::clone(&semaphore);
            async move {
                let _permit = semaphore.acquire().await.unwrap();
                sleep(MS).await;
                nth
            }
        }
    });
    let mut stream = gather(items, 5).unwrap().spawned(&Handle::current()).stream();
    let mut read = 0;
    while let Some(result) = timeout(Duration::from_secs(3600), stream.next()).await.expect("a deadlock") {
        assert_eq!(result.unwrap(), read);
        let _permit =
            timeout(Duration::from_secs(3600), semaphore.acquire()).await.expect("a deadlock").unwrap();
        read += 1;
    }
    assert_eq!(read, 10);
}

#[tokio::test(start_paused = true)]
async fn the_iterator_is_asked_only_when_there_is_room_and_not_after_its_end() {
    let (asked, watch) = (Arc::new(AtomicUsize::new(0)), Watch::default());
    let items = std::iter::from_fn({
        let (asked, watch) = (Arc::clone(&asked), watch.clone());
        move || {
            let nth = asked.fetch_add(1, SeqCst);
            assert!(nth <= 20, "asked again after its end");
            assert!(watch.now() < 5, "asked without room");
            (nth < 20).then(|| watch.clone().work(nth as u32))
        }
    });
    assert_eq!(gather(items, 5).unwrap().all().await.len(), 20);
    assert_eq!(asked.load(SeqCst), 21);
}

#[tokio::test]
async fn other_tasks_get_their_turn_where_all_items_are_ready() {
    let turns = Arc::new(AtomicUsize::new(0));
    let other = tokio::spawn({
        let turns = Arc::clone(&turns);
        async move {
            loop {
                turns.fetch_add(1, SeqCst);
                yield_now().await;
            }
        }
    });
    gather((0..10_000).map(ready), 50).unwrap().all().await;
    assert!(turns.load(SeqCst) > 10, "{turns:?} turns");
    other.abort();
}

#[tokio::test]
async fn the_iterators_panic_is_the_callers() {
    let items = || (0..10).map(|nth| if nth == 7 { panic!("no seventh") } else { ready(nth) });
    let runtime = Handle::current();
    let spawned = tokio::spawn(async move { gather(items(), 2).unwrap().spawned(&runtime).all().await });
    assert!(spawned.await.unwrap_err().is_panic());
    let here = tokio::spawn(async move { gather(items(), 2).unwrap().all().await });
    assert!(here.await.unwrap_err().is_panic());
}

#[test]
fn a_runtime_that_goes_down_leaves_no_item_without_a_result() {
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let items = (0..10).map(|nth| async move {
        if nth == 0 {
            return 0;
        }
        pending().await
    });
    let gathered = gather(items, 3).unwrap().spawned(other.handle()).all();
    let here = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let results = here.block_on(async {
        let gathered = tokio::spawn(gathered);
        yield_now().await;
        other.shutdown_background();
        timeout(DEADLINE, gathered).await.expect("it hangs").unwrap()
    });
    assert_eq!(results.len(), 10);
    assert!(results[1..].iter().all(|result| result.as_ref().unwrap_err().message().contains("shut down")));
}

#[tokio::test(start_paused = true)]
async fn it_takes_as_long_as_its_waves() {
    let began = Instant::now();
    gather((0..200).map(|_| sleep(50 * MS)), 50).unwrap().all().await;
    assert_eq!(began.elapsed(), 200 * MS);
}
