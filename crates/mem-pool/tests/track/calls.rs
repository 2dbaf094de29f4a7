//! Growth is the call's own: nested, panicking, across threads and polls, dropped half-way.

use perfect21_mem_pool::track::{Counting, Growth, Heap, is_counting, track, track_async};
use std::{
    future::{Future, poll_fn},
    hint::black_box,
    pin::{Pin, pin},
    sync::{Arc, Barrier},
    task::{Context, Poll, Waker},
    thread,
};

const KIB: usize = 1 << 10;

fn block(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}

fn heap(growth: Growth) -> Heap {
    growth.heap.expect("this program counts")
}

/// Allocations, bytes allocated, freed and peak.
fn counts(growth: Growth) -> (u64, u64, u64, u64) {
    let heap = heap(growth);
    (heap.allocations, heap.allocated.get(), heap.freed.get(), heap.peak.get())
}

/// Lets others run once.
async fn pause() {
    let mut paused = false;
    poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_call_counts_what_it_allocates_frees_and_held_at_most() {
    assert!(is_counting());
    let (kept, growth) = track(|| {
        drop(block(3 * KIB));
        block(KIB)
    });
    assert_eq!(counts(growth), (2, 4096, 3072, 3072));
    assert_eq!((heap(growth).net(), kept.capacity()), (1024, KIB));

    let ((), growth) = track(|| drop(kept));
    assert_eq!((counts(growth), heap(growth).net()), ((0, 0, 1024, 0), -1024));
    assert!(growth.process_rss.is_some());
    assert_eq!(counts(track(|| ()).1), (0, 0, 0, 0));
}

#[test]
fn a_reallocation_counts_what_came_on_top() {
    let mut bytes = block(KIB);
    bytes.push(1);
    let ((), growth) = track(|| bytes.reserve_exact(4 * KIB - 1));
    assert_eq!(counts(growth), (1, 3072, 0, 3072));
    let ((), growth) = track(|| bytes.shrink_to(2 * KIB));
    assert_eq!((counts(growth), heap(growth).net()), ((1, 0, 2048, 0), -2048));
    let (zeroed, growth) = track(|| vec![0_u8; KIB]);
    assert_eq!((counts(growth), zeroed.len()), ((1, 1024, 0, 1024), KIB));
}

#[test]
fn calls_nest_and_each_has_its_own_peak() {
    let ((outer, inner), growth) = track(|| {
        drop(block(5 * KIB));
        let outer = block(KIB);
        let ((), inner) = track(|| drop(block(2 * KIB)));
        let ((), later) = track(|| drop(block(9 * KIB)));
        assert_eq!(counts(later), (1, 9216, 9216, 9216));
        (outer, inner)
    });
    assert_eq!(counts(inner), (1, 2048, 2048, 2048));
    assert_eq!((heap(growth).net(), heap(growth).peak.get()), (1024, 10 * 1024));
    drop(outer);
}

#[test]
fn a_panic_passes_through_and_the_outer_call_counts_on() {
    let (result, growth) = track(|| {
        let result =
            std::panic::catch_unwind(|| track(|| std::panic::resume_unwind(Box::new(block(8 * KIB)))));
        drop(block(KIB));
        result
    });
    // The payload lives; its box is the panic's.
    assert!(heap(growth).net() >= 8192 && heap(growth).peak.get() >= 9216, "{growth}");
    drop(result);
    assert_eq!(counts(track(|| drop(block(7))).1), (1, 7, 7, 7));
}

#[test]
fn what_other_threads_do_meanwhile_is_not_counted() {
    let barrier = Arc::new(Barrier::new(2));
    let other = thread::spawn({
        let barrier = Arc::clone(&barrier);
        move || {
            barrier.wait();
            let (blocks, growth) = track(|| (0..100).map(|_| block(64 * KIB)).collect::<Vec<_>>());
            barrier.wait();
            (blocks.len(), heap(growth))
        }
    });
    let ((), growth) = track(|| {
        barrier.wait();
        barrier.wait();
    });
    assert!(heap(growth).allocated.get() < 1024, "{growth}");
    let (blocks, theirs) = other.join().unwrap();
    assert!(blocks == 100 && theirs.net() >= 100 * 64 * 1024);
}

#[test]
fn what_one_thread_frees_of_another_is_below_zero_there() {
    let (block, growth) = track(|| block(KIB));
    assert_eq!(heap(growth).net(), 1024);
    let theirs = thread::spawn(move || track(|| drop(block)).1).join().unwrap();
    assert_eq!((heap(theirs).net(), counts(theirs)), (-1024, (0, 0, 1024, 0)));
}

#[test]
fn a_future_counts_only_while_it_is_polled() {
    let mut future = pin!(track_async(async {
        let first = block(KIB);
        pause().await;
        drop(block(4 * KIB));
        pause().await;
        (first, block(2 * KIB))
    }));
    assert!(poll(future.as_mut()).is_pending());
    let between = block(100 * KIB);
    assert!(poll(future.as_mut()).is_pending());
    drop(between);
    let Poll::Ready((blocks, growth)) = poll(future.as_mut()) else { panic!("it is not ready") };
    assert_eq!(counts(growth), (3, 7 * 1024, 4096, 5 * 1024));
    assert_eq!(heap(growth).net(), 3072);
    drop(blocks);
}

#[test]
fn a_future_may_be_polled_by_another_thread_each_time() {
    let mut future = Box::pin(track_async(async {
        let mut blocks = Vec::with_capacity(32);
        for _ in 0..32 {
            blocks.push(block(KIB));
            pause().await;
        }
        blocks.truncate(16); // frees what other threads had allocated
        blocks
    }));
    let (blocks, growth) = loop {
        // Noise of the thread's own, before and after.
        let polled = thread::spawn(move || {
            let _noise = block(50 * KIB);
            let poll = poll(future.as_mut());
            (poll, future)
        });
        let (poll, back) = polled.join().unwrap();
        future = back;
        if let Poll::Ready(ready) = poll {
            break ready;
        }
    };
    let list = 32 * size_of::<Vec<u8>>() as u64;
    assert_eq!(counts(growth), (33, 32 * 1024 + list, 16 * 1024, 32 * 1024 + list));
    assert_eq!(blocks.len(), 16);
}

#[test]
fn futures_nest_and_interleave() {
    let future = |bytes: usize| {
        track_async(async move {
            let (kept, inner) = track_async(async {
                let kept = block(bytes);
                pause().await;
                kept
            })
            .await;
            pause().await;
            drop(block(bytes));
            assert_eq!(counts(inner), (1, bytes as u64, 0, bytes as u64));
            kept
        })
    };
    let (mut small, mut large) = (pin!(future(KIB)), pin!(future(64 * KIB)));
    for _ in 0..2 {
        assert!(poll(small.as_mut()).is_pending() && poll(large.as_mut()).is_pending());
    }
    for (future, bytes) in [(small, 1024), (large, 64 * 1024)] {
        let mut future = future;
        let Poll::Ready((_kept, growth)) = poll(future.as_mut()) else { panic!("it is not ready") };
        assert_eq!(counts(growth), (2, 2 * bytes, bytes, 2 * bytes));
    }
}

#[test]
fn a_tracked_future_that_is_dropped_or_panics_leaves_the_outer_count_right() {
    let ((), growth) = track(|| {
        let mut dropped = Box::pin(track_async(async {
            let _held = block(KIB);
            pause().await;
        }));
        assert!(poll(dropped.as_mut()).is_pending());
        drop(dropped);
        let mut panics = Box::pin(track_async(async {
            let _held = block(16 * KIB);
            std::panic::resume_unwind(Box::new(())); // no message, whose backtrace would count
        }));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(panics.as_mut())));
        assert!(caught.is_err());
    });
    assert!(heap(growth).net().abs() < 4096 && heap(growth).peak.get() >= 16 * 1024, "{growth}");
}

