//! The atomics of the hand-written synchronisation: std's, and loom's in the models.

#[cfg(not(all(test, perfect21_loom)))]
pub(crate) use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread::yield_now,
};

#[cfg(all(test, perfect21_loom))]
pub(crate) use loom::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread::yield_now,
};
