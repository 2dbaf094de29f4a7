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
        ("three readings of the clock", cases::clock()),
        ("statistics, 1 fingerprint", cases::held(1)),
        ("statistics, 10 000 fingerprints", cases::held(10_000)),
        ("statistics, each of 10 000 by turns", cases::other_held(10_000)),
        ("statistics by text, 1 fingerprint", cases::by_text(1)),
        ("statistics by text, 10 000 fingerprints", cases::by_text(10_000)),
        ("statistics, one-off text beside 10 000", cases::one_off(10_000)),
        ("metrics of 10 000", cases::observed(10_000)),
        ("slow statements of 10 000", cases::slow_statements(10_000)),
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
