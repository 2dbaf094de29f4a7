//! A permit that is free, beside tokio's semaphore.

use perfect21_bench_concurrency::limit as ours;
use perfect21_bench_support::{Case, Op};
use tokio::sync::Semaphore;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("permit, free", 1, ours::try_acquire(), "tokio try_acquire", tokio_try_acquire())]
}

fn tokio_try_acquire() -> Op {
    let semaphore = Semaphore::new(64);
    Op::each(move |_| semaphore.try_acquire().is_ok())
}
