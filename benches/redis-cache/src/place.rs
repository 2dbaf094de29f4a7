//! A private server on this machine, which shares the CPUs with those who ask it, and who asks.

#![allow(clippy::missing_panics_doc, reason = "a bench whose server fails can only end")]

use perfect21_test_support::redis::Redis;
use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use tokio::runtime::Runtime;

/// So many keys there are.
pub const KEYS: u64 = 10_000;

/// Those who ask at once.
pub const TASKS: u64 = 64;

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
#[must_use]
pub fn server() -> &'static Redis {
    static SERVER: LazyLock<Redis> = LazyLock::new(|| {
        Redis::start_with(&["enable-debug-command yes"]).expect("a private Redis server starts")
    });
    &SERVER
}

/// 100 bytes.
#[must_use]
pub fn value(n: u64) -> String {
    format!("{n:0>100}")
}

/// A key, in an order that nobody foresees.
#[must_use]
pub fn key_of(n: u64) -> u64 {
    n.wrapping_mul(7919) % KEYS
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
