//! A seccomp filter that refuses `membarrier`, from the start or installed while pools are in use. Each case runs in a
//! process of its own, because a filter cannot be removed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_mem_pool::{Pool, Reset};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter_all_threads};
use std::{
    collections::BTreeMap,
    env,
    process::Command,
    sync::{
        Arc, Barrier,
        atomic::{AtomicI64, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

const CHILD: &str = "PERFECT21_TEST_IN_SANDBOX";

/// Runs the body of a test in a process of its own.
fn alone(test: &str, body: impl FnOnce()) {
    if env::var_os(CHILD).is_some() {
        return body();
    }
    let exe = env::current_exe().unwrap();
    let child = Command::new(exe).args([test, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{}{said}{}", child.status, String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

/// Refuses the system call from now on, in all threads that there are and will be.
fn refuse_membarrier() {
    let filter = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_membarrier, vec![])]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    apply_filter_all_threads(&program).unwrap();
}

static LIVE: AtomicI64 = AtomicI64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Knows whether it is in one hand only.
struct Object(AtomicU64);

impl Object {
    fn new() -> Self {
        LIVE.fetch_add(1, SeqCst);
        Self(AtomicU64::new(0))
    }

    fn use_alone(&self, rests: bool) {
        assert_eq!(self.0.fetch_add(1, SeqCst), 0, "in two hands");
        // Not each time: on a busy machine others then have the CPU for milliseconds.
        if rests {
            thread::yield_now();
        }
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Reset for Object {
    fn reset(&mut self) -> bool {
        true
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        assert_eq!(*self.0.get_mut(), 0);
        LIVE.fetch_sub(1, SeqCst);
        DROPPED.fetch_add(1, SeqCst);
    }
}

/// Threads that get, hold and return, while another one trims.
fn work_and_trim(pool: &Pool<Object>) {
    thread::scope(|scope| {
        let users = [1, 2, 3].map(|seed| {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for turn in 0..20_000 {
                    let held: Vec<_> = (0..random.usize(1..6)).map(|_| pool.get()).collect();
                    held.iter().for_each(|object| object.use_alone(turn % 200 == 0));
                }
            })
        });
        for _ in 0..200 {
            pool.trim_to(3);
            thread::yield_now();
        }
        // The scope alone would not wait for what threads do at their very end, and that is to empty their caches.
        users.into_iter().for_each(|user| user.join().unwrap());
    });
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle), (LIVE.load(SeqCst) as u64, stats.live), "{stats:?}");
    assert_eq!(stats.hits + stats.idle + stats.trimmed, stats.returned, "{stats:?}");
}

#[test]
fn refused_from_the_start_fences_take_its_place() {
    alone("refused_from_the_start_fences_take_its_place", || {
        refuse_membarrier();
        let pool = Pool::new(Object::new);
        let (filled, trimmed) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let sleeper = thread::spawn({
            let (pool, filled, trimmed) = (pool.clone(), Arc::clone(&filled), Arc::clone(&trimmed));
            move || {
                drop((0..40).map(|_| pool.get()).collect::<Vec<_>>());
                filled.wait();
                trimmed.wait();
            }
        });
        filled.wait();
        assert_eq!(pool.stats().idle, 40);
        assert_eq!(pool.trim_to(0).objects, 40, "also from the cache of a thread that sleeps");
        trimmed.wait();
        sleeper.join().unwrap();
        work_and_trim(&pool);
        drop(pool);
        assert_eq!(LIVE.load(SeqCst), 0);
    });
}

#[test]
fn refused_while_pools_are_in_use_no_cache_is_trimmed_and_nothing_is_handed_out_twice() {
    alone("refused_while_pools_are_in_use_no_cache_is_trimmed_and_nothing_is_handed_out_twice", || {
        let pool = Pool::new(Object::new);
        let (filled, trimmed) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let sleeper = thread::spawn({
            let (pool, filled, trimmed) = (pool.clone(), Arc::clone(&filled), Arc::clone(&trimmed));
            move || {
                drop((0..10).map(|_| pool.get()).collect::<Vec<_>>());
                filled.wait();
                trimmed.wait();
                let made = pool.stats().made;
                drop((0..10).map(|_| pool.get()).collect::<Vec<_>>());
                assert_eq!(pool.stats().made, made, "it finds its own again");
                filled.wait();
                trimmed.wait();
            }
        });
        filled.wait();
        pool.prefill(15); // the rest lies in the depot
        refuse_membarrier();
        assert_eq!(pool.trim_to(0).objects, 5, "the depot's alone");
        trimmed.wait();
        filled.wait();
        work_and_trim(&pool);

        // The end of the pool: what lies in the caches of threads that live is leaked, and never dropped twice.
        let (live, dropped) = (LIVE.load(SeqCst), DROPPED.load(SeqCst));
        assert!(live >= 10);
        drop(pool);
        trimmed.wait();
        sleeper.join().unwrap();
        assert_eq!(LIVE.load(SeqCst) + (DROPPED.load(SeqCst) - dropped) as i64, live);
    });
}
