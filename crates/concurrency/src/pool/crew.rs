//! The queue and who works on it, under one lock.

use super::{
    error::Refused,
    line::Line,
    staff::Staff,
    state::{Call, Counts, State},
    stats::Stats,
    task::{DISCARDED, Task, WAITING, Work},
};
use crate::{panicked::guarded, sync::Mutex};
use perfect21_core::Clock;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// What is fixed when a pool is built.
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) max_queue: usize,
    pub(crate) grow_after: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) staff: Staff,
}

pub(crate) struct Crew {
    pub(super) state: Mutex<State>,
    pub(super) name: String,
    pub(super) grow_after: Duration,
    pub(super) keep_alive: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) staff: Staff,
    pub(super) drained: Notify,
    /// Jobs were queued while somebody searched: what they look at without the lock.
    pub(super) found: AtomicBool,
}

/// How long the pool does without a thread that the system did not start, where it has others.
const HIRE_AGAIN: Duration = Duration::from_millis(100);

/// A thread that was counted, and did not start.
struct Unstarted {
    number: u64,
    error: io::Error,
}

enum No {
    Full,
    Closed,
    Thread(io::Error),
}

impl Crew {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        let state = State {
            line: Line::new(plan.max_queue),
            min: plan.min,
            max: plan.max,
            threads: 0,
            idle: Vec::new(),
            standby: None,
            searching: 0,
            free_searchers: 0,
            grown: None,
            hire_from: None,
            running: 0,
            closed: false,
            numbers: 0,
            counts: Counts::default(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            name: plan.name,
            grow_after: plan.grow_after,
            keep_alive: plan.keep_alive,
            clock: plan.clock,
            staff: plan.staff,
            drained: Notify::new(),
            found: AtomicBool::new(false),
        })
    }

    /// Queues a job, if there is room.
    pub(super) fn submit<F, T>(self: &Arc<Self>, task: &Arc<Task<F, T>>) -> Result<(), Refused<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.push(Arc::clone(task) as Arc<dyn Work>).map_err(|no| {
            let Some(work) = task.take_work() else { unreachable!("it was not queued") };
            match no {
                No::Full => Refused::Full(work),
                No::Closed => Refused::Closed(work),
                No::Thread(source) => Refused::NoThread { work, source },
            }
        })
    }

    /// A job of phase `QUEUED`, or of phase `WAITING`, which may wait for room.
    fn push(self: &Arc<Self>, work: Arc<dyn Work>) -> Result<(), No> {
        let patient = work.phase() == WAITING;
        let now = self.clock.now();
        let mut state = self.state.lock();
        if state.closed {
            return Err(No::Closed);
        }
        if state.line.is_full() {
            if patient {
                state.line.push_waiting(work, now);
                return Ok(());
            }
            state.counts.rejected += 1;
            return Err(No::Full);
        }
        if patient {
            work.advance(WAITING, super::task::QUEUED);
        }
        state.line.push(Arc::clone(&work), now);
        if state.searching > 0 {
            self.found.store(true, Relaxed);
        }
        let call = state.call(now);
        drop(state);
        match self.answer(call) {
            Ok(()) => Ok(()),
            Err(Unstarted { number, error }) => {
                if self.quit(number, &error, Some(&*work)) {
                    Err(No::Thread(error))
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Does what was called for by others than a new job. A thread that does not start leaves the jobs to the others.
    pub(super) fn answer_all(self: &Arc<Self>, calls: Vec<Call>) {
        for call in calls {
            if let Err(Unstarted { number, error }) = self.answer(call) {
                self.quit(number, &error, None);
            }
        }
    }

    fn answer(self: &Arc<Self>, call: Call) -> Result<(), Unstarted> {
        match call {
            Call::Nobody => Ok(()),
            Call::Wake(seat) => {
                seat.wake();
                Ok(())
            }
            Call::Hire(number) => self.staff.start(self, number).map_err(|error| Unstarted { number, error }),
        }
    }

    /// Counts a thread that did not start out. Where it was the only one, nobody would ever come to what is queued: `work`
    /// is taken back, which is told, and other jobs end with the error.
    #[cold]
    pub(super) fn quit(&self, number: u64, error: &io::Error, work: Option<&dyn Work>) -> bool {
        let mut state = self.state.lock();
        state.threads -= 1;
        state.standby.take_if(|standby| standby.number == number);
        state.hire_from = Some(self.clock.now() + HIRE_AGAIN);
        if state.threads > 0 {
            return false;
        }
        let taken = work.is_some_and(|work| state.line.cancel(work).is_some());
        let stranded = state.line.strand();
        let drained = state.is_drained();
        drop(state);
        for work in stranded {
            let error =
                error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            guarded(|| work.strand(error));
        }
        if drained {
            self.drained.notify_waiters();
        }
        taken
    }

    /// Takes a job out of the queue, if it is still there, and drops its closure.
    pub(super) fn cancel(&self, work: &dyn Work) {
        let mut state = self.state.lock();
        let Some(admitted) = state.line.cancel(work) else { return };
        state.counts.cancelled += u64::from(admitted);
        let next = state.line.admit();
        let drained = state.is_drained();
        drop(state);
        work.discard();
        if let Some(next) = next {
            next.wake();
        }
        if drained {
            self.drained.notify_waiters();
        }
    }

    /// Takes no more jobs; threads end when the queue is empty.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let refused = state.line.refuse();
        drop(state);
        refused.iter().for_each(|work| work.wake());
        self.wake_all();
    }

    /// Drops what is queued; how many those were, and how many are running still.
    pub(crate) fn discard(&self) -> (usize, usize) {
        let mut state = self.state.lock();
        let discarded = state.line.discard(DISCARDED);
        state.counts.discarded += discarded.len() as u64;
        let running = state.running;
        drop(state);
        for work in &discarded {
            work.discard();
            work.wake();
        }
        (discarded.len(), running)
    }

    /// Comes when it is closed and nothing is queued or running.
    pub(crate) async fn drained(&self) {
        loop {
            let mut notified = std::pin::pin!(self.drained.notified());
            notified.as_mut().enable();
            if self.state.lock().is_drained() {
                return;
            }
            notified.await;
        }
    }

    /// Lets every sleeping thread look at the time and at the bounds.
    pub(crate) fn wake_all(&self) {
        let state = self.state.lock();
        let standby = state.standby.iter().filter_map(|standby| standby.seat.clone());
        let seats: Vec<_> = state.idle.iter().cloned().chain(standby).collect();
        drop(state);
        seats.iter().for_each(|seat| seat.wake());
    }

    pub(crate) fn resize(self: &Arc<Self>, min: usize, max: usize) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        (state.min, state.max) = (min, max);
        let mut calls = Vec::new();
        // Jobs that are queued find the new threads at once: those up to `min` need no reason.
        while calls.len() < state.line.len() && state.workers() < state.wanted() {
            calls.push(state.call(now));
        }
        if state.line.len() > 0 {
            calls.push(state.call(now));
        }
        drop(state);
        self.answer_all(calls);
        self.wake_all();
    }

    pub(crate) fn stats(&self) -> Stats {
        let now = self.clock.now();
        let state = self.state.lock();
        let asleep = state.standby.as_ref().is_some_and(|standby| standby.seat.is_some());
        Stats {
            min_threads: state.min,
            max_threads: state.max,
            threads: state.threads,
            idle: state.idle.len() + usize::from(asleep),
            queued: state.line.len(),
            waiting: state.line.waiting(),
            running: state.running,
            completed: state.counts.completed,
            panicked: state.counts.panicked,
            cancelled: state.counts.cancelled,
            discarded: state.counts.discarded,
            rejected: state.counts.rejected,
            oldest_wait: state
                .line
                .oldest()
                .map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
            peak_threads: state.counts.peak,
        }
    }
}
