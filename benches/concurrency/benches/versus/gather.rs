//! Fifty futures at once, beside futures' own and a set of tasks.

use std::hint::black_box;

use futures::stream::{self, StreamExt};
use perfect21_bench_concurrency::gather::{self as ours, Item, LIMIT};
use perfect21_bench_support::{Case, Op};
use tokio::task::JoinSet;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("gather, ready", 1, ours::here(Item::Ready), "buffer_unordered", unordered(Item::Ready)),
        Case::new("gather, ready", 1, ours::here(Item::Ready), "buffered", ordered(Item::Ready)),
        Case::new(
            "gather, yielding",
            1,
            ours::here(Item::Yields),
            "buffer_unordered",
            unordered(Item::Yields),
        ),
        Case::new("gather, yielding", 1, ours::here(Item::Yields), "buffered", ordered(Item::Yields)),
        Case::new(
            "gather, spawned, ready",
            1,
            ours::spawned(Item::Ready),
            "capped JoinSet",
            tasks(Item::Ready),
        ),
        Case::new(
            "gather, spawned, yielding",
            1,
            ours::spawned(Item::Yields),
            "capped JoinSet",
            tasks(Item::Yields),
        ),
    ]
}

fn unordered(item: Item) -> Op {
    Op::with_state(move || {
        let runtime = ours::runtime();
        move |times| {
            for items in ours::parts(times) {
                let items = stream::iter((0..items).map(|nth| item.run(nth)));
                black_box(runtime.block_on(items.buffer_unordered(LIMIT).collect::<Vec<_>>()));
            }
        }
    })
}

fn ordered(item: Item) -> Op {
    Op::with_state(move || {
        let runtime = ours::runtime();
        move |times| {
            for items in ours::parts(times) {
                let items = stream::iter((0..items).map(|nth| item.run(nth)));
                black_box(runtime.block_on(items.buffered(LIMIT).collect::<Vec<_>>()));
            }
        }
    })
}

fn tasks(item: Item) -> Op {
    Op::with_state(move || {
        let runtime = ours::runtime();
        move |times| {
            for items in ours::parts(times) {
                black_box(runtime.block_on(async {
                    let (mut running, mut results) = (JoinSet::new(), Vec::new());
                    for nth in 0..items {
                        if running.len() == LIMIT {
                            results.extend(running.join_next().await);
                        }
                        running.spawn(item.run(nth));
                    }
                    results.extend(running.join_all().await.into_iter().map(Ok));
                    results
                }));
            }
        }
    })
}
