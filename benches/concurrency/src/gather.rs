//! Many futures, fifty at once.

use std::{future::ready, hint::black_box};

use perfect21_bench_support::Op;
use perfect21_concurrency::gather;
use tokio::{runtime::Runtime, task::yield_now};

/// So many at once.
pub const LIMIT: usize = 50;

/// So many items are one gather.
pub const ITEMS: u64 = 10_000;

/// What an item does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// It is there at once.
    Ready,
    /// It waits once.
    Yields,
}

impl Item {
    /// The item of this number.
    pub async fn run(self, nth: u64) -> u64 {
        match self {
            Self::Ready => ready(nth).await,
            Self::Yields => {
                yield_now().await;
                nth
            }
        }
    }
}

/// A runtime on the calling thread, so that its CPU time is all there is.
///
/// # Panics
/// If the system refuses.
#[must_use]
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Ends of ranges of at most [`ITEMS`] that make up so many.
pub fn parts(times: u64) -> impl Iterator<Item = u64> {
    (0..times.div_ceil(ITEMS)).map(move |part| ITEMS.min(times - part * ITEMS))
}

/// [`Gather::all`](gather::Gather::all), within the caller's task.
///
/// # Panics
/// Never: the limit is valid.
#[must_use]
pub fn here(item: Item) -> Op {
    Op::with_state(move || {
        let runtime = runtime();
        move |times| {
            for items in parts(times) {
                let gather = gather((0..items).map(|nth| item.run(nth)), LIMIT).expect("a valid limit");
                black_box(runtime.block_on(gather.all()));
            }
        }
    })
}

/// The same as tasks.
///
/// # Panics
/// Never: the limit is valid.
#[must_use]
pub fn spawned(item: Item) -> Op {
    Op::with_state(move || {
        let runtime = runtime();
        move |times| {
            for items in parts(times) {
                let gather = gather((0..items).map(move |nth| item.run(nth)), LIMIT).expect("a valid limit");
                black_box(runtime.block_on(gather.spawned(runtime.handle()).all()));
            }
        }
    })
}
