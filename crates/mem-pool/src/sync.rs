//! The atomics of the hand-written synchronisation: std's, and loom's in the models.

#[cfg(not(all(test, perfect21_loom)))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, Ordering, compiler_fence, fence};

#[cfg(all(test, perfect21_loom))]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicU8, Ordering, fence},
    thread::yield_now,
};

#[cfg(not(all(test, perfect21_loom)))]
pub(crate) use std::thread::yield_now;

/// Loom runs what it is given and has no compiler that could move its accesses.
#[cfg(all(test, perfect21_loom))]
pub(crate) fn compiler_fence(_: Ordering) {}

#[cfg(not(all(test, perfect21_loom)))]
pub(crate) use self::cell::UnsafeCell;

/// Std's cell with loom's face.
#[cfg(not(all(test, perfect21_loom)))]
mod cell {
    pub(crate) struct UnsafeCell<V>(std::cell::UnsafeCell<V>);

    impl<V> UnsafeCell<V> {
        pub(crate) fn new(value: V) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, work: impl FnOnce(*mut V) -> R) -> R {
            work(self.0.get())
        }
    }
}
