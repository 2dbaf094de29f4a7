//! Each job exactly once, no thread too many, nothing lost: what a pool promises.

use perfect21_concurrency::{
    ThreadPool,
    pool::{Job, JobError, Refused, Stats},
};
use perfect21_core::ManualClock;
use perfect21_test_support::wait::DEADLINE;
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
        mpsc::{Receiver, Sender, channel},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// Waits until the pool's numbers are as they should be; prints them when they never are.
fn until(pool: &ThreadPool, what: &str, reached: impl Fn(&Stats) -> bool) -> Stats {
    let end = Instant::now() + DEADLINE;
    loop {
        let stats = pool.stats();
        if reached(&stats) {
            return stats;
        }
        assert!(Instant::now() < end, "{what} never came: {stats:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// No runtime but this.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park_timeout(DEADLINE);
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Jobs that run until they are let go.
struct Gate {
    open: Sender<()>,
    wait: Arc<std::sync::Mutex<Receiver<()>>>,
}

impl Gate {
    fn new() -> Self {
        let (open, wait) = channel();
        Self { open, wait: Arc::new(std::sync::Mutex::new(wait)) }
    }

    fn job(&self) -> impl FnOnce() + Send + use<> {
        let wait = Arc::clone(&self.wait);
        move || wait.lock().unwrap().recv().unwrap()
    }

    /// Jobs that run at the same time: each has a gate of its own.
    fn submit(pool: &ThreadPool, jobs: usize) -> (Vec<Self>, Vec<Job<()>>) {
        let gates: Vec<_> = (0..jobs).map(|_| Self::new()).collect();
        let jobs = gates.iter().map(|gate| pool.try_submit(gate.job()).unwrap()).collect();
        (gates, jobs)
    }

    fn open(&self) {
        self.open.send(()).unwrap();
    }
}

#[test]
fn grows_by_the_wait_of_the_oldest_and_shrinks_by_keep_alive() {
    let clock = ManualClock::new();
    let pool = ThreadPool::builder(8)
        .grow_after(Duration::from_millis(5))
        .keep_alive(Duration::from_secs(60))
        .clock(clock.clone())
        .build()
        .unwrap();
    assert_eq!(pool.stats().threads, 0, "nothing runs before there are jobs");
    let (gates, jobs) = Gate::submit(&pool, 20);
    let asleep = |running| move |s: &Stats| s.running == running && s.threads == s.running + s.idle;
    until(&pool, "one at work and one standing by", |s| asleep(1)(s) && s.threads == 2);

    for (running, threads) in [(2, 3), (4, 5), (8, 8)] {
        clock.advance(Duration::from_millis(4));
        pool.tick();
        let before = pool.stats();
        clock.advance(Duration::from_millis(1));
        pool.tick();
        let after = until(&pool, "twice as many", |s| asleep(running)(s) && s.threads == threads);
        assert!(before.running < after.running, "not before its time");
    }
    assert_eq!(pool.stats().oldest_wait, Duration::from_millis(15));

    gates.iter().for_each(Gate::open);
    jobs.into_iter().for_each(|job| block_on(job).unwrap());
    until(&pool, "all asleep", |s| s.idle == 8);
    clock.advance(Duration::from_secs(59));
    pool.tick();
    assert_eq!(pool.stats().threads, 8);
    clock.advance(Duration::from_secs(1));
    pool.tick();
    let stats = until(&pool, "back to one", |s| s.threads == 1 && s.idle == 1);
    assert_eq!((stats.completed, stats.peak_threads, stats.queued), (20, 8, 0));
}

#[test]
fn a_trickle_of_jobs_keeps_no_more_threads_than_it_needs() {
    let clock = ManualClock::new();
    let keep_alive = Duration::from_secs(10);
    let pool = ThreadPool::builder(8).keep_alive(keep_alive).clock(clock.clone()).build().unwrap();
    let (gates, jobs) = Gate::submit(&pool, 8);
    until(&pool, "one at work and one standing by", |s| s.running == 1 && s.idle == 1);
    for (running, idle) in [(2, 1), (4, 1), (8, 0)] {
        clock.advance(Duration::from_millis(5));
        pool.tick();
        until(&pool, "twice as many", |s| s.running == running && s.idle == idle);
    }
    gates.iter().for_each(Gate::open);
    jobs.into_iter().for_each(|job| block_on(job).unwrap());
    until(&pool, "all asleep", |s| s.idle == 8);
    // One job a second, each after the last: the one that slept last is woken, so the others' time runs out.
    for _ in 0..11 {
        block_on(pool.run(|| ())).unwrap();
        let threads = pool.stats().threads;
        until(&pool, "all asleep", |s| s.idle == s.threads && s.threads <= threads);
        clock.advance(Duration::from_secs(1));
        pool.tick();
    }
    until(&pool, "one left", |s| s.threads == 1);
}

#[test]
fn no_thread_stays_where_none_has_to() {
    let clock = ManualClock::new();
    let pool = ThreadPool::builder(2).min_threads(0).clock(clock.clone()).build().unwrap();
    for _ in 0..3 {
        assert_eq!(block_on(pool.run(|| 7)).unwrap(), 7);
        until(&pool, "asleep", |s| s.idle == 1);
        clock.advance(Duration::from_secs(10));
        pool.tick();
        until(&pool, "the last one gone", |s| s.threads == 0);
    }
}

#[test]
fn by_itself_it_grows_and_shrinks_in_real_time() {
    let pool = ThreadPool::builder(32).min_threads(2).keep_alive(Duration::from_millis(50)).build().unwrap();
    let together = Arc::new(Barrier::new(32));
    let jobs: Vec<_> = (0..64)
        .map(|_| {
            let together = Arc::clone(&together);
            // None returns before 32 are at work at once.
            pool.try_submit(move || together.wait().is_leader()).unwrap()
        })
        .collect();
    jobs.into_iter().for_each(|job| assert!(block_on(job).is_ok()));
    let stats = until(&pool, "back to two", |s| s.threads == 2 && s.idle == 2);
    assert_eq!((stats.completed, stats.peak_threads), (64, 32));
}

#[test]
fn a_full_queue_gives_back_or_waits_in_order() {
    let pool = ThreadPool::builder(1).max_queue(1).build().unwrap();
    let (gates, mut jobs) = Gate::submit(&pool, 1);
    until(&pool, "at work", |s| s.running == 1);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = |n: i32| {
        let order = Arc::clone(&order);
        move || order.lock().unwrap().push(n)
    };
    let second = pool.try_submit(note(2)).unwrap();
    let Err(Refused::Full(work)) = pool.try_submit(note(0)) else { panic!("there is no room") };
    work();

    let mut waiting: Vec<_> = (3..8).map(|n| pool.submit(note(n))).collect();
    for submit in &mut waiting {
        assert!(poll_once(submit).is_pending());
    }
    assert_eq!((pool.stats().queued, pool.stats().waiting, pool.stats().rejected), (1, 5, 1));
    // One leaves the middle of the line.
    drop(waiting.remove(2));
    assert_eq!(pool.stats().waiting, 4);
    // The queue's one place goes to who waited longest, not to who comes now.
    drop(second);
    assert_eq!((pool.stats().queued, pool.stats().waiting, pool.stats().cancelled), (1, 3, 1));
    assert!(matches!(pool.try_submit(note(0)), Err(Refused::Full(_))));
    gates.iter().for_each(Gate::open);
    for submit in waiting {
        block_on(block_on(submit).unwrap()).unwrap();
    }
    block_on(jobs.remove(0)).unwrap();
    assert_eq!(*order.lock().unwrap(), [0, 3, 4, 6, 7]);
}

#[test]
fn a_dropped_handle_skips_what_is_queued_and_frees_it_at_once() {
    let pool = ThreadPool::new(1).unwrap();
    let (gates, jobs) = Gate::submit(&pool, 1);
    until(&pool, "at work", |s| s.running == 1);
    let held = Arc::new(());
    let queued: Vec<_> = (0..10)
        .map(|_| {
            let held = Arc::clone(&held);
            pool.try_submit(move || drop(held)).unwrap()
        })
        .collect();
    assert_eq!((Arc::strong_count(&held), pool.stats().queued), (11, 10));
    drop(queued);
    assert_eq!((Arc::strong_count(&held), pool.stats().queued), (1, 0));
    // One that runs is not stopped.
    drop(jobs);
    gates.iter().for_each(Gate::open);
    let stats = until(&pool, "done", |s| s.running == 0);
    assert_eq!((stats.completed, stats.cancelled), (1, 10));
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("destructor");
        }
    }
}

#[test]
fn panics_are_errors_and_the_thread_lives() {
    let pool = ThreadPool::builder(1).name("lasting").build().unwrap();
    let name = || thread::current().name().map(str::to_owned);
    assert_eq!(block_on(pool.run(name)).unwrap().unwrap(), "lasting-1");
    let n = 7;
    type Panics = (Box<dyn FnOnce() + Send>, &'static str);
    let panics: [Panics; 4] = [
        (Box::new(|| panic!("plain")), "panicked: plain"),
        (Box::new(move || panic!("with {n}")), "panicked: with 7"),
        (Box::new(|| std::panic::panic_any(1)), "panicked: a value that is no text"),
        (Box::new(|| std::panic::panic_any(PanicsWhenDropped)), "panicked: a value that is no text"),
    ];
    for (work, message) in panics {
        let error = block_on(pool.run(work)).unwrap_err();
        assert!(matches!(error, JobError::Panicked(_)));
        assert_eq!(error.to_string(), message);
    }
    // A result that nobody takes is dropped by the thread.
    pool.try_submit(|| PanicsWhenDropped).unwrap().detach();
    assert_eq!(block_on(pool.run(name)).unwrap().unwrap(), "lasting-1");
    let stats = pool.stats();
    assert_eq!((stats.panicked, stats.threads, stats.peak_threads), (4, 1, 1));
}

const SUBMITTERS: usize = 4;
const JOBS: usize = 3_000;

/// How often each job ran, and how many ran at once at most.
struct Runs {
    of: Vec<AtomicUsize>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Runs {
    fn job(self: &Arc<Self>, n: usize, nap: bool) -> impl FnOnce() + Send + use<> {
        let runs = Arc::clone(self);
        move || {
            runs.most.fetch_max(runs.now.fetch_add(1, SeqCst) + 1, SeqCst);
            runs.of[n].fetch_add(1, SeqCst);
            if nap {
                thread::sleep(Duration::from_micros(300));
            }
            runs.now.fetch_sub(1, SeqCst);
        }
    }
}

/// Submits its share, of which it drops, detaches and awaits some; gives back which it dropped.
fn submitter(pool: &ThreadPool, runs: &Arc<Runs>, share: usize) -> Vec<usize> {
    let mut random = fastrand::Rng::with_seed(share as u64);
    let mut dropped = Vec::new();
    for n in share * JOBS..(share + 1) * JOBS {
        let job = block_on(pool.submit(runs.job(n, random.u32(0..20) == 0))).unwrap();
        match random.u32(0..4) {
            0 => {
                drop(job);
                dropped.push(n);
            }
            1 => job.detach(),
            _ => block_on(job).unwrap(),
        }
    }
    dropped
}

/// Each job runs once or is cancelled, and no more run at once than the bounds ever allowed.
#[test]
fn a_storm_of_resizes_runs_each_job_exactly_once() {
    let pool = ThreadPool::builder(8)
        .min_threads(0)
        .max_queue(64)
        .grow_after(Duration::from_micros(100))
        .keep_alive(Duration::from_micros(200))
        .build()
        .unwrap();
    let runs = Arc::new(Runs {
        of: (0..SUBMITTERS * JOBS).map(|_| AtomicUsize::new(0)).collect(),
        now: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let over = AtomicUsize::new(0);
    let dropped: Vec<usize> = thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = fastrand::Rng::with_seed(1);
            while over.load(SeqCst) < SUBMITTERS {
                let max = random.usize(1..=8);
                pool.resize(random.usize(0..=max), max).unwrap();
                thread::yield_now();
            }
        });
        let (pool, runs, over) = (&pool, &runs, &over);
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|share| {
                scope.spawn(move || {
                    let dropped = submitter(pool, runs, share);
                    over.fetch_add(1, SeqCst);
                    dropped
                })
            })
            .collect();
        submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect()
    });
    let stats = until(&pool, "all done", |s| s.queued + s.running == 0);
    assert_eq!(stats.completed + stats.cancelled, (SUBMITTERS * JOBS) as u64);
    let counts: Vec<usize> = runs.of.iter().map(|count| count.load(SeqCst)).collect();
    for (n, count) in counts.iter().enumerate() {
        assert!(*count == 1 || (*count == 0 && dropped.contains(&n)), "job {n} ran {count} times");
    }
    assert_eq!(counts.iter().sum::<usize>() as u64, stats.completed);
    assert!(runs.most.load(SeqCst) <= 8 && stats.peak_threads <= 8, "{stats:?}");
    pool.resize(0, 1).unwrap();
    until(&pool, "no thread left", |s| s.threads == 0);
}

