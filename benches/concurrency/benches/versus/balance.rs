//! A pick with its guard and record, beside tower's balancer over peak EWMA.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, future::poll_fn};
use perfect21_bench_concurrency::balance as ours;
use perfect21_bench_support::{Case, Op};
use tower::{
    Service,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, PeakEwma},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("pick, 10 endpoints", 1, ours::pick(10), "tower Balance + PeakEwma", tower(10)),
        Case::new("pick, 100 endpoints", 1, ours::pick(100), "tower Balance + PeakEwma", tower(100)),
        Case::new("pick, 1000 endpoints", 1, ours::pick(1000), "tower Balance + PeakEwma", tower(1000)),
        Case::new("pick, 1000 endpoints", 1, ours::pick(1000), "ours, 10 endpoints", ours::pick(10)),
        Case::new("pick, 10 endpoints, two threads", 2, ours::pick(10), "ours, one thread", ours::pick(10)),
    ]
}

/// Answers at once.
struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(request))
    }
}

fn tower(endpoints: usize) -> Op {
    Op::with_state(move || {
        let runtime = perfect21_bench_concurrency::gather::runtime();
        let mut balance = runtime.block_on(async {
            let services = (0..endpoints).map(|_| {
                let (first, decay) = (Duration::from_millis(1), 10e9);
                PeakEwma::new(Echo, first, decay, CompleteOnResponse::default())
            });
            Balance::new(ServiceList::new(services.collect::<Vec<_>>()))
        });
        move |times| {
            runtime.block_on(async {
                for nth in 0..times {
                    let ready = poll_fn(|context| balance.poll_ready(context));
                    ready.await.expect("ready");
                    let answer = balance.call(nth).now_or_never();
                    assert!(answer.is_some_and(|answer| answer.is_ok()));
                }
            });
        }
    })
}
