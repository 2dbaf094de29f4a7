//! Both bounds hold at every instant, and the byte account never drifts.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_smart_cache::{Cache, Full, Pressure, Trim};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

fn cache(max_entries: usize, max_bytes: u64) -> Cache<u64, u64> {
    let builder = Cache::builder().max_entries(max_entries).max_bytes(max_bytes);
    builder.weigher(|_, weight| *weight).build().unwrap()
}

#[test]
fn a_watcher_never_sees_more_than_the_bounds() {
    for (max_entries, max_bytes) in [(1, 1), (2, 100), (16, 20), (100, 1 << 20), (187, 400)] {
        let cache = cache(max_entries, max_bytes);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut looks = 0_u64;
                while !done.load(Ordering::Relaxed) || looks == 0 {
                    let stats = cache.stats();
                    assert!(stats.entries <= max_entries as u64, "{stats:?}");
                    assert!(stats.bytes <= max_bytes, "{stats:?}");
                    looks += 1;
                }
            });
            let writers: Vec<_> = (0..4_u64)
                .map(|seed| {
                    let cache = &cache;
                    scope.spawn(move || {
                        let mut random = seed * 7919 + 1;
                        for _ in 0..5_000 {
                            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            let (key, weight) = ((random >> 33) % 400, (random >> 13) % 9);
                            match random % 10 {
                                0 => drop(cache.remove(&key)),
                                1 if key == 0 => cache.clear(),
                                2 if key < 4 => drop(cache.trim(Pressure::Elevated)),
                                3..=5 => drop(cache.get(&key)),
                                _ => drop(cache.insert(key, weight)),
                            }
                        }
                    })
                })
                .collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Ordering::Relaxed);
            watcher.join().unwrap();
        });
        let held: u64 = (0..400).filter_map(|key| cache.remove(&key)).sum();
        assert!(held <= max_bytes);
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }
}

#[test]
fn values_leave_with_their_entries() {
    struct Live(Arc<AtomicU64>);
    impl Drop for Live {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let live = Arc::new(AtomicU64::new(0));
    let cache: Cache<u64, Arc<Live>> = Cache::builder().max_entries(16).build().unwrap();
    for key in 0..1000 {
        live.fetch_add(1, Ordering::SeqCst);
        cache.insert(key % 40, Arc::new(Live(Arc::clone(&live)))).unwrap();
        assert_eq!(live.load(Ordering::SeqCst), cache.len() as u64);
    }
    cache.clear();
    assert_eq!(live.load(Ordering::SeqCst), 0);
}

#[test]
fn replacing_a_value_leaks_no_bytes() {
    let cache = cache(10, 1000);
    for weight in [10, 500, 1000, 0, 7] {
        cache.insert(1, weight).unwrap();
        assert_eq!((cache.len(), cache.bytes()), (1, weight));
    }
    assert_eq!(cache.remove(&1), Some(7));
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}

#[test]
fn a_value_heavier_than_the_cache_is_given_back_and_its_key_emptied() {
    let cache = cache(10, 100);
    cache.insert(1, 100).unwrap();
    cache.insert(2, 0).unwrap();
    let full: Full<u64> = cache.insert(1, 101).unwrap_err();
    assert_eq!((full.value, full.weight, full.max_bytes), (101, 101, 100));
    assert_eq!(full.to_string(), "a value of 101 bytes is over the cache's bound of 100 bytes");
    assert_eq!(cache.get(&1), None, "what was there is out of date");
    assert_eq!(cache.get(&2), Some(0), "others stay");
    assert_eq!(cache.stats().refused, 1);
    let all = self::cache(1, u64::MAX);
    all.insert(1, u64::MAX).unwrap();
    all.insert(2, u64::MAX).unwrap();
    assert_eq!(all.bytes(), u64::MAX);
}

#[test]
fn what_panics_in_a_users_code_changes_nothing() {
    let cache: Cache<u64, u64> = Cache::builder()
        .max_bytes(100)
        .weigher(|_, weight| if *weight == 13 { panic!("weigher") } else { *weight })
        .build()
        .unwrap();
    cache.insert(1, 5).unwrap();
    catch_unwind(AssertUnwindSafe(|| cache.insert(1, 13))).unwrap_err();
    assert_eq!((cache.get(&1), cache.len(), cache.bytes()), (Some(5), 1, 5));
}

#[test]
fn values_may_call_the_cache_when_they_are_dropped() {
    struct Calls(Cache<u64, Arc<Self>>);
    impl Drop for Calls {
        fn drop(&mut self) {
            let _ = self.0.get(&1);
        }
    }
    let cache: Cache<u64, Arc<Calls>> = Cache::builder().max_entries(2).build().unwrap();
    for key in [1, 1, 2, 3] {
        cache.insert(key, Arc::new(Calls(cache.clone()))).unwrap();
    }
    cache.remove(&2);
    cache.trim(Pressure::Critical);
    assert!(cache.is_empty());
}

#[test]
fn pressure_takes_half_then_all() {
    let cache = cache(100, 10_000);
    for key in 0..100 {
        cache.insert(key, if key < 50 { 1 } else { 100 }).unwrap();
    }
    assert_eq!(cache.trim(Pressure::Routine).objects, 0);
    let trimmed = cache.trim(Pressure::Elevated);
    assert_eq!((trimmed.objects, trimmed.bytes), (75, 2_550), "both halves: 2 525 bytes of 5 050 may stay");
    assert_eq!(cache.get(&99), Some(100), "the most recently used stay");
    let trimmed = cache.trim(Pressure::Critical);
    assert_eq!((trimmed.objects, trimmed.bytes, cache.len()), (25, 2_500, 0));
    assert_eq!(cache.stats().trimmed, 100);
}

/// Least recently used first.
#[derive(Default)]
struct Model {
    entries: VecDeque<(u64, u64)>,
}

impl Model {
    fn take(&mut self, key: u64) -> Option<u64> {
        let at = self.entries.iter().position(|(k, _)| *k == key)?;
        self.entries.remove(at).map(|(_, weight)| weight)
    }

    fn get(&mut self, key: u64) -> Option<u64> {
        let weight = self.take(key)?;
        self.entries.push_back((key, weight));
        Some(weight)
    }

    fn bytes(&self) -> u64 {
        self.entries.iter().map(|(_, weight)| weight).sum()
    }

    fn insert(&mut self, key: u64, weight: u64, max_entries: usize, max_bytes: u64) -> bool {
        self.take(key);
        if weight > max_bytes {
            return false;
        }
        while self.entries.len() == max_entries || self.bytes() + weight > max_bytes {
            self.entries.pop_front();
        }
        self.entries.push_back((key, weight));
        true
    }
}

proptest::proptest! {
    #[test]
    fn it_is_the_plain_lru(
        max_entries in 1_usize..8,
        max_bytes in 1_u64..40,
        steps in proptest::collection::vec((0_u8..4, 0_u64..12, 0_u64..44), 0..200),
    ) {
        let (cache, mut model) = (cache(max_entries, max_bytes), Model::default());
        for (step, key, weight) in steps {
            match step {
                0 => assert_eq!(cache.get(&key), model.get(key)),
                1 => assert_eq!(cache.remove(&key), model.take(key)),
                _ => assert_eq!(
                    cache.insert(key, weight).is_ok(),
                    model.insert(key, weight, max_entries, max_bytes)
                ),
            }
            assert_eq!((cache.len(), cache.bytes()), (model.entries.len(), model.bytes()));
        }
    }
}
