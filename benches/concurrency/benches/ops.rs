//! Our operations alone, on one thread, by criterion, in CPU time.

use criterion::{Criterion, criterion_group, criterion_main};
use perfect21_bench_concurrency::{limit, pool};
use perfect21_bench_support::thread_cpu;

fn ops(criterion: &mut Criterion) {
    let ops = [
        ("limit, try_acquire", limit::try_acquire()),
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
