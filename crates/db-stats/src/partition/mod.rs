//! Range partitions, made ahead and let go by their bounds.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_db_stats::partition::{Interval, Partitions, Retention};
//! use tokio_postgres::NoTls;
//!
//! let (client, connection) = tokio_postgres::connect("postgres://app@localhost/shop", NoTls).await?;
//! tokio::spawn(connection);
//! let partitions = Partitions::builder("events")
//!     .interval(Interval::Month)
//!     .zone("Europe/Berlin")
//!     .premake(4)
//!     .retention(Retention::Months(12))
//!     .build()?;
//! println!("{}", partitions.plan(&client).await?);
//! let report = partitions.maintain(&client).await?.whole()?;
//! println!("{} made, {} let go", report.created.len(), report.detached.len());
//! # Ok(())
//! # }
//! ```
//!
//! Run [`maintain`](Partitions::maintain) once an hour or a day, from as many processes as you like. What is there is
//! read from the bounds that the server has, never from names; partitions of others, of whatever width, are left as
//! they are, and only what no partition covers is filled: from the first partition to
//! [`premake`](PartitionsBuilder::premake) ahead.
//!
//! # What holds
//! - The key is one column of type `timestamptz`, `timestamp` or `date`; anything else is refused.
//! - Bounds are written with their offset from UTC, so that the session's time zone does not matter. Periods tile time:
//!   a day is 23 or 25 hours where clocks are turned.
//! - Partitions are made as tables of their own and then attached. The parent is locked `SHARE UPDATE EXCLUSIVE`, which
//!   lets reads and writes go on; the default partition, if there is one, `ACCESS EXCLUSIVE` for a moment. Every lock
//!   is waited for as long as [`lock_timeout`](PartitionsBuilder::lock_timeout), and tried again later.
//! - First all is made, then is let go, each step a transaction of its own: one that fails holds up no other, and is
//!   told in [`Report::failures`].
//! - An advisory lock keeps maintainers of one table, and builders of its indexes, apart. It is the session's: behind a
//!   pooler of transactions it does not work.
//! - A run that ends half-way, by a dropped future, a kill or a lost server, leaves at most a table that is not
//!   attached, which is known by its comment, a constraint on the default partition, or a detachment that is pending.
//!   The next run attaches the table if there are rows in it, and takes away the rest. No row is dropped but with a
//!   partition that is past its time.
//! - What is past its time goes by its upper bound. The last partition, the default one and foreign tables stay.
//!
//! # The default partition
//! Rows in it that belong into a new partition are moved, [`batch`](PartitionsBuilder::batch) at a time, into the table
//! that is going to be attached; the last ones together with the attachment. A reader of the partitioned table sees
//! each row once or, from the commit of its batch to the attachment, not at all: never twice. In the same time it can
//! be read in the table that is going to be attached, and updates by way of the partitioned table do not reach it. If
//! none are there, which is the rule for what is made ahead, nothing is ever unseen. If the attachment fails, the rows
//! are put back at once; after a kill they are unseen until the next run, so let that be soon.
//!
//! The server refuses a row, with SQLSTATE `23514`, whose writer has chosen the default partition before the attachment
//! and gets its lock after. So if rows of the range are there, or it has begun, all writers of the table are held for
//! the moment (`SHARE ROW EXCLUSIVE`). For a range ahead without rows they are not, and it can happen to the first such
//! row.
//!
//! The server reads the default partition while it attaches, under the lock. One larger than
//! [`scan_limit`](PartitionsBuilder::scan_limit) is read before: a constraint that no row is in the range is put there
//! and validated. Until the attachment, seconds to minutes, a new row *of that range* is refused with SQLSTATE `23514`.
//! So keep the default partition small; or raise the limit, and writers of the default partition and readers of the
//! parent wait instead.
//!
//! Rows are not moved if a foreign key points to the table, or a trigger of the default partition fires at deletions,
//! since those would see a move as a deletion: that range is then told as a failure. Triggers at insertions do not
//! fire.
//!
//! # What does not
//! - A default partition keeps `DETACH … CONCURRENTLY` from working. Without one it is used; with one the detachment
//!   locks the partitioned table for a moment, and waits for its readers at most `lock_timeout` a try.
//! - Rows in the default partition before the first partition, or beyond those made ahead, stay there.
//! - New tables get the parent's owner, columns, constraints, indexes, statistics and tablespace; not its storage
//!   options, replica identity, row security or rights of others, which only matter to those who name the partition
//!   itself.
//! - A foreign key of the parent locks the table it points to for writers, for the moment of the attachment.
mod builder;
mod calendar;
mod catalog;
mod plan;
mod report;
mod run;
mod statements;
mod wanted;
mod work;

#[cfg(test)]
mod tests;

pub use builder::PartitionsBuilder;
pub use calendar::Interval;
pub use plan::{Action, Plan, Step};
pub use report::Report;

