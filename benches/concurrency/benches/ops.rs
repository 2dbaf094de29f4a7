//! Our operations alone, on one thread, by criterion, in CPU time.

use criterion::{Criterion, criterion_group, criterion_main};
use perfect21_bench_concurrency::{
    balance,
    gather::{self, Item},
    limit, pool,
};
use perfect21_bench_support::thread_cpu;

fn ops(criterion: &mut Criterion) {
    let ops = [
        ("limit, try_acquire", limit::try_acquire()),
        ("limit, acquire", limit::acquire()),
        ("limit, owned", limit::try_acquire_owned()),
        ("limit, adaptive", limit::adaptive_success()),
        ("limit, layer", limit::layer()),
        ("gather, ready", gather::here(Item::Ready)),
        ("gather, yielding", gather::here(Item::Yields)),
        ("gather, spawned, ready", gather::spawned(Item::Ready)),
        ("gather, spawned, yielding", gather::spawned(Item::Yields)),
        ("pick, 10 endpoints", balance::pick(10)),
        ("pick, 1000 endpoints", balance::pick(1000)),
        ("pool, round trip, the caller's part", pool::round_trip()),
        ("pool, pipelined, the caller's part", pool::pipelined()),
    ];
    for (name, op) in ops {
        let mut work = op.on_this_thread();
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let before = thread_cpu();
                work(times);
                thread_cpu() - before
            });
        });
    }
}

criterion_group!(benches, ops);
criterion_main!(benches);
