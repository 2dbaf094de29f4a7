//! The macro works in the crate it belongs to.
#![cfg(feature = "macros")]

use perfect21_smart_cache::{memo::Memo, memoize};

static DOUBLED: Memo = Memo::new();

#[memoize(cache = DOUBLED)]
fn doubled(n: u32) -> u32 {
    n * 2
}

#[test]
fn a_function_is_run_once_for_each_argument() {
    assert_eq!((doubled(2), doubled(2), doubled(3)), (4, 4, 6));
    let stats = DOUBLED.cache::<u32, u32>(|builder| builder).stats();
    assert_eq!((stats.hits, stats.loads), (1, 2));
}

#[test]
#[should_panic(expected = "one function's cache is asked for as")]
fn one_functions_cache_has_one_type() {
    static OTHER: Memo = Memo::new();
    OTHER.cache::<u32, u32>(|builder| builder);
    OTHER.cache::<u32, u64>(|builder| builder);
}

#[cfg(feature = "lru")]
#[test]
fn a_function_can_be_remembered_in_another_store() {
    use perfect21_smart_cache::{Lru, Store};

    static HALVED: Memo = Memo::new();

    #[memoize(cache = HALVED, name = "halved", store = Lru::new(2).unwrap())]
    fn halved(n: u32) -> u32 {
        n / 2
    }

    assert_eq!([2, 4, 2, 6, 4].map(halved), [1, 2, 1, 3, 2]);
    let cache = HALVED.backed("halved", || Lru::<u32, u32>::new(2).unwrap());
    assert_eq!((cache.stats().hits, cache.stats().loads, cache.store().len()), (1, 4, 2));
}
