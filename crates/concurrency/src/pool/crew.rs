//! The queue and who works on it, under one lock.

use super::{
    error::Refused,
    line::Line,
    stats::Stats,
    task::{DISCARDED, Task, WAITING, Work},
    worker::{Seat, Staff},
};
use crate::sync::Mutex;
use perfect21_core::Clock;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
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

pub(super) struct State {
    pub(super) line: Line,
    pub(super) min: usize,
    pub(super) max: usize,
    /// All threads, the one that stands by among them.
    pub(super) threads: usize,
    /// Those that sleep, the last to fall asleep on top: it is woken first, so that the others' time runs out.
    pub(super) idle: Vec<Arc<Seat>>,
    pub(super) standby: Option<Standby>,
    /// Threads that look for a job before they fall asleep, and how many of them no job counts on yet.
    pub(super) searching: usize,
    pub(super) free_searchers: usize,
    /// When the pool grew last because a job had waited.
    pub(super) grown: Option<Instant>,
    pub(super) running: usize,
    pub(super) closed: bool,
    pub(super) numbers: u64,
    pub(super) counts: Counts,
}

/// The thread that waits for a job to get too old, where all others are busy and more are allowed.
pub(super) struct Standby {
    pub(super) number: u64,
    /// Where it sleeps; nowhere while it starts.
    pub(super) seat: Option<Arc<Seat>>,
    /// It sleeps no longer than until the oldest job is too old.
    pub(super) armed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) completed: u64,
    pub(super) panicked: u64,
    pub(super) cancelled: u64,
    pub(super) discarded: u64,
    pub(super) rejected: u64,
    pub(super) peak: usize,
}

/// What is to be done once the lock is free.
#[must_use]
pub(super) enum Call {
    Nobody,
    Wake(Arc<Seat>),
    Hire(u64),
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
        let first = (state.threads == 0).then(|| Arc::clone(&work));
        state.line.push(work, now);
        if state.searching > 0 {
            self.found.store(true, Relaxed);
        }
        let call = state.call();
        drop(state);
        match (self.answer(call), first) {
            (Err(error), Some(work)) if self.take_back(&*work) => Err(No::Thread(error)),
            _ => Ok(()),
        }
    }

    /// Does what was called for; an error where a thread could not be started.
    pub(super) fn answer(self: &Arc<Self>, call: Call) -> io::Result<()> {
        match call {
            Call::Nobody => Ok(()),
            Call::Wake(seat) => {
                seat.wake();
                Ok(())
            }
            Call::Hire(number) => self.staff.start(self, number).inspect_err(|_| self.quit(number)),
        }
    }

    #[cold]
    fn quit(&self, number: u64) {
        let mut state = self.state.lock();
        state.threads -= 1;
        state.standby.take_if(|standby| standby.number == number);
    }

    /// Takes a job back that nobody is there for.
    #[cold]
    fn take_back(&self, work: &dyn Work) -> bool {
        let mut state = self.state.lock();
        state.threads == 0 && state.line.cancel(work).is_some()
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
        let mut state = self.state.lock();
        (state.min, state.max) = (min, max);
        let mut calls = Vec::new();
        // Jobs that are queued find the new threads at once: those up to `min` need no reason.
        while calls.len() < state.line.len() && state.workers() < state.wanted() {
            calls.push(state.call());
        }
        if state.line.len() > 0 {
            calls.push(state.call());
        }
        drop(state);
        for call in calls {
            // A thread that does not start leaves the job to the others.
            let _ = self.answer(call);
        }
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

impl State {
    /// Threads that take jobs as they come.
    pub(super) fn workers(&self) -> usize {
        self.threads - usize::from(self.standby.is_some())
    }

    /// So many are started without a reason.
    fn wanted(&self) -> usize {
        self.min.max(1)
    }

    pub(super) fn is_drained(&self) -> bool {
        self.closed && self.running == 0 && self.line.len() == 0
    }

    /// Finds somebody for a job that was just queued: one who searches, a sleeper, a new thread up to `min`, or somebody to watch how
    /// long it waits.
    pub(super) fn call(&mut self) -> Call {
        if self.free_searchers > 0 {
            self.free_searchers -= 1;
            return Call::Nobody;
        }
        if let Some(seat) = self.idle.pop() {
            seat.set_listed(false);
            return Call::Wake(seat);
        }
        if self.workers() < self.wanted() {
            return match self.standby.take() {
                Some(standby) => standby.seat.map_or(Call::Nobody, Call::Wake),
                None => Call::Hire(self.hire()),
            };
        }
        match &mut self.standby {
            Some(Standby { armed: true, .. } | Standby { seat: None, .. }) => Call::Nobody,
            Some(Standby { armed, seat: Some(seat), .. }) => {
                *armed = true;
                Call::Wake(Arc::clone(seat))
            }
            None if self.threads < self.max => Call::Hire(self.hire_standby()),
            None => Call::Nobody,
        }
    }

    /// Counts a new thread; its number.
    pub(super) fn hire(&mut self) -> u64 {
        self.threads += 1;
        self.numbers += 1;
        self.counts.peak = self.counts.peak.max(self.threads);
        self.numbers
    }

    pub(super) fn hire_standby(&mut self) -> u64 {
        let number = self.hire();
        self.standby = Some(Standby { number, seat: None, armed: true });
        number
    }
}
