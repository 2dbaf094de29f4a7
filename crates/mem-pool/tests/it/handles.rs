//! Handles, guards and pools that end in any order: everything is freed once, and at once.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use perfect21_mem_pool::{BoundedPool, Pool, Pooled, PooledOwned, Registry, WeakPool};

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn pool(plain_fences: bool) -> (Arc<AtomicUsize>, Pool<Counted>) {
    let alive = Arc::new(AtomicUsize::new(0));
    let made = Arc::clone(&alive);
    let create = move || {
        made.fetch_add(1, Relaxed);
        Counted(Arc::clone(&made))
    };
    (alive, Pool::builder_with(create, |_| true).plain_fences(plain_fences).build().unwrap())
}

#[test]
fn handles_are_send_and_sync() {
    fn both<T: Send + Sync>() {}
    both::<Pool<std::cell::Cell<u8>>>();
    both::<WeakPool<std::cell::Cell<u8>>>();
    both::<BoundedPool<std::cell::Cell<u8>>>();
    both::<Registry>();
    both::<Pooled<'_, u8>>();
    both::<PooledOwned<u8>>();
}

#[test]
fn with_the_last_handle_all_that_is_idle_goes_while_other_threads_live() {
    let (alive, pool) = pool(false);
    let (used, dropped) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        let clone = pool.clone();
        let (used, dropped) = (&used, &dropped);
        scope.spawn(move || {
            drop((0..100).map(|_| clone.get()).collect::<Vec<_>>());
            drop(clone);
            used.wait();
            dropped.wait();
        });
        used.wait();
        assert_eq!(alive.load(Relaxed), 100);
        drop(pool);
        assert_eq!(alive.load(Relaxed), 0);
        dropped.wait();
    });
}

#[test]
fn guards_may_outlive_the_pool() {
    let (alive, pool) = pool(false);
    let weak = pool.downgrade();
    let held: Vec<_> = (0..10).map(|_| pool.get_owned()).collect();
    drop(pool);
    assert_eq!(alive.load(Relaxed), 10);
    assert!(weak.upgrade().is_none(), "objects in use keep no pool");
    let elsewhere =
        thread::spawn(move || held.into_iter().skip(1).map(PooledOwned::detach).collect::<Vec<_>>());
    let detached = elsewhere.join().unwrap();
    assert_eq!(alive.load(Relaxed), 9);
    drop(detached);
    assert_eq!(alive.load(Relaxed), 0);
}

#[test]
fn a_pool_that_closes_while_objects_come_back_keeps_none() {
    for round in 0..600 {
        let (alive, pool) = pool(round % 2 == 0);
        let start = Barrier::new(3);
        thread::scope(|scope| {
            let threads = [0, 1].map(|nth| {
                let mut held: Vec<_> = (0..40).map(|_| pool.get_owned()).collect();
                let warm = pool.clone();
                let start = &start;
                scope.spawn(move || {
                    // Every other time the thread has a cache before the pool closes.
                    if round / 2 % 2 == nth {
                        drop((0..round % 7).map(|_| warm.get()).collect::<Vec<_>>());
                    }
                    drop(warm);
                    start.wait();
                    while held.pop().is_some() {
                        std::hint::spin_loop();
                    }
                })
            });
            start.wait();
            drop(pool);
            // To the end of their thread-locals, where a scope waits only for what they run.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert_eq!(alive.load(Relaxed), 0, "round {round}");
    }
}

#[test]
fn a_static_pool_is_made_at_its_first_use() {
    static POOL: Pool<Vec<u8>> = Pool::new_const(Vec::new);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| POOL.get().push(1)));
        }
    });
    let clone = POOL.clone();
    assert_eq!(clone.stats(), POOL.stats());
    assert_eq!(clone.stats().live, clone.stats().idle);
    drop(clone);
    assert!(POOL.get().is_empty());
    assert!(POOL.stats().made <= 4);
    // One that is never used.
    drop(Pool::<String>::new_const(String::new));
}
