//! What a pool's lock guards: the queue, who sleeps, searches and stands by, and whom a new job calls.

use super::{line::Line, staff::Seat};
use std::{sync::Arc, time::Instant};

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
    /// The system started no thread: none is asked for before this, unless there is no other.
    pub(super) hire_from: Option<Instant>,
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

impl State {
    /// Threads that take jobs as they come.
    pub(super) fn workers(&self) -> usize {
        self.threads - usize::from(self.standby.is_some())
    }

    /// So many are started without a reason.
    pub(super) fn wanted(&self) -> usize {
        self.min.max(1)
    }

    pub(super) fn is_drained(&self) -> bool {
        self.closed && self.running == 0 && self.line.len() == 0
    }

    /// Finds somebody for a job that was just queued: one who searches, a sleeper, a new thread up to `min`, or somebody to watch how
    /// long it waits.
    pub(super) fn call(&mut self, now: Instant) -> Call {
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
                None if self.may_hire(now) => Call::Hire(self.hire()),
                None => Call::Nobody,
            };
        }
        let may_hire = self.threads < self.max && self.may_hire(now);
        match &mut self.standby {
            Some(Standby { armed: true, .. } | Standby { seat: None, .. }) => Call::Nobody,
            Some(Standby { armed, seat: Some(seat), .. }) => {
                *armed = true;
                Call::Wake(Arc::clone(seat))
            }
            None if may_hire => Call::Hire(self.hire_standby()),
            None => Call::Nobody,
        }
    }

    pub(super) fn may_hire(&self, now: Instant) -> bool {
        self.threads == 0 || self.hire_from.is_none_or(|from| now >= from)
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
