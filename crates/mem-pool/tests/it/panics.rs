//! Panics in create, reset, drop and the user's code: the pool stays usable, and no dirty object is handed out.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use perfect21_mem_pool::{BoundedPool, Pool};

/// Which piece of the user's code panics now.
#[derive(Default)]
struct Faults {
    create: AtomicBool,
    reset: AtomicBool,
    drop: AtomicBool,
    alive: AtomicUsize,
}

struct Fragile {
    faults: Arc<Faults>,
    dirty: bool,
}

impl Fragile {
    fn new(faults: &Arc<Faults>) -> Self {
        assert!(!faults.create.load(Relaxed), "create");
        faults.alive.fetch_add(1, Relaxed);
        Self { faults: Arc::clone(faults), dirty: false }
    }

    fn reset(&mut self) -> bool {
        assert!(!self.faults.reset.load(Relaxed), "reset");
        self.dirty = false;
        true
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.faults.alive.fetch_sub(1, Relaxed);
        assert!(!self.faults.drop.load(Relaxed), "drop");
    }
}

fn panics<R>(work: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err(), "it should have panicked");
}

fn pool() -> (Arc<Faults>, Pool<Fragile>) {
    let faults = Arc::new(Faults::default());
    let made = Arc::clone(&faults);
    let pool = Pool::builder_with(move || Fragile::new(&made), Fragile::reset).max_idle(4).build().unwrap();
    (faults, pool)
}

/// All objects are accounted for, and the pool works.
#[track_caller]
fn usable(faults: &Faults, pool: &Pool<Fragile>, idle: u64) {
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle), (faults.alive.load(Relaxed) as u64, idle), "{stats:?}");
    let held: Vec<_> = (0..3).map(|_| pool.get()).collect();
    assert!(held.iter().all(|object| !object.dirty));
    drop(held);
    assert_eq!(pool.stats().live, pool.stats().idle);
    pool.trim_to(0);
}

#[test]
fn in_create() {
    let (faults, pool) = pool();
    faults.create.store(true, Relaxed);
    panics(|| drop(pool.get()));
    panics(|| drop(pool.get_owned()));
    panics(|| pool.prefill(3));
    faults.create.store(false, Relaxed);
    usable(&faults, &pool, 0);
}

#[test]
fn in_reset() {
    let (faults, pool) = pool();
    let (borrowed, owned) = (pool.get(), pool.get_owned());
    faults.reset.store(true, Relaxed);
    panics(|| drop(borrowed));
    panics(|| drop(owned));
    panics(|| pool.attach(Fragile::new(&faults)));
    faults.reset.store(false, Relaxed);
    usable(&faults, &pool, 0);
}

#[test]
fn in_drop() {
    let (faults, pool) = pool();
    // Five come back and four may stay.
    let held: Vec<_> = (0..5).map(|_| pool.get()).collect();
    faults.drop.store(true, Relaxed);
    panics(|| drop(held));
    assert_eq!(pool.stats().idle, 4);
    panics(|| pool.trim_to(3));
    faults.drop.store(false, Relaxed);
    usable(&faults, &pool, 3);
    let last = pool.get_owned();
    faults.drop.store(true, Relaxed);
    drop(pool);
    panics(|| drop(last));
    assert_eq!(faults.alive.load(Relaxed), 0);
}

#[test]
fn in_the_users_code() {
    let (faults, pool) = pool();
    panics(|| {
        let mut object = pool.get();
        object.dirty = true;
        panic!("with a half changed object");
    });
    usable(&faults, &pool, 0);
}

#[test]
fn in_a_bounded_pool_none_costs_a_place() {
    let faults = Arc::new(Faults::default());
    let made = Arc::clone(&faults);
    let pool = BoundedPool::builder_with(2, move || Fragile::new(&made), Fragile::reset).build().unwrap();
    faults.create.store(true, Relaxed);
    panics(|| drop(pool.try_acquire()));
    faults.create.store(false, Relaxed);
    let (one, two) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    faults.reset.store(true, Relaxed);
    panics(|| drop(one));
    faults.reset.store(false, Relaxed);
    drop(two);
    faults.drop.store(true, Relaxed);
    panics(|| pool.trim_to(0));
    faults.drop.store(false, Relaxed);
    panics(|| {
        let mut object = pool.try_acquire().unwrap();
        object.dirty = true;
        panic!("with a half changed object");
    });
    assert_eq!(faults.alive.load(Relaxed), 0);
    let held = [pool.try_acquire().unwrap(), pool.try_acquire().unwrap()];
    assert!(held.iter().all(|object| !object.dirty));
    assert!(pool.try_acquire().is_err());
    drop(held);
    let stats = pool.stats();
    assert_eq!((stats.made, stats.dropped, stats.idle, stats.in_use), (5, 3, 2, 0), "{stats:?}");
}
