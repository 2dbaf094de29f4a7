//! Where magazines lie that no thread has at hand, and threads without a cache go.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::node::Item;

/// How many emptied magazines are kept for the next that is to be filled.
const EMPTIES: usize = 16;

pub(crate) type Magazine<T> = Vec<Item<T>>;

/// Stacks of magazines, behind a lock that is taken once for a whole magazine.
#[repr(align(128))]
pub(crate) struct Depot<T: Send + 'static> {
    filled: object_pool::Pool<Magazine<T>>,
    empty: object_pool::Pool<Magazine<T>>,
    objects: AtomicUsize,
    /// The least of `objects` since the last [`take_low`](Self::take_low): so many were never needed.
    low: AtomicUsize,
}

impl<T: Send + 'static> Depot<T> {
    pub(crate) fn new() -> Self {
        Self {
            filled: object_pool::Pool::from_vec(Vec::new()),
            empty: object_pool::Pool::from_vec(Vec::new()),
            objects: AtomicUsize::new(0),
            low: AtomicUsize::new(0),
        }
    }

    pub(crate) fn give(&self, magazine: Magazine<T>) {
        if magazine.is_empty() {
            return self.give_empty(magazine);
        }
        // Counted before it lies there, so that the count never falls below zero.
        self.objects.fetch_add(magazine.len(), Relaxed);
        self.filled.attach(magazine);
    }

    pub(crate) fn take(&self) -> Option<Magazine<T>> {
        let (_, magazine) = self.filled.try_pull()?.detach();
        let before = self.objects.fetch_sub(magazine.len(), Relaxed);
        self.low.fetch_min(before - magazine.len(), Relaxed);
        Some(magazine)
    }

    pub(crate) fn give_one(&self, item: Item<T>, per_magazine: usize) {
        let mut magazine = self.take().unwrap_or_default();
        if magazine.len() >= per_magazine {
            self.give(magazine);
            magazine = self.take_empty();
        }
        magazine.push(item);
        self.give(magazine);
    }

    pub(crate) fn take_one(&self) -> Option<Item<T>> {
        let mut magazine = self.take()?;
        let item = magazine.pop();
        self.give(magazine);
        item
    }

    pub(crate) fn take_all(&self) -> Vec<Item<T>> {
        std::iter::from_fn(|| self.take()).flatten().collect()
    }

    /// Takes what has lain here ever since the last call, and begins to watch anew.
    pub(crate) fn take_low(&self) -> Vec<Item<T>> {
        let mut low = self.low.swap(usize::MAX, Relaxed).min(self.objects.load(Relaxed));
        let mut unneeded = Vec::new();
        while low > 0
            && let Some(mut magazine) = self.take()
        {
            let keep = magazine.len().saturating_sub(low);
            low -= magazine.len() - keep;
            unneeded.extend(magazine.drain(keep..));
            self.give(magazine);
        }
        self.low.store(self.objects.load(Relaxed), Relaxed);
        unneeded
    }

    pub(crate) fn take_empty(&self) -> Magazine<T> {
        self.empty.try_pull().map_or_else(Vec::new, |magazine| magazine.detach().1)
    }

    pub(crate) fn give_empty(&self, magazine: Magazine<T>) {
        if magazine.capacity() > 0 && self.empty.len() < EMPTIES {
            self.empty.attach(magazine);
        }
    }
}
