//! How many connections are best.

use perfect21_bench_redis_cache::{closed_loop, connect, entry, key, texts};
use perfect21_redis_cache::Cache;
use std::time::Instant;

const CONNECTIONS: [usize; 3] = [1, 4, 50];
const TASKS: [u64; 2] = [64, 512];
/// A round's.
const OPERATIONS: u64 = 20_000;

pub(crate) fn run(rounds: usize) {
    println!(
        "\n## Connections: thousand operations a second, medians of {rounds} rounds by turns\n\n\
         | connections | get, 64 tasks | get, 512 tasks | set, 64 tasks | set, 512 tasks |\n|---|---|---|---|---|"
    );
    let caches = CONNECTIONS.map(|connections| {
        texts(&connect(|builder| builder.connections(connections)), &format!("over-{connections}"))
    });
    let mut rates = CONNECTIONS.map(|_| [const { Vec::new() }; 4]);
    for _ in 0..rounds {
        for (cache, rates) in caches.iter().zip(&mut rates) {
            for (rates, (tasks, writes)) in rates.iter_mut().zip(cells()) {
                rates.push(rate(cache, tasks, writes));
            }
        }
    }
    for (connections, rates) in CONNECTIONS.iter().zip(&mut rates) {
        let cells = rates.each_mut().map(|rates| format!("{:.1}", median(rates) / 1000.0));
        println!("| {connections} | {} |", cells.join(" | "));
    }
}

/// Tasks, and whether they write, in the order of the columns.
fn cells() -> impl Iterator<Item = (u64, bool)> {
    [false, true].into_iter().flat_map(|writes| TASKS.map(|tasks| (tasks, writes)))
}

fn rate(cache: &Cache<u64, String>, tasks: u64, writes: bool) -> f64 {
    let started = Instant::now();
    let cache = cache.clone();
    closed_loop(tasks, OPERATIONS, move |n| {
        let cache = cache.clone();
        async move {
            if writes {
                let (key, text) = entry(n);
                cache.set(key, text).await.expect("a set");
            } else {
                cache.get(&key(n)).await.expect("an answer").expect("a value");
            }
        }
    });
    OPERATIONS as f64 / started.elapsed().as_secs_f64()
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
