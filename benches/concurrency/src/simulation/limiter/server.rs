//! A server of so many workers with a queue, behind a real [`Limit`] that reads a simulated clock.

use super::record::Record;
use fastrand::Rng;
use perfect21_concurrency::{Limit, ManualClock, limit::OwnedPermit};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

/// What the load and the server are for a while.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phase {
    pub(super) seconds: u64,
    /// Calls a second, by a Poisson process.
    pub(super) offered: f64,
    pub(super) workers: usize,
    /// The mean service time: half of it is constant, half exponential.
    pub(super) service: f64,
    /// The share of the calls that fail after they were served, whatever the load; they are
    /// reported as overload.
    pub(super) failing: f64,
}

impl Phase {
    /// What the server can do in a second.
    pub(super) fn capacity(&self) -> f64 {
        self.workers as f64 / self.service
    }
}

struct Call {
    permit: OwnedPermit,
    arrived: u64,
}

pub(super) struct Server {
    clock: ManualClock,
    limit: Limit,
    random: Rng,
    now: u64,
    /// When a worker is done, and with what.
    busy: BinaryHeap<Reverse<(u64, usize)>>,
    calls: Vec<Option<Call>>,
    free: Vec<usize>,
    waiting: VecDeque<Call>,
}

impl Server {
    pub(super) fn new(limit: Limit, clock: ManualClock, seed: u64) -> Self {
        Self {
            clock,
            limit,
            random: Rng::with_seed(seed),
            now: 0,
            busy: BinaryHeap::new(),
            calls: Vec::new(),
            free: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Lets a phase happen. What runs and waits goes on from the phase before.
    pub(super) fn run(&mut self, phase: &Phase) -> Record {
        let (start, end) = (self.now, self.now + phase.seconds * 1_000_000_000);
        let mut record = Record::new(start, phase.seconds);
        let mut arrival = self.now + self.exponential(1.0 / phase.offered);
        // More workers take up at once what waits.
        self.work(phase);
        loop {
            let done = self.busy.peek().map_or(u64::MAX, |Reverse((done, _))| *done);
            let next = arrival.min(done);
            if next >= end {
                self.advance(end);
                return record;
            }
            self.advance(next);
            if done <= arrival {
                self.finish(&mut record, phase.failing);
                self.work(phase);
            } else {
                arrival = self.now + self.exponential(1.0 / phase.offered);
                self.arrive(&mut record);
                self.work(phase);
            }
        }
    }

    fn arrive(&mut self, record: &mut Record) {
        match self.limit.try_acquire_owned() {
            Some(permit) => self.waiting.push_back(Call { permit, arrived: self.now }),
            None => record.reject(self.now),
        }
        let stats = self.limit.stats();
        record.see(self.now, stats.limit, stats.in_flight);
    }

    fn work(&mut self, phase: &Phase) {
        // With fewer workers than are busy, the rest finish what they have and go.
        while self.busy.len() < phase.workers {
            let Some(call) = self.waiting.pop_front() else { return };
            let service = (phase.service * 5e8) as u64 + self.exponential(phase.service * 0.5);
            let slot = self.free.pop().unwrap_or_else(|| {
                self.calls.push(None);
                self.calls.len() - 1
            });
            self.calls[slot] = Some(call);
            self.busy.push(Reverse((self.now + service, slot)));
        }
    }

    fn finish(&mut self, record: &mut Record, failing: f64) {
        let Some(Reverse((_, slot))) = self.busy.pop() else { return };
        self.free.push(slot);
        // No draw without failures, so that those runs stay as they are.
        let fails = failing > 0.0 && self.random.f64() < failing;
        if let Some(call) = self.calls[slot].take() {
            if fails {
                call.permit.overload();
                return;
            }
            call.permit.success();
            record.complete(self.now, self.now - call.arrived);
        }
    }

    fn advance(&mut self, to: u64) {
        self.clock.advance(Duration::from_nanos(to - self.now));
        self.now = to;
    }

    /// In nanoseconds, of a mean in seconds.
    fn exponential(&mut self, mean: f64) -> u64 {
        (-(1.0 - self.random.f64()).ln() * mean * 1e9) as u64
    }
}
