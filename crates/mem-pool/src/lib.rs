//! Object pools that are nearly free, never hoard, and give memory back.
//!
//! | for | take | costs |
//! |---|---|---|
//! | objects that are costly to make, as many as are needed | [`Pool`] | 3 to 4 ns for a get and a return |
//! | objects of which only so many may exist | [`BoundedPool`] | 40 to 90 ns; waits in order, or refuses |
//! | byte buffers of any length | [`BufferPool`] | see there |
//! | pools by name | [`Registry`] | a look-up: ask once |
//!
//! ```
//! use perfect21_mem_pool::{Bytes, Pool, Pressure, Reset, Trim};
//! # fn main() -> Result<(), perfect21_mem_pool::ConfigError> {
//!
//! #[derive(Default)]
//! struct Reply {
//!     status: u16,
//!     body: Vec<u8>,
//! }
//!
//! impl Reset for Reply {
//!     fn reset(&mut self) -> bool {
//!         self.status = 0;
//!         self.body.clear();
//!         self.body.capacity() <= 64 * 1024 // One large reply shall not stay for ever.
//!     }
//! }
//!
//! let replies = Pool::builder(Reply::default)
//!     .max_idle(500)
//!     .max_idle_bytes(Bytes::mib(8))
//!     .bytes_by(|reply| size_of::<Reply>() + reply.body.capacity())
//!     .build()?;
//! let mut reply = replies.get();
//! reply.status = 200;
//! reply.body.extend_from_slice(b"hello");
//! drop(reply); // Reset, and kept for the next request.
//! assert_eq!(replies.get().status, 0);
//! assert_eq!(replies.trim(Pressure::Elevated).objects, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What is kept, and for how long
//! Idle objects lie in a cache of each thread (at first room for two, doubled as the thread needs it, up to 128 objects
//! or 64 KiB twice) and in a depot for all. Their number, and their bytes, are bounded over all of these together. A
//! thread's cache is the pool's: it goes to the depot when the thread ends, and is trimmed by any other thread while its
//! own sleeps. A pool drops its idle objects with its last handle; an object in use keeps what it needs itself.
//!
//! Nothing is dropped by time alone, for a pool has no thread of its own: [`Pool::decay`], by hand or by a memory watch,
//! drops what was not needed since the last time, and [`Pool::trim_to`] what is too much now.
//!
//! # What it costs
//! A pool takes 1 to 2 KiB and, for each thread alive at once that uses it, 128 to 256 bytes; an object, one allocation, its
//! size and 16 bytes. It never moves. A get and a return take no locked instruction: the kernel's `membarrier` lets a
//! trim see what a thread is doing, and where that is refused a fence takes its place, which costs 1 to 15 ns
//! by the CPU.
//!
//! # What panics do
//! An object whose user panics is dropped and not kept, as is one whose `reset` panics; the pool goes on. No code of
//! users runs while anything of the pool is locked or claimed, so they may use it in `create`, `reset` and `drop`.
#![cfg_attr(docsrs, feature(doc_cfg))]

// What the macros write names the crate by its own name, also inside of it.
#[allow(unused_extern_crates, reason = "used by what macros write")]
extern crate self as perfect21_mem_pool;

mod magazine;
mod reset;
mod size_report;
mod sync;

#[cfg(all(test, perfect21_loom))]
mod models;

// The models take loom's atomics, and go without what is built on the modelled parts.
#[cfg(not(all(test, perfect21_loom)))]
mod bounded;
#[cfg(not(all(test, perfect21_loom)))]
mod budget;
#[cfg(not(all(test, perfect21_loom)))]
mod builder;
#[cfg(not(all(test, perfect21_loom)))]
mod depot;
#[cfg(not(all(test, perfect21_loom)))]
mod guard;
#[cfg(not(all(test, perfect21_loom)))]
mod node;
#[cfg(not(all(test, perfect21_loom)))]
mod pool;
#[cfg(not(all(test, perfect21_loom)))]
mod registry;
#[cfg(not(all(test, perfect21_loom)))]
mod stats;
#[cfg(not(all(test, perfect21_loom)))]
mod trim;

#[cfg(not(all(test, perfect21_loom)))]
mod buffer;
#[cfg(all(feature = "track", not(all(test, perfect21_loom))))]
pub mod track;
#[cfg(all(feature = "watch", not(all(test, perfect21_loom))))]
pub mod watch;

#[cfg(not(all(test, perfect21_loom)))]
pub use self::{
    bounded::{AcquireError, BoundedPool, BoundedPoolBuilder, BoundedPooled, BoundedStats},
    buffer::{Buffer, BufferPool, BufferPoolBuilder, BufferStats, WeakBufferPool},
    builder::PoolBuilder,
    guard::{Pooled, PooledOwned},
    pool::{Pool, WeakPool},
    registry::{Registered, Registry, RegistryError},
    stats::Stats,
};
#[cfg(all(feature = "macros", feature = "track"))]
pub use perfect21_macros::track_memory;
#[cfg(feature = "macros")]
pub use perfect21_macros::{Pooled, Reset};
pub use reset::Reset;
pub use size_report::{SizeReport, TypeSize};

/// Floor-0 items in this crate's signatures.
pub use perfect21_core::{Bytes, ConfigError, Observe, Pressure, Trim, Trimmed};