#[test]
fn more_threads_at_run_time_take_what_is_queued() {
    let pool = ThreadPool::new(1).unwrap();
    let (gates, jobs) = Gate::submit(&pool, 6);
    until(&pool, "one at work", |s| s.running == 1);
    pool.resize(3, 3).unwrap();
    until(&pool, "three at work", |s| s.running == 3);
    // Time alone brings the rest.
    pool.resize(0, 6).unwrap();
    until(&pool, "six at work", |s| s.running == 6);
    gates.iter().for_each(Gate::open);
    jobs.into_iter().for_each(|job| block_on(job).unwrap());
    pool.resize(1, 2).unwrap();
    until(&pool, "no more than two", |s| s.threads <= 2);
    assert!(pool.resize(3, 2).is_err() && pool.resize(0, 0).is_err());
    assert_eq!(pool.stats().max_threads, 2);
}

#[tokio::test]
async fn a_shutdown_runs_what_is_queued() {
    let pool = ThreadPool::new(2).unwrap();
    let ran = Arc::new(AtomicU64::new(0));
    for _ in 0..100 {
        let ran = Arc::clone(&ran);
        pool.submit(move || ran.fetch_add(1, SeqCst)).await.unwrap().detach();
    }
    let left = pool.shutdown(DEADLINE).await;
    assert_eq!((left.queued, left.running, ran.load(SeqCst)), (0, 0, 100));
    assert!(matches!(pool.run(|| ()).await, Err(JobError::Closed)));
    until(&pool, "no thread left", |s| s.threads == 0);
}

