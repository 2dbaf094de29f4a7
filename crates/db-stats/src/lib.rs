//! A PostgreSQL pool that knows its connections, and statements that tell their cost.
//!
//! [`Pool`] keeps connections by `deadpool` over `tokio-postgres`: opened ahead of need, with bounded waiting, TCP
//! keep-alive, and errors that tell an exhausted pool from a server that is not reached. [`Statements`] times every
//! statement that goes through it: calls, rows, errors and latency by [`Fingerprint`], for a bounded number of them.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_db_stats::{Order, Pool};
//!
//! let pool = Pool::builder("postgres://app@localhost/shop".parse()?).min_idle(4).build()?;
//! pool.fill().await?;
//! let rows = pool.get().await?.query("SELECT name FROM products WHERE id = $1", &[&7_i64]).await?;
//! for slow in pool.statements().slow_statements(Order::TotalTime, 10) {
//!     println!("{} calls, {:?} each: {}", slow.calls, slow.mean(), slow.sql);
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
//!
//! | left on the connection | what happens at its return | who waits |
//! |---|---|---|
//! | nothing | back at once, the next one to be handed out | nobody |
//! | an open or failed transaction | `ROLLBACK`, then back | nobody, as long as there are others |
//! | a statement under way | cancelled on the server, its end awaited, then back | same |
//! | `SET`, `LISTEN`, temporary tables, session locks, cursors, `PREPARE` | [cleaned](Reset), then back | same |
//! | `DISCARD`, `DEALLOCATE`, a half prepared statement | closed: nobody knows what is prepared there | same |
//! | `57P0x`, `08xxx`, a lost stream, no rest within 5 s, old age | closed | same |
//!
//! # What else is here
//!
//! | | |
//! |---|---|
//! | [`ReadLane`] | short reads of many tasks over two connections |
//! | [`QueryCache`] | rows kept until their tables are written, by this process or another one |
//! | [`ServerWatch`], [`SlowPlans`] | what the server says of itself, and how it goes about what was slow |
//! | `advisor`, `tuner` (features) | what to change on a server, by which numbers, and the way back |
//! | `index`, `partition` (features) | indexes and partitions that are made without stopping writers |
//!
//! The four features take any client of `tokio-postgres`, so they serve any pool.
//!
//! # Servers
//! PostgreSQL 14 to 18. All tests run on 15 and on 18; those of `advisor` and `tuner` were run on 14, 16 and 17 too, the
//! rest was not.
//!
//! # What holds
//! - No round trip at checkout or return of a connection that nothing was left on: together 0.3 µs.
//! - A dropped future at any point loses neither a connection nor its place in the pool.
//! - A server that is away costs the statements in flight. Other callers wait until their own time-out, and one attempt
//!   at a time is made for all, 10 ms to 1 s apart: a server that was away for seconds is used again within about 50 ms.
//! - Statements are never run twice, but for one that the server refused to run at all since a change of the schema had
//!   made it stale.
//!
//! # What does not
//! - What a function changes in the session is not seen in the text that calls it: [`Reset::Always`] is for such.
//! - TLS is there with the feature `rustls` and a configuration; without them `sslmode=require` is refused where it is
//!   given, and `prefer` connects without.
//! - A commit whose answer is lost may have happened or not.
#![forbid(unsafe_code)]

#[cfg(feature = "advisor")]
pub mod advisor;
#[cfg(any(feature = "advisor", feature = "tuner"))]
mod confidence;
mod connect;
mod connection;
#[cfg(any(feature = "index", feature = "partition"))]
mod ddl;
mod error;
mod fingerprint;
#[cfg(feature = "index")]
pub mod index;
mod lane;
mod observe;
#[cfg(any(feature = "advisor", feature = "index", feature = "partition", feature = "tuner"))]
mod outside;
#[cfg(feature = "partition")]
pub mod partition;
mod plans;
mod pool;
mod query_cache;
mod server;
#[cfg(any(feature = "advisor", feature = "tuner"))]
mod session;
mod sql;
mod statement;
#[cfg(feature = "tuner")]
pub mod tuner;
mod wire;

#[cfg(any(feature = "advisor", feature = "tuner"))]
pub use confidence::Confidence;
pub use connection::{Connection, Transaction};
#[cfg(any(feature = "index", feature = "partition"))]
pub use ddl::TableName;
pub use error::{Error, ErrorKind};
pub use fingerprint::{Fingerprint, MAX_NORMALIZED, normalize};
pub use lane::{ReadLane, ReadLaneBuilder};
pub use plans::{SlowPlan, SlowPlans, SlowPlansBuilder};
pub use pool::{Holder, Pool, PoolBuilder, Reset, Stats};
pub use query_cache::{CachedRow, ColumnIndex, QueryCache, QueryCacheBuilder, QueryCacheStats, Rows};
pub use server::{RunningStatement, ServerFacts, ServerWatch, ServerWatchBuilder};
pub use statement::{
    Entry, Order, SlowLog, SlowLogBuilder, SlowOutcome, SlowStatement, StatementStats, Statements, Timer,
};

/// Floor-0 items in this crate's signatures.
pub use perfect21_core::{ConfigError, Inspect, LatencySnapshot, Observe, Trim};
