//! The atomics of this crate: std's, and loom's in the models.

/// Whether a model runs: it takes everything small, since loom tries every order of every step.
pub(crate) const MODEL: bool = cfg!(all(test, perfect21_loom));

#[cfg(not(all(test, perfect21_loom)))]
pub(crate) use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

#[cfg(all(test, perfect21_loom))]
pub(crate) use self::model::OnceLock;
#[cfg(all(test, perfect21_loom))]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

/// What loom lacks: a `OnceLock` that synchronises as std's does, and by nothing more.
#[cfg(all(test, perfect21_loom))]
mod model {
    use loom::sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    };

    pub(crate) struct OnceLock<T> {
        done: AtomicBool,
        first: Mutex<()>,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self { done: AtomicBool::new(false), first: Mutex::new(()), value: std::sync::OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.done.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            if !self.done.load(Ordering::Acquire) {
                let _first = self.first.lock().unwrap();
                self.value.get_or_init(make);
                self.done.store(true, Ordering::Release);
            }
            self.value.get().unwrap()
        }
    }
}