#[test]
fn a_future_that_was_never_polled_costs_nothing_and_counts_from_its_first_poll() {
    let future = track_async(async { block(KIB) });
    let noise = block(100 * KIB);
    let Poll::Ready((kept, growth)) = poll(pin!(future)) else { panic!("it is not ready") };
    assert_eq!(counts(growth), (1, 1024, 0, 1024));
    drop((kept, noise));
}

/// Counting in destructors of thread-locals, when others are gone already.
#[test]
fn a_thread_that_ends_may_allocate_to_its_end() {
    struct AtEnd(Vec<u8>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            let ((), growth) = track(|| drop(block(KIB)));
            assert_eq!(counts(growth), (1, 1024, 1024, 1024));
            self.0 = block(2 * KIB);
        }
    }
    thread_local!(static LOCAL: AtEnd = AtEnd(block(1)));
    thread::spawn(|| LOCAL.with(|local| assert_eq!(local.0.capacity(), 1))).join().unwrap();
}

#[test]
fn growth_prints_both_figures_and_says_whose_they_are() {
    let (kept, growth) = track(|| block(2 * KIB));
    let text = growth.to_string();
    assert!(
        text.starts_with(
            "heap +2 KiB in 1 allocations, at most +2 KiB; resident memory of the whole process "
        )
    );
    let ((), growth) = track(|| drop(kept));
    assert!(growth.to_string().starts_with("heap -2 KiB in 0 allocations, at most +0 B; "), "{growth}");
}

#[test]
fn what_tracks_is_sent_where_its_future_is() {
    fn sent<T: Send + Sync>(_: &T) {}
    sent(&track_async(async {}));
    fn auto<T: Send + Sync>() {}
    auto::<Counting>();
    auto::<Growth>();
}
