use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::{
    budget::{Bound, Budget},
    depot::Depot,
    magazine::{
        barrier::Barrier,
        gate::Gate,
        shelf::{Emptied, Shelf},
    },
    node::Item,
};

/// Bytes that a cache reserves at once, where that many are left.
const BYTES_STEP: usize = 16 * 1024;

/// What a pool has at one seat; two cache lines, since CPUs fetch them in pairs.
///
/// What lies beside the gate is written by whoever is inside of it, and read by all for statistics.
#[repr(align(128))]
pub(crate) struct Cache<T: Send + 'static> {
    pub(super) gate: Gate<Shelf<T>>,
    /// Objects handed out from here and kept here.
    pub(crate) taken: AtomicU64,
    pub(crate) kept: AtomicU64,
    /// Bytes that are reserved and not used.
    pub(crate) credit: AtomicUsize,
    /// `taken + kept` at the last decay.
    pub(super) seen: AtomicU64,
}

/// Why an object does not go into a cache.
#[derive(Debug)]
pub(super) enum NoRoom {
    /// The pool may not keep so many bytes.
    Bytes,
    /// The cache may not hold so many objects; the depot may.
    Objects,
}

impl<T: Send + 'static> Cache<T> {
    pub(super) fn new(barrier: Barrier) -> Self {
        Self {
            gate: Gate::new(Shelf::new(), barrier),
            taken: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            credit: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    pub(super) fn pop(&self, shelf: &mut Shelf<T>) -> Option<Item<T>> {
        let item = shelf.pop()?;
        count(&self.taken);
        self.earn(item.bytes);
        Some(item)
    }

    /// Gives the object back if there is no room for it.
    #[inline(always)]
    pub(super) fn push(&self, shelf: &mut Shelf<T>, item: Item<T>) -> Result<(), Item<T>> {
        if !self.spend(item.bytes) {
            return Err(item);
        }
        let pushed = shelf.push(item);
        match &pushed {
            Ok(()) => count(&self.kept),
            Err(item) => self.earn(item.bytes),
        }
        pushed
    }

    /// Sees to it that the next push of an object of so many bytes succeeds.
    pub(super) fn make_room(
        &self,
        shelf: &mut Shelf<T>,
        bytes: usize,
        depot: &Depot<T>,
        budget: &Budget,
        max: usize,
    ) -> Result<(), NoRoom> {
        let missing = bytes.saturating_sub(self.credit.load(Relaxed));
        if missing > 0 {
            let step = missing.max(BYTES_STEP.min(budget.bytes.max() / 64));
            let reserved = [step, missing].into_iter().find(|n| budget.bytes.reserve(*n));
            self.earn(reserved.ok_or(NoRoom::Bytes)?);
        }
        if shelf.make_room(depot, &budget.objects, max) {
            return Ok(());
        }
        self.return_surplus(&budget.bytes);
        Err(NoRoom::Objects)
    }

    /// Sees to it that the next pop finds something; `false` if it cannot.
    pub(super) fn load(&self, shelf: &mut Shelf<T>, depot: &Depot<T>, budget: &Budget, max: usize) -> bool {
        self.return_surplus(&budget.bytes);
        shelf.load(depot, &budget.objects, max)
    }

    /// Takes everything out. The room that was reserved for it is still to be given back to the budget of objects.
    pub(super) fn empty(&self, shelf: &mut Shelf<T>, budget: &Bound) -> Emptied<T> {
        budget.give_back(self.credit.swap(0, Relaxed));
        shelf.empty()
    }

    /// Gives back bytes that a thread which only takes has collected.
    fn return_surplus(&self, budget: &Bound) {
        let credit = self.credit.load(Relaxed);
        let surplus = credit.saturating_sub(2 * BYTES_STEP);
        if surplus > 0 {
            self.credit.store(credit - surplus, Relaxed);
            budget.give_back(surplus);
        }
    }

    #[inline(always)]
    fn earn(&self, bytes: usize) {
        // Most pools have no measure, and their objects no bytes: those need not wait for the last store.
        if bytes != 0 {
            self.credit.store(self.credit.load(Relaxed) + bytes, Relaxed);
        }
    }

    #[inline(always)]
    fn spend(&self, bytes: usize) -> bool {
        if bytes != 0 {
            let Some(rest) = self.credit.load(Relaxed).checked_sub(bytes) else { return false };
            self.credit.store(rest, Relaxed);
        }
        true
    }
}

/// Counts one more: there is no other writer meanwhile.
#[inline(always)]
fn count(count: &AtomicU64) {
    // Only the bench that asks what counting costs is built without.
    if cfg!(not(perfect21_uncounted)) {
        count.store(count.load(Relaxed) + 1, Relaxed);
    }
}
