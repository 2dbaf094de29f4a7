//! Loads whose middle is a change: what was hot is so no more.

use perfect21_bench_smart_cache::zipf;

const KEYS: usize = 100_000;
const REQUESTS: usize = 400_000;

/// Name, capacity and requests of each.
pub(crate) fn all() -> Vec<(String, usize, Vec<u64>)> {
    let mut loads = Vec::new();
    for capacity in [1_000, 10_000] {
        let (before, after) = (zipf(KEYS, 0.99, REQUESTS, 1), zipf(KEYS, 0.99, REQUESTS, 2));
        let other = after.into_iter().map(|key| key + KEYS as u64);
        loads.push((
            "Zipf, then of other keys".to_owned(),
            capacity,
            before.into_iter().chain(other).collect(),
        ));
        let set = capacity as u64 / 2;
        let mut random = fastrand::Rng::with_seed(3);
        let jump = (0..2 * REQUESTS).map(|nth| random.u64(0..set) + if nth < REQUESTS { 0 } else { set });
        loads.push(("working set of half the capacity, then another".to_owned(), capacity, jump.collect()));
        let moving = zipf(KEYS, 0.99, 2 * REQUESTS, 4).into_iter().enumerate();
        let moving = moving.map(|(nth, key)| (key + nth as u64 / 4) % (4 * KEYS as u64));
        loads.push(("Zipf with a moving centre".to_owned(), capacity, moving.collect()));
    }
    loads
}
