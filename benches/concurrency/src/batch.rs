//! A [`Batcher`] whose handler gives its items back: what is measured is the batcher, and the tasks that wait for it.

use perfect21_bench_support::Op;
use perfect21_concurrency::Batcher;
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::runtime::Runtime;

/// So many items a batch has at most, in ours and in the peers'.
pub const SIZE: usize = 100;
/// So long an item waits at most.
pub const WAIT: Duration = Duration::from_millis(1);
/// So many batches run at once.
pub const AT_ONCE: usize = 16;

/// Two workers, as the figures of the peers were taken with.
///
/// # Panics
/// If the system starts no threads.
#[must_use]
pub fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime of two threads starts")
}

/// So many tasks that each submit an item, wait for its output, and submit the next, until there are no more: none is left
/// with items of its own that fill no batch.
pub fn closed_loop<F, S>(runtime: &Runtime, producers: u64, items: u64, submit: S)
where
    S: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    runtime.block_on(async {
        let next = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..producers)
            .map(|_| {
                let (submit, next) = (submit.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let n = next.fetch_add(1, Relaxed);
                        if n >= items {
                            return;
                        }
                        submit(n).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            // Only a panic of a producer could be in it.
            let _ = task.await;
        }
    });
}

/// Items from so many producers.
///
/// # Panics
/// Never: its settings are valid, and the handler does not fail.
#[must_use]
pub fn producers(producers: u64) -> Op {
    Op::with_state(move || {
        let runtime = runtime();
        let batcher = Batcher::builder(async |items: Vec<u64>| Ok::<_, Infallible>(items))
            .max_size(SIZE)
            .max_wait(WAIT)
            .max_in_flight(AT_ONCE)
            .max_waiting(100_000)
            .runtime(runtime.handle().clone())
            .build()
            .expect("settings are valid");
        move |times| {
            let batcher = batcher.clone();
            closed_loop(&runtime, producers, times, move |n| {
                let batcher = batcher.clone();
                async move {
                    std::hint::black_box(batcher.submit(n).await.expect("the handler does not fail"));
                }
            });
        }
    })
}
