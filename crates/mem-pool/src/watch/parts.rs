//! The parts that are told to trim.

use super::weak::{Watched, WeakPart};
use perfect21_core::{Pressure, Trim, Trimmed};
use std::{
    collections::HashSet,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What one part gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartTrimmed {
    /// The name it gives itself.
    pub name: String,
    /// By its own account; `None` where it panicked.
    pub trimmed: Option<Trimmed>,
}

/// A part that panics is one that gave nothing back; the others are told all the same.
fn trim(part: &dyn Trim, pressure: Pressure) -> PartTrimmed {
    let name = catch_unwind(AssertUnwindSafe(|| part.name().to_owned()));
    let trimmed = catch_unwind(AssertUnwindSafe(|| part.trim(pressure))).ok();
    PartTrimmed { name: name.unwrap_or_else(|_| "?".to_owned()), trimmed }
}

/// Nothing of a part runs under the lock: to ask whether it lives may drop it.
#[derive(Default)]
pub(super) struct Parts(Mutex<Vec<Arc<dyn WeakPart>>>);

impl Parts {
    pub(super) fn add(&self, part: &(impl Watched + ?Sized)) {
        let part: Arc<dyn WeakPart> = part.weakly().into();
        // A service that registers something for each request shall not need a tick to forget it.
        if self.is_full() {
            self.forget_dead();
        }
        let mut parts = self.lock();
        // The weak handle keeps the address from being used for another one.
        if !parts.iter().any(|known| known.address() == part.address()) {
            parts.push(part);
        }
    }

    /// How many live.
    pub(super) fn len(&self) -> usize {
        self.forget_dead();
        self.lock().len()
    }

    pub(super) fn trim(&self, pressure: Pressure) -> Vec<PartTrimmed> {
        let parts = self.lock().clone();
        let trimmed =
            parts.iter().filter_map(|part| part.upgrade()).map(|part| trim(&*part, pressure)).collect();
        self.forget_dead();
        trimmed
    }

    fn is_full(&self) -> bool {
        let parts = self.lock();
        parts.len() == parts.capacity()
    }

    fn forget_dead(&self) {
        let parts = self.lock().clone();
        let dead: HashSet<usize> =
            parts.iter().filter(|part| part.upgrade().is_none()).map(|part| part.address()).collect();
        if !dead.is_empty() {
            self.lock().retain(|part| !dead.contains(&part.address()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<dyn WeakPart>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parts").field(&self.lock().len()).finish()
    }
}
