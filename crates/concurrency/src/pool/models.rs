//! Loom models of a job between its handle, the queue and a worker: every interleaving, with up to three switches.
//!
//! `RUSTFLAGS="--cfg perfect21_loom" cargo test -p perfect21-concurrency --lib --target-dir target/loom`

use super::{
    Crew, Job, JobError, Refused, Submit,
    crew::Plan,
    staff::{Seat, Staff},
    task::{QUEUED, Task},
    worker::{Next, Own, Ran},
};
use loom::thread;
use perfect21_core::SystemClock;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

fn crew(max_queue: usize) -> Arc<Crew> {
    Crew::new(Plan {
        name: String::new(),
        min: 1,
        max: 1,
        max_queue,
        grow_after: Duration::from_secs(1),
        keep_alive: Duration::from_secs(1),
        clock: Arc::new(SystemClock),
        staff: Staff::Models,
    })
}

fn model(work: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(work);
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Polls, and tells whether it is woken in between.
struct Poller {
    woken: Arc<Woken>,
    waker: Waker,
}

impl Poller {
    fn new() -> Self {
        let woken = Arc::new(Woken::default());
        Self { waker: Arc::clone(&woken).into(), woken }
    }

    fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(&self.waker))
    }

    fn was_woken(&self) -> bool {
        self.woken.0.load(SeqCst) > 0
    }
}

/// A worker that does what there is to do, and sleeps no more.
fn work_off(crew: &Arc<Crew>) {
    let (seat, mut ran, mut own) = (Seat::new(), None, Own::default());
    loop {
        match crew.step(1, &seat, ran.take(), &mut own) {
            Next::Run(work) => ran = Some(Ran::new(work)),
            Next::Search => {}
            Next::Sleep(_) | Next::Leave => return,
        }
    }
}

/// A job that counts its calls, and holds `held` as long as its closure or its result lives.
fn job(crew: &Arc<Crew>, calls: &Arc<AtomicUsize>, held: &Arc<()>) -> Job<Arc<()>> {
    let (calls, held) = (Arc::clone(calls), Arc::clone(held));
    let task = Arc::new(Task::new(
        move || {
            calls.fetch_add(1, SeqCst);
            held
        },
        QUEUED,
    ));
    crew.submit(&task).unwrap();
    Job::new(task, Arc::clone(crew))
}

#[test]
fn a_job_runs_or_is_cancelled_and_nothing_is_held() {
    model(|| {
        let (crew, calls, held) = (crew(1), Arc::default(), Arc::new(()));
        let job = job(&crew, &calls, &held);
        let worker = thread::spawn({
            let crew = Arc::clone(&crew);
            move || work_off(&crew)
        });
        drop(job);
        worker.join().unwrap();
        let stats = crew.stats();
        assert_eq!(calls.load(SeqCst) as u64, stats.completed);
        assert_eq!(stats.completed + stats.cancelled, 1);
        assert_eq!((stats.queued, stats.running), (0, 0));
        assert_eq!(Arc::strong_count(&held), 1, "closure and result are gone");
    });
}

#[test]
fn a_job_is_found_by_who_searches_or_its_sleeper_is_called() {
    model(|| {
        let (crew, calls, held) = (crew(2), Arc::default(), Arc::new(()));
        let first = job(&crew, &calls, &held);
        let worker = thread::spawn({
            let crew = Arc::clone(&crew);
            move || work_off(&crew)
        });
        let second = job(&crew, &calls, &held);
        worker.join().unwrap();
        let stats = crew.stats();
        assert_eq!(stats.queued, usize::from(stats.idle == 0), "{stats:?}");
        assert_eq!(stats.completed + stats.queued as u64, 2);
        drop((first, second));
    });
}

#[test]
fn a_result_is_seen_or_its_waiter_woken() {
    model(|| {
        let (crew, calls, held) = (crew(1), Arc::default(), Arc::new(()));
        let mut job = job(&crew, &calls, &held);
        let worker = thread::spawn({
            let crew = Arc::clone(&crew);
            move || work_off(&crew)
        });
        let poller = Poller::new();
        if poller.poll(&mut job).is_pending() {
            worker.join().unwrap();
            assert!(poller.was_woken());
            assert!(poller.poll(&mut job).is_ready());
        } else {
            assert_eq!(crew.stats().completed, 1, "who has a result finds it counted");
            worker.join().unwrap();
        }
    });
}

