//! Whatever keeps the values: loads, writes and expiry are the same.
#![cfg(all(feature = "lru", feature = "moka"))]

use crate::support::{Gate, block_on};
use perfect21_smart_cache::{Backed, Cache, Full, Lru, Moka, Pressure, Store, Tags};
use std::{
    cell::Cell,
    convert::Infallible,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Waker},
    thread,
    time::Duration,
};

type Any<V> = Arc<dyn Store<u32, V>>;

/// Room for 100 entries.
fn all<V: Clone + Send + Sync + 'static>() -> [(&'static str, Any<V>); 3] {
    let ours = Cache::<u32, V>::builder().max_entries(100).build().unwrap();
    [
        ("ours", Arc::new(ours)),
        ("lru", Arc::new(Lru::new(100).unwrap())),
        ("moka", Arc::new(Moka::new(100, |moka| moka).unwrap())),
    ]
}

#[test]
fn what_goes_in_comes_out_until_it_is_taken_out() {
    for (name, store) in all::<String>() {
        let cache = Backed::new(store);
        cache.insert(1, "one".to_owned()).unwrap();
        cache.insert(2, "two".to_owned()).unwrap();
        cache.insert(1, "uno".to_owned()).unwrap();
        assert_eq!(cache.get(&1).as_deref(), Some("uno"), "{name}");
        assert_eq!(cache.get(&3), None, "{name}");
        let mut seen = Vec::new();
        cache.store().for_each(&mut |key, value| seen.push((*key, value.clone())));
        seen.sort();
        assert_eq!(seen, [(1, "uno".to_owned()), (2, "two".to_owned())], "{name}");
        assert_eq!(cache.remove(&1).as_deref(), Some("uno"), "{name}");
        assert_eq!(cache.remove(&1), None, "{name}");
        cache.clear();
        assert_eq!(cache.get(&2), None, "{name}");
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses, stats.inserts, stats.removed), (1, 2, 3, 1), "{name}");
    }
}

#[test]
fn what_may_not_go_in_stays_out_and_changes_nothing() {
    for (name, store) in all::<u32>() {
        assert!(store.insert_if(1, 10, None, &mut || true).unwrap(), "{name}");
        assert!(!store.insert_if(1, 20, None, &mut || false).unwrap(), "{name}");
        assert_eq!(store.get(&1), Some(10), "{name}");
    }
}

#[test]
fn a_value_is_gone_when_its_time_is_over() {
    for (name, store) in all::<u32>() {
        let cache = Backed::new(store);
        cache.insert_with_ttl(1, 1, Duration::from_nanos(1)).unwrap();
        cache.insert_with_ttl(2, 2, Duration::from_secs(3600)).unwrap();
        cache.insert_with_ttl(3, 3, Duration::from_secs(3600)).unwrap();
        cache.insert_with_ttl(3, 3, Duration::from_nanos(1)).unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while cache.get(&1).is_some() || cache.get(&3).is_some() {
            assert!(std::time::Instant::now() < deadline, "{name}: still there");
            thread::yield_now();
        }
        assert_eq!(cache.get(&2), Some(2), "{name}");
    }
}

/// Begins a load of 1, lets `write` happen, which whoever comes next loads 3 after, and lets the first load end.
fn written_meanwhile(store: Any<u64>, write: impl FnOnce(&Backed<u32, u64, Any<u64>>)) -> Option<u64> {
    let (cache, gate) = (Backed::new(store), Gate::default());
    let mut load = pin!(cache.try_get_or_load(7, || async {
        gate.wait().await;
        Ok::<_, Infallible>(1)
    }));
    assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    write(&cache);
    let newcomer = block_on(cache.get_or_load(7, || async { 3 }));
    assert_ne!(newcomer, 1, "joined a load that began before the write");
    gate.open();
    assert_eq!(block_on(load), Ok(1), "who asked before the write gets what was loaded");
    cache.get(&7)
}

#[test]
fn a_write_during_a_load_wins() {
    for (name, store) in all() {
        assert_eq!(written_meanwhile(store, |cache| cache.insert(7, 2).unwrap()), Some(2), "{name}");
    }
    for (name, store) in all() {
        assert_eq!(written_meanwhile(store, |cache| assert_eq!(cache.remove(&7), None)), Some(3), "{name}");
    }
    for (name, store) in all() {
        assert_eq!(written_meanwhile(store, |cache| cache.clear()), Some(3), "{name}");
    }
}