#[tokio::test]
async fn a_shutdown_tells_what_its_deadline_left() {
    let pool = ThreadPool::builder(1).max_queue(3).build().unwrap();
    let (gates, mut jobs) = Gate::submit(&pool, 1);
    until(&pool, "at work", |s| s.running == 1);
    let held = Arc::new(());
    let queued: Vec<_> = (0..3)
        .map(|_| {
            let held = Arc::clone(&held);
            pool.try_submit(move || drop(held)).unwrap()
        })
        .collect();
    let mut waiting = pool.submit(|| 42);
    assert!(poll_once(&mut waiting).is_pending());

    let left = pool.shutdown(Duration::from_millis(1)).await;
    assert_eq!((left.queued, left.running), (3, 1));
    let Err(Refused::Closed(work)) = waiting.await else { panic!("it was closed") };
    assert_eq!(work(), 42);
    for job in queued {
        assert!(matches!(job.await, Err(JobError::Discarded)));
    }
    assert_eq!(Arc::strong_count(&held), 1);
    gates.iter().for_each(Gate::open);
    jobs.remove(0).await.unwrap();
    assert_eq!(until(&pool, "no thread left", |s| s.threads == 0).discarded, 3);
}

#[test]
fn the_last_handle_ends_the_threads_after_what_is_queued() {
    let clock = Arc::new(ManualClock::new());
    let pool = ThreadPool::builder(4).min_threads(2).clock(Arc::clone(&clock)).build().unwrap();
    let (gates, jobs) = Gate::submit(&pool, 6);
    until(&pool, "at work", |s| s.running == 2);
    drop(pool);
    gates.iter().for_each(Gate::open);
    jobs.into_iter().for_each(|job| block_on(job).unwrap());
    // Threads hold what the pool was made of, the clock too.
    let end = Instant::now() + DEADLINE;
    while Arc::strong_count(&clock) > 1 {
        assert!(Instant::now() < end, "{} of it are held", Arc::strong_count(&clock));
        thread::sleep(Duration::from_millis(1));
    }
}

