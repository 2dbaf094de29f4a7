//! Our operations alone, on one thread, by criterion, in CPU time.

use criterion::{Criterion, criterion_group, criterion_main};
use perfect21_bench_redis_cache as cases;
use perfect21_bench_support::thread_cpu;

fn ops(criterion: &mut Criterion) {
    let ops = [
        ("near hit", cases::near_get()),
        ("near hit, get_or_load", cases::near_get_or_load()),
        ("a hit of smart-cache", cases::smart_cache_get()),
    ];
    for (name, op) in ops {
        let mut work = op.on_this_thread();
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let started = thread_cpu();
                work(times);
                thread_cpu() - started
            });
        });
    }
}

criterion_group!(benches, ops);
criterion_main!(benches);
