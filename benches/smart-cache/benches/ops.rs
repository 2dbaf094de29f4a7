//! Our operations alone, on one thread, by criterion, in CPU time.

use criterion::{Criterion, criterion_group, criterion_main};
use perfect21_bench_smart_cache::{Load, Ours};
use perfect21_bench_support::thread_cpu;

fn ops(criterion: &mut Criterion) {
    for load in Load::ALL {
        let mut work = load.on::<Ours>().on_this_thread();
        criterion.bench_function(load.name(), |bencher| {
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
