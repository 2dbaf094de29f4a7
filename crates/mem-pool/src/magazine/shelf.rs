//! A thread's pair of magazines.

use std::mem;

use crate::{
    budget::Budget,
    depot::{Depot, Magazine},
    node::Item,
};

/// Bytes that a cache reserves at once, where that many are left.
const BYTES_STEP: usize = 16 * 1024;

pub(crate) struct Shelf<T: Send + 'static> {
    pub(crate) loaded: Magazine<T>,
    spare: Magazine<T>,
    /// How many objects each of the two may hold; the budget has that room reserved. 0 while the thread has no cache.
    limit: usize,
    /// Bytes that are reserved and not used.
    pub(crate) credit: usize,
    /// Whether the thread on this seat will say when it ends.
    pub(crate) registered: bool,
}

/// Why an object does not go on the shelf.
#[derive(Debug)]
pub(crate) enum NoRoom {
    /// The pool may not keep so many bytes.
    Bytes,
    /// The cache may not hold so many objects; the depot may.
    Objects,
}

/// What was on a shelf.
pub(crate) struct Emptied<T: Send + 'static> {
    pub(crate) items: Magazine<T>,
    /// Room that was reserved for objects.
    pub(crate) room: usize,
    pub(crate) credit: usize,
}

impl<T: Send + 'static> Shelf<T> {
    pub(crate) fn new() -> Self {
        Self { loaded: Vec::new(), spare: Vec::new(), limit: 0, credit: 0, registered: false }
    }

    #[inline(always)]
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.loaded.len() < self.limit && bytes <= self.credit
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, item: Item<T>) {
        self.credit -= item.bytes;
        self.loaded.push(item);
    }

    /// Sees to it that the loaded magazine holds something, from the spare one or the depot; `false` if it cannot.
    pub(crate) fn load(&mut self, depot: &Depot<T>, budget: &Budget, max: usize) -> bool {
        if !self.loaded.is_empty() {
            return true;
        }
        if !self.spare.is_empty() {
            mem::swap(&mut self.loaded, &mut self.spare);
            return true;
        }
        self.return_credit(budget);
        if self.limit == 0 && !self.grow(budget, max) {
            return false;
        }
        let Some(mut magazine) = depot.take() else { return false };
        while magazine.len() > self.limit && self.grow(budget, max) {}
        if magazine.len() > self.limit {
            depot.give(magazine.split_off(self.limit));
        }
        budget.objects.give_back(magazine.len());
        depot.give_empty(mem::replace(&mut self.loaded, magazine));
        true
    }

    /// Sees to it that the loaded magazine takes one more object of so many bytes.
    pub(crate) fn make_room(
        &mut self,
        bytes: usize,
        depot: &Depot<T>,
        budget: &Budget,
        max: usize,
    ) -> Result<(), NoRoom> {
        if bytes > self.credit {
            let missing = bytes - self.credit;
            let step = missing.max(BYTES_STEP.min(budget.bytes.max() / 64));
            let reserved = [step, missing].into_iter().find(|n| budget.bytes.reserve(*n));
            self.credit += reserved.ok_or(NoRoom::Bytes)?;
        }
        if self.loaded.len() < self.limit {
            return Ok(());
        }
        if self.spare.len() < self.limit {
            mem::swap(&mut self.loaded, &mut self.spare);
            return Ok(());
        }
        if self.grow(budget, max) {
            return Ok(());
        }
        self.return_credit(budget);
        let given = budget.objects.reserve_up_to(self.spare.len());
        if given == 0 {
            return Err(NoRoom::Objects);
        }
        let mut magazine = depot.take_empty();
        magazine.extend(self.spare.drain(self.spare.len() - given..));
        depot.give(magazine);
        mem::swap(&mut self.loaded, &mut self.spare);
        Ok(())
    }

    /// Takes everything off, and closes the shelf until it is needed again.
    pub(crate) fn empty(&mut self) -> Emptied<T> {
        let mut items = mem::take(&mut self.loaded);
        items.append(&mut self.spare);
        Emptied { items, room: 2 * mem::take(&mut self.limit), credit: mem::take(&mut self.credit) }
    }

    fn grow(&mut self, budget: &Budget, max: usize) -> bool {
        let limit = (self.limit * 2).clamp(1, max);
        let grown = limit > self.limit && budget.objects.reserve(2 * (limit - self.limit));
        if grown {
            self.limit = limit;
        }
        grown
    }

    /// Gives back bytes that a thread which only takes has collected.
    fn return_credit(&mut self, budget: &Budget) {
        let surplus = self.credit.saturating_sub(2 * BYTES_STEP);
        self.credit -= surplus;
        budget.bytes.give_back(surplus);
    }
}
