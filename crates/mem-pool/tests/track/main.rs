//! Tests of `track`, in a process of their own for its counting global allocator.
#![cfg(feature = "track")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod alarm;
mod calls;
mod macros;

use perfect21_mem_pool::track::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting::system();
