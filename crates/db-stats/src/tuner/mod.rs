//! Settings that fit the machine and the work: a plan with reasons, done and undone.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_core::Bytes;
//! use perfect21_db_stats::tuner::{Tuner, Workload};
//!
//! let (client, connection) =
//!     tokio_postgres::connect("postgres://postgres@db.example/shop", tokio_postgres::NoTls).await?;
//! tokio::spawn(connection);
//! let tuner = Tuner::builder().workload(Workload::Web).memory(Bytes::gib(16)).cpus(8.0).build()?;
//! let facts = tuner.facts(&client).await?;
//! let plan = tuner.plan(&facts);
//! println!("{facts}{plan}"); // each setting: now, better, and why
//! if let Some(undo) = plan.undo() {
//!     println!("to take it back:\n{}", undo.sql().join(";\n"));
//! }
//! let applied = tuner.apply(&client, &plan).await?; // ALTER SYSTEM, a reload, and a look whether it took
//! println!("{applied}");
//! applied.rollback(&client).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It takes any client of `tokio-postgres`, so it serves any pool; of a [`Connection`](crate::Connection) it is
//! `connection.client().await?`. Looking needs no rights, but says less without `pg_monitor`; applying needs a superuser,
//! or since PostgreSQL 15 the right for each parameter, which the [error](crate::ErrorKind::Denied) spells out.
//!
//! | | from what |
//! |---|---|
//! | `shared_buffers`, `effective_cache_size`, `maintenance_work_mem`, `work_mem`, `huge_pages` | memory, connections, hit rate, temporary files |
//! | `max_wal_size`, `min_wal_size`, `wal_compression`, `checkpoint_completion_target` | kind of work, checkpoints, rate of the log, free room |
//! | `random_page_cost`, `effective_io_concurrency` | disk |
//! | `max_worker_processes`, `max_parallel_*`, `autovacuum_max_workers` | cores |
//! | `max_connections`, `jit`, `default_statistics_target`, `wal_buffers`, `io_method` | kind of work; mostly why they stay |
//!
//! The formulas are those of pgtune, corrected by what was measured.
//!
//! # What holds
//! - A look is one read-only transaction that is rolled back; a plan asks no server and is the same for the same facts.
//! - Memory and cores are never those of another machine: they are measured only if the server's process is on this
//!   machine and in our control group; else they are given, or unknown, and then what depends on them stays.
//! - No plan gives `shared_buffers` more than 40 % of the memory, or lets twice `work_mem` for each connection take more than
//!   the memory beside them; `ALTER SYSTEM` itself would take 1 TB. Values are within what this server and build take.
//! - Nothing is changed that is within 20 % of what it should be, or for which the measured work speaks.
//! - A value is reported as active only after the server was seen to have read its files. Files that it would not read
//!   are put back before it is asked to.
//! - [Rolling back](Applied::rollback) restores each line of `postgresql.auto.conf`, or its absence, and leaves alone what
//!   somebody else changed since.
//!
//! # What does not
//! - The formulas do not know your statements: measure before and after.
//! - Whether the machine gives the memory at a restart (other programs, `ulimit`, huge pages) is not seen. If the server
//!   does not start, delete the lines from `postgresql.auto.conf` by hand.
//! - Limits of another control group than ours are not read: give [`memory`](TunerBuilder::memory) and
//!   [`cpus`](TunerBuilder::cpus).
//! - Settings of kernel and file system are not looked at. Managed services often refuse `ALTER SYSTEM`.

mod analyze;
mod apply;
mod builder;
mod facts;
mod plan;
mod scope;
mod setting;
mod value;

pub use analyze::{Analyzed, Outcome, Tables};
pub use apply::{Applied, Effect, RolledBack, Undo};
pub use builder::TunerBuilder;
pub use facts::{Disk, Fact, Facts, Load, Override};
pub use plan::{GuideEntry, Plan, Proposal, Verdict};
pub use scope::Scope;
pub use setting::{Context, Setting};
pub use value::Value;

/// How sure a proposal is.
pub use crate::Confidence;
/// Floor-0 items in this module's signatures.
pub use perfect21_core::{Bytes, ConfigError};

use crate::Error;
use std::time::Duration;
use tokio_postgres::Client;

