//! By how much memory grows during a call, counted for that call alone.
//!
//! The resident memory of a process belongs to all its threads, so its difference before and after a call blames the
//! wrong function in any server. Here a wrapper around the global allocator counts for each thread what it allocates
//! and frees, and [`track()`] and [`track_async()`] take the difference: of a future only while it is polled, on whichever
//! threads that is. The difference of resident memory stands beside it, and is named as the whole process's.
//!
//! ```
//! use perfect21_mem_pool::track::{Counting, track};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting::system();
//!
//! let (sorted, growth) = track(|| {
//!     let mut numbers: Vec<u64> = (0..1000).rev().collect();
//!     numbers.sort(); // takes memory for a while
//!     numbers
//! });
//! let heap = growth.heap.expect("the allocator counts");
//! assert_eq!(heap.net(), 8000);
//! assert!(heap.peak.get() >= 8000);
//! println!("{growth}"); // heap +7.8 KiB in 2 allocations, at most +11.7 KiB; resident memory of the whole process +0 B
//! # drop(sorted);
//! ```
//!
//! # Bounds and costs
//! Bytes are those that were asked for; what the allocator rounds up or keeps is not in them. A [`track()`] costs about
//! 2 µs for two readings of resident memory, an [`Alarm`] a few nanoseconds. Nothing is kept.
mod alarm;
mod counters;
mod counting;
mod future;
mod growth;

pub use alarm::{Alarm, AlarmFuture, AlarmGuard};
pub use counters::is_counting;
pub use counting::Counting;
pub use future::{Tracked, track_async};
pub use growth::{Growth, Heap};
pub use perfect21_core::Bytes;

use counters::Scope;
use growth::Rss;

/// Gives what `call` returns, and by how much memory grew meanwhile.
///
/// Calls may nest: the outer one counts what the inner one does. A panic passes through.
///
/// ```
/// use perfect21_mem_pool::track::track;
///
/// let (name, growth) = track(|| "a".repeat(100));
/// // Nothing counts in this program, and that is not zero.
/// assert_eq!((name.len(), growth.heap), (100, None));
/// ```
pub fn track<T>(call: impl FnOnce() -> T) -> (T, Growth) {
    let (counting, rss) = (is_counting(), Rss::now());
    let scope = Scope::enter();
    let value = call();
    let heap = scope.heap();
    drop(scope);
    (value, Growth { heap: counting.then_some(heap), process_rss: rss.change() })
}
