//! One batch that has not begun: its items, and who asked for them.

use super::round::Round;
use hashbrown::HashTable;
use std::{sync::Arc, task::Waker};

/// How equal items are told, where they share a place.
pub(super) struct Equal<I, O> {
    pub(super) hash: fn(&I) -> u64,
    pub(super) same: fn(&I, &I) -> bool,
    pub(super) clone: fn(&O) -> O,
}

/// An item on its way into a batch.
pub(super) struct Arrival<I> {
    pub(super) item: I,
    pub(super) weight: u64,
    /// Zero where equal items do not share.
    pub(super) hash: u64,
    pub(super) waker: Option<Waker>,
}

pub(super) struct Batch<I, O, E, K> {
    pub(super) key: K,
    pub(super) round: Arc<Round<O, E>>,
    /// Places that were left are filled again, so there are never more than a batch may have.
    entries: Vec<Option<Entry<I>>>,
    free: Vec<usize>,
    /// Callers, each with the waker it waits by.
    wakers: Vec<Option<Waker>>,
    free_wakers: Vec<usize>,
    by_hash: HashTable<usize>,
    pub(super) items: usize,
    pub(super) callers: usize,
    pub(super) weight: u64,
    /// It waits for a turn to begin.
    pub(super) ready: bool,
}

pub(super) struct Entry<I> {
    pub(super) item: I,
    pub(super) callers: u32,
    weight: u64,
    hash: u64,
}

impl<I, O, E, K> Batch<I, O, E, K> {
    pub(super) fn new(key: K, capacity: usize) -> Self {
        Self {
            key,
            round: Arc::new(Round::new()),
            entries: Vec::with_capacity(capacity),
            free: Vec::new(),
            wakers: Vec::with_capacity(capacity),
            free_wakers: Vec::new(),
            by_hash: HashTable::new(),
            items: 0,
            callers: 0,
            weight: 0,
            ready: false,
        }
    }

    /// The entry of an equal item.
    pub(super) fn find(&self, arrival: &Arrival<I>, equal: &Equal<I, O>) -> Option<usize> {
        let same = |entry: &usize| {
            self.entries[*entry].as_ref().is_some_and(|entry| (equal.same)(&entry.item, &arrival.item))
        };
        self.by_hash.find(arrival.hash, same).copied()
    }

    /// One more caller for an entry; its number.
    pub(super) fn join(&mut self, entry: usize, waker: Option<Waker>) -> usize {
        if let Some(entry) = &mut self.entries[entry] {
            entry.callers += 1;
        }
        self.callers += 1;
        match self.free_wakers.pop() {
            Some(caller) => {
                self.wakers[caller] = waker;
                caller
            }
            None => {
                self.wakers.push(waker);
                self.wakers.len() - 1
            }
        }
    }

    /// A new entry, with no caller yet.
    pub(super) fn add(&mut self, arrival: Arrival<I>, shared: bool) -> (usize, Option<Waker>) {
        let Arrival { item, weight, hash, waker } = arrival;
        self.items += 1;
        self.weight = self.weight.saturating_add(weight);
        let new = Some(Entry { item, callers: 0, weight, hash });
        let entry = match self.free.pop() {
            Some(free) => {
                self.entries[free] = new;
                free
            }
            None => {
                self.entries.push(new);
                self.entries.len() - 1
            }
        };
        if shared {
            let entries = &self.entries;
            let hash_of = |entry: &usize| entries[*entry].as_ref().map_or(0, |entry| entry.hash);
            self.by_hash.insert_unique(hash, entry, hash_of);
        }
        (entry, waker)
    }

    pub(super) fn waker(&mut self, caller: usize) -> &mut Option<Waker> {
        &mut self.wakers[caller]
    }

    /// A caller goes; the item goes with the last one. Both are dropped without the lock.
    pub(super) fn leave(&mut self, caller: usize, entry: usize) -> (Option<Waker>, Option<I>) {
        let waker = self.wakers[caller].take();
        self.free_wakers.push(caller);
        self.callers -= 1;
        let Some(left) = &mut self.entries[entry] else { return (waker, None) };
        left.callers -= 1;
        if left.callers > 0 {
            return (waker, None);
        }
        self.items -= 1;
        // Saturated sums cannot be undone exactly; a batch closed too early is no harm.
        self.weight = self.weight.saturating_sub(left.weight);
        if let Ok(found) = self.by_hash.find_entry(left.hash, |other| *other == entry) {
            found.remove();
        }
        self.free.push(entry);
        (waker, self.entries[entry].take().map(|entry| entry.item))
    }

    /// It begins: whoever waits does so in the round from now on.
    pub(super) fn begin(mut self) -> Begun<I, O, E> {
        self.round.begin(std::mem::take(&mut self.wakers));
        Begun { entries: self.entries, items: self.items, round: self.round }
    }
}

/// A batch on its way to the handler.
pub(super) struct Begun<I, O, E> {
    pub(super) entries: Vec<Option<Entry<I>>>,
    pub(super) items: usize,
    pub(super) round: Arc<Round<O, E>>,
}
