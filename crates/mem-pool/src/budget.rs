//! How much may lie idle in a pool: what is left of it, reserved in steps so that no operation counts globally.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A bound of which parts are reserved and given back; what is reserved never exceeds it.
#[derive(Debug)]
pub(crate) struct Bound {
    max: usize,
    left: AtomicUsize,
}

impl Bound {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, left: AtomicUsize::new(max) }
    }

    /// Reserves so much, or nothing.
    pub(crate) fn reserve(&self, n: usize) -> bool {
        n == 0 || self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(n)).is_ok()
    }

    /// Reserves as much of it as there is.
    pub(crate) fn reserve_up_to(&self, n: usize) -> usize {
        let before = self.left.fetch_update(Relaxed, Relaxed, |left| Some(left - left.min(n)));
        before.map_or(0, |left| left.min(n))
    }

    pub(crate) fn give_back(&self, n: usize) {
        if n > 0 {
            self.left.fetch_add(n, Relaxed);
        }
    }

    pub(crate) fn reserved(&self) -> usize {
        self.max - self.left.load(Relaxed)
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }
}

/// The bounds of a pool's idle objects, summed over the depot and the caches of all threads.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Budget {
    /// Each cache reserves the room of its magazines, the depot what lies in it.
    pub(crate) objects: Bound,
    /// Each idle object's bytes, and what caches have reserved for the next ones.
    pub(crate) bytes: Bound,
}
