//! Loom models of a caller between the book and the round of its batch: every interleaving, with up to three switches.
//!
//! `RUSTFLAGS="--cfg perfect21_loom" cargo test -p perfect21-concurrency --release --lib --target-dir target/loom`

use super::{Batcher, run::Flight};
use futures_util::FutureExt as _;
use loom::thread;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake},
    time::Duration,
};

type Held = Arc<()>;

fn model(work: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(work);
}

/// A batcher whose batches the model runs: no deadline starts a task.
fn batcher() -> Batcher<Held, Held, Infallible> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let builder = Batcher::builder(async |items: Vec<Held>| Ok::<_, Infallible>(items));
    builder.max_wait(Duration::MAX).build().unwrap()
}

/// Runs the batch that is open, if somebody is still in it.
fn run(batcher: &Batcher<Held, Held, Infallible>) {
    let inner = &batcher.0;
    inner.book.lock().flush();
    let Some(begun) = inner.book.lock().begin() else { return };
    let mut flight = Flight { inner: Arc::clone(inner), round: Some(Arc::clone(&begun.round)) };
    let Some(outcome) = inner.call(begun).now_or_never() else { panic!("the handler waits for nothing") };
    assert!(flight.land(outcome).is_none());
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_caller_sees_its_output_or_is_woken() {
    model(|| {
        let (batcher, held) = (batcher(), Held::default());
        let mut reply = batcher.try_submit(Arc::clone(&held)).unwrap();
        let runner = thread::spawn({
            let batcher = batcher.clone();
            move || run(&batcher)
        });
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let mut result = Pin::new(&mut reply).poll(&mut Context::from_waker(&waker));
        runner.join().unwrap();
        if result.is_pending() {
            assert_eq!(woken.0.load(SeqCst), 1);
            result = Pin::new(&mut reply).poll(&mut Context::from_waker(&waker));
        }
        assert!(matches!(result, Poll::Ready(Ok(_))));
    });
}

#[test]
fn a_caller_that_leaves_takes_its_item_or_its_output_along() {
    model(|| {
        let (batcher, held) = (batcher(), Held::default());
        let mut reply = batcher.try_submit(Arc::clone(&held)).unwrap();
        let waker = Arc::new(Woken::default()).into();
        assert!(Pin::new(&mut reply).poll(&mut Context::from_waker(&waker)).is_pending());
        let runner = thread::spawn({
            let batcher = batcher.clone();
            move || run(&batcher)
        });
        drop(reply);
        runner.join().unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
        let stats = batcher.stats();
        assert_eq!((stats.waiting, stats.in_flight), (0, 0));
    });
}

#[test]
fn of_two_in_a_batch_one_may_leave() {
    model(|| {
        let (batcher, held) = (batcher(), Held::default());
        let mut stays = batcher.try_submit(Arc::clone(&held)).unwrap();
        let leaves = batcher.try_submit(Arc::clone(&held)).unwrap();
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        assert!(Pin::new(&mut stays).poll(&mut Context::from_waker(&waker)).is_pending());
        let runner = thread::spawn({
            let batcher = batcher.clone();
            move || run(&batcher)
        });
        drop(leaves);
        runner.join().unwrap();
        assert_eq!(woken.0.load(SeqCst), 1);
        let Poll::Ready(result) = Pin::new(&mut stays).poll(&mut Context::from_waker(&waker)) else {
            panic!("it was woken")
        };
        drop((result.unwrap(), stays));
        assert_eq!(Arc::strong_count(&held), 1);
    });
}
