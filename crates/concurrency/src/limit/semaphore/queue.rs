//! Who waits, in order of arrival within a class.
//!
//! Waiters live in slots that are used again, linked into one list for each class, so that one that leaves from the
//! middle costs no more than the first. Nothing here blocks, wakes or runs code of others; that is the semaphore's.

use std::task::{Poll, Waker};

/// A slot's number, and none.
const NONE: usize = usize::MAX;

/// How a waiter stands.
pub(super) enum State {
    Free,
    Waiting(Waker),
    /// It was given so much and does not know it yet.
    Granted(usize),
    /// It gave its place to one that comes first.
    Displaced,
}

struct Slot {
    state: State,
    class: usize,
    weight: usize,
    arrival: u64,
    previous: usize,
    next: usize,
}

#[derive(Clone, Copy)]
struct List {
    first: usize,
    last: usize,
}

/// What is asked of a waiter when the next one is chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) slot: usize,
    pub(super) class: usize,
    pub(super) weight: usize,
    pub(super) arrival: u64,
}

pub(super) struct Queue {
    slots: Vec<Slot>,
    /// The first free slot; free ones are linked by `next`.
    free: usize,
    lists: Box<[List]>,
    waiting: usize,
    arrivals: u64,
}

impl Queue {
    pub(super) fn new(classes: usize) -> Self {
        let lists = vec![List { first: NONE, last: NONE }; classes].into_boxed_slice();
        Self { slots: Vec::new(), free: NONE, lists, waiting: 0, arrivals: 0 }
    }

    /// How many wait; those that were given what they wait for do not.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Puts a waiter at the end of its class.
    pub(super) fn push(&mut self, class: usize, weight: usize, waker: Waker) -> usize {
        let previous = self.lists[class].last;
        self.arrivals += 1;
        let slot = Slot {
            state: State::Waiting(waker),
            class,
            weight,
            arrival: self.arrivals,
            previous,
            next: NONE,
        };
        let number = self.place(slot);
        match self.slots.get_mut(previous) {
            Some(before) => before.next = number,
            None => self.lists[class].first = number,
        }
        self.lists[class].last = number;
        self.waiting += 1;
        number
    }

    fn place(&mut self, slot: Slot) -> usize {
        let number = self.free;
        match self.slots.get_mut(number) {
            Some(free) => {
                self.free = free.next;
                *free = slot;
                number
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }

    /// The first of each class that has waiters.
    pub(super) fn firsts(&self) -> impl Iterator<Item = Candidate> + '_ {
        self.lists.iter().filter_map(|list| self.candidate(list.first))
    }

    /// The last of each class that has waiters.
    pub(super) fn lasts(&self) -> impl Iterator<Item = Candidate> + '_ {
        self.lists.iter().filter_map(|list| self.candidate(list.last))
    }

    fn candidate(&self, number: usize) -> Option<Candidate> {
        let Slot { class, weight, arrival, .. } = *self.slots.get(number)?;
        Some(Candidate { slot: number, class, weight, arrival })
    }

    /// Takes a waiter out of its class and tells it by its state why; the waker is the caller's to wake.
    pub(super) fn settle(&mut self, number: usize, state: State) -> Option<Waker> {
        self.unlink(number);
        match std::mem::replace(&mut self.slots[number].state, state) {
            State::Waiting(waker) => Some(waker),
            _ => None,
        }
    }

    fn unlink(&mut self, number: usize) {
        let Slot { class, previous, next, .. } = self.slots[number];
        match self.slots.get_mut(previous) {
            Some(before) => before.next = next,
            None => self.lists[class].first = next,
        }
        match self.slots.get_mut(next) {
            Some(after) => after.previous = previous,
            None => self.lists[class].last = previous,
        }
        self.waiting -= 1;
    }

    /// How a waiter was settled; one that waits on takes the waker, and the old one is given out to be dropped elsewhere.
    pub(super) fn poll(&mut self, number: usize, waker: &Waker, old: &mut Option<Waker>) -> Poll<State> {
        match &mut self.slots[number].state {
            State::Waiting(kept) => {
                if !kept.will_wake(waker) {
                    *old = Some(std::mem::replace(kept, waker.clone()));
                }
                Poll::Pending
            }
            _ => Poll::Ready(self.free(number)),
        }
    }

    /// Takes a waiter away, wherever it stands.
    pub(super) fn remove(&mut self, number: usize) -> State {
        if matches!(self.slots[number].state, State::Waiting(_)) {
            self.unlink(number);
        }
        self.free(number)
    }

    fn free(&mut self, number: usize) -> State {
        let slot = &mut self.slots[number];
        slot.next = self.free;
        self.free = number;
        std::mem::replace(&mut slot.state, State::Free)
    }
}
