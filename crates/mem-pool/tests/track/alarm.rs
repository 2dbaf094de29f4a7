//! A call that grows by more than its limit warns, once in a while, also when it panics or is cancelled.

use perfect21_mem_pool::track::{Alarm, Bytes, track};
use perfect21_test_support::events::Events;
use std::{
    future::{Future, pending},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

fn block(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn alarm() -> Alarm {
    Alarm::new("render", Bytes::kib(10))
}

#[test]
fn a_call_that_keeps_more_than_the_limit_warns_with_name_growth_and_limit() {
    let events = Events::of("perfect21");
    let alarm = alarm();
    drop(alarm.track(|| block(10 << 10)));
    alarm.track(|| drop(block(1 << 20))); // freed again
    assert_eq!(events.take_lines(), [""; 0]);
    drop(alarm.track(|| block((10 << 10) + 1)));
    let expected = "WARN message=render grew by 10 KiB, more than 10 KiB name=\"render\" bytes=10241 peak=10241 \
                    allocations=1 left_out=0";
    assert_eq!(events.take_lines(), [expected]);
}

#[test]
fn a_storm_of_growing_calls_warns_once() {
    let events = Events::of("perfect21");
    let alarm = alarm();
    for _ in 0..10_000 {
        drop(alarm.track(|| block(1 << 20)));
    }
    assert_eq!(events.take_lines().len(), 1);
}

#[test]
fn a_call_that_panics_warns_too() {
    let events = Events::of("perfect21");
    let (alarm, mut kept) = (alarm(), Vec::new());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        alarm.track(|| {
            kept = block(1 << 20);
            std::panic::resume_unwind(Box::new(()));
        });
    }));
    assert!(result.is_err());
    assert_eq!(events.take_lines().len(), 1);
}

#[test]
fn a_future_warns_when_it_is_ready() {
    let events = Events::of("perfect21");
    let alarm = alarm();
    let mut future = pin!(alarm.track_async(async {
        let first = block(6 << 10);
        let mut paused = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut paused, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        (first, block(6 << 10))
    }));
    assert!(poll(future.as_mut()).is_pending());
    let between = block(1 << 20);
    assert_eq!(events.take_lines(), [""; 0]);
    assert!(poll(future.as_mut()).is_ready());
    assert!(events.take_lines()[0].contains("bytes=12288"));
    drop(between);
}

#[test]
fn a_cancelled_future_is_judged_by_what_it_left_behind() {
    let events = Events::of("perfect21");
    let (frees, leaves) = (alarm(), alarm());
    let mut kept = Vec::new();
    {
        let mut future = pin!(frees.track_async(async {
            let _held = block(1 << 20);
            pending::<()>().await;
        }));
        assert!(poll(future.as_mut()).is_pending());
    }
    assert_eq!(events.take_lines(), [""; 0], "its drop freed all");
    {
        let mut future = pin!(leaves.track_async(async {
            kept = block(1 << 20);
            pending::<()>().await;
        }));
        assert!(poll(future.as_mut()).is_pending());
    }
    assert_eq!(events.take_lines().len(), 1);
    drop(frees.track_async(async {}));
    assert_eq!(events.take_lines(), [""; 0], "it was never polled");
    // What the alarms counted is still counted by whoever stands around them.
    let (_, growth) = track(|| alarm().track(|| block(100)));
    assert_eq!(growth.heap.unwrap().net(), 100);
}
