//! Loom models of the hand-written synchronisation: every interleaving of a few threads and a few steps.
//!
//! `RUSTFLAGS="--cfg perfect21_loom" cargo test -p perfect21-mem-pool --lib --target-dir target/loom`
//!
//! They run with fences on both sides: loom knows no system calls. What membarrier does instead of the owner's fence is
//! argued at [`Gate`].
#![allow(unsafe_code, reason = "the gate is what is modelled")]

use std::sync::Arc as StdArc;

use loom::{sync::Arc, sync::Mutex, thread};

use crate::magazine::{
    barrier::Barrier,
    gate::{Gate, Refused},
};

const FENCE: Barrier = Barrier::Fence;

type Shelf = Vec<StdArc<()>>;

struct Pool {
    gate: Gate<Shelf>,
    depot: Mutex<Shelf>,
}

impl Pool {
    fn new() -> Self {
        Self { gate: Gate::new(Vec::new(), FENCE), depot: Mutex::new(Vec::new()) }
    }

    /// As the owner: into the cache, else into the depot.
    fn keep(&self, item: StdArc<()>) {
        let mut item = Some(item);
        // SAFETY: each model calls it from one thread at a time.
        let _ = unsafe { self.gate.enter(|shelf| shelf.extend(item.take())) };
        self.depot.lock().unwrap().extend(item);
    }

    /// As the owner: from the cache.
    fn take(&self) -> Option<StdArc<()>> {
        // SAFETY: as above.
        unsafe { self.gate.enter(Vec::pop) }.ok().flatten()
    }

    /// As the one who trims.
    fn reclaim(&self) -> Shelf {
        self.gate.claim();
        assert!(FENCE.heavy());
        // SAFETY: claimed, then a barrier; one thread at a time does it in each model.
        let items = unsafe { self.gate.claimed(std::mem::take) };
        self.gate.release();
        items
    }
}

#[test]
fn what_is_trimmed_while_the_owner_works_is_neither_lost_nor_doubled() {
    loom::model(|| {
        let pool = Arc::new(Pool::new());
        let objects = [StdArc::new(()), StdArc::new(())];
        let owner = thread::spawn({
            let pool = Arc::clone(&pool);
            let [one, two] = objects.clone();
            move || {
                pool.keep(one);
                pool.keep(two);
                pool.take()
            }
        });
        let trimmed = pool.reclaim();
        let taken = owner.join().unwrap();
        let rest = pool.reclaim();
        let depot = pool.depot.lock().unwrap().len();
        assert_eq!(trimmed.len() + usize::from(taken.is_some()) + rest.len() + depot, 2);
        drop((trimmed, taken, rest));
        pool.depot.lock().unwrap().clear();
        assert!(objects.iter().all(|object| StdArc::strong_count(object) == 1));
    });
}

#[test]
fn two_claims_in_turn_find_the_owner_out_each_time() {
    loom::model(|| {
        let pool = Arc::new(Pool::new());
        let object = StdArc::new(());
        let owner = thread::spawn({
            let (pool, object) = (Arc::clone(&pool), object.clone());
            move || {
                pool.keep(object);
                pool.take()
            }
        });
        let first = pool.reclaim().len();
        let second = pool.reclaim().len();
        let taken = owner.join().unwrap();
        let rest = pool.reclaim().len() + pool.depot.lock().unwrap().len();
        assert_eq!(first + second + usize::from(taken.is_some()) + rest, 1);
    });
}

#[test]
fn nothing_gets_into_a_closed_cache() {
    loom::model(|| {
        let pool = Arc::new(Pool::new());
        let owner = thread::spawn({
            let pool = Arc::clone(&pool);
            move || {
                let mut item = Some(StdArc::new(()));
                // SAFETY: the only owner.
                let entered = unsafe { pool.gate.enter(|shelf| shelf.extend(item.take())) };
                assert!(matches!(entered, Ok(()) | Err(Refused::Closed)));
                item.is_none()
            }
        });
        pool.gate.close();
        assert!(FENCE.heavy());
        // SAFETY: closed, then a barrier, by the only claimer.
        let found = unsafe { pool.gate.claimed(std::mem::take) }.len();
        let kept = owner.join().unwrap();
        assert_eq!(found, usize::from(kept));
    });
}

/// The end of a pool beside an object that comes back: into the cache, or into the depot behind the closer's last look.
#[test]
fn an_object_that_comes_back_to_a_closing_pool_is_found_by_one_of_the_two() {
    use crate::sync::{AtomicBool, Ordering};
    loom::model(|| {
        let (pool, closed) = (Arc::new(Pool::new()), Arc::new(AtomicBool::new(false)));
        let object = StdArc::new(());
        let returner = thread::spawn({
            let (pool, closed, object) = (Arc::clone(&pool), Arc::clone(&closed), object.clone());
            move || {
                pool.keep(object);
                if closed.load(Ordering::SeqCst) {
                    pool.depot.lock().unwrap().clear();
                }
            }
        });
        closed.store(true, Ordering::SeqCst);
        pool.gate.close();
        assert!(FENCE.heavy());
        // SAFETY: closed, then a barrier, by the only claimer.
        drop(unsafe { pool.gate.claimed(std::mem::take) });
        pool.depot.lock().unwrap().clear();
        returner.join().unwrap();
        assert_eq!(StdArc::strong_count(&object), 1, "left behind");
    });
}

/// The next thread on a seat goes on with what the last one left there.
#[test]
fn a_seat_that_changes_hands_hands_over_its_cache() {
    use crate::sync::{AtomicBool, Ordering};
    loom::model(|| {
        let (pool, free) = (Arc::new(Pool::new()), Arc::new(AtomicBool::new(false)));
        let last = thread::spawn({
            let (pool, free) = (Arc::clone(&pool), Arc::clone(&free));
            move || {
                pool.keep(StdArc::new(()));
                free.store(true, Ordering::Release);
            }
        });
        let trimmer = thread::spawn({
            let pool = Arc::clone(&pool);
            move || pool.reclaim().len()
        });
        let mut found = 0;
        if free.load(Ordering::Acquire) {
            found += usize::from(pool.take().is_some());
        }
        last.join().unwrap();
        found += trimmer.join().unwrap();
        found += pool.reclaim().len() + pool.depot.lock().unwrap().len();
        assert_eq!(found, 1);
    });
}
