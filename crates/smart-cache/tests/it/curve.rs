//! What the curve says a cache of another size would do is what such a cache does.

use foldhash::fast::FixedState;
use perfect21_core::ManualClock;
use perfect21_smart_cache::{Builder, Cache, MissCurve};
use std::{hash::BuildHasher, sync::Arc, time::Duration};

fn builder(max_entries: usize) -> Builder<u64, u64> {
    Cache::builder().max_entries(max_entries).max_bytes(1 << 40)
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

/// What caches of the curve's sizes do.
fn truth(curve: &MissCurve) -> Vec<f64> {
    curve.points.iter().map(|point| run(&builder(point.max_entries).build().unwrap())).collect()
}

#[test]
fn what_it_says_of_other_sizes_comes_true() {
    for max_entries in [500, 4_000, 20_000] {
        let cache = builder(max_entries).miss_curve(true).build().unwrap();
        let actual = run(&cache);
        let curve = cache.miss_curve().unwrap();
        assert!((curve.points[1].hit_rate - actual).abs() < 1e-9 && curve.correction.abs() < 0.1);
        for (point, actual) in curve.points.iter().zip(truth(&curve)) {
            assert!((point.hit_rate - actual).abs() < 0.025, "{point:?}, but {actual}");
        }
        assert!(curve.points[4].hit_rate > curve.points[0].hit_rate + 0.1, "{curve:?}");
    }
}

#[test]
fn nearly_all_points_are_within_their_error() {
    let curves = (0..20).map(|seed| {
        let hasher = FixedState::with_seed(seed);
        let cache = builder(20_000).miss_curve(true).hasher(hasher).build().unwrap();
        run(&cache);
        cache.miss_curve().unwrap()
    });
    let curves: Vec<MissCurve> = curves.collect();
    let truth = truth(&curves[0]);
    // All but that of today, which is what was.
    let points = || {
        curves
            .iter()
            .flat_map(|curve| curve.points.iter().zip(&truth))
            .filter(|(point, _)| point.scale != 1.0)
    };
    // The other cache is not the same twice either: which of its shards is full differs.
    let within =
        points().filter(|(point, actual)| (point.hit_rate - *actual).abs() < point.error + 0.001).count();
    assert!((70..=80).contains(&within), "{within} of {}", points().count());
    assert!(points().all(|(point, _)| point.error > 0.0 && point.error < 0.02));
}

#[test]
fn where_all_keys_are_sampled_there_is_no_error() {
    let cache = builder(500).miss_curve(true).build().unwrap();
    run(&cache);
    let curve = cache.miss_curve().unwrap();
    assert!(curve.points.iter().all(|point| point.error == 0.0), "{curve:?}");
}

#[test]
fn a_resize_starts_it_anew() {
    let cache = builder(20_000).miss_curve(true).build().unwrap();
    run(&cache);
    cache.resize(500, 1 << 40).unwrap();
    assert_eq!(cache.miss_curve(), None);
    let before = cache.stats();
    run(&cache);
    let (stats, curve) = (cache.stats(), cache.miss_curve().unwrap());
    let actual = (stats.hits - before.hits) as f64 / 120_000.0;
    assert_eq!((curve.sampled, curve.points[1].max_entries), (120_000, 500));
    assert!((curve.points[1].hit_rate - actual).abs() < 0.02, "{curve:?}, but {actual}");
}

#[test]
fn what_expires_shows_in_the_correction() {
    let clock = Arc::new(ManualClock::new());
    let cache =
        builder(100).miss_curve(true).ttl(Duration::from_secs(1)).clock(Arc::clone(&clock) as _).build();
    let cache = cache.unwrap();
    for round in 0..100 {
        if cache.get(&1).is_none() {
            cache.insert(1, round).unwrap();
        }
        clock.advance(Duration::from_millis(500));
    }
    let curve = cache.miss_curve().unwrap();
    assert!((curve.points[1].hit_rate - 0.5).abs() < 1e-9, "{curve:?}");
    assert!((curve.correction - 0.49).abs() < 0.02, "{curve:?}");
}

#[test]
fn it_sees_writes_and_removals() {
    let cache = builder(100).miss_curve(true).build().unwrap();
    assert_eq!(cache.miss_curve(), None);
    for key in 0..50 {
        cache.insert(key, key).unwrap();
        assert_eq!(cache.get(&key), Some(key));
        cache.remove(&key);
        assert_eq!(cache.get(&key), None);
    }
    let curve = cache.miss_curve().unwrap();
    assert!(curve.points.iter().all(|point| (point.hit_rate - 0.5).abs() < 1e-9), "{curve:?}");
    assert_eq!((curve.sampled, curve.correction), (100, 0.0));
}

#[test]
fn it_is_there_only_where_it_was_asked_for() {
    let cache: Cache<u64, u64> = Cache::builder().build().unwrap();
    let _ = cache.get(&1);
    assert_eq!(cache.miss_curve(), None);
}
