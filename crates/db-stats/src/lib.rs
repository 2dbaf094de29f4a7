//! A PostgreSQL pool that knows its connections, and statements that tell their cost.
//!
//! [`Pool`] keeps connections by `deadpool` over `tokio-postgres`: opened ahead of need, with bounded waiting, TCP keep-alive, and
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
//! A connection's state is read from the messages that pass under it: whether it is within a transaction, and whether it
//! still works for a future that was dropped. So it is known without a round trip when a connection comes back, and what
//! is not as new is made so in the background, or closed: nobody is handed a connection that works for somebody else,
//! is within a transaction, or has a changed session.
#![forbid(unsafe_code)]

mod connect;
mod connection;
mod error;
mod observe;
mod pool;
mod statement;
mod wire;

pub use connection::{Connection, Transaction};
pub use error::{Error, ErrorKind};
pub use pool::{Holder, Pool, PoolBuilder, Reset, Stats};
pub use statement::{StatementStats, Statements};

/// Floor-0 items in this crate's signatures.
pub use perfect21_core::{ConfigError, LatencySnapshot, Observe};
