//! Indexes that are built without stopping writers.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_db_stats::index::{Index, Indexes, Key};
//! use tokio_postgres::NoTls;
//!
//! let (client, connection) = tokio_postgres::connect("postgres://app@localhost/shop", NoTls).await?;
//! tokio::spawn(connection);
//! let wanted = Indexes::builder()
//!     .index(Index::on("orders").key("user_id").key(Key::column("created_at").desc()).build()?)
//!     .index(Index::on("orders").key("created_at").predicate("status = 'open'").name("orders_open").build()?)
//!     .index(Index::on("products").key("attributes").gin().build()?)
//!     .build()?;
//! print!("{}", wanted.diff(&client).await?);
//! let applied = wanted.apply(&client, None, |_| {}).await?.whole()?;
//! println!("all {} are there", applied.outcomes.len());
//! # Ok(())
//! # }
//! ```
//!
//! Run it at each start, from as many processes as you like: what is there is left as it is.
//!
//! # What holds
//! - An index is compared by what the server makes of it: method, keys, operator classes, collations, order, predicate.
//!   An equal one under another name counts; one of the same name that differs is told, and never touched.
//! - Indexes are built `CONCURRENTLY`. Of a partitioned table, which the server cannot do, first the parent's alone,
//!   then each partition's concurrently, each attached when it is there; an equal index that a partition has is
//!   attached and not built.
//! - A build that ended half-way leaves an index that is not valid. Nobody takes it for one: if no session builds it,
//!   it is dropped, concurrently, and built again. After a failure, as of rows that are not unique, it is dropped at
//!   once.
//! - The build has no statement time-out, and a [wait](IndexesBuilder::build_wait) of its own for each lock; the
//!   session's are put back, also when it fails or its future is dropped.
//! - An advisory lock keeps builders of one table, and maintainers of its partitions, apart. It is the session's:
//!   behind a pooler of transactions it does not work.
//!
//! # What does not
//! - The parent's index and the attaching need a lock that stops writers of the partitioned table, or of the partition,
//!   while it is waited for: at most [`lock_timeout`](IndexesBuilder::lock_timeout) a try.
//! - A concurrent build waits for all transactions that are older, in the whole database.
//! - Expressions and predicates are put into statements as they are. They are the program's own, never a user's.
//! - Storage parameters, tablespaces and `NULLS NOT DISTINCT` are not described; an index with the last differs from
//!   one without.
//! - With a client that has no right to temporary tables nothing can be compared.
mod apply;
mod build;
mod catalog;
mod definition;
mod diff;
mod key;
mod progress;
mod wanted;

pub use apply::{Applied, Outcome};
pub use definition::{Index, IndexBuilder};
pub use diff::{Diff, Entry, Extra, State};
pub use key::{Key, Method};
pub use progress::Progress;
pub use wanted::{Indexes, IndexesBuilder};
