//! Our operations alone, on one thread, by criterion, in CPU time: codecs and keys in memory, and what is held near.

use criterion::{Criterion, criterion_group, criterion_main};
use perfect21_bench_redis_cache::{self as cases, CODECS};
use perfect21_bench_support::thread_cpu;

fn ops(criterion: &mut Criterion) {
    let by_codec = CODECS.into_iter().flat_map(|codec| {
        let [set, get] = cases::by_codec(codec);
        [(format!("set in memory, {codec}"), set), (format!("get in memory, {codec}"), get)]
    });
    let mut ops: Vec<_> = by_codec.collect();
    ops.push(("key of a number".to_owned(), cases::redis_key()));
    ops.push(("near hit".to_owned(), cases::near_hit()));
    ops.push(("near hit, get_or_load".to_owned(), cases::near_load_hit()));
    ops.push(("hit of smart-cache".to_owned(), cases::smart_hit(None)));
    ops.push(("hit of smart-cache with a TTL".to_owned(), cases::smart_hit(Some(cases::TTL))));
    for (name, op) in ops {
        let mut work = op.on_this_thread();
        criterion.bench_function(&name, |bencher| {
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
