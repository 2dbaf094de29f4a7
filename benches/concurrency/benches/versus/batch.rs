//! The batcher beside scuffle-batching and batch-aint-one, from 100, 1000 and 10 000 producers.

use batch_aint_one::{BatchingPolicy, Limits, OnFull, Processor};
use perfect21_bench_concurrency::batch::{self as ours, AT_ONCE, SIZE, WAIT, closed_loop, runtime};
use perfect21_bench_support::{Case, Op};
use scuffle_batching::{BatchExecutor, batch::BatchResponse};
use std::sync::Arc;

/// Items of a round.
const TIMES: u64 = 100_000;

pub(crate) fn cases() -> Vec<Case> {
    let sizes =
        [("item, 100 producers", 100), ("item, 1000 producers", 1_000), ("item, 10000 producers", 10_000)];
    let beside = |(name, producers)| {
        let case = |peer, theirs| Case::of_process(name, TIMES, ours::producers(producers), peer, theirs);
        [case("scuffle-batching", scuffle(producers)), case("batch-aint-one", aint_one(producers))]
    };
    sizes.into_iter().flat_map(beside).collect()
}

struct Identity;

impl BatchExecutor for Identity {
    type Request = u64;
    type Response = u64;

    async fn execute(&self, requests: Vec<(u64, BatchResponse<u64>)>) {
        for (request, response) in requests {
            response.send(request);
        }
    }
}

fn scuffle(producers: u64) -> Op {
    Op::with_state(move || {
        let runtime = runtime();
        let guard = runtime.enter();
        let batcher = Arc::new(scuffle_batching::Batcher::new(Identity, SIZE, AT_ONCE, WAIT));
        drop(guard);
        move |times| {
            let batcher = Arc::clone(&batcher);
            closed_loop(&runtime, producers, times, move |n| {
                let batcher = Arc::clone(&batcher);
                async move {
                    std::hint::black_box(batcher.execute(n).await.is_some());
                }
            });
        }
    })
}

#[derive(Debug, Clone)]
struct Same;

impl Processor for Same {
    type Key = ();
    type Input = u64;
    type Output = u64;
    type Error = String;
    type Resources = ();

    async fn acquire_resources(&self, (): ()) -> Result<(), String> {
        Ok(())
    }

    async fn process(
        &self,
        (): (),
        inputs: impl Iterator<Item = u64> + Send,
        (): (),
    ) -> Result<Vec<u64>, String> {
        Ok(inputs.collect())
    }
}

fn aint_one(producers: u64) -> Op {
    Op::with_state(move || {
        let runtime = runtime();
        let guard = runtime.enter();
        let limits = Limits::builder().max_batch_size(SIZE).max_key_concurrency(AT_ONCE).build();
        let batcher = batch_aint_one::Batcher::builder()
            .name("identity")
            .processor(Same)
            .limits(limits)
            .batching_policy(BatchingPolicy::Duration(WAIT, OnFull::Process))
            .build();
        drop(guard);
        move |times| {
            let batcher = batcher.clone();
            closed_loop(&runtime, producers, times, move |n| {
                let batcher = batcher.clone();
                async move {
                    std::hint::black_box(batcher.add((), n).await.is_ok());
                }
            });
        }
    })
}
