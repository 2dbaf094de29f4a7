//! Loads on threads that wait: one for each key, leaders that fail or panic, and functions that call themselves.

use perfect21_smart_cache::Cache;
use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

#[test]
fn threads_that_ask_at_once_share_one_load() {
    let cache = Cache::<u32, u64>::builder().build().unwrap();
    let (loads, start) = (AtomicU64::new(0), Barrier::new(8));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                let load = || {
                    loads.fetch_add(1, SeqCst);
                    // Long enough for some to wait; right however many do.
                    (0..50).for_each(|_| thread::yield_now());
                    Ok::<_, Infallible>(7)
                };
                assert_eq!(cache.try_get_or_load_blocking(1, load), Ok(7));
            });
        }
    });
    assert_eq!(loads.into_inner(), 1);
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.hits + stats.coalesced), (1, 7), "{stats:?}");
}

#[test]
fn one_who_waits_leads_when_the_leader_fails_or_panics() {
    for panics in [false, true] {
        let cache = Cache::<u32, u64>::builder().build().unwrap();
        let (began, has_begun) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let cache = &cache;
            let leader = scope.spawn(move || {
                catch_unwind(AssertUnwindSafe(|| {
                    cache.try_get_or_load_blocking(1, || {
                        began.send(()).unwrap();
                        may_go.recv().unwrap();
                        assert!(!panics, "the load panics");
                        Err::<u64, _>("down")
                    })
                }))
            });
            has_begun.recv().unwrap();
            let waiter = scope.spawn(|| cache.try_get_or_load_blocking(1, || Ok::<_, &str>(5)));
            go.send(()).unwrap();
            assert_eq!(waiter.join().unwrap(), Ok(5));
            match leader.join().unwrap() {
                Ok(failed) => assert!(!panics && failed == Err("down")),
                Err(_) => assert!(panics),
            }
        });
        assert_eq!((cache.get(&1), cache.stats().load_failures), (Some(5), 1));
    }
}

#[test]
fn a_load_that_asks_for_its_own_key_does_not_wait_for_itself() {
    let cache = Cache::<u32, u64>::builder().build().unwrap();
    let inner = || cache.try_get_or_load_blocking(1, || Ok::<_, Infallible>(2));
    let value = cache.try_get_or_load_blocking(1, || inner().map(|value| value + 1));
    assert_eq!((value, cache.get(&1)), (Ok(3), Some(3)));
}

#[test]
fn threads_that_recurse_into_each_others_keys_come_to_an_end() {
    fn sum(cache: &Cache<u32, u64>, n: u32) -> u64 {
        let load = || Ok::<_, Infallible>(if n == 0 { 0 } else { u64::from(n) + sum(cache, n - 1) });
        cache.try_get_or_load_blocking(n, load).unwrap()
    }
    let cache = Cache::<u32, u64>::builder().build().unwrap();
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for from in [200, 199, 150, 100] {
            let (cache, start) = (&cache, &start);
            scope.spawn(move || {
                start.wait();
                assert_eq!(sum(cache, from), u64::from(from) * u64::from(from + 1) / 2);
            });
        }
    });
    assert_eq!(cache.stats().loads, 201);
}

#[test]
fn async_callers_and_threads_share_a_load() {
    let cache = Cache::<u32, u64>::builder().build().unwrap();
    let (began, has_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let cache = &cache;
        let blocking = scope.spawn(move || {
            cache.try_get_or_load_blocking(1, || {
                began.send(()).unwrap();
                may_go.recv().unwrap();
                Ok::<_, Infallible>(9)
            })
        });
        has_begun.recv().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let asked = runtime.block_on(async {
            let mut asked = Box::pin(cache.try_get_or_load(1, || async { Ok::<_, Infallible>(0) }));
            assert!(futures_util::poll!(&mut asked).is_pending());
            go.send(()).unwrap();
            asked.await
        });
        assert_eq!((asked, blocking.join().unwrap()), (Ok(9), Ok(9)));
    });
}