/// What a server is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Workload {
    /// Short statements of a web application, mostly reads.
    Web,
    /// Short transactions, many writes.
    Oltp,
    /// Few long statements over much data.
    Warehouse,
    /// A machine that does other things, too.
    Desktop,
    /// Some of all.
    Mixed,
}

/// Looks, plans and applies; see the [module](self).
#[derive(Debug, Clone)]
pub struct Tuner {
    memory: Option<Bytes>,
    cpus: Option<f64>,
    disk: Option<Disk>,
    room: Option<Bytes>,
    connections: Option<u32>,
    workload: Workload,
    scope: Scope,
    statement_timeout: Duration,
    lock_timeout: Duration,
    reload_timeout: Duration,
    analyze_timeout: Duration,
}

impl Tuner {
    /// A tuner with defaults.
    pub fn builder() -> TunerBuilder {
        TunerBuilder::new()
    }

    /// Looks at server and machine: some 20 round trips. What may not be read is said in the facts.
    ///
    /// # Errors
    /// [`InTransaction`](crate::ErrorKind::InTransaction) if the client is within a transaction,
    /// [`Statement`](crate::ErrorKind::Statement) if the connection is lost or the server does not even begin.
    ///
    /// # Cancel safety
    /// The transaction of a dropped future is rolled back as soon as the server is done with the statement it works on.
    ///
    /// # Examples
    /// As the [module](self)'s.
    pub async fn facts(&self, client: &Client) -> Result<Facts, Error> {
        facts::read(self, client).await
    }

    /// What to set by these facts, and why. Asks nobody.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(facts: &perfect21_db_stats::tuner::Facts) -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_db_stats::tuner::Tuner;
    ///
    /// for change in Tuner::builder().build()?.plan(facts).changes() {
    ///     println!("{}: {} now, since {}", change.setting, change.now, change.reason);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn plan(&self, facts: &Facts) -> Plan {
        Plan::of(self, facts)
    }

    /// Does what the plan says, and looks whether it took. For the whole server by one `ALTER SYSTEM` each and a reload; for
    /// a role or database in one transaction. A plan without changes does nothing.
    ///
    /// # Errors
    /// - [`Denied`](crate::ErrorKind::Denied) if rights are missing, with the `GRANT` that would give them; nothing was
    ///   changed.
    /// - [`Refused`](crate::ErrorKind::Refused) if the server would not read its files; they are as before.
    /// - [`Statement`](crate::ErrorKind::Statement) if a statement failed; the error says that what was set before was
    ///   put back, or if the connection is lost, the statements that do.
    /// - [`InTransaction`](crate::ErrorKind::InTransaction) if the client is within a transaction.
    ///
    /// # Cancel safety
    /// `ALTER SYSTEM` cannot be part of a transaction, so a dropped future leaves the settings that it came to in
    /// `postgresql.auto.conf`. The plan's [`undo`](Plan::undo), printed or called, takes them back. Changes of a role or
    /// database are all there, or none.
    pub async fn apply(&self, client: &Client, plan: &Plan) -> Result<Applied, Error> {
        apply::apply(self, client, plan).await
    }

    /// Analyses tables one by one, each within [`analyze_timeout`](TunerBuilder::analyze_timeout), whatever limits the
    /// session has. `progress` hears of each as it ends.
    ///
    /// # Errors
    /// [`NoTable`](crate::ErrorKind::NoTable) for a name that is none, before anything is done;
    /// [`InTransaction`](crate::ErrorKind::InTransaction); [`Statement`](crate::ErrorKind::Statement) if the connection is
    /// lost. What the server refuses for one table is its [`Outcome`].
    ///
    /// # Cancel safety
    /// Tables that were done are done; the server ends the one that it works on, in at most its time-out. The session's
    /// own settings stay as they are.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_db_stats::tuner::{Tables, Tuner};
    ///
    /// let tuner = Tuner::builder().build()?;
    /// tuner.analyze(&client, Tables::Stale, |done| println!("{} of {}: {}", done.nth, done.of, done.table)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn analyze(
        &self,
        client: &Client,
        tables: Tables<'_>,
        progress: impl FnMut(&Analyzed),
    ) -> Result<Vec<Analyzed>, Error> {
        analyze::analyze(self, client, tables, progress).await
    }
}
