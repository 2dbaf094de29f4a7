//! Objects that are dropped, and got, while a thread's locals are destroyed, before and after the pool's own.

use std::{cell::RefCell, thread};

use perfect21_mem_pool::{Pool, PooledOwned};

struct Last {
    pool: Pool<String>,
    _held: PooledOwned<String>,
}

impl Drop for Last {
    fn drop(&mut self) {
        drop(self.pool.get());
        let held: Vec<_> = (0..10).map(|_| self.pool.get_owned()).collect();
        drop(held);
    }
}

thread_local! {
    static EARLY: RefCell<Option<Last>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<Last>> = const { RefCell::new(None) };
}

#[test]
fn guards_in_thread_locals_come_back_in_either_order() {
    let pool = Pool::new(String::new);
    for _ in 0..20 {
        let (early, late) = (pool.clone(), pool.clone());
        thread::spawn(move || {
            // Registers its destructor before the thread has used any pool, the other one after.
            EARLY.with_borrow_mut(|_| ());
            let last = |pool: Pool<String>| Last { _held: pool.get_owned(), pool };
            EARLY.set(Some(last(early)));
            LATE.set(Some(last(late)));
        })
        .join()
        .unwrap();
        let stats = pool.stats();
        assert_eq!(stats.live, stats.idle, "{stats:?}");
    }
    assert!(pool.stats().made <= 64, "{:?}", pool.stats());
}

#[test]
fn a_thread_that_uses_pools_only_while_it_ends() {
    let pool = Pool::new(String::new);
    for _ in 0..20 {
        let (only, held) = (pool.clone(), pool.get_owned());
        thread::spawn(move || LATE.set(Some(Last { pool: only, _held: held }))).join().unwrap();
        let stats = pool.stats();
        assert_eq!(stats.live, stats.idle, "{stats:?}");
    }
}

#[test]
fn the_last_handle_of_a_pool_dropped_by_a_thread_local() {
    for _ in 0..20 {
        let pool = Pool::new(String::new);
        let weak = pool.downgrade();
        thread::spawn(move || {
            drop(pool.get());
            let held = pool.get_owned();
            EARLY.set(Some(Last { pool, _held: held }));
        })
        .join()
        .unwrap();
        assert!(weak.upgrade().is_none());
    }
}
