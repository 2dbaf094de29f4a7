//! A thousand callers and one key that is nowhere yet.

use crate::word;
use perfect21_bench_redis_cache::{connect, runtime, text};
use perfect21_redis_cache::Cache;
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

const CALLERS: u64 = 1000;
/// How long the source takes.
const LOAD: Duration = Duration::from_millis(20);

pub(crate) fn run() -> bool {
    println!(
        "\n## One cold key, {CALLERS} callers at once, a load of {LOAD:?}\n\n\
         | callers | loads | the last was answered after | target | |\n|---|---|---|---|---|"
    );
    let rows = [("of one process", 1, "one-process"), ("of four processes", 4, "four-processes")];
    let met = rows.map(|(name, processes, cache)| {
        let (loads, took) = race(processes, cache);
        let met = loads == 1;
        println!("| {name} | {loads} | {took:.1?} | 1 load | {} |", word(met));
        met
    });
    met == [true; 2]
}

fn race(processes: u64, name: &str) -> (u64, Duration) {
    // What processes share is the server alone: each has connections and loads of its own.
    let caches: Vec<Cache<u64, String>> =
        (0..processes).map(|_| connect(|builder| builder).typed(name).build().expect("a cache")).collect();
    let loads = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    runtime().block_on(async {
        let calls: Vec<_> = (0..CALLERS)
            .map(|n| {
                let cache = caches[(n % processes) as usize].clone();
                let loads = Arc::clone(&loads);
                tokio::spawn(async move {
                    let load = move || async move {
                        loads.fetch_add(1, Relaxed);
                        tokio::time::sleep(LOAD).await;
                        Ok::<_, Infallible>(text(7))
                    };
                    cache.get_or_load(&7, load).await.expect("a value")
                })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.expect("no caller panics"), text(7));
        }
    });
    (loads.load(Relaxed), started.elapsed())
}
