//! Our operations alone, on one thread, by criterion, in CPU time.

use criterion::{Criterion, criterion_group, criterion_main};
use perfect21_bench_mem_pool::{
    self as cases, Buffer, Small,
    writing::{self, From},
};
use perfect21_bench_support::thread_cpu;

fn ops(criterion: &mut Criterion) {
    let ops = [
        ("pool, struct", cases::borrowed::<Small>()),
        ("pool, vec", cases::borrowed::<Buffer>()),
        ("pool, vec, owned", cases::owned::<Buffer>()),
        ("pool, vec, 64 held", cases::held::<Buffer>()),
        ("pool, vec, plain fences", cases::plain_fences::<Buffer>()),
        ("bounded pool, vec", cases::bounded::<Buffer>()),
        ("1 KiB, buffer pool", writing::filled(From::Pool, 1 << 10)),
        ("1 KiB, Vec", writing::filled(From::Vec, 1 << 10)),
        ("64 KiB, buffer pool", writing::filled(From::Pool, 64 << 10)),
        ("64 KiB, Vec", writing::filled(From::Vec, 64 << 10)),
        ("512 KiB, buffer pool", writing::filled(From::Pool, 512 << 10)),
        ("512 KiB, Vec", writing::filled(From::Vec, 512 << 10)),
        ("JSON, buffer pool", writing::json(From::Pool)),
        ("JSON, Vec", writing::json(From::Vec)),
        ("JSON, BytesMut", writing::json(From::BytesMut)),
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
