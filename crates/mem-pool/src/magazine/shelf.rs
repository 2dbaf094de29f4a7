//! A thread's pair of magazines.

use std::mem;

use crate::{
    budget::Bound,
    depot::{Depot, Magazine},
    node::Item,
};

pub(crate) struct Shelf<T: Send + 'static> {
    /// The topmost object of the loaded magazine, apart from the rest: to get one object and to return it again goes
    /// through no length that each would have to wait for the other to store.
    top: Option<Item<T>>,
    /// The rest of it: at most `limit - 1`, so that the top one always has a place.
    loaded: Magazine<T>,
    spare: Magazine<T>,
    /// How many objects each of the two may hold; the budget has that room reserved. 0 while the thread has no cache.
    limit: usize,
    /// Whether the thread on this seat will say when it ends.
    pub(crate) registered: bool,
}

/// What was on a shelf.
pub(crate) struct Emptied<T: Send + 'static> {
    pub(crate) items: Magazine<T>,
    /// Room that was reserved for objects.
    pub(crate) room: usize,
}

impl<T: Send + 'static> Shelf<T> {
    pub(crate) fn new() -> Self {
        Self { top: None, loaded: Vec::new(), spare: Vec::new(), limit: 0, registered: false }
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Item<T>> {
        match self.top.take() {
            Some(top) => Some(top),
            None => self.loaded.pop(),
        }
    }

    /// Gives the object back if there is no room for it.
    #[inline(always)]
    pub(crate) fn push(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        if self.top.is_none() {
            if self.limit == 0 {
                return Err(item);
            }
            self.top = Some(item);
        } else {
            let rest = self.loaded.len();
            // Memory for it was taken when room was made, so that nothing here can panic.
            if rest + 1 >= self.limit || rest >= self.loaded.capacity() {
                return Err(item);
            }
            self.loaded.push(item);
        }
        Ok(())
    }

    /// Sees to it that the loaded magazine holds something, from the spare one or the depot; `false` if it cannot.
    pub(crate) fn load(&mut self, depot: &Depot<T>, budget: &Bound, max: usize) -> bool {
        if self.top.is_some() || !self.loaded.is_empty() {
            return true;
        }
        if !self.spare.is_empty() {
            mem::swap(&mut self.loaded, &mut self.spare);
            self.top = self.loaded.pop();
            return true;
        }
        if self.limit == 0 && !self.grow(budget, max) {
            return false;
        }
        let Some(mut magazine) = depot.take() else { return false };
        while magazine.len() > self.limit && self.grow(budget, max) {}
        if magazine.len() > self.limit {
            depot.give(magazine.split_off(self.limit));
        }
        budget.give_back(magazine.len());
        self.top = magazine.pop();
        depot.give_empty(mem::replace(&mut self.loaded, magazine));
        true
    }

    /// Sees to it that the loaded magazine takes one more object; `false` if it may not, but the depot perhaps may.
    pub(crate) fn make_room(&mut self, depot: &Depot<T>, budget: &Bound, max: usize) -> bool {
        let loaded = self.loaded.len() + usize::from(self.top.is_some());
        if loaded >= self.limit {
            if self.spare.len() < self.limit {
                self.put_aside();
            } else if !self.grow(budget, max) {
                let given = budget.reserve_up_to(self.spare.len());
                if given == 0 {
                    return false;
                }
                let mut magazine = depot.take_empty();
                magazine.extend(self.spare.drain(self.spare.len() - given..));
                depot.give(magazine);
                self.put_aside();
            }
        }
        self.loaded.reserve_exact((self.limit - 1).saturating_sub(self.loaded.len()));
        true
    }

    /// Makes the full magazine the spare one.
    fn put_aside(&mut self) {
        self.loaded.extend(self.top.take());
        mem::swap(&mut self.loaded, &mut self.spare);
    }

    /// Takes everything off, and closes the shelf until it is needed again.
    pub(crate) fn empty(&mut self) -> Emptied<T> {
        let mut items = mem::take(&mut self.loaded);
        items.extend(self.top.take());
        items.append(&mut self.spare);
        Emptied { items, room: 2 * mem::take(&mut self.limit) }
    }

    fn grow(&mut self, budget: &Bound, max: usize) -> bool {
        let limit = (self.limit * 2).clamp(1, max);
        let grown = limit > self.limit && budget.reserve(2 * (limit - self.limit));
        if grown {
            self.limit = limit;
        }
        grown
    }
}
