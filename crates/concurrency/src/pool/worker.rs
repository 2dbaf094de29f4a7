//! A thread's life: work, sleep, stand by, leave.

use super::{
    crew::Crew,
    staff::Seat,
    state::{Call, State},
    task::Work,
};
use crate::panicked::guarded;
use std::{
    hint, mem,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

/// A thread looks so often for another job before it sleeps, as long as no more others do: waking it would cost whoever
/// submits more than that.
const SEARCH: u32 = 60;
/// The first of these looks without giving the CPU away.
const SPINS: u32 = 40;
/// Another one would only take the CPU from who submits: on two cores it brought nothing.
const SEARCHERS: usize = 1;

/// What a thread knows of itself.
#[derive(Default)]
pub(super) struct Own {
    /// When it ran out of work.
    since: Option<Instant>,
    /// It is counted as one who searches.
    searching: bool,
    /// It has searched since its last job.
    searched: bool,
}

/// A job that a thread has run, and whether it panicked.
pub(super) struct Ran {
    work: Arc<dyn Work>,
    panicked: bool,
}

impl Ran {
    pub(super) fn new(work: Arc<dyn Work>) -> Self {
        Self { panicked: work.run(), work }
    }

    /// Hands the result over: code of others, which must not end the thread.
    pub(super) fn publish(self) {
        guarded(|| self.work.publish());
        guarded(|| drop(self.work));
    }
}

pub(super) enum Next {
    Run(Arc<dyn Work>),
    /// Look for a job for a moment, without the lock.
    Search,
    Sleep(Option<Duration>),
    Leave,
}

/// What a thread is to do, and what for others once the lock is free.
pub(super) struct Orders {
    pub(super) next: Next,
    calls: Vec<Call>,
    admitted: Option<Arc<dyn Work>>,
    drained: bool,
}

impl Orders {
    fn only(next: Next) -> Self {
        Self { next, calls: Vec::new(), admitted: None, drained: false }
    }
}

impl Crew {
    pub(super) fn work(self: Arc<Self>, number: u64) {
        let seat = Seat::new();
        let mut ran = None;
        let mut own = Own::default();
        loop {
            match self.step(number, &seat, ran.take(), &mut own) {
                Next::Run(work) => ran = Some(Ran::new(work)),
                Next::Search => self.search(),
                Next::Sleep(None) => thread::park(),
                Next::Sleep(Some(time)) => thread::park_timeout(time),
                Next::Leave => return,
            }
        }
    }

    fn search(&self) {
        for look in 0..SEARCH {
            if self.found.load(Relaxed) {
                return;
            }
            if look < SPINS { hint::spin_loop() } else { thread::yield_now() }
        }
    }

    /// One job on rayon, and the next in a task of its own.
    #[cfg(feature = "rayon")]
    pub(super) fn turn(self: Arc<Self>, number: u64, work: Option<Arc<dyn Work>>) {
        let (seat, mut own) = (Seat::new(), Own::default());
        let first = || match self.step(number, &seat, None, &mut Own::default()) {
            Next::Run(work) => Some(work),
            Next::Search | Next::Sleep(_) | Next::Leave => None,
        };
        let Some(work) = work.or_else(first) else { return };
        let next = self.step(number, &seat, Some(Ran::new(work)), &mut own);
        if let (Next::Run(work), super::staff::Staff::Rayon(pool)) = (next, &self.staff) {
            let crew = Arc::clone(&self);
            pool.spawn(move || crew.turn(number, Some(work)));
        }
    }

    /// Counts what was run, decides what comes next, and only then hands the result over: whoever has a result finds
    /// it counted.
    pub(super) fn step(
        self: &Arc<Self>,
        number: u64,
        seat: &Arc<Seat>,
        ran: Option<Ran>,
        own: &mut Own,
    ) -> Next {
        let mut state = self.state.lock();
        if mem::take(&mut own.searching) {
            state.searching -= 1;
            state.free_searchers = state.free_searchers.min(state.searching);
        }
        if let Some(ran) = &ran {
            state.running -= 1;
            state.counts.completed += u64::from(!ran.panicked);
            state.counts.panicked += u64::from(ran.panicked);
        }
        let mut orders = if state.standby.as_ref().is_some_and(|standby| standby.number == number) {
            self.stand_by(&mut state, seat, own)
        } else {
            self.next(&mut state, seat, own)
        };
        orders.drained = state.is_drained();
        drop(state);
        if let Some(ran) = ran {
            ran.publish();
        }
        self.carry_out(orders)
    }

    fn carry_out(self: &Arc<Self>, orders: Orders) -> Next {
        if let Some(admitted) = orders.admitted {
            guarded(|| admitted.wake());
        }
        self.answer_all(orders.calls);
        if orders.drained {
            guarded(|| self.drained.notify_waiters());
        }
        orders.next
    }

    fn next(&self, state: &mut State, seat: &Arc<Seat>, own: &mut Own) -> Orders {
        if state.threads > state.max {
            return self.leave(state, seat);
        }
        // A sleeper that only looks at the time leaves the job to the one that was called for it: else its own time
        // would begin anew.
        let called = !seat.is_listed() || state.closed;
        if let Some(work) = called.then(|| state.line.take()).flatten() {
            *own = Own::default();
            return run(state, seat, work);
        }
        if state.closed || !self.staff.sleeps() {
            return self.leave(state, seat);
        }
        // One who sleeps is counted on by nobody who does not call it.
        if !seat.is_listed() && !own.searched && state.searching < SEARCHERS {
            (own.searching, own.searched) = (true, true);
            state.searching += 1;
            state.free_searchers += 1;
            self.found.store(false, Relaxed);
            return Orders::only(Next::Search);
        }
        let Some(left) = self.time_left(state, own) else { return self.leave(state, seat) };
        if !seat.is_listed() {
            seat.set_listed(true);
            state.idle.push(Arc::clone(seat));
        }
        Orders::only(Next::Sleep(left))
    }

    /// The standby's turn: it takes no job before the oldest one is too old, and then brings as many threads as there
    /// are already, as long as jobs are too old.
    fn stand_by(&self, state: &mut State, seat: &Arc<Seat>, own: &mut Own) -> Orders {
        if state.threads <= state.min {
            state.standby = None;
            return self.next(state, seat, own);
        }
        if state.threads > state.max || (state.closed && state.line.len() == 0) {
            state.standby = None;
            return self.leave(state, seat);
        }
        let Some(oldest) = state.line.oldest() else {
            let Some(left) = self.time_left(state, own) else {
                state.standby = None;
                return self.leave(state, seat);
            };
            watch(state, seat, false);
            return Orders::only(Next::Sleep(left));
        };
        own.since = None;
        let now = self.clock.now();
        let due = state.grown.map_or(oldest, |grown| grown.max(oldest)).checked_add(self.grow_after);
        // A time beyond what the clock can tell never comes.
        let left = due.map_or(Some(None), |due| (now < due).then(|| Some(due - now)));
        if let Some(left) = left {
            watch(state, seat, true);
            return Orders::only(Next::Sleep(left));
        }
        self.grow(state, seat, now)
    }

    fn grow(&self, state: &mut State, seat: &Arc<Seat>, now: Instant) -> Orders {
        let old = now.checked_sub(self.grow_after).map_or(1, |then| state.line.since(then));
        let more = old.min(state.workers()).min(state.max - state.threads + 1);
        state.standby = None;
        state.grown = Some(now);
        let Some(work) = state.line.take() else { unreachable!("the oldest job is there") };
        let mut orders = run(state, seat, work);
        if !state.may_hire(now) {
            return orders;
        }
        orders.calls.extend((1..more).map(|_| Call::Hire(state.hire())));
        if state.line.len() > 0 && state.threads < state.max {
            orders.calls.push(Call::Hire(state.hire_standby()));
        }
        orders
    }

    /// The thread's place goes; a job that it may have been called for goes to another.
    fn leave(&self, state: &mut State, seat: &Arc<Seat>) -> Orders {
        let called = !seat.is_listed();
        unlist(state, seat);
        state.threads -= 1;
        let mut orders = Orders::only(Next::Leave);
        if called && state.line.len() > 0 {
            orders.calls.push(state.call(self.clock.now()));
        } else if state.threads <= state.min {
            // Whoever stands by is one of the last now, and takes jobs as they come.
            let standby = state.standby.as_ref().and_then(|standby| standby.seat.clone());
            orders.calls.extend(standby.map(Call::Wake));
        }
        orders
    }

    /// How long a thread without work may sleep: for ever, up to `min`; `None` if its time is over.
    fn time_left(&self, state: &State, own: &mut Own) -> Option<Option<Duration>> {
        if state.threads <= state.min {
            own.since = None;
            return Some(None);
        }
        let now = self.clock.now();
        let end = own.since.get_or_insert(now).checked_add(self.keep_alive);
        let Some(end) = end else { return Some(None) };
        (end > now).then(|| Some(end - now))
    }
}

fn watch(state: &mut State, seat: &Arc<Seat>, armed: bool) {
    if let Some(standby) = &mut state.standby {
        standby.armed = armed;
        standby.seat.get_or_insert_with(|| Arc::clone(seat));
    }
}

fn run(state: &mut State, seat: &Arc<Seat>, work: Arc<dyn Work>) -> Orders {
    unlist(state, seat);
    state.running += 1;
    let admitted = state.line.admit();
    Orders { admitted, ..Orders::only(Next::Run(work)) }
}

fn unlist(state: &mut State, seat: &Arc<Seat>) {
    if seat.is_listed() {
        seat.set_listed(false);
        state.idle.retain(|other| !Arc::ptr_eq(other, seat));
    }
}
