//! A semaphore that can be resized: weighted, fair, with classes of waiters.
//!
//! # Protocol
//! `word` holds what is in flight and one bit that says that somebody waits.
//!
//! - **Take, the fast path.** One compare-and-exchange that goes from `in_flight` to `in_flight + weight` where that is
//!   within the limit *and nobody waits*, so nobody overtakes the queue.
//! - **Give.** One subtraction. If the word said that somebody waits, the lock is taken and places are handed over.
//! - **Wait.** Under the lock: the waiter is queued, the bit is set, and places are handed over, perhaps to itself.
//! - **Hand over**, always under the lock: while the next waiter fits *now*, it is given its weight and woken. The test is
//!   the limit of this moment, so a limit that shrank below what is in flight gives nothing until enough has ended, however
//!   many wait.
//!
//! No wake-up is lost: giving and setting the bit are read-modify-writes of one word, so they have an order. Either the
//! giver comes second and sees the bit, or the waiter comes second and hands over what was given before. A limit changes
//! under the lock and hands over there, so a waiter sees the new limit or is seen by it.
//!
//! A waiter that leaves hands over too: it may have been first and too heavy, or had been given what it does not take.
//!
//! # Orderings
//! Counts carry no data of their own. Taking is acquire and giving is release so that what ran under a permit happened
//! before what runs under the next one; a hand-over goes through the lock.

#[cfg(all(test, perfect21_loom))]
mod models;
mod queue;
mod turn;

pub(super) use turn::{Refused, Turn};

use self::queue::{Candidate, Queue, State};
use super::partition::{Class, Shares};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};
use std::task::Waker;

const WAITING: u64 = 1;
const ONE: u64 = 2;

pub(super) struct Semaphore {
    word: AtomicU64,
    limit: AtomicUsize,
    shares: Shares,
    /// How many wait, for who only looks; written under the lock.
    waiting: AtomicUsize,
    queue: Mutex<Queue>,
}

impl Semaphore {
    /// The most that can be in flight.
    pub(super) const MAX: usize = usize::MAX >> 3;

    pub(super) fn new(limit: usize, shares: Shares) -> Self {
        Self {
            word: AtomicU64::new(0),
            limit: AtomicUsize::new(limit.clamp(1, Self::MAX)),
            waiting: AtomicUsize::new(0),
            queue: Mutex::new(Queue::new(shares.classes())),
            shares,
        }
    }

    #[inline]
    pub(super) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn in_flight(&self) -> usize {
        in_flight(self.word.load(Ordering::Relaxed))
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Takes `weight`, or the whole limit where that is less, if it is free and nobody waits; says how much it took.
    #[inline]
    pub(super) fn try_take(&self, class: Class, weight: usize) -> Option<usize> {
        let taken = self.take(weight, WAITING)?;
        self.shares.take(class, taken);
        Some(taken)
    }

    /// Takes what fits unless one of the bits in `unless` is set.
    #[inline]
    fn take(&self, weight: usize, unless: u64) -> Option<usize> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let limit = self.limit();
            let weight = weight.min(limit);
            if word & unless != 0 || in_flight(word) + weight > limit {
                return None;
            }
            let taken = word + weight as u64 * ONE;
            match self.word.compare_exchange_weak(word, taken, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(weight),
                Err(now) => word = now,
            }
        }
    }

    /// Gives back what was taken.
    #[inline]
    pub(super) fn give(&self, class: Class, taken: usize) {
        self.shares.give(class, taken);
        let before = self.word.fetch_sub(taken as u64 * ONE, Ordering::Release);
        if before & WAITING != 0 {
            self.locked(|_, _| ());
        }
    }

    /// From now on so much is let in. What is in flight beyond it stays until it ends.
    pub(super) fn resize(&self, limit: usize) {
        self.locked(|_, _| self.limit.store(limit.clamp(1, Self::MAX), Ordering::Relaxed));
    }

    /// Does `change` under the lock, hands over what is free, and wakes who got something once the lock is free.
    #[cold]
    #[inline(never)]
    fn locked<R>(&self, change: impl FnOnce(&mut Queue, &mut Wakers) -> R) -> R {
        let mut wakers = Wakers::default();
        let mut queue = self.queue.lock();
        let result = change(&mut queue, &mut wakers);
        self.hand_over(&mut queue, &mut wakers);
        self.waiting.store(queue.waiting(), Ordering::Relaxed);
        drop(queue);
        wakers.wake();
        result
    }

    fn hand_over(&self, queue: &mut Queue, wakers: &mut Wakers) {
        while let Some(next) = queue.firsts().min_by_key(|waiter| self.rank(*waiter)) {
            let Some(taken) = self.take(next.weight, 0) else { return };
            self.shares.take(Class::of(next.class), taken);
            wakers.push(queue.settle(next.slot, State::Granted(taken)));
        }
        // Only a taker under the lock sets it, so nobody is forgotten.
        self.word.fetch_and(!WAITING, Ordering::Relaxed);
    }

    /// The smallest comes first: those under their share, by priority, by arrival.
    fn rank(&self, waiter: Candidate) -> (bool, usize, u64) {
        let (over, level) = self.standing(waiter.class, waiter.weight);
        (over, level, waiter.arrival)
    }

    fn standing(&self, class: usize, weight: usize) -> (bool, usize) {
        let class = Class::of(class);
        (self.shares.is_over(class, weight, self.limit()), class.level())
    }

    /// Queues a waiter, if there is room or one that comes after it gives up its place.
    fn queue(&self, class: Class, weight: usize, max: usize, waker: &Waker) -> Option<usize> {
        self.locked(|queue, wakers| {
            if queue.waiting() >= max {
                let last = queue.lasts().max_by_key(|waiter| self.rank(*waiter))?;
                if self.standing(last.class, last.weight) <= self.standing(class.number(), weight) {
                    return None;
                }
                wakers.push(queue.settle(last.slot, State::Displaced));
            }
            self.word.fetch_or(WAITING, Ordering::Relaxed);
            Some(queue.push(class.number(), weight, waker.clone()))
        })
    }

    /// Takes a waiter away; what it had been given goes to the next.
    fn leave(&self, class: Class, waiter: usize) {
        let state = self.locked(|queue, _| {
            let state = queue.remove(waiter);
            if let State::Granted(taken) = state {
                self.shares.give(class, taken);
                self.word.fetch_sub(taken as u64 * ONE, Ordering::Release);
            }
            state
        });
        // A waker is dropped out of the lock, as it is woken.
        drop(state);
    }
}

#[inline]
fn in_flight(word: u64) -> usize {
    (word >> 1) as usize
}

/// Whom to wake; allocates only where there are several.
#[derive(Default)]
struct Wakers {
    first: Option<Waker>,
    rest: Vec<Waker>,
}

impl Wakers {
    fn push(&mut self, waker: Option<Waker>) {
        match self.first {
            None => self.first = waker,
            Some(_) => self.rest.extend(waker),
        }
    }

    fn wake(self) {
        self.first.into_iter().chain(self.rest).for_each(Waker::wake);
    }
}
