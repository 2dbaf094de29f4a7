//! Both bounds hold at every instant, and the byte account never drifts.

use perfect21_smart_cache::{Cache, Full, Pressure, Trim};
use std::{
    collections::HashMap,
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

/// Capacities where entries bind, where bytes do, and both; some in one shard and some in many.
const BOUNDS: [(usize, u64); 10] = [
    (1, 1),
    (1, 1 << 20),
    (2, 100),
    (16, 20),
    (16, 1 << 20),
    (100, 1 << 20),
    (187, 400),
    (1000, 1 << 20),
    (1000, 300),
    (20_000, 3_000),
];

#[test]
fn a_watcher_never_sees_more_than_the_bounds() {
    for (nth, (max_entries, max_bytes)) in BOUNDS.into_iter().enumerate() {
        let cache = cache(max_entries, max_bytes);
        let done = AtomicBool::new(false);
        let keys = 4 * max_entries.max(100) as u64;
        thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut looks = 0_u64;
                while !done.load(Ordering::Relaxed) || looks == 0 {
                    assert!(cache.len() <= max_entries && cache.bytes() <= max_bytes, "{cache:?}");
                    let stats = cache.stats();
                    assert!(stats.entries <= max_entries as u64 && stats.bytes <= max_bytes, "{stats:?}");
                    looks += 1;
                }
            });
            let writers = [1, 2, 3, 4, 8][nth % 5];
            let cache = &cache;
            let writers: Vec<_> = (0..writers)
                .map(|seed| scope.spawn(move || write(cache, seed, keys, 20_000 / writers)))
                .collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Ordering::Relaxed);
            watcher.join().unwrap();
        });
        let held: u64 = (0..keys).filter_map(|key| cache.remove(&key)).sum();
        assert!(held <= max_bytes);
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }
}

fn write(cache: &Cache<u64, u64>, seed: u64, keys: u64, steps: u64) {
    let mut random = seed * 7919 + 1;
    for _ in 0..steps {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Mostly light, now and then a third of all.
        let heavy = random.is_multiple_of(97);
        let weight = if heavy { cache.max_bytes() / 3 } else { (random >> 13) % 9 };
        let key = (random >> 33) % keys;
        match random % 10 {
            0 => drop(cache.remove(&key)),
            1 if key == 0 => cache.clear(),
            2 if key < 4 => drop(cache.trim(Pressure::Elevated)),
            3..=5 => drop(cache.get(&key)),
            _ => drop(cache.insert(key, weight)),
        }
    }
}

#[test]
fn bytes_are_shared_between_shards() {
    let cache = cache(20_000, 1_000);
    for key in 0..1_000 {
        cache.insert(key, 1).unwrap();
    }
    assert_eq!((cache.len(), cache.bytes()), (1_000, 1_000));
    cache.insert(5_000, 900).unwrap();
    assert_eq!((cache.get(&5_000), cache.bytes()), (Some(900), 1_000), "room was made in all shards");
    cache.insert(5_000, 1_000).unwrap();
    assert_eq!((cache.len(), cache.bytes()), (1, 1_000));
    assert_eq!(cache.stats().evicted_by_bytes, 1_000);
}

#[test]
fn what_is_refused_for_want_of_room_is_counted() {
    let cache = cache(20_000, 100);
    let refused = AtomicU64::new(0);
    thread::scope(|scope| {
        for seed in 0..4 {
            let (cache, refused) = (&cache, &refused);
            scope.spawn(move || {
                for step in 0..500 {
                    let full = cache.insert(seed * 1_000 + step, 60 + step % 41).is_err();
                    refused.fetch_add(u64::from(full), Ordering::Relaxed);
                    assert!(cache.bytes() <= 100);
                }
            });
        }
    });
    let stats = cache.stats();
    assert_eq!(stats.refused, refused.load(Ordering::Relaxed));
    assert_eq!(stats.inserts + stats.refused, 2_000);
    assert_eq!(stats.inserts - stats.evicted(), stats.entries);
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

/// Which entry leaves is the policy's, and checked beside it. That apart: a value that is there is the last one, what is
/// refused is not there, and the counts are those of what is there.
#[derive(Default)]
struct Reference {
    /// What was put in last and was still there when looked at.
    last: HashMap<u64, u64>,
}

impl Reference {
    fn check(&mut self, cache: &Cache<u64, u64>, max_entries: usize, max_bytes: u64) {
        let mut held = HashMap::new();
        cache.for_each(|key, weight| assert!(held.insert(*key, *weight).is_none()));
        for (key, weight) in &held {
            assert_eq!(self.last.get(key), Some(weight), "of key {key}");
        }
        assert_eq!((cache.len(), cache.bytes()), (held.len(), held.values().sum()));
        assert!(held.len() <= max_entries && cache.bytes() <= max_bytes);
        self.last = held;
    }
}

proptest::proptest! {
    #[test]
    fn it_holds_what_was_put_in_last(
        (max_entries, max_bytes) in (1_usize..8, 1_u64..40),
        steps in proptest::collection::vec((0_u8..4, 0_u64..12, 0_u64..44), 0..200),
    ) {
        let (cache, mut reference) = (cache(max_entries, max_bytes), Reference::default());
        for (step, key, weight) in steps {
            match step {
                0 => assert_eq!(cache.get(&key), reference.last.get(&key).copied()),
                1 => assert_eq!(cache.remove(&key), reference.last.remove(&key)),
                _ => {
                    let fits = weight <= max_bytes;
                    assert_eq!(cache.insert(key, weight).is_ok(), fits);
                    assert_eq!(cache.get(&key), fits.then_some(weight));
                    reference.last.insert(key, weight);
                }
            }
            reference.check(&cache, max_entries, max_bytes);
        }
    }
}