#[test]
fn a_thousand_waiters_are_one_load() {
    for (name, store) in all::<u64>() {
        let (cache, gate, loads) = (Backed::new(store), Gate::default(), Cell::new(0));
        let load = || async {
            loads.set(loads.get() + 1);
            gate.wait().await;
            42
        };
        let mut waiters: Vec<_> = (0..1000).map(|_| Box::pin(cache.get_or_load(7, load))).collect();
        for waiter in &mut waiters {
            assert!(waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        gate.open();
        for waiter in waiters {
            assert_eq!(block_on(waiter), 42, "{name}");
        }
        assert_eq!((loads.get(), cache.stats().loads, cache.stats().coalesced), (1, 1, 999), "{name}");
    }
}

/// The source counts up; each step is followed by a removal. What is read after a removal is not older than that step.
#[test]
fn nothing_older_than_a_removal_is_ever_read_after_it() {
    for clears in [false, true] {
        for (name, store) in all::<u64>() {
            let cache = Backed::new(store);
            let (source, removed, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
            thread::scope(|scope| {
                let reader = || {
                    while !over.load(SeqCst) {
                        let at_least = removed.load(SeqCst);
                        let read = cache.get_or_load_blocking(7, || source.load(SeqCst));
                        assert!(
                            read >= at_least,
                            "{name}, clears {clears}: read {read} after {at_least} was removed"
                        );
                    }
                };
                let readers = [scope.spawn(reader), scope.spawn(reader)];
                for step in 1..=3000 {
                    source.store(step, SeqCst);
                    if clears {
                        cache.clear()
                    } else {
                        let _ = cache.remove(&7);
                    }
                    removed.store(step, SeqCst);
                }
                over.store(true, SeqCst);
                readers.into_iter().for_each(|reader| reader.join().unwrap());
            });
        }
    }
}

#[test]
fn tags_hold_over_any_store() {
    for (name, store) in all() {
        let (cache, tags) = (Backed::new(store), Tags::new());
        let load = |value| {
            let load =
                move || async move { Ok::<_, perfect21_smart_cache::tag::TooManyTags>((value, ["t"])) };
            block_on(cache.get_or_load_tagged(1, &tags, load)).unwrap()
        };
        assert_eq!((load(1), load(2)), (1, 1), "{name}");
        tags.invalidate("t");
        assert_eq!(cache.get_current(&1), None, "{name}");
        assert_eq!((load(3), load(4)), (3, 3), "{name}");
    }
}

#[test]
fn a_store_says_what_it_holds_and_whether_that_is_exact() {
    let exact = all::<u32>().map(|(_, store)| (store.bounds().max_entries, store.bounds().exact));
    assert_eq!(exact, [(Some(100), true), (Some(100), true), (Some(100), false)]);
}

#[test]
fn what_is_too_heavy_comes_back_and_empties_its_key() {
    let weigher = |_: &u32, value: &String| value.len() as u64;
    let lru = Lru::weighed(100, 10, weigher).unwrap();
    let moka = Moka::weighed(10, weigher, |moka| moka).unwrap();
    let stores: [(_, Any<String>); 2] = [("lru", Arc::new(lru)), ("moka", Arc::new(moka))];
    for (name, store) in stores {
        let cache = Backed::new(store);
        cache.insert(1, "small".to_owned()).unwrap();
        let Full { value, weight, max_bytes, .. } = cache.insert(1, "far too heavy".to_owned()).unwrap_err();
        assert_eq!((&*value, weight, max_bytes), ("far too heavy", 13, 10), "{name}");
        assert_eq!((cache.get(&1), cache.stats().refused), (None, 1), "{name}");
        let loaded = block_on(cache.get_or_load(2, || async { "far too heavy".to_owned() }));
        assert_eq!((&*loaded, cache.get(&2)), ("far too heavy", None), "{name}");
    }
}

#[test]
fn memory_is_given_back_under_pressure() {
    for (name, store) in all::<u32>() {
        (0..100).for_each(|key| assert!(store.insert_if(key, key, None, &mut || true).unwrap()));
        store.trim(Pressure::Routine);
        assert_eq!(store.get(&99), Some(99), "{name}");
        store.trim(Pressure::Critical);
        assert_eq!((store.get(&99), store.len()), (None, 0), "{name}");
    }
}

#[test]
fn zero_bounds_are_refused() {
    let weigher = |_: &u32, _: &u32| 1;
    let refused = [
        Lru::<u32, u32>::new(0).unwrap_err(),
        Lru::weighed(0, 1, weigher).unwrap_err(),
        Lru::weighed(1, 0, weigher).unwrap_err(),
        Moka::<u32, u32>::new(0, |moka| moka).unwrap_err(),
        Moka::weighed(0, weigher, |moka| moka).unwrap_err(),
    ];
    let said = refused.map(|error| error.to_string());
    for (said, setting) in said.iter().zip(["entries", "entries", "bytes", "entries", "bytes"]) {
        assert!(said.contains(&format!("max_{setting}")) && said.contains("at least 1"), "{said}");
    }
}
