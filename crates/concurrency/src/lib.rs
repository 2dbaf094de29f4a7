//! How many things at once, which of them, together with what, where and by whom.
//!
//! | | |
//! |---|---|
//! | [`Limit`] | lets so many run at once, a number that is fixed or finds itself; what does not fit is refused |
//! | [`gather()`] | runs many futures, so many at once, and gives their results in order |
//! | [`Batcher`] | makes one call of many callers' items, and gives each its own result |
//! | [`Balancer`] | spreads requests over endpoints, and leaves alone those that fail |
//! | [`ThreadPool`] | threads for what blocks, that grow and shrink with the work |
//! | `Executor`, with feature `rayon` | computations on rayon, what blocks on a pool, both awaited |
//! | [`Sizing`] | how many threads fit what a container leaves of its machine |
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
//! workers; what decides is an [`Algorithm`], of which [`limit`] has several. For HTTP services a limit is a tower layer,
//! [`Limit::layer`].
//!
//! # In which order
//! Retries, hedging and circuit breakers are well kept elsewhere: `tower::retry`, `tower::hedge`, `tower-resilience`. From
//! the outside to the inside: deadline, retry, balancer, limit, deadline of a try, client. A limit outside of the retries
//! would take a retry for a slow answer; a retry inside of it would hold its place while it waits.
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
pub use limit::{Algorithm, Limit, Limited, Rejected};
pub use panicked::Panicked;
pub use pool::ThreadPool;
pub use sizing::Sizing;

/// Floor-0 items in this crate's signatures.
pub use perfect21_core::{Clock, ConfigError, ManualClock, Observe};
pub use perfect21_host::Limits;
