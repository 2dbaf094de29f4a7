//! Who listens hears of every entry that leaves, once, with why, and may call the cache.

use perfect21_core::ManualClock;
use perfect21_smart_cache::{Cache, Cause, Pressure, Trim};
use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

type Heard = Arc<Mutex<Vec<(u64, u64, Cause)>>>;

fn cache(max_entries: usize, max_bytes: u64) -> (Cache<u64, u64>, Heard, ManualClock) {
    let (heard, clock) = (Heard::default(), ManualClock::new());
    let builder = Cache::builder().max_entries(max_entries).max_bytes(max_bytes);
    let builder = builder.weigher(|_, weight| *weight).clock(Arc::new(clock.clone()));
    let to = Arc::clone(&heard);
    let builder = builder.listener(move |key, value, cause| to.lock().unwrap().push((*key, *value, cause)));
    (builder.build().unwrap(), heard, clock)
}

#[test]
fn each_cause_is_told() {
    let (cache, heard, clock) = cache(2, 100);
    let told = || std::mem::take(&mut *heard.lock().unwrap());
    cache.insert(1, 10).unwrap();
    cache.insert(1, 11).unwrap();
    assert_eq!(told(), [(1, 10, Cause::Replaced)]);
    cache.insert(1, 101).unwrap_err();
    assert_eq!(told(), [(1, 11, Cause::Replaced)], "what was refused made it out of date");
    cache.insert(1, 10).unwrap();
    assert_eq!(cache.remove(&1), Some(10));
    assert_eq!(told(), [(1, 10, Cause::Removed)]);
    cache.insert_with_ttl(2, 20, Duration::from_secs(1)).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(cache.get(&2), None);
    assert_eq!(told(), [(2, 20, Cause::Expired)]);
    cache.insert(3, 30).unwrap();
    cache.insert(4, 40).unwrap();
    cache.insert(5, 5).unwrap();
    assert_eq!(told(), [(3, 30, Cause::Entries)]);
    cache.remove(&5);
    told();
    cache.insert(6, 90).unwrap();
    assert_eq!(told(), [(4, 40, Cause::Bytes)]);
    cache.trim(Pressure::Critical);
    assert_eq!(told(), [(6, 90, Cause::Pressure)]);
    cache.insert(7, 7).unwrap();
    cache.insert(8, 8).unwrap();
    assert_eq!(cache.retain(|key, _| *key == 8), 1);
    cache.clear();
    assert_eq!(told(), [(7, 7, Cause::Removed), (8, 8, Cause::Removed)]);
    let stats = cache.stats();
    assert_eq!((stats.replaced, stats.removed, stats.expired, stats.trimmed), (2, 4, 1, 1));
    assert_eq!((stats.evicted_by_entries, stats.evicted_by_bytes, stats.refused), (1, 1, 1));
}

#[test]
fn it_may_call_the_cache() {
    let own: Arc<OnceLock<Cache<u64, u64>>> = Arc::default();
    let to = Arc::clone(&own);
    let builder = Cache::builder().max_entries(4).listener(move |key, value, cause| {
        let cache = to.get().unwrap();
        let _ = cache.get(key);
        if cause == Cause::Removed && *key < 100 {
            cache.insert(key + 100, *value).unwrap();
        }
    });
    let cache = own.get_or_init(|| builder.build().unwrap());
    for key in 0..20 {
        cache.insert(key, key).unwrap();
    }
    let last = (0..20).rev().find(|key| cache.get(key).is_some()).unwrap();
    assert_eq!(cache.remove(&last), Some(last));
    assert_eq!(cache.get(&(last + 100)), Some(last), "put in by who listened");
    cache.clear();
    assert!(cache.len() <= 4);
}