use crate::{
    TableName,
    ddl::{Retry, TableLock},
    error::Error,
    outside::refuse_transaction,
};
use jiff::tz::TimeZone;
use perfect21_core::{Bytes, Clock};
use run::Run;
use std::{sync::Arc, time::Duration};
use tokio_postgres::Client;
use work::Work;

/// How long a partition is kept; it goes when its upper bound is not after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retention {
    /// The period of now and so many whole ones before it, 1 to 100 000.
    Intervals(u32),
    /// So many months before now, 1 to 100 000.
    Months(u32),
}

impl Retention {
    fn count(self) -> u32 {
        match self {
            Self::Intervals(count) | Self::Months(count) => count,
        }
    }
}

/// What happens to a partition that is past its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expired {
    /// Nothing: it only is not made again.
    Keep,
    /// It is detached, and is a table of its own from then on.
    Detach,
    /// It is detached and dropped, with its rows.
    Drop,
}

/// The partitions that a table should have, and how to get there.
///
/// Nothing is kept but the settings: each call reads the table anew.
#[derive(Debug)]
pub struct Partitions {
    table: TableName,
    interval: Interval,
    zone: TimeZone,
    premake: u32,
    retention: Option<Retention>,
    expired: Expired,
    retry: Retry,
    wait: Duration,
    batch: u32,
    scan_limit: Bytes,
    clock: Arc<dyn Clock>,
}

impl Partitions {
    /// Settings for a table that is partitioned by range of time.
    ///
    /// # Examples
    /// ```
    /// use perfect21_db_stats::partition::Partitions;
    ///
    /// let error = Partitions::builder(("shop", "events")).zone("Europe/Bärlin").build().unwrap_err();
    /// assert_eq!(error.to_string(), "zone = Europe/Bärlin: must be the name of a time zone, as Europe/Berlin");
    /// ```
    pub fn builder(table: impl Into<TableName>) -> PartitionsBuilder {
        PartitionsBuilder::new(table.into())
    }

    /// What [`maintain`](Self::maintain) would do now. Nothing is changed or locked.
    ///
    /// # Errors
    /// [`Unfit`](crate::ErrorKind::Unfit) if the table is not partitioned by one column of time, or the role does not
    /// own it; [`Statement`](crate::ErrorKind::Statement) if the server fails.
    ///
    /// # Examples
    /// As of the [module](self).
    pub async fn plan(&self, client: &Client) -> Result<Plan, Error> {
        let mut parent = catalog::read(client, &self.table).await?;
        let creations = self.creations(&parent)?;
        let made = creations.iter().filter_map(|work| work.part(&parent)).collect::<Vec<_>>();
        parent.parts.extend(made);
        let expiries = self.expiries(&parent)?;
        let works: Vec<Work> = self.repairs(&parent).into_iter().chain(creations).chain(expiries).collect();
        let mut plan = Plan::default();
        let mut given = Vec::new();
        for work in &works {
            let mut name = None;
            if let Work::Create { suffix, .. } = work {
                let free = run::free_name(client, &parent.name, suffix, &given).await?;
                given.push(free.clone());
                name = Some(free);
            }
            plan.steps.push(self.shown(&parent, work, name));
        }
        Ok(plan)
    }

    /// Repairs what an earlier run left, makes what is missing, and lets go what is past its time.
    ///
    /// The statements take their own time-outs; the session's are as before at the end. With nothing to do it costs
    /// about eight round trips.
    ///
    /// # Errors
    /// [`Unfit`](crate::ErrorKind::Unfit) as [`plan`](Self::plan);
    /// [`InTransaction`](crate::ErrorKind::InTransaction) if the client is within a transaction;
    /// [`Busy`](crate::ErrorKind::Busy) if another maintainer had the table for the whole
    /// [wait](PartitionsBuilder::wait); [`Statement`](crate::ErrorKind::Statement) if the connection is lost. What
    /// fails in a single step is in the report.
    ///
    /// # Cancel safety
    /// A step that was sent is done by the server or is not, and the next run goes on from there.
    ///
    /// # Examples
    /// As of the [module](self).
    pub async fn maintain(&self, client: &Client) -> Result<Report, Error> {
        refuse_transaction(client).await?;
        let parent = catalog::read(client, &self.table).await?;
        let lock = TableLock::acquire(client, parent.oid, self.wait).await?;
        // What was read before the lock may have been changed by who had it.
        let parent = catalog::read(client, &self.table).await?;
        let mut run = Run { partitions: self, client, parent, report: Report::default() };
        let repairs = self.repairs(&run.parent);
        if !repairs.is_empty() {
            run.all(repairs).await?;
            run.parent = catalog::read(client, &self.table).await?;
        }
        let creations = self.creations(&run.parent)?;
        let changed = !creations.is_empty();
        run.all(creations).await?;
        if changed {
            run.parent = catalog::read(client, &self.table).await?;
        }
        let expiries = self.expiries(&run.parent)?;
        run.all(expiries).await?;
        let report = run.report;
        lock.release().await?;
        Ok(report)
    }
}
