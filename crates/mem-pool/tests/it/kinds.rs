//! Types that are not the usual one: without size, with a large alignment, that use their own pool.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use perfect21_mem_pool::{Bytes, Pool, PooledOwned, Reset};

#[test]
fn a_type_without_size_is_counted_and_dropped() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    struct Token;
    impl Drop for Token {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Relaxed);
        }
    }
    let make = || {
        ALIVE.fetch_add(1, Relaxed);
        Token
    };
    let pool = Pool::builder_with(make, |_| true).max_idle(10).max_idle_bytes(Bytes::new(8)).build().unwrap();
    drop((0..100).map(|_| pool.get()).collect::<Vec<_>>());
    assert_eq!((ALIVE.load(Relaxed), pool.stats().idle, pool.stats().idle_bytes), (8, 8, 0));
    drop(pool);
    assert_eq!(ALIVE.load(Relaxed), 0);
}

#[test]
fn an_over_aligned_type_stays_aligned_and_in_place() {
    #[repr(align(4096))]
    struct Page([u8; 4096]);
    let pool = Pool::builder_with(|| Page([0; 4096]), |_| true).build().unwrap();
    let address = |page: &Page| page.0.as_ptr().addr();
    let held: Vec<_> = (0..40).map(|_| pool.get()).collect();
    let mut before: Vec<_> = held.iter().map(|page| address(page)).collect();
    assert!(before.iter().all(|address| address % 4096 == 0));
    drop(held);
    let held: Vec<_> = (0..40).map(|_| pool.get()).collect();
    let mut after: Vec<_> = held.iter().map(|page| address(page)).collect();
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after, "objects never move");
}

#[test]
fn a_type_may_use_its_own_pool_in_create_reset_and_drop() {
    static POOL: OnceLock<Pool<Nested>> = OnceLock::new();
    static DEPTH: AtomicUsize = AtomicUsize::new(0);
    struct Nested {
        inner: Option<PooledOwned<Self>>,
    }
    impl Nested {
        fn use_pool() {
            // Thrice over, so that it ends.
            if DEPTH.fetch_add(1, Relaxed) < 3
                && let Some(pool) = POOL.get()
            {
                let mut outer = pool.get_owned();
                outer.inner = Some(pool.get_owned());
                drop((outer, pool.get()));
                pool.trim_to(1);
            }
            DEPTH.fetch_sub(1, Relaxed);
        }
    }
    impl Reset for Nested {
        fn reset(&mut self) -> bool {
            Self::use_pool();
            self.inner = None;
            true
        }
    }
    impl Drop for Nested {
        fn drop(&mut self) {
            Self::use_pool();
        }
    }
    let create = || {
        Nested::use_pool();
        Nested { inner: None }
    };
    let pool = POOL.get_or_init(|| Pool::builder(create).max_idle(5).build().unwrap());
    for _ in 0..100 {
        let held: Vec<_> = (0..7).map(|_| pool.get()).collect();
        drop(held);
    }
    pool.trim_to(0);
    let stats = pool.stats();
    assert!(stats.idle <= 5 && stats.live == stats.idle, "{stats:?}");
}
