//! Computations and blocking calls, each on threads of their kind.
#![cfg(feature = "rayon")]

use perfect21_concurrency::{Executor, Sizing, ThreadPool, pool::JobError};
use perfect21_test_support::wait::DEADLINE;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

fn executor() -> Executor {
    Executor::builder().name("test").sizing(Sizing::for_cores(2.0)).build().unwrap()
}

fn name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

async fn until(what: &str, executor: &Executor, reached: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !reached() {
        assert!(Instant::now() < end, "{what} never came: {executor:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_kind_has_its_threads() {
    let executor = executor();
    let cpu = executor.cpu(|| (name(), rayon::current_num_threads())).await.unwrap();
    assert!(cpu.0.starts_with("test-cpu-") && cpu.1 == 2, "{cpu:?}");
    let blocking = executor.blocking(name).await.unwrap();
    assert_eq!(blocking, "test-blocking-1");
    assert_eq!(executor.blocking_pool().stats().max_threads, 8);
}

#[tokio::test]
async fn no_more_computations_at_once_than_threads_and_each_once() {
    let executor = executor();
    let (now, most, runs) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..500_u64)
        .map(|n| {
            let (executor, now, most, runs) = (executor.clone(), now.clone(), most.clone(), runs.clone());
            tokio::spawn(async move {
                let work = move || {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    runs.fetch_add(1, SeqCst);
                    let (a, b) = rayon::join(|| n, || n + 1);
                    now.fetch_sub(1, SeqCst);
                    a + b
                };
                executor.cpu(work).await.unwrap()
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), 2 * n as u64 + 1);
    }
    // A thread that waits in `join` may begin another.
    assert!(most.load(SeqCst) <= 2, "{most:?}");
    assert_eq!((runs.load(SeqCst), executor.cpu_stats().completed), (500, 500));
}

#[tokio::test]
async fn both_are_bounded_cancelled_by_drop_and_survive_panics() {
    let executor = Executor::builder()
        .sizing(Sizing::for_cores(1.0))
        .max_cpu_queue(1)
        .blocking_pool(ThreadPool::builder(1).max_queue(1).build().unwrap())
        .build()
        .unwrap();
    let error = executor.cpu(|| panic!("no")).await.unwrap_err();
    assert!(matches!(error, JobError::Panicked(_)) && error.to_string() == "panicked: no");
    assert!(matches!(executor.blocking(|| panic!("no")).await, Err(JobError::Panicked(_))));

    let (open, wait) = channel::<()>();
    let stuck = tokio::spawn({
        let executor = executor.clone();
        async move { executor.cpu(move || wait.recv().unwrap()).await.unwrap() }
    });
    until("at work", &executor, || executor.cpu_stats().running == 1).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let others: Vec<_> = (0..3)
        .map(|_| {
            let (executor, calls) = (executor.clone(), calls.clone());
            tokio::spawn(async move { executor.cpu(move || calls.fetch_add(1, SeqCst)).await })
        })
        .collect();
    until("waiting", &executor, || executor.cpu_stats().waiting == 2).await;
    assert_eq!(executor.cpu_stats().queued, 1);
    for other in others {
        other.abort();
        assert!(other.await.unwrap_err().is_cancelled());
    }
    assert_eq!((executor.cpu_stats().queued, executor.cpu_stats().waiting), (0, 0));
    open.send(()).unwrap();
    stuck.await.unwrap();
    assert_eq!(executor.cpu(|| 7).await.unwrap(), 7);
    assert_eq!(calls.load(SeqCst), 0);
}

#[tokio::test]
async fn uses_a_rayon_pool_that_is_there() {
    let rayon = rayon::ThreadPoolBuilder::new().num_threads(3).thread_name(|n| format!("own-{n}")).build();
    let rayon = Arc::new(rayon.unwrap());
    let executor = Executor::builder().rayon(Arc::clone(&rayon)).build().unwrap();
    assert!(executor.cpu(name).await.unwrap().starts_with("own-"));
    assert_eq!(executor.cpu_stats().max_threads, 3);
    until("its task over", &executor, || executor.cpu_stats().threads == 0).await;
    drop(executor);
    assert_eq!(rayon.install(|| 7), 7, "it is still the user's");
}

#[tokio::test]
async fn a_shutdown_tells_what_is_left_of_both() {
    let executor = executor();
    let (open, wait) = channel::<()>();
    let stuck = tokio::spawn({
        let executor = executor.clone();
        async move { executor.blocking(move || wait.recv().unwrap()).await.unwrap() }
    });
    until("at work", &executor, || executor.blocking_pool().stats().running == 1).await;
    let left = executor.shutdown(Duration::from_millis(1)).await;
    assert_eq!((left.queued, left.running), (0, 1));
    assert!(matches!(executor.cpu(|| ()).await, Err(JobError::Closed)));
    assert!(matches!(executor.blocking(|| ()).await, Err(JobError::Closed)));
    open.send(()).unwrap();
    stuck.await.unwrap();
}

#[test]
fn settings_are_checked_where_it_is_built() {
    let error = Executor::builder().max_cpu_queue(0).build().unwrap_err();
    assert_eq!(error.to_string(), "max_cpu_queue = 0: must be at least 1");
}
