//! Where the system starts no more threads: what is queued ends with an error, or is left to the threads that are there.

use super::{
    Crew, Job, JobError, Refused, Submit,
    crew::Plan,
    staff::Staff,
    task::{QUEUED, Task},
};
use perfect21_core::ManualClock;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc::channel,
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

const GROW_AFTER: Duration = Duration::from_millis(10);

fn crew(
    max_queue: usize,
    clock: &Arc<ManualClock>,
    lets: impl Fn(&Arc<Crew>, u64) -> io::Result<()> + Send + Sync + 'static,
) -> Arc<Crew> {
    Crew::new(Plan {
        name: "scarce".into(),
        min: 1,
        max: 8,
        max_queue,
        grow_after: GROW_AFTER,
        keep_alive: Duration::from_secs(60),
        clock: Arc::clone(clock) as _,
        staff: Staff::Scarce(Box::new(lets)),
    })
}

fn none() -> io::Error {
    io::Error::from_raw_os_error(11)
}

fn submit<T: Send + 'static>(
    crew: &Arc<Crew>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Job<T>, Refused<impl FnOnce() -> T + Send + 'static>> {
    let task = Arc::new(Task::new(work, QUEUED));
    crew.submit(&task)?;
    Ok(Job::new(task, Arc::clone(crew)))
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn wait<F: Future + Unpin>(mut future: F) -> F::Output {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Poll::Ready(output) = poll(&mut future) {
            return output;
        }
        assert!(Instant::now() < end, "it never came");
        std::thread::yield_now();
    }
}

#[test]
fn without_any_thread_a_job_is_given_back_and_the_next_one_tries_again() {
    let scarce = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&scarce);
    let crew = crew(8, &Arc::default(), move |_, _| if seen.load(SeqCst) { Err(none()) } else { Ok(()) });
    for _ in 0..3 {
        let refused = submit(&crew, || 42).unwrap_err();
        assert!(matches!(&refused, Refused::NoThread { source, .. } if source.raw_os_error() == Some(11)));
        assert_eq!(refused.into_inner()(), 42);
    }
    assert_eq!((crew.stats().threads, crew.stats().queued), (0, 0));
    scarce.store(false, SeqCst);
    assert_eq!(wait(submit(&crew, || 42).unwrap()).unwrap(), 42);
    crew.close();
}

#[test]
fn who_counted_on_a_thread_that_did_not_start_gets_the_error_too() {
    type Kept = (Job<u8>, Submit<fn() -> u8, u8>);
    let kept: Arc<Mutex<Option<Kept>>> = Arc::default();
    let keep = Arc::clone(&kept);
    // While the first thread is being started, others come: one has a place in the queue, one waits for room.
    let crew = crew(2, &Arc::default(), move |crew, number| {
        if number == 1 {
            let queued = submit(crew, || 1).ok().unwrap();
            let mut waits = Submit::new((|| 2) as fn() -> u8, Arc::clone(crew));
            assert!(poll(&mut waits).is_pending());
            *keep.lock().unwrap() = Some((queued, waits));
        }
        Err(none())
    });
    assert!(matches!(submit(&crew, || 0), Err(Refused::NoThread { .. })));
    let (queued, waits) = kept.lock().unwrap().take().unwrap();
    let admitted = wait(waits).unwrap();
    for job in [queued, admitted] {
        let error = wait(job).unwrap_err();
        assert!(
            matches!(&error, JobError::NoThread { source } if source.raw_os_error() == Some(11)),
            "{error:?}"
        );
    }
    assert_eq!((crew.stats().threads, crew.stats().queued, crew.stats().waiting), (0, 0, 0));
}

#[test]
fn with_one_thread_it_does_without_others_and_asks_again_after_a_while() {
    let (clock, asked) = (Arc::new(ManualClock::new()), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let crew = crew(100, &clock, move |_, number| {
        counted.fetch_add(1, SeqCst);
        if number == 1 { Ok(()) } else { Err(none()) }
    });
    let (go, gate) = channel::<()>();
    let busy = submit(&crew, move || gate.recv().is_ok()).ok().unwrap();
    let mut jobs: Vec<Job<usize>> = Vec::new();
    let mut more = |crew: &Arc<Crew>| (0..10).for_each(|n| jobs.push(submit(crew, move || n).ok().unwrap()));
    more(&crew);
    assert_eq!(asked.load(SeqCst), 2, "one thread works; the one that was to stand by did not start");
    clock.advance(Duration::from_millis(99));
    more(&crew);
    assert_eq!(asked.load(SeqCst), 2);
    clock.advance(Duration::from_millis(1));
    more(&crew);
    assert_eq!(asked.load(SeqCst), 3);
    go.send(()).unwrap();
    assert!(wait(busy).unwrap());
    assert_eq!(jobs.into_iter().map(|job| wait(job).unwrap()).sum::<usize>(), 3 * 45);
    assert_eq!(crew.stats().threads, 1);
    crew.close();
}
