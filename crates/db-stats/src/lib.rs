//! A PostgreSQL pool that knows its connections, and statements that tell their cost.
//!
//! [`Pool`] keeps connections over `deadpool-postgres`: opened ahead of need, with bounded waiting, TCP keep-alive, and
//! errors that tell an exhausted pool from a server that is not reached. [`Statements`] times every statement that goes
//! through it: calls, rows, errors and latency by text, for a bounded number of texts.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_db_stats::Pool;
//!
//! let pool = Pool::builder("postgres://app@localhost/shop".parse()?).min_idle(4).build()?;
//! pool.fill().await?;
//! let rows = pool.get().await?.query("SELECT name FROM products WHERE id = $1", &[&7_i64]).await?;
//! for slow in pool.statements().slowest(10) {
//!     println!("{} calls, {:?} each: {}", slow.calls, slow.latency.mean(), slow.sql);
//! }
//! # drop(rows);
//! # Ok(())
//! # }
//! ```
//!
//! A future that is dropped while its statement runs takes the connection out of the pool and cancels the statement on
//! the server, so that nobody is handed a connection that still works for somebody else. What a statement changes in
//! its session (`SET`, `BEGIN` as text) stays with the connection.
#![forbid(unsafe_code)]

mod connect;
mod connection;
mod error;
mod observe;
mod pool;
mod statement;
#[allow(dead_code, reason = "the pool reads it")]
mod wire;

pub use connection::Connection;
pub use error::{Error, ErrorKind};
pub use pool::{Pool, PoolBuilder, Stats};
pub use statement::{StatementStats, Statements};

/// Floor-0 items in this crate's signatures.
pub use perfect21_core::{ConfigError, LatencySnapshot, Observe};
