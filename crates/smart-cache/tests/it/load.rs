//! One load per key however many callers wait, whatever becomes of the leader.

use futures_util::{FutureExt, future::join_all, poll};
use perfect21_smart_cache::{Cache, Flight, flight::Turn};
use std::{
    cell::Cell,
    future::{pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use crate::support::{Gate, block_on};

fn cache() -> Cache<u64, u64> {
    Cache::builder().build().unwrap()
}

type Loaded = Result<u64, &'static str>;

#[test]
fn a_thousand_callers_make_one_load() {
    block_on(async {
        let (cache, gate, loads) = (cache(), Gate::default(), Cell::new(0));
        let load = || async {
            loads.set(loads.get() + 1);
            gate.wait().await;
            Loaded::Ok(42)
        };
        let mut callers = pin!(join_all((0..1000).map(|_| cache.try_get_or_load(7, load))));
        assert!(poll!(callers.as_mut()).is_pending());
        gate.open();
        assert!(callers.await.into_iter().all(|value| value == Ok(42)));
        assert_eq!(loads.get(), 1);
        let stats = cache.stats();
        assert_eq!((stats.loads, stats.coalesced, stats.misses, stats.load_failures), (1, 999, 1000, 0));
        assert_eq!(cache.try_get_or_load(7, || async { Loaded::Err("not asked") }).await, Ok(42));
    });
}

#[test]
fn threads_that_race_make_one_load_a_round() {
    let (cache, loads) = (cache(), AtomicU64::new(0));
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..500 {
                    barrier.wait();
                    let value = block_on(cache.try_get_or_load(round, || async {
                        loads.fetch_add(1, Ordering::SeqCst);
                        thread::yield_now();
                        Loaded::Ok(round)
                    }));
                    assert_eq!(value, Ok(round));
                }
            });
        }
    });
    assert_eq!(loads.load(Ordering::SeqCst), 500);
}

#[test]
fn a_dropped_leader_hands_over() {
    block_on(async {
        let cache = cache();
        let mut first = Box::pin(cache.try_get_or_load(7, pending::<Loaded>));
        let mut never_polled_again = pin!(cache.try_get_or_load(7, || async { Loaded::Ok(2) }));
        let mut third = pin!(cache.try_get_or_load(7, || async { Loaded::Ok(3) }));
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(never_polled_again.as_mut()).is_pending());
        assert!(poll!(third.as_mut()).is_pending());
        drop(first);
        assert_eq!(third.await, Ok(3), "a waiter that is not polled holds nobody up");
        assert_eq!(never_polled_again.await, Ok(3));
        assert_eq!(cache.stats().load_failures, 1);
    });
}

#[test]
fn a_panicking_leader_hands_over() {
    block_on(async {
        let (cache, gate) = (cache(), Gate::default());
        let mut first = Box::pin(cache.try_get_or_load(7, || async {
            gate.wait().await;
            panic!("the load panics");
            #[allow(unreachable_code, reason = "gives the block its type")]
            Loaded::Ok(1)
        }));
        assert!(poll!(&mut first).is_pending());
        let mut second = pin!(cache.try_get_or_load(7, || async { Loaded::Ok(2) }));
        assert!(poll!(second.as_mut()).is_pending());
        gate.open();
        let mut context = Context::from_waker(std::task::Waker::noop());
        catch_unwind(AssertUnwindSafe(|| first.as_mut().poll(&mut context))).unwrap_err();
        assert_eq!(second.await, Ok(2));
    });
}

#[test]
fn an_error_goes_to_its_caller_and_the_next_retries() {
    block_on(async {
        let (cache, gate) = (cache(), Gate::default());
        let mut first = pin!(cache.try_get_or_load(7, || async {
            gate.wait().await;
            Loaded::Err("down")
        }));
        let mut second = pin!(cache.try_get_or_load(7, || async { Loaded::Ok(2) }));
        assert!(poll!(first.as_mut()).is_pending());
        assert!(poll!(second.as_mut()).is_pending());
        gate.open();
        assert_eq!(first.await, Err("down"));
        assert_eq!(second.await, Ok(2));
        let stats = cache.stats();
        assert_eq!((stats.loads, stats.load_failures), (2, 1));
    });
}

#[test]
fn a_write_during_the_load_wins() {
    type Write = fn(&Cache<u64, u64>);
    let writes: [(Write, Option<u64>); 3] = [
        (|c| c.insert(7, 9).unwrap(), Some(9)),
        (|c| assert_eq!(c.remove(&7), None), None),
        (Cache::clear, None),
    ];
    for (write, after) in writes {
        block_on(async {
            let (cache, gate) = (cache(), Gate::default());
            let mut early = pin!(cache.try_get_or_load(7, || async {
                gate.wait().await;
                Loaded::Ok(1)
            }));
            assert!(poll!(early.as_mut()).is_pending());
            write(&cache);
            let mut late = pin!(cache.try_get_or_load(7, || async { Loaded::Ok(5) }));
            let late = poll!(late.as_mut());
            assert_eq!(
                late,
                Poll::Ready(Ok(after.unwrap_or(5))),
                "who asks after the write joins no old load"
            );
            gate.open();
            assert_eq!(early.await, Ok(1));
            assert_eq!(cache.get(&7), Some(after.unwrap_or(5)), "the old load is not stored");
        });
    }
}

