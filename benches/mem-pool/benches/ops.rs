//! Our operations alone, on one thread, by criterion, in CPU time.

use criterion::{Criterion, criterion_group, criterion_main};
use perfect21_bench_mem_pool::{self as cases, Buffer, Small};
use perfect21_bench_support::thread_cpu;

fn ops(criterion: &mut Criterion) {
    let ops = [
        ("pool, struct", cases::borrowed::<Small>()),
        ("pool, vec", cases::borrowed::<Buffer>()),
        ("pool, vec, owned", cases::owned::<Buffer>()),
        ("pool, vec, 64 held", cases::held::<Buffer>()),
        ("pool, vec, plain fences", cases::plain_fences::<Buffer>()),
        ("bounded pool, vec", cases::bounded::<Buffer>()),
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
