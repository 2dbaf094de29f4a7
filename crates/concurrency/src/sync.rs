//! What the hand-written synchronisation is made of: std's atomics and `parking_lot`'s lock, and loom's in the models.

#[cfg(not(all(test, perfect21_loom)))]
pub(crate) use self::real::Mutex;
#[cfg(not(all(test, perfect21_loom)))]
pub(crate) use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

#[cfg(all(test, perfect21_loom))]
pub(crate) use self::model::Mutex;
#[cfg(all(test, perfect21_loom))]
pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

#[cfg(not(all(test, perfect21_loom)))]
mod real {
    pub(crate) use parking_lot::Mutex;
}

/// Loom's lock in the shape of `parking_lot`'s.
#[cfg(all(test, perfect21_loom))]
mod model {
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}
