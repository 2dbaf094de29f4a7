//! What the curve says a cache of another size would do is what such a cache does.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use foldhash::fast::FixedState;
use perfect21_smart_cache::Cache;
use std::hash::BuildHasher;

/// Which keys are sampled goes by their hashes: always the same here, or the error would now and then be a rare one.
fn cache(max_entries: usize) -> Cache<u64, u64, FixedState> {
    let builder = Cache::builder().max_entries(max_entries).miss_curve(true);
    builder.hasher(FixedState::with_seed(7)).build().unwrap()
}

/// Few keys are asked for often, and ever others once.
fn requests() -> impl Iterator<Item = u64> {
    let mut random = 1_u64;
    (0..120_000).map(move |step| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let uniform = (random >> 11) as f64 / (1_u64 << 53) as f64;
        if step % 10 == 0 { 1_000_000 + step } else { (50_000.0 * uniform.powi(4)) as u64 }
    })
}

fn run<S: BuildHasher>(cache: &Cache<u64, u64, S>) -> f64 {
    for key in requests() {
        if cache.get(&key).is_none() {
            cache.insert(key, key).unwrap();
        }
    }
    cache.stats().hit_rate().unwrap()
}

#[test]
fn what_it_says_of_other_sizes_comes_true() {
    for max_entries in [500, 4_000] {
        let cache = cache(max_entries);
        let actual = run(&cache);
        let curve = cache.miss_curve().unwrap();
        assert!((curve.points[1].hit_rate - actual - curve.error).abs() < 1e-9);
        for point in &curve.points {
            let other: Cache<u64, u64> =
                Cache::builder().max_entries(point.max_entries).max_bytes(1 << 40).build().unwrap();
            let actual = run(&other);
            assert!((point.hit_rate - actual).abs() < 0.02, "{point:?}, but {actual}");
        }
        assert!(curve.points[4].hit_rate > curve.points[0].hit_rate + 0.1, "{curve:?}");
    }
}

#[test]
fn it_sees_writes_and_removals() {
    let cache = cache(100);
    assert_eq!(cache.miss_curve(), None);
    for key in 0..50 {
        cache.insert(key, key).unwrap();
        assert_eq!(cache.get(&key), Some(key));
        cache.remove(&key);
        assert_eq!(cache.get(&key), None);
    }
    let curve = cache.miss_curve().unwrap();
    assert!(curve.points.iter().all(|point| (point.hit_rate - 0.5).abs() < 1e-9), "{curve:?}");
    assert_eq!((curve.sampled, curve.error), (100, 0.0));
}

#[test]
fn it_is_there_only_where_it_was_asked_for() {
    let cache: Cache<u64, u64> = Cache::builder().build().unwrap();
    let _ = cache.get(&1);
    assert_eq!(cache.miss_curve(), None);
}
