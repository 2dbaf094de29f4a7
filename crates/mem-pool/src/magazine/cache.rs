use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::{
    magazine::{gate::Gate, shelf::Shelf},
    node::Item,
};

/// What a pool has at one seat; two cache lines, since CPUs fetch them in pairs.
#[repr(align(128))]
pub(crate) struct Cache<T: Send + 'static> {
    pub(super) gate: Gate<Shelf<T>>,
    /// Objects handed out from here and kept here; written by whoever is inside the gate.
    pub(crate) taken: AtomicU64,
    pub(crate) kept: AtomicU64,
    /// A copy of the shelf's, for statistics.
    pub(crate) credit: AtomicUsize,
    /// `taken + kept` at the last decay.
    pub(super) seen: AtomicU64,
}

impl<T: Send + 'static> Cache<T> {
    pub(super) fn new() -> Self {
        Self {
            gate: Gate::new(Shelf::new()),
            taken: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            credit: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    pub(super) fn pop(&self, shelf: &mut Shelf<T>, sized: bool) -> Option<Item<T>> {
        let item = shelf.loaded.pop()?;
        self.taken.store(self.taken.load(Relaxed) + 1, Relaxed);
        if sized {
            shelf.credit += item.bytes;
            self.credit.store(shelf.credit, Relaxed);
        }
        Some(item)
    }

    #[inline(always)]
    pub(super) fn push(&self, shelf: &mut Shelf<T>, item: Item<T>, sized: bool) {
        self.kept.store(self.kept.load(Relaxed) + 1, Relaxed);
        shelf.push(item);
        if sized {
            self.credit.store(shelf.credit, Relaxed);
        }
    }
}
