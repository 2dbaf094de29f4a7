//! Bounds that change while the cache is used.

use perfect21_smart_cache::Cache;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

fn cache(max_entries: usize, max_bytes: u64) -> Cache<u64, u64> {
    let builder = Cache::builder().max_entries(max_entries).max_bytes(max_bytes);
    builder.weigher(|_, weight| *weight).build().unwrap()
}

#[test]
fn a_smaller_bound_is_kept_when_it_returns() {
    let cache = cache(5_000, 10_000);
    for key in 0..5_000 {
        cache.insert(key, 2).unwrap();
    }
    let len = cache.len();
    assert!(len > 4_500 && len <= 5_000, "{len}");
    cache.resize(5_000, 1_000).unwrap();
    assert_eq!((cache.len(), cache.bytes(), cache.max_bytes()), (500, 1_000, 1_000));
    cache.resize(100, 1_000).unwrap();
    assert!(cache.len() <= 100 && cache.max_entries() == 100);
    cache.resize(10_000, 1 << 40).unwrap();
    for key in 0..50_000 {
        cache.insert(key, 1_000).unwrap();
    }
    assert!(cache.len() > 9_900 && cache.len() <= 10_000, "{}", cache.len());
}

#[test]
fn bounds_that_cannot_be_are_refused() {
    let cache = cache(20_000, 1_000);
    let shards: usize = {
        let text = cache.resize(1, 1_000).unwrap_err().to_string();
        assert!(text.starts_with("max_entries = 1: must make room for "), "{text}");
        text.split(' ').nth(7).unwrap().parse().unwrap()
    };
    assert!(shards > 1);
    cache.resize(shards, 1_000).unwrap();
    assert_eq!(cache.resize(shards, 0).unwrap_err().to_string(), "max_bytes = 0: must be at least 1");
    assert_eq!((cache.max_entries(), cache.max_bytes()), (shards, 1_000));
}

#[test]
fn who_watches_sees_no_more_than_the_bounds_that_are_shown() {
    let cache = cache(8_000, 8_000);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // The bounds before what they bind: they may grow or shrink between the two, so what both looks show
                // is held against the larger.
                let before = (cache.max_entries(), cache.max_bytes());
                let held = (cache.len(), cache.bytes());
                let after = (cache.max_entries(), cache.max_bytes());
                assert!(held.0 <= before.0.max(after.0) && held.1 <= before.1.max(after.1), "{held:?}");
            }
        });
        let writers: Vec<_> = (0..2_u64)
            .map(|nth| {
                let cache = &cache;
                scope.spawn(move || {
                    for step in 0..30_000 {
                        drop(cache.insert(step * 2 + nth, step % 5));
                    }
                })
            })
            .collect();
        for step in 0..100 {
            // One resize at a time between two looks would be too slow to see: only these two sizes.
            let (entries, bytes) = if step % 2 == 0 { (1_000, 500) } else { (8_000, 8_000) };
            cache.resize(entries, bytes).unwrap();
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
}
