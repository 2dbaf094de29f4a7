//! An entry whose time is over is never returned.

use perfect21_core::ManualClock;
use perfect21_smart_cache::{Cache, Pressure, Trim};
use std::{
    hash::{BuildHasherDefault, DefaultHasher},
    sync::Arc,
    time::Duration,
};

const NS: Duration = Duration::from_nanos(1);
const MINUTE: Duration = Duration::from_secs(60);

fn cache(clock: &ManualClock) -> Cache<u64, u64> {
    Cache::builder().ttl(MINUTE).clock(Arc::new(clock.clone())).build().unwrap()
}

#[test]
fn an_entry_lives_exactly_its_ttl() {
    let clock = ManualClock::new();
    let cache = cache(&clock);
    cache.insert(1, 10).unwrap();
    cache.insert_with_ttl(2, 20, 2 * MINUTE).unwrap();
    cache.insert_with_ttl(3, 30, Duration::ZERO).unwrap();
    cache.insert_with_ttl(4, 40, Duration::MAX).unwrap();
    assert_eq!(cache.get(&3), None, "a zero TTL is over at once");
    clock.advance(MINUTE - NS);
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(10), Some(20)));
    clock.advance(NS);
    assert_eq!((cache.get(&1), cache.get(&2)), (None, Some(20)));
    clock.advance(MINUTE);
    assert_eq!(cache.remove(&2), None, "nor is it given out by remove");
    clock.advance(10_000 * MINUTE);
    assert_eq!(cache.get(&4), Some(40), "past the clock's range means for ever");
    let stats = cache.stats();
    assert_eq!((stats.expired, stats.entries), (3, 1));
}

#[test]
fn a_new_value_starts_a_new_ttl() {
    let clock = ManualClock::new();
    let cache = cache(&clock);
    cache.insert(1, 10).unwrap();
    clock.advance(MINUTE / 2);
    cache.insert(1, 11).unwrap();
    clock.advance(MINUTE - NS);
    assert_eq!(cache.get(&1), Some(11));
    clock.advance(NS);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn routine_trim_takes_the_expired_only() {
    let clock = ManualClock::new();
    let cache = cache(&clock);
    for key in 0..10 {
        cache.insert(key, key).unwrap();
    }
    clock.advance(MINUTE / 2);
    for key in 10..15 {
        cache.insert(key, key).unwrap();
    }
    clock.advance(MINUTE / 2);
    let trimmed = cache.trim(Pressure::Routine);
    assert_eq!((trimmed.objects, trimmed.bytes), (10, 160));
    assert_eq!((cache.len(), cache.bytes(), cache.stats().expired), (5, 80, 10));
}

#[test]
fn who_is_asked_for_does_not_idle() {
    let clock = ManualClock::new();
    let builder = Cache::builder().time_to_idle(MINUTE).ttl(10 * MINUTE).clock(Arc::new(clock.clone()));
    let cache: Cache<u64, u64> = builder.build().unwrap();
    cache.insert(1, 10).unwrap();
    cache.insert(2, 20).unwrap();
    for _ in 0..19 {
        clock.advance(MINUTE / 2);
        assert_eq!(cache.get(&1), Some(10));
    }
    assert_eq!(cache.get(&2), None, "nobody asked for it for a minute");
    clock.advance(MINUTE / 2);
    assert_eq!(cache.get(&1), None, "its TTL is over, idle or not");
    cache.insert(3, 30).unwrap();
    clock.advance(MINUTE - MINUTE / 60);
    assert_eq!(cache.get(&3), Some(30), "early by no more than a 128th and a step");
    clock.advance(MINUTE);
    assert_eq!(cache.get(&3), None, "and never late");
}

/// Touches are dated by 32 bits of ticks. 2^32 of them later an entry would seem touched a moment ago.
#[test]
fn who_idles_for_ages_does_not_come_back() {
    let clock = ManualClock::new();
    let idle = Duration::from_millis(128);
    let builder = Cache::builder().time_to_idle(idle).clock(Arc::new(clock.clone()));
    let cache: Cache<u64, u64> = builder.build().unwrap();
    cache.insert(1, 10).unwrap();
    for _ in 0..4 {
        // A thousandth of a second a tick.
        clock.advance(Duration::from_millis(1 << 30));
        assert_eq!(cache.get(&2), None);
    }
    assert_eq!((cache.len(), cache.get(&1)), (1, None));
}

#[test]
fn jitter_only_shortens() {
    let clock = ManualClock::new();
    let builder = Cache::builder().ttl(MINUTE).ttl_jitter(0.5).clock(Arc::new(clock.clone()));
    let cache: Cache<u64, u64> = builder.build().unwrap();
    (0..1000).for_each(|key| cache.insert(key, key).unwrap());
    clock.advance(MINUTE / 2 - NS);
    assert_eq!(cache.sweep(), 0);
    clock.advance(MINUTE / 4);
    let half = cache.sweep();
    assert!((300..700).contains(&half), "{half}");
    clock.advance(MINUTE / 4 + NS);
    assert_eq!((cache.sweep() + half, cache.len()), (1000, 0));
}

#[test]
fn what_is_over_makes_room_before_what_is_not() {
    let clock = ManualClock::new();
    let builder = Cache::<u64, u64>::builder().max_entries(100).clock(Arc::new(clock.clone()));
    // The same in every run: how many the sweep has found in time depends on where they lie.
    let cache = builder.hasher(BuildHasherDefault::<DefaultHasher>::default()).build().unwrap();
    for key in 0..100 {
        let ttl = if key % 2 == 0 { MINUTE } else { 10 * MINUTE };
        cache.insert_with_ttl(key, key, ttl).unwrap();
    }
    clock.advance(MINUTE);
    for key in 100..150 {
        cache.insert(key, key).unwrap();
    }
    let stats = cache.stats();
    assert!(stats.expired >= 45, "{stats:?}");
    assert!(stats.evicted() <= 50 - 45, "{stats:?}");
}

#[test]
fn writes_sweep_out_what_is_over() {
    let clock = ManualClock::new();
    let cache = Cache::builder().max_entries(10_000).clock(Arc::new(clock.clone())).build().unwrap();
    for key in 0..5_000 {
        cache.insert_with_ttl(key, key, MINUTE).unwrap();
    }
    clock.advance(MINUTE);
    // Enough keys to write to every shard, and often enough to sweep each of them twice.
    for write in 0..100_000 {
        cache.insert(5_000 + write % 1_000, 0).unwrap();
    }
    assert_eq!((cache.len(), cache.stats().expired), (1_000, 5_000));
}