#[test]
fn a_value_too_heavy_to_store_still_goes_to_all() {
    block_on(async {
        let cache: Cache<u64, u64> = Cache::builder().max_bytes(1).build().unwrap();
        let (gate, loads) = (Gate::default(), Cell::new(0));
        let load = || async {
            loads.set(loads.get() + 1);
            gate.wait().await;
            Loaded::Ok(1)
        };
        let mut callers = pin!(join_all((0..10).map(|_| cache.try_get_or_load(7, load))));
        assert!(poll!(callers.as_mut()).is_pending());
        gate.open();
        assert!(callers.await.into_iter().all(|value| value == Ok(1)));
        assert_eq!((loads.get(), cache.len(), cache.stats().refused), (1, 0, 1));
    });
}

#[test]
fn a_loaded_value_expires() {
    block_on(async {
        let clock = perfect21_core::ManualClock::new();
        let builder = Cache::builder().ttl(Duration::from_secs(1)).clock(Arc::new(clock.clone()));
        let cache: Cache<u64, u64> = builder.build().unwrap();
        assert_eq!(cache.try_get_or_load(7, || ready(Loaded::Ok(1))).await, Ok(1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(cache.try_get_or_load(7, || ready(Loaded::Ok(2))).await, Ok(2));
    });
}

#[test]
fn cancelled_waiters_leave_nothing_behind() {
    block_on(async {
        let flight: Flight<u64, u64> = Flight::new();
        let Turn::Lead(leader) = flight.join(7).await else { panic!("nobody else is there") };
        assert!(flight.try_lead(&7).is_none());
        for _ in 0..1000 {
            assert!(flight.join(7).now_or_never().is_none());
        }
        let mut waiter = pin!(flight.join(7));
        assert!(poll!(waiter.as_mut()).is_pending());
        flight.forget(&7);
        assert!(flight.try_lead(&7).is_some(), "forgotten: the next call is a new one");
        leader.land(3);
        let Turn::Landed(value) = waiter.await else { panic!("it joined before") };
        assert_eq!((value, flight.len()), (3, 0));
    });
}

/// Reads and writes race on a "database" of one cell per key: after the dust has settled, no cache entry is older than
/// the last removal of its key.
#[test]
fn nothing_read_before_a_removal_is_served_after_it() {
    let database: Vec<AtomicU64> = (0..4).map(|_| AtomicU64::new(0)).collect();
    let cache = cache();
    thread::scope(|scope| {
        for writer in 0..2_usize {
            let (cache, database) = (&cache, &database);
            scope.spawn(move || {
                for step in 0..5_000 {
                    let key = (step + writer) % 4;
                    let version = database[key].fetch_add(1, Ordering::SeqCst) + 1;
                    cache.remove(&(key as u64));
                    let read = block_on(cache.try_get_or_load(key as u64, || async {
                        let version = database[key].load(Ordering::SeqCst);
                        thread::yield_now();
                        Loaded::Ok(version)
                    }));
                    assert!(read.unwrap() >= version, "own write not read");
                }
            });
        }
    });
    for (key, version) in database.iter().enumerate() {
        let cached = cache.get(&(key as u64));
        assert!(cached.is_none_or(|cached| cached == version.load(Ordering::SeqCst)));
    }
}

#[test]
fn blocking_callers_and_others_make_one_load() {
    let (cache, loads, barrier) = (cache(), AtomicU64::new(0), Barrier::new(8));
    thread::scope(|scope| {
        for nth in 0..8 {
            let (cache, loads, barrier) = (&cache, &loads, &barrier);
            scope.spawn(move || {
                for round in 0..200 {
                    barrier.wait();
                    let load = || {
                        loads.fetch_add(1, Ordering::SeqCst);
                        thread::yield_now();
                        Loaded::Ok(round)
                    };
                    let value = if nth % 2 == 0 {
                        cache.try_get_or_load_blocking(round, load)
                    } else {
                        block_on(cache.try_get_or_load(round, || async { load() }))
                    };
                    assert_eq!(value, Ok(round));
                }
            });
        }
    });
    assert_eq!(loads.load(Ordering::SeqCst), 200);
}

#[test]
fn a_blocking_load_that_panics_hands_over() {
    let (cache, began, panics) = (cache(), Barrier::new(2), AtomicU64::new(0));
    thread::scope(|scope| {
        let (cache, began, panics) = (&cache, &began, &panics);
        let first = scope.spawn(move || {
            catch_unwind(AssertUnwindSafe(|| {
                cache.try_get_or_load_blocking(7, || {
                    began.wait();
                    panics.fetch_add(1, Ordering::SeqCst);
                    panic!("the load panics");
                    #[allow(unreachable_code, reason = "gives the closure its type")]
                    Loaded::Ok(1)
                })
            }))
        });
        began.wait();
        assert_eq!(cache.try_get_or_load_blocking(7, || Loaded::Ok(2)), Ok(2));
        first.join().unwrap().unwrap_err();
        assert_eq!(panics.load(Ordering::SeqCst), 1);
    });
    assert_eq!((cache.get(&7), cache.stats().load_failures), (Some(2), 1));
}
