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
//! [`Limit::adaptive`] finds by itself how many that should be, and follows a server that slows down, loses or gains
//! workers; what decides is an [`Algorithm`], of which [`limit`] has several. A limit has weights, priorities and
//! partitions, and can be [resized](Limit::resize) while hundreds wait.
//!
//! For HTTP services the same limit is a tower layer: [`Limit::layer`]. [`Sizing`] tells how many threads fit what a
//! container leaves of its machine.
#![forbid(unsafe_code)]

pub mod balance;
pub mod batch;
#[cfg(feature = "rayon")]
pub mod executor;
pub mod gather;
pub mod limit;
mod panicked;
pub mod pool;
mod sizing;
mod sync;

pub use balance::Balancer;
pub use batch::Batcher;
#[cfg(feature = "rayon")]
pub use executor::Executor;
pub use gather::gather;
pub use limit::{
    Algorithm, Change, Limit, LimitBuilder, LimitLayer, Limited, Outcome, OwnedPermit, Permit, Priority,
    Rejected, Stats, Window,
};
pub use panicked::Panicked;
pub use pool::ThreadPool;
pub use sizing::Sizing;

/// Floor-0 items in this crate's signatures.
pub use perfect21_core::{Clock, ConfigError, ManualClock, Observe};
pub use perfect21_host::Limits;
