//! An entry whose time is over is never returned.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_core::ManualClock;
use perfect21_smart_cache::{Cache, Pressure, Trim};
use std::{sync::Arc, time::Duration};

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
