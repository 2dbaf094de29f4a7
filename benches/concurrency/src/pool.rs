//! A [`ThreadPool`] of two threads: jobs that do nothing, so what is measured is the pool.

use perfect21_bench_support::Op;
use perfect21_concurrency::ThreadPool;
use std::{
    thread,
    time::{Duration, Instant},
};

/// So many jobs may be queued in [`pipelined`].
pub const MOST: usize = 200_000;

/// A runtime that only polls what is awaited, on the calling thread.
///
/// # Panics
/// If the system gives it no timer.
#[must_use]
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread starts")
}

fn pool() -> ThreadPool {
    ThreadPool::builder(2).min_threads(2).max_queue(MOST).build().expect("settings are valid")
}

/// All jobs are submitted, then all are awaited.
///
/// # Panics
/// Never: nobody closes the pool.
#[must_use]
pub fn pipelined() -> Op {
    Op::with_state(|| {
        let (runtime, pool) = (runtime(), pool());
        move |times| {
            let jobs: Vec<_> =
                (0..times).map(|n| pool.try_submit(move || n).expect("there is room")).collect();
            runtime.block_on(async {
                for job in jobs {
                    std::hint::black_box(job.await.expect("it does not panic"));
                }
            });
        }
    })
}

/// Each job is awaited before the next is submitted.
///
/// # Panics
/// Never: nobody closes the pool.
#[must_use]
pub fn round_trip() -> Op {
    Op::with_state(|| {
        let (runtime, pool) = (runtime(), pool());
        move |times| {
            runtime.block_on(async {
                for n in 0..times {
                    std::hint::black_box(pool.run(move || n).await.expect("it does not panic"));
                }
            });
        }
    })
}

/// How long 200 jobs of 50 ms take on 2 to 32 threads, and how many threads there are twice the keep-alive of 200 ms
/// later. With 32 threads from the start it would be 350 ms.
///
/// # Panics
/// Never: nobody closes the pool.
#[must_use]
pub fn burst() -> (Duration, usize) {
    let keep_alive = Duration::from_millis(200);
    let pool = ThreadPool::builder(32).min_threads(2).keep_alive(keep_alive).build();
    let pool = pool.expect("settings are valid");
    let start = Instant::now();
    let jobs: Vec<_> = (0..200)
        .map(|_| pool.try_submit(|| thread::sleep(Duration::from_millis(50))).expect("there is room"))
        .collect();
    runtime().block_on(async {
        for job in jobs {
            job.await.expect("it does not panic");
        }
    });
    let took = start.elapsed();
    thread::sleep(2 * keep_alive);
    (took, pool.stats().threads)
}
