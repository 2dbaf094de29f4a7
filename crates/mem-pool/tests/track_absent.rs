//! Without the counting allocator the growth of the heap is `None`, not zero. In a process of its own: it measures the
//! resident memory of the whole process.
#![cfg(feature = "track")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_mem_pool::track::{is_counting, track, track_async};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

#[test]
fn growth_of_the_heap_is_none_and_that_of_the_process_is_there() {
    assert!(!is_counting());
    // More than the allocator has lying about; touched, so that it is resident.
    let (kept, growth) = track(|| vec![1_u8; 64 << 20]);
    assert_eq!(growth.heap, None);
    assert!(growth.process_rss.unwrap() > 48 << 20, "{growth}");
    assert!(growth.to_string().starts_with("heap not counted; resident memory of the whole process +6"));
    drop(kept);

    let future = pin!(track_async(async { vec![1_u8; 10] }));
    let Poll::Ready((_, growth)) = future.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it is not ready")
    };
    assert_eq!(growth.heap, None);
}
