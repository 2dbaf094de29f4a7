//! What getting and returning an object costs: the ways to use a pool, and our pools used so, which `ops` measures
//! alone and `versus` beside the peers.
#![forbid(unsafe_code)]

mod hand_over;
mod usage;
pub mod writing;

pub use crate::{
    hand_over::handed_over,
    usage::{burst, one_at_a_time},
};

use perfect21_bench_support::Op;
use perfect21_mem_pool::{BoundedPool, Pool, Reset};

/// An object that is pooled.
pub trait Thing: Reset + Default + Send + Sync + 'static {
    /// Its name in tables.
    const NAME: &'static str;

    /// What a user does with it, at the least.
    fn touch(&mut self);
}

/// 16 bytes.
#[derive(Debug, Default, Clone, Copy)]
#[non_exhaustive]
pub struct Small {
    /// How often it was used.
    pub uses: u64,
    /// What it was used for.
    pub value: u64,
}

impl Reset for Small {
    fn reset(&mut self) -> bool {
        self.value = 0;
        true
    }
}

impl Thing for Small {
    const NAME: &'static str = "16 B struct";

    fn touch(&mut self) {
        self.uses += 1;
        self.value ^= self.uses;
    }
}

/// A vector with room for 1 KiB.
#[derive(Debug)]
#[non_exhaustive]
pub struct Buffer(pub Vec<u8>);

impl Default for Buffer {
    fn default() -> Self {
        Self(Vec::with_capacity(1024))
    }
}

impl Reset for Buffer {
    fn reset(&mut self) -> bool {
        self.0.reset()
    }
}

impl Thing for Buffer {
    const NAME: &'static str = "1 KiB Vec";

    fn touch(&mut self) {
        self.0.push(1);
    }
}

/// A pool that lives as long as the process, as operations do.
#[must_use]
pub fn pool<T: Thing>() -> &'static Pool<T> {
    Box::leak(Box::new(Pool::new(T::default)))
}

/// [`Pool::get`], one object at a time.
#[must_use]
pub fn borrowed<T: Thing>() -> Op {
    let pool = pool::<T>();
    one_at_a_time(|| pool.get(), |object| object.touch())
}

/// [`Pool::get_owned`], one object at a time.
#[must_use]
pub fn owned<T: Thing>() -> Op {
    let pool = pool::<T>();
    one_at_a_time(|| pool.get_owned(), |object| object.touch())
}

/// [`Pool::get`], 64 objects held at once.
#[must_use]
pub fn held<T: Thing>() -> Op {
    let pool = pool::<T>();
    burst(|| pool.get(), |object| object.touch())
}

/// [`Pool::get_owned`] on one thread, and the return on another.
#[must_use]
pub fn passed_on<T: Thing>() -> Op {
    let pool = pool::<T>();
    handed_over(|| pool.get_owned(), |object| object.touch())
}

/// [`Pool::get`] where the system call is not to be used.
///
/// # Panics
/// Never: its settings are valid.
#[must_use]
pub fn plain_fences<T: Thing>() -> Op {
    let pool = Pool::builder(T::default).plain_fences(true).build().expect("settings are valid");
    let pool: &'static Pool<T> = Box::leak(Box::new(pool));
    one_at_a_time(|| pool.get(), |object| object.touch())
}

/// [`BoundedPool::try_acquire`], one object at a time.
///
/// # Panics
/// If all 64 objects are in use.
#[must_use]
pub fn bounded<T: Thing>() -> Op {
    let pool = BoundedPool::builder(64, T::default).build().expect("settings are valid");
    let pool: &'static BoundedPool<T> = Box::leak(Box::new(pool));
    one_at_a_time(|| pool.try_acquire().expect("one of 64 is left"), |object| object.touch())
}
