//! Limits that hold under overload: a bounded queue, typed rejections, nothing lost.
//!
//! A [`Limit`] lets so many things run at once. What comes on top waits in a queue that is bounded in length and in
//! time, in order of arrival; what does not fit is refused at once, which costs less than serving it too late.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_concurrency::Limit;
//! use std::time::Duration;
//!
//! let limit = Limit::builder(100).max_queue(500).max_wait(Duration::from_secs(1)).build()?;
//! let answer = limit.run(async { 42 }).await?;
//! assert_eq!(answer, 42);
//! # Ok(())
//! # }
//! ```
//!
//! For HTTP services the same limit is a tower layer: [`Limit::layer`]. [`Sizing`] tells how many threads fit what a
//! container leaves of its machine.
//!
//! A [`Batcher`] makes one call of many callers' items and gives each its own output. A [`ThreadPool`] runs what blocks,
//! on as few threads as do, and `Executor` (feature `rayon`) what computes as well.
#![forbid(unsafe_code)]

pub mod batch;
#[cfg(feature = "rayon")]
pub mod executor;
mod limit;
mod panicked;
pub mod pool;
mod sizing;
mod sync;

pub use batch::Batcher;
#[cfg(feature = "rayon")]
pub use executor::Executor;
pub use limit::{
    Limit, LimitBuilder, LimitFuture, LimitLayer, LimitService, Limited, Permit, Rejected, Stats,
};
pub use panicked::Panicked;
pub use pool::ThreadPool;
pub use sizing::Sizing;

/// Floor-0 items in this crate's signatures.
pub use perfect21_core::{ConfigError, Observe};
pub use perfect21_host::Limits;
