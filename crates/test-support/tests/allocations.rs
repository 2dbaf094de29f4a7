//! The counting allocator, in a process of its own because it is the global one: counts per thread and of the process.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::{hint::black_box, thread};

use perfect21_test_support::alloc::{self, Counting, Counts};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

#[test]
fn allocations_reallocations_and_frees_are_told_apart() {
    let (buffer, counts) = alloc::during(|| black_box(Vec::<u8>::with_capacity(100)));
    assert_eq!((counts.allocations, counts.bytes, counts.live), (1, 100, 100));
    let (buffer, counts) = alloc::during(|| {
        let mut buffer = buffer;
        buffer.reserve_exact(300);
        black_box(buffer)
    });
    assert_eq!((counts.allocations, counts.bytes, counts.live), (1, 300, 200));
    let ((), counts) = alloc::during(|| drop(buffer));
    assert_eq!((counts.allocations, counts.bytes, counts.live), (0, 0, -300));
    let (_zeroed, counts) = alloc::during(|| black_box(vec![0_u64; 8]));
    assert_eq!((counts.allocations, counts.bytes, counts.live), (1, 64, 64));
}

#[test]
fn a_thread_sees_its_own_and_the_process_sees_all() {
    const SIZE: usize = 10 << 20;
    let mine = Counts::thread();
    let all = Counts::process();
    let block = thread::spawn(|| black_box(vec![1_u8; SIZE])).join().unwrap();
    assert!((Counts::thread() - mine).bytes < SIZE as u64, "another thread's bytes are not this one's");
    assert!((Counts::process() - all).bytes >= SIZE as u64);
    let ((), counts) = alloc::during(|| drop(block));
    assert_eq!(counts.live, -(SIZE as i64));
}
