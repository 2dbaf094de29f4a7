//! Our operations alone, on one thread, by criterion, in CPU time.

use criterion::{Criterion, criterion_group, criterion_main};
use perfect21_bench_db_stats::{self as cases, LONG, SHORT};
use perfect21_bench_support::thread_cpu;

fn ops(criterion: &mut Criterion) {
    let ops = [
        ("fingerprint, 50 bytes", cases::fingerprint(SHORT)),
        ("fingerprint, 276 bytes", cases::fingerprint(LONG)),
        ("normalize, 50 bytes", cases::normalized(SHORT)),
        ("normalize, 276 bytes", cases::normalized(LONG)),
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
