//! Our operations alone, on one thread, by criterion, in CPU time.

use criterion::{Criterion, criterion_group, criterion_main};
use perfect21_bench_meter as cases;
use perfect21_bench_support::thread_cpu;

fn ops(criterion: &mut Criterion) {
    let ops = [
        ("counter increment", cases::counter()),
        ("latency record", cases::latency()),
        ("latency cell record", cases::latency_cell()),
        ("latency cell snapshot", cases::snapshot()),
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