/// On one worker: if anything blocked it, nothing else would be polled.
#[tokio::test(flavor = "current_thread")]
async fn never_blocks_the_runtime() {
    let pool = ThreadPool::builder(1).max_queue(1).build().unwrap();
    let (gates, mut jobs) = Gate::submit(&pool, 1);
    until(&pool, "at work", |s| s.running == 1);
    let tasks: Vec<_> = (0..10)
        .map(|n| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.run(move || n).await.unwrap() })
        })
        .collect();
    while pool.stats().waiting < 9 {
        tokio::task::yield_now().await;
    }
    gates.iter().for_each(Gate::open);
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), n);
    }
    jobs.remove(0).await.unwrap();
}

#[test]
fn a_job_moves_between_tasks() {
    let pool = ThreadPool::new(1).unwrap();
    let (gates, mut jobs) = Gate::submit(&pool, 1);
    let mut job = jobs.remove(0);
    // Polled first where nobody listens, then where somebody does.
    assert!(poll_once(&mut job).is_pending());
    assert!(!job.is_finished());
    let opener = thread::spawn(move || gates[0].open());
    block_on(poll_fn(|cx| Pin::new(&mut job).poll(cx))).unwrap();
    opener.join().unwrap();
}

#[test]
fn settings_are_checked_where_it_is_built() {
    for (builder, message) in [
        (ThreadPool::builder(0).min_threads(0), "max_threads = 0: must be at least 1"),
        (ThreadPool::builder(2).min_threads(3), "min_threads = 3: must be at most max_threads, which is 2"),
        (ThreadPool::builder(2).max_queue(0), "max_queue = 0: must be at least 1"),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    }
}

#[test]
fn handles_cross_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<ThreadPool>();
    check::<Job<std::cell::Cell<u8>>>();
    fn check_clone<T: Clone>() {}
    check_clone::<ThreadPool>();
}
