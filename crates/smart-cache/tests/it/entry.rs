//! Changes of an entry in one step, whoever else changes it.

use crate::support::{Gate, block_on};
use perfect21_smart_cache::{Cache, Cause};
use std::{
    cell::Cell,
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Waker},
    thread,
};

fn cache() -> Cache<u32, u64> {
    Cache::builder().max_entries(100).build().unwrap()
}

#[test]
fn the_first_value_stays() {
    let cache = cache();
    assert_eq!(cache.entry(1).or_insert(10).unwrap(), 10);
    assert_eq!(cache.entry(1).or_insert_with(|| unreachable!("there is one")).unwrap(), 10);
    assert_eq!((cache.stats().hits, cache.stats().misses, cache.stats().inserts), (1, 1, 1));
}

#[test]
fn a_value_is_made_from_the_one_before_or_removed() {
    let gone = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&gone);
    let listener = move |key: &u32, value: &u64, cause| told.lock().unwrap().push((*key, *value, cause));
    let cache = Cache::builder().max_entries(100).listener(listener).build().unwrap();
    let add = |by: u64| cache.entry(1).compute(|value| Some(value.unwrap_or(0) + by)).unwrap();
    assert_eq!((add(3), add(4)), (Some(3), Some(7)));
    assert_eq!(cache.entry(1).compute(|_| None).unwrap(), None);
    assert_eq!(cache.entry(1).compute(|value| value).unwrap(), None);
    assert!(cache.is_empty());
    assert_eq!(*gone.lock().unwrap(), [(1, 3, Cause::Replaced), (1, 7, Cause::Removed)]);
}

#[test]
fn no_count_is_lost_on_several_threads() {
    const EACH: u64 = 5_000;
    let (cache, first) = (cache(), AtomicU64::new(0));
    thread::scope(|scope| {
        let count = || {
            for _ in 0..EACH {
                cache.entry(7).compute(|count| Some(count.unwrap_or(0) + 1)).unwrap();
            }
        };
        let threads = [scope.spawn(count), scope.spawn(count), scope.spawn(count)];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let threads: Vec<_> = (1..4)
            .map(|mine| {
                (
                    mine,
                    scope.spawn({
                        let cache = &cache;
                        move || cache.entry(8).or_insert(mine).unwrap()
                    }),
                )
            })
            .collect();
        for (_, thread) in threads {
            let got = thread.join().unwrap();
            let first =
                first.fetch_update(SeqCst, SeqCst, |first| Some(if first == 0 { got } else { first }));
            assert!(first == Ok(0) || first == Ok(got), "all get the same");
        }
    });
    assert_eq!(cache.get(&7), Some(3 * EACH));
}

#[test]
fn what_is_written_meanwhile_is_seen() {
    type Change = fn(&Cache<u32, u64>);
    let changes: [(&str, Change); 4] = [
        ("insert", |cache| cache.insert(1, 10).unwrap()),
        ("remove", |cache| assert_eq!(cache.remove(&1), Some(5))),
        ("clear", |cache| cache.clear()),
        ("compute", |cache| assert!(cache.entry(1).compute(|_| Some(30)).is_ok())),
    ];
    for ((name, change), expected) in changes.into_iter().zip([Some(11), Some(1), Some(1), Some(31)]) {
        let cache = cache();
        cache.insert(1, 5).unwrap();
        let (calls, seen) = (Cell::new(0), Cell::new(None));
        let made = cache.entry(1).compute(|value| {
            calls.set(calls.get() + 1);
            if calls.get() == 1 {
                change(&cache);
            }
            seen.set(value);
            Some(value.unwrap_or(0) + 1)
        });
        assert_eq!((calls.get(), made.unwrap(), cache.get(&1)), (2, expected, expected), "{name}");
    }
    // Another key of the same shard is nobody's business here.
    let (cache, calls) = (cache(), Cell::new(0));
    let made = cache.entry(1).compute(|_| {
        calls.set(calls.get() + 1);
        cache.insert(2, 2).unwrap();
        Some(1)
    });
    assert_eq!((calls.get(), made.unwrap()), (1, Some(1)));
}

#[test]
fn what_a_load_brings_meanwhile_is_seen() {
    let (cache, calls) = (cache(), Cell::new(0));
    let made = cache.entry(1).compute(|value| {
        calls.set(calls.get() + 1);
        assert_eq!(cache.get_or_load_blocking(1, || 20), 20);
        value.map(|value| value + 1)
    });
    assert_eq!((calls.get(), made.unwrap()), (2, Some(21)));
}

#[test]
fn a_change_wins_over_a_load_under_way_and_does_not_disturb_it_before() {
    let (cache, gate) = (cache(), Gate::default());
    let mut load = pin!(cache.get_or_load(7, || async {
        gate.wait().await;
        1
    }));
    assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(cache.entry(7).compute(|value| value.map(|value| value + 1)).unwrap(), None);
    cache.entry(7).or_insert(2).unwrap();
    gate.open();
    assert_eq!(block_on(load), 1, "it had asked before");
    assert_eq!(cache.get(&7), Some(2));
}

#[test]
fn what_finds_no_room_comes_back() {
    let cache = Cache::<u32, String>::builder()
        .max_entries(10)
        .max_bytes(8)
        .weigher(|_, value| value.len() as u64)
        .build()
        .unwrap();
    cache.insert(1, "short".to_owned()).unwrap();
    let full = cache.entry(1).compute(|value| Some(value.unwrap() + " no more")).unwrap_err();
    assert_eq!((&*full.value, full.weight, full.max_bytes), ("short no more", 13, 8));
    assert_eq!(cache.get(&1), None, "out of date");
    assert_eq!(cache.entry(2).or_insert("far too long".to_owned()).unwrap_err().weight, 12);
    // A heavy one that has to gather room over all shards, while nobody disturbs it, is made once.
    let cache = Cache::<u32, u64>::builder()
        .max_entries(4096)
        .max_bytes(4096)
        .weigher(|_, weight| *weight)
        .build()
        .unwrap();
    (0..4096).for_each(|key| cache.insert(key, 1).unwrap());
    let calls = Cell::new(0);
    let made = cache.entry(9999).compute(|_| {
        calls.set(calls.get() + 1);
        Some(4000)
    });
    assert_eq!((calls.get(), made.unwrap()), (1, Some(4000)));
}

#[test]
fn a_change_that_panics_leaves_all_as_it_was() {
    let cache = cache();
    cache.insert(1, 1).unwrap();
    let panics =
        || cache.entry(1).compute(|value| if value == Some(1) { panic!("the change panics") } else { value });
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    assert_eq!(cache.get(&1), Some(1));
    assert_eq!(cache.entry(1).compute(|value| value.map(|value| value + 1)).unwrap(), Some(2));
}
