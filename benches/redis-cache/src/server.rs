//! A private server on this machine, which shares the CPUs with those who ask it.

use perfect21_bench_support::Op;
use perfect21_test_support::redis::Redis;
use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use tokio::runtime::Runtime;

/// Two workers, for ours and the peers.
#[must_use]
pub fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().expect("a runtime of two threads starts")
    });
    &RUNTIME
}

/// The server.
///
/// # Panics
/// If there is none to be started: with what is missing, and what brings it.
#[must_use]
pub fn server() -> &'static Redis {
    static SERVER: LazyLock<Redis> =
        LazyLock::new(|| Redis::start().unwrap_or_else(|error| panic!("no private Redis server: {error}")));
    &SERVER
}

/// So many operations by so many tasks, each beginning one when its last is done.
pub fn closed_loop<F, S>(tasks: u64, operations: u64, work: S)
where
    S: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    runtime().block_on(async {
        let next = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let (work, next) = (work.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let n = next.fetch_add(1, Relaxed);
                        if n >= operations {
                            return;
                        }
                        work(n).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no operation panics");
        }
    });
}

/// So many operations, one after the other on the calling thread.
pub fn in_turn<F: Future<Output = ()>>(operations: u64, work: impl Fn(u64) -> F) {
    runtime().block_on(async {
        for n in 0..operations {
            work(n).await;
        }
    });
}

/// An operation that is done in a [`closed_loop`], by one task [`in_turn`].
pub fn loop_of<F, S>(tasks: u64, work: S) -> Op
where
    S: Fn(u64) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    Op::with_state(move || {
        move |times| match tasks {
            1 => in_turn(times, work),
            _ => closed_loop(tasks, times, work),
        }
    })
}
