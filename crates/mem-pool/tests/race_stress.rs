//! Threads use a pool while another one trims it, without the test harness, so that a race detector can watch:
//! `scripts/soak sanitizers` runs it under the thread sanitizer.
//!
//! It knows what was compiled with it, and so neither the insides of std's locks, channels and test harness, nor fences.
//! Therefore a main function, no more threads than one segment of a pool's table has seats for, one that trims, objects
//! that change hands through an atomic pointer, and an end that waits for all of them.

use perfect21_mem_pool::{Pool, PooledOwned, Pressure, Reset, Trim};
use std::{
    ptr,
    sync::atomic::{
        AtomicBool, AtomicPtr,
        Ordering::{AcqRel, Acquire, Release},
    },
    thread,
};

const TURNS: u64 = 30_000;

/// Written without any synchronisation: two threads that have it at once are a race.
#[derive(Default)]
struct Object([u64; 4]);

impl Reset for Object {
    fn reset(&mut self) -> bool {
        self.0[1..].fill(0);
        true
    }
}

impl Object {
    fn write(&mut self) {
        self.0.iter_mut().for_each(|word| *word += 1);
    }
}

/// Where one thread leaves an object for the other.
struct Table(AtomicPtr<PooledOwned<Object>>);

impl Table {
    fn exchange(&self, object: Option<PooledOwned<Object>>) -> Option<PooledOwned<Object>> {
        let put = object.map_or(ptr::null_mut(), |object| Box::into_raw(Box::new(object)));
        let got = self.0.swap(put, AcqRel);
        #[allow(unsafe_code, reason = "a pointer that only boxes are put into, and taken out of once")]
        // SAFETY: what is not null was put there by `exchange`, and whoever swaps it out has it alone.
        (!got.is_null()).then(|| *unsafe { Box::from_raw(got) })
    }
}

fn use_pool(pool: &Pool<Object>, table: &Table, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..TURNS {
        let mut held: Vec<_> = (0..random.usize(1..6)).map(|_| pool.get_owned()).collect();
        held.iter_mut().for_each(|object| object.write());
        if random.u8(0..4) == 0 {
            let last = held.pop();
            held.extend(table.exchange(last));
            held.iter_mut().for_each(|object| object.write());
        }
    }
}

fn trim_until(done: &AtomicBool, pool: &Pool<Object>) {
    for turn in 0_u64.. {
        if done.load(Acquire) {
            return;
        }
        match turn % 4 {
            0 => pool.trim_to(3),
            1 => pool.trim(Pressure::Routine),
            2 => pool.trim(Pressure::Critical),
            _ => {
                assert!(pool.stats().idle <= 64);
                pool.trim_to(1)
            }
        };
        thread::yield_now();
    }
}

fn main() {
    for plain_fences in [false, true] {
        let pool = Pool::builder(Object::default).max_idle(64).plain_fences(plain_fences).build();
        let pool = pool.unwrap_or_else(|error| panic!("{error}"));
        // Makes the table's first segment, before there are threads to see it made.
        drop(pool.get());
        let (table, done) = (Table(AtomicPtr::new(ptr::null_mut())), AtomicBool::new(false));
        thread::scope(|scope| {
            let users = [1, 2].map(|seed| {
                let (pool, table) = (&pool, &table);
                scope.spawn(move || use_pool(pool, table, seed))
            });
            let trimmer = scope.spawn(|| trim_until(&done, &pool));
            let [one, other] = users.map(thread::ScopedJoinHandle::join);
            done.store(true, Release);
            assert!(one.and(other).and(trimmer.join()).is_ok(), "see above");
        });
        drop(table.exchange(None));
        let stats = pool.stats();
        assert_eq!(stats.live, stats.idle, "{stats:?}");
        assert!(stats.trimmed > 0 && stats.hits > 0, "{stats:?}");
    }
}
