//! `cargo bench -p perfect21-bench-host --bench ops`: CPU time of this thread for each reading, in criterion.
//!
//! Two lines a reading: back to back, with warm caches; and `cold`, after another program's worth of memory went
//! through them, as it is when a service ticks once a second.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::{
    BatchSize, Criterion, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use perfect21_bench_host::cases;
use rustix::time::{ClockId, clock_gettime};
use std::{hint::black_box, time::Duration};

/// The thread's own CPU time: what others on the machine do is not in it.
struct ThreadTime;

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

impl Measurement for ThreadTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        thread_time()
    }

    fn end(&self, start: Duration) -> Duration {
        thread_time().saturating_sub(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn ops(criterion: &mut Criterion<ThreadTime>) {
    let mut others = vec![1_u64; 2 << 20];
    for (name, mut read) in cases() {
        criterion.bench_function(name, |bencher| bencher.iter(&mut read));
        let mut evict = || others.iter_mut().for_each(|word| *word = word.wrapping_add(1));
        criterion.bench_function(&format!("{name}, cold"), |bencher| {
            bencher.iter_batched(&mut evict, |()| read(), BatchSize::PerIteration);
        });
        black_box(&others);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(ThreadTime)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = ops
}
criterion_main!(benches);