#[test]
fn a_waiter_that_leaves_while_the_result_comes_leaves_nothing() {
    model(|| {
        let (crew, calls, held) = (crew(1), Arc::default(), Arc::new(()));
        let mut job = job(&crew, &calls, &held);
        let poller = Poller::new();
        assert!(poller.poll(&mut job).is_pending());
        let worker = thread::spawn({
            let crew = Arc::clone(&crew);
            move || work_off(&crew)
        });
        drop(job);
        worker.join().unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

#[test]
fn room_that_gets_free_wakes_who_waits_for_it() {
    model(|| {
        let (crew, calls, held) = (crew(1), Arc::default(), Arc::new(()));
        let first = job(&crew, &calls, &held);
        let mut second = Submit::new(|| 2, Arc::clone(&crew));
        let worker = thread::spawn({
            let crew = Arc::clone(&crew);
            move || work_off(&crew)
        });
        let poller = Poller::new();
        let mut admitted = match poller.poll(&mut second) {
            Poll::Ready(job) => job.unwrap(),
            Poll::Pending => {
                worker.join().unwrap();
                assert!(poller.was_woken());
                let Poll::Ready(job) = poller.poll(&mut second) else { panic!("woken for nothing") };
                job.unwrap()
            }
        };
        work_off(&crew);
        drop(first);
        if let Poll::Ready(result) = poller.poll(&mut admitted) {
            assert_eq!(result.unwrap(), 2);
        }
    });
}

#[test]
fn a_submitter_that_leaves_hands_its_room_on() {
    model(|| {
        let (crew, calls, held) = (crew(1), Arc::default(), Arc::new(()));
        let first = job(&crew, &calls, &held);
        let poller = Poller::new();
        let mut second = Submit::new(|| 2, Arc::clone(&crew));
        let mut third = Submit::new(|| 3, Arc::clone(&crew));
        assert!(poller.poll(&mut second).is_pending());
        assert!(poller.poll(&mut third).is_pending());
        let canceller = thread::spawn(move || drop(first));
        drop(second);
        canceller.join().unwrap();
        let Poll::Ready(Ok(_third)) = poller.poll(&mut third) else { panic!("the room went to nobody") };
        assert_eq!((crew.stats().queued, crew.stats().waiting), (1, 0));
    });
}

#[test]
fn a_close_loses_nobody() {
    model(|| {
        let (crew, calls, held) = (crew(1), Arc::default(), Arc::new(()));
        let mut first = job(&crew, &calls, &held);
        let poller = Poller::new();
        let mut second = Submit::new(|| 2, Arc::clone(&crew));
        assert!(poller.poll(&mut second).is_pending());
        let closer = thread::spawn({
            let crew = Arc::clone(&crew);
            move || {
                crew.close();
                crew.discard()
            }
        });
        work_off(&crew);
        let (discarded, _) = closer.join().unwrap();
        work_off(&crew);
        let Poll::Ready(result) = poller.poll(&mut first) else { panic!("nobody answers") };
        let Poll::Ready(admitted) = poller.poll(&mut second) else { panic!("nobody answers") };
        let results = [result.map(drop), admitted_result(&poller, admitted)];
        let lost = results.iter().filter(|result| matches!(result, Err(JobError::Discarded))).count();
        assert_eq!(lost, discarded);
        assert!(crew.stats().queued == 0 && crew.stats().running == 0);
    });
}

#[test]
fn who_counts_on_a_thread_that_does_not_start_is_told() {
    model(|| {
        let (crew, calls, held) = (crew(1), Arc::default(), Arc::new(()));
        let mut first = job(&crew, &calls, &held);
        let mut second = Submit::new(|| 2, Arc::clone(&crew));
        let (queued, waiting) = (Poller::new(), Poller::new());
        assert!(waiting.poll(&mut second).is_pending());
        let starter = thread::spawn({
            let crew = Arc::clone(&crew);
            move || crew.quit(1, &std::io::ErrorKind::WouldBlock.into(), None)
        });
        let early = queued.poll(&mut first);
        assert!(!starter.join().unwrap());
        let Poll::Ready(result) = (if early.is_ready() {
            early
        } else {
            assert!(queued.was_woken());
            queued.poll(&mut first)
        }) else {
            panic!("nobody answers")
        };
        assert!(matches!(result, Err(JobError::NoThread { .. })));
        assert!(waiting.was_woken());
        let Poll::Ready(admitted) = waiting.poll(&mut second) else { panic!("nobody answers") };
        assert!(matches!(admitted_result(&waiting, admitted), Err(JobError::NoThread { .. })));
        assert_eq!((calls.load(SeqCst), Arc::strong_count(&held)), (0, 1));
    });
}

#[test]
fn a_handle_that_goes_while_no_thread_starts_holds_nothing() {
    model(|| {
        let (crew, calls, held) = (crew(1), Arc::default(), Arc::new(()));
        let job = job(&crew, &calls, &held);
        let starter = thread::spawn({
            let crew = Arc::clone(&crew);
            move || crew.quit(1, &std::io::ErrorKind::WouldBlock.into(), None)
        });
        drop(job);
        starter.join().unwrap();
        let stats = crew.stats();
        assert_eq!((stats.queued, stats.threads, calls.load(SeqCst)), (0, 0, 0));
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

fn admitted_result<F>(poller: &Poller, admitted: Result<Job<i32>, Refused<F>>) -> Result<(), JobError> {
    let Poll::Ready(result) = poller.poll(&mut admitted?) else { panic!("nobody answers") };
    result.map(drop)
}
