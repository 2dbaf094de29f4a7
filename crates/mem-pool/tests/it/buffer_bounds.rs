//! What a pool of buffers keeps: bounded bytes, no buffer that is much larger than what is used, nothing for ever.

use bytes::Buf;
use perfect21_mem_pool::{Buffer, BufferPool, Bytes, Pressure, Trim};

fn used(mut buffer: Buffer, bytes: usize) {
    buffer.extend_from_slice(&vec![1; bytes]);
}

#[test]
fn idle_bytes_never_exceed_their_bound() {
    let bound = Bytes::mib(3);
    let pool = BufferPool::builder().max_buffer(256 << 10).max_idle_bytes(bound).build().unwrap();
    for size in [64, 1000, 4096, 60_000, 256 << 10] {
        let burst: Vec<_> = (0..500).map(|_| pool.get_with(size)).collect();
        drop(burst);
        assert!(pool.stats().idle_bytes <= bound.get(), "{size}: {:?}", pool.stats());
    }
    // Every size has kept at least one.
    let before = pool.stats().hits;
    for size in [64, 1000, 4096, 60_000, 256 << 10] {
        let _ = pool.get_with(size);
    }
    assert_eq!(pool.stats().hits - before, 5);
}

#[test]
fn a_size_may_have_all_the_bytes_that_others_do_not_need() {
    let pool = BufferPool::builder().max_buffer(64 << 10).max_idle_bytes(Bytes::mib(4)).build().unwrap();
    let burst = |size, n: usize| drop((0..n).map(|_| pool.get_with(size)).collect::<Vec<_>>());
    burst(64 << 10, 100);
    let first = pool.stats().idle_bytes;
    assert!(first >= Bytes::mib(3).get() && first <= Bytes::mib(4).get(), "{:?}", pool.stats());
    // The room is taken, so another size has little; when the first is not needed any more, it has what it needs.
    burst(4096, 500);
    assert!(pool.stats().idle_bytes <= Bytes::mib(4).get(), "{:?}", pool.stats());
    for _ in 0..2 {
        pool.trim(Pressure::Routine);
    }
    burst(4096, 500);
    let stats = pool.stats();
    assert!(stats.idle_bytes >= 490 * 4096 && stats.idle_bytes <= Bytes::mib(4).get(), "{stats:?}");
}

/// golang/go#23199: one large use must not pin a large buffer that small uses then carry around.
#[test]
fn a_buffer_that_one_large_use_has_grown_is_not_kept() {
    let pool = BufferPool::new();
    for _ in 0..2000 {
        used(pool.get(), 500);
    }
    assert_eq!((pool.stats().used_p90, pool.stats().used_p99), (512, 512));
    used(pool.get(), 600_000);
    assert!(pool.stats().idle_bytes <= 4096, "{:?}", pool.stats());
    // Somewhat larger is kept: it serves the next that is.
    used(pool.get(), 2000);
    let stats = pool.stats();
    assert!(stats.idle_bytes >= 2000 && stats.dropped == 1, "{stats:?}");
}

#[test]
fn a_size_that_is_used_often_is_learned_and_kept() {
    let pool = BufferPool::new();
    for _ in 0..10_000 {
        used(pool.get(), 50_000);
    }
    let stats = pool.stats();
    assert_eq!((stats.used_p90, stats.used_p99), (65_536, 65_536));
    assert!(stats.made < 200, "{stats:?}");
    assert!(pool.get().capacity() >= 65_536);
}

#[test]
fn what_was_learned_is_forgotten_when_uses_are_small_again() {
    let pool = BufferPool::new();
    for _ in 0..10_000 {
        used(pool.get(), 50_000);
    }
    for _ in 0..100_000 {
        used(pool.get(), 100);
    }
    assert_eq!(pool.stats().used_p99, 128);
    pool.trim(Pressure::Routine);
    pool.trim(Pressure::Routine);
    used(pool.get(), 100);
    assert!(pool.stats().idle_bytes <= 512, "{:?}", pool.stats());
}

#[test]
fn what_was_read_or_cleared_before_it_came_back_counts_as_used() {
    let pool = BufferPool::new();
    for round in 0..10_000 {
        let mut buffer = pool.get();
        buffer.extend_from_slice(&[1; 30_000]);
        if round % 2 == 0 { buffer.clear() } else { buffer.advance(30_000) }
    }
    assert_eq!(pool.stats().used_p90, 32_768);
}

#[test]
fn a_class_that_always_grows_keeps_what_it_needs() {
    let pool = BufferPool::new();
    for _ in 0..20_000 {
        used(pool.get_with(64), 10_000); // a hint that is wrong
    }
    let stats = pool.stats();
    assert!(stats.made < 300, "{stats:?}");
}

#[test]
fn idle_buffers_decay_and_pressure_frees_all() {
    let pool = BufferPool::new();
    drop((0..300).map(|_| pool.get_with(4096)).collect::<Vec<_>>());
    assert_eq!(pool.stats().idle, 300);
    pool.trim(Pressure::Routine);
    pool.trim(Pressure::Routine);
    assert_eq!(pool.stats().idle, 0);
    let held = pool.get_with(10);
    drop((0..10).map(|_| pool.get_with(100)).collect::<Vec<_>>());
    let trimmed = pool.trim(Pressure::Critical);
    assert_eq!((trimmed.objects, trimmed.bytes), (10, 1280));
    assert_eq!((pool.stats().live, held.len()), (1, 0));
}
