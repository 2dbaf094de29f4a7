//! Many keys at once: one load for those that nobody loads yet.

use futures_util::poll;
use perfect21_smart_cache::{Cache, Flight};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::{pending, ready},
    pin::pin,
};

use crate::support::{Gate, block_on};

type Loaded = Result<Vec<(u64, u64)>, &'static str>;

fn cache() -> Cache<u64, u64> {
    Cache::builder().build().unwrap()
}

fn doubled(keys: Vec<u64>) -> Loaded {
    Ok(keys.into_iter().map(|key| (key, key * 2)).collect())
}

fn sorted(mut keys: Vec<u64>) -> Vec<u64> {
    keys.sort_unstable();
    keys
}

#[test]
fn only_what_is_missing_is_loaded_and_all_at_once() {
    block_on(async {
        let (cache, asked) = (cache(), RefCell::new(Vec::new()));
        cache.insert(2, 20).unwrap();
        let load = |keys: Vec<u64>| {
            asked.borrow_mut().push(sorted(keys.clone()));
            // 3 is not there, and 9 was not asked for.
            let found = doubled(keys).unwrap().into_iter().filter(|(key, _)| *key != 3);
            ready(Loaded::Ok(found.chain([(9, 18)]).collect()))
        };
        let found = cache.get_many_or_load([1, 2, 3, 1, 4, 2], load).await.unwrap();
        assert_eq!(found, HashMap::from([(1, 2), (2, 20), (4, 8)]));
        assert_eq!(*asked.borrow(), [[1, 3, 4]]);
        assert_eq!((cache.get(&1), cache.get(&3), cache.get(&9)), (Some(2), None, None));
        let stats = cache.stats();
        assert_eq!((stats.loads, stats.load_failures, stats.entries), (3, 1, 3));
    });
}

#[test]
fn those_that_overlap_load_each_key_once() {
    block_on(async {
        let (cache, gate, loads) = (cache(), Gate::default(), Cell::new(0));
        let load = |keys: Vec<u64>| async {
            loads.set(loads.get() + keys.len());
            gate.wait().await;
            doubled(keys)
        };
        let mut first = pin!(cache.get_many_or_load([1, 2, 3], load));
        let mut second = pin!(cache.get_many_or_load([3, 4, 1], load));
        let mut alone = pin!(cache.try_get_or_load(4, || async { Err::<u64, _>("not asked") }));
        assert!(poll!(first.as_mut()).is_pending());
        assert!(poll!(second.as_mut()).is_pending());
        assert!(poll!(alone.as_mut()).is_pending());
        gate.open();
        // The one that waits for the other's keys is asked first.
        let second = async { second.await.unwrap() };
        let (second, first) = futures_util::join!(second, first);
        assert_eq!(second, HashMap::from([(1, 2), (3, 6), (4, 8)]));
        assert_eq!(first.unwrap(), HashMap::from([(1, 2), (2, 4), (3, 6)]));
        assert_eq!((alone.await, loads.get()), (Ok(8), 4));
    });
}

#[test]
fn what_another_fails_to_load_is_loaded_after_all() {
    block_on(async {
        let (cache, rounds) = (cache(), RefCell::new(Vec::new()));
        let mut stuck = Box::pin(cache.try_get_or_load(1, pending::<Result<u64, ()>>));
        assert!(poll!(&mut stuck).is_pending());
        let load = |keys: Vec<u64>| {
            rounds.borrow_mut().push(sorted(keys.clone()));
            ready(doubled(keys))
        };
        let mut many = pin!(cache.get_many_or_load([1, 2], load));
        assert!(poll!(many.as_mut()).is_pending());
        drop(stuck);
        assert_eq!(many.await.unwrap(), HashMap::from([(1, 2), (2, 4)]));
        assert_eq!(*rounds.borrow(), [vec![2], vec![1]]);
    });
}

#[test]
fn who_goes_away_or_fails_leaves_nothing_behind() {
    block_on(async {
        let cache = cache();
        let mut first = Box::pin(cache.get_many_or_load([1, 2], |_| pending::<Loaded>()));
        assert!(poll!(&mut first).is_pending());
        let mut waits = pin!(cache.try_get_or_load(2, || ready(Ok::<u64, ()>(5))));
        assert!(poll!(waits.as_mut()).is_pending());
        drop(first);
        assert_eq!(waits.await, Ok(5));
        assert_eq!(cache.get_many_or_load([1, 3], |_| ready(Loaded::Err("down"))).await, Err("down"));
        assert_eq!(cache.get_many_or_load([1, 2, 3], |keys| ready(doubled(keys))).await.unwrap()[&2], 5);
        assert_eq!(cache.stats().load_failures, 4);
    });
}

#[test]
fn a_write_during_the_load_wins() {
    block_on(async {
        let (cache, gate) = (cache(), Gate::default());
        let mut many = pin!(cache.get_many_or_load([1, 2, 3], |keys| async {
            gate.wait().await;
            doubled(keys)
        }));
        assert!(poll!(many.as_mut()).is_pending());
        cache.insert(1, 100).unwrap();
        assert_eq!(cache.remove(&2), None);
        gate.open();
        assert_eq!(many.await.unwrap().len(), 3);
        assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (Some(100), None, Some(6)));
    });
}

#[test]
fn it_goes_to_other_threads() {
    fn send<T: Send>(_: T) {}
    let cache = cache();
    send(cache.get_many_or_load([1], |keys| ready(doubled(keys))));
    assert!(Flight::<u64, u64>::new().is_empty());
}
