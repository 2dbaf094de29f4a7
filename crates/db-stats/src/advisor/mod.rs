//! Advice from one look at a server: what to change, by which numbers, and how to take it back.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_db_stats::advisor::Advisor;
//!
//! let (client, connection) =
//!     tokio_postgres::connect("postgres://monitor@localhost/shop", tokio_postgres::NoTls).await?;
//! tokio::spawn(connection);
//! let advisor = Advisor::builder().silence("no_primary_key:public.log").build()?;
//! let report = advisor.run(&client).await?;
//! println!("{report}");
//! std::fs::write("advice.html", report.to_html())?;
//! # Ok(())
//! # }
//! ```
//!
//! It takes any client of `tokio-postgres`, so it serves any pool; of a [`Connection`](crate::Connection) it is
//! `connection.client().await?`.
//!
//! | check | what it finds |
//! |---|---|
//! | `slow_statement`, `statement_regression` | statements on which the time goes, or that got slower since an [earlier](Advisor::compare) report |
//! | `missing_index`, `foreign_key_without_index` | indexes that statements, or deletes of referenced rows, would use |
//! | `unused_index`, `duplicate_index`, `invalid_index` | indexes that only cost |
//! | `no_primary_key`, `invalid_constraint`, `sequence` | what the schema lacks, or runs out of |
//! | `table_bloat`, `index_bloat`, `dead_tuples`, `stale_statistics`, `wraparound` | what `VACUUM` and `ANALYZE` should have done |
//! | `long_transaction`, `idle_in_transaction`, `prepared_transaction`, `xmin_held`, `blocked`, `connections` | what sessions do to each other |
//! | `cache_hit`, `temp_files`, `checkpoints`, `inactive_slot` | memory and disk |
//! | `missing_rights`, `missing_extension`, `not_read`, `statements_lost` | what the advisor lacks to see more |
//!
//! # What holds
//! - One transaction, `REPEATABLE READ` and `READ ONLY`, and always rolled back: nothing is changed on the server, no
//!   counter is reset, and the session has its own settings again, also after an error.
//! - No statement works for more than 5 s, or waits for a lock for more than 100 ms. Reading the texts of indexes and
//!   planning statements takes the weakest lock on tables, which is given back after each statement; a table that
//!   somebody else has locked is left out. Statements are planned, and never run.
//! - What may not be read, or fails, is a finding; the rest is there all the same.
//! - At most 50 000 rows of each part of the catalog, 1000 statements and 50 findings a check are looked at; more is
//!   said to have been left out.
//! - No constants and no parameters are in a report: statements are normalised.
//!
//! # What does not
//! - The counts of replicas, and tables of other databases, are not seen.
//! - Bloat is an estimate, as is what an index would bring without the extension hypopg.
//! - Missing indexes are looked for in the conditions and orders of plain columns that are joined by `AND`, for names that
//!   the session's `search_path` finds; partial, expression and covering indexes are not proposed.
//! - A text that the session cannot plan, as for want of rights, leaves an error in the server's log.
//! - Planning a statement may call functions that it uses (those that are not volatile), with the rights of the client.
//!   Run it as a role with `pg_monitor`, not as a superuser, where others may create functions.
//! - Standbys were not tested. PostgreSQL 14 to 18 were, with hypopg on 15 only.

mod advice;
mod builder;
mod check;
mod html;
mod index_advice;
mod report;
mod snapshot;
mod thresholds;

pub use advice::{Advice, Confidence};
pub use builder::AdvisorBuilder;
pub use report::Report;
pub use thresholds::Thresholds;

/// Floor-0 items in this module's signatures.
pub use perfect21_core::{ConfigError, Severity};

use crate::{Error, Statements};
use snapshot::{Session, Snapshot};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};
use tokio_postgres::Client;

/// Looks at a server and says what should be changed; see the [module](self).
#[derive(Debug, Clone)]
pub struct Advisor {
    thresholds: Thresholds,
    silenced: HashSet<String>,
    statement_timeout: Duration,
    lock_timeout: Duration,
    index_time: Duration,
    per_check: usize,
    statements: Option<Statements>,
}

impl Advisor {
    /// An advisor with defaults.
    pub fn builder() -> AdvisorBuilder {
        AdvisorBuilder::new()
    }

    /// Looks once. Takes some 40 round trips, and up to some hundred more for each statement that an index may help, all
    /// in at most [`index_time`](AdvisorBuilder::index_time); 0.4 s for a database of 2000 tables with 6000 indexes.
    ///
    /// # Errors
    /// [`InTransaction`](crate::ErrorKind::InTransaction) if the client is within a transaction,
    /// [`Statement`](crate::ErrorKind::Statement) if the connection is lost or the server does not even begin;
    /// all else is a finding. Against a server that falls silent put a time-out around it.
    ///
    /// # Cancel safety
    /// The transaction of a dropped future is rolled back as soon as the server is done with the statement it works on,
    /// at most its time-out later, whichever pool the client is from.
    ///
    /// # Examples
    /// As the [module](self)'s.
    pub async fn run(&self, client: &Client) -> Result<Report, Error> {
        let began = Instant::now();
        let mut session = Session::begin(client, self.statement_timeout, self.lock_timeout).await?;
        let mut snapshot = Snapshot::take(&mut session).await?;
        if let (Ok(Some(counted)), Some(client)) = (&mut snapshot.statements, &self.statements) {
            counted.see(client);
        }
        let missing = index_advice::find(&mut session, &snapshot, &self.thresholds, self.index_time).await?;
        session.end().await?;
        let mut advice = missing;
        advice.extend(check::ALL.iter().flat_map(|check| check(&snapshot, &self.thresholds)));
        merge(&mut advice);
        let (advice, left_out) = self.chosen(advice);
        let statements = snapshot.statements.ok().flatten();
        Ok(Report::new(
            snapshot.server.database,
            snapshot.server.version,
            advice,
            left_out,
            statements,
            began,
        ))
    }

    /// The later report, with the statements that got slower since the earlier one. No counter is reset for that; counts
    /// that somebody else reset in between are left alone.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_db_stats::advisor::Advisor;
    ///
    /// let advisor = Advisor::builder().build()?;
    /// let earlier = advisor.run(&client).await?;
    /// tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    /// let later = advisor.run(&client).await?;
    /// println!("{}", advisor.compare(&earlier, &later));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn compare(&self, earlier: &Report, later: &Report) -> Report {
        let mut report = later.clone();
        if let (Some(before), Some(now)) = (earlier.statements(), later.statements()) {
            let mut advice = check::regression::check(before, now, &self.thresholds);
            advice.extend(later.advice().iter().cloned());
            let (advice, left_out) = self.chosen(advice);
            report.replace(advice, left_out);
        }
        report
    }

    /// Without those that are silenced or too many, the most severe first. The second are those that were too many.
    fn chosen(&self, mut advice: Vec<Advice>) -> (Vec<Advice>, BTreeMap<&'static str, usize>) {
        advice.retain(|advice| !self.silenced.contains(&advice.key) && !self.silenced.contains(advice.check));
        // Stable, so that within a check its own order stays: the largest first.
        advice.sort_by_key(|advice| (Reverse(advice.severity), Reverse(advice.confidence), advice.check));
        let (mut kept, mut left_out) = (BTreeMap::new(), BTreeMap::new());
        advice.retain(|advice| {
            let count = kept.entry(advice.check).or_insert(0);
            *count += 1;
            let fits = *count <= self.per_check;
            if !fits {
                *left_out.entry(advice.check).or_insert(0) += 1;
            }
            fits
        });
        (advice, left_out)
    }
}

/// An index that statements miss and a foreign key, too, is one index.
fn merge(advice: &mut Vec<Advice>) {
    let of = |advice: &[Advice], check| -> HashSet<String> {
        advice.iter().filter(|advice| advice.check == check).map(|advice| advice.object.clone()).collect()
    };
    let (missing, keys) = (of(advice, "missing_index"), of(advice, "foreign_key_without_index"));
    advice.retain(|advice| advice.check != "foreign_key_without_index" || !missing.contains(&advice.object));
    for advice in
        advice.iter_mut().filter(|advice| advice.check == "missing_index" && keys.contains(&advice.object))
    {
        advice.evidence.push_str("; a foreign key needs it, too");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_severe_come_first_and_what_is_too_much_is_counted() {
        let advisor = Advisor::builder().per_check(1).silence("a:x").silence("c").build().unwrap();
        let of = |check, object: &str, severity| Advice::new(check, object, severity);
        let (advice, left_out) = advisor.chosen(vec![
            of("a", "x", Severity::Critical),
            of("b", "1", Severity::Info),
            of("b", "2", Severity::Critical),
            of("c", "1", Severity::Critical),
        ]);
        assert_eq!(advice.iter().map(|advice| advice.key.as_str()).collect::<Vec<_>>(), ["b:2"]);
        assert_eq!(left_out, BTreeMap::from([("b", 1)]));
    }

    #[test]
    fn an_index_that_is_missing_twice_is_said_once() {
        let of = |check| Advice::new(check, "t(a)", Severity::Info).evidence("e");
        let mut advice = vec![of("foreign_key_without_index"), of("missing_index"), of("dead_tuples")];
        merge(&mut advice);
        let said: Vec<_> = advice.iter().map(|advice| (advice.check, advice.evidence.as_str())).collect();
        assert_eq!(said, [("missing_index", "e; a foreign key needs it, too"), ("dead_tuples", "e")]);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let with = |change: fn(&mut Thresholds)| {
            let mut thresholds = Thresholds::default();
            change(&mut thresholds);
            Advisor::builder().thresholds(thresholds)
        };
        for (builder, expected) in [
            (Advisor::builder().per_check(0), "per_check = 0: must be from 1 to 1000"),
            (Advisor::builder().lock_timeout(Duration::ZERO), "lock_timeout = 0ns: must be from 1ms to 60s"),
            (with(|t| t.slow_share = 2.0), "slow_share = 2: must be a share from 0 to 1"),
            (with(|t| t.cache_hit = f64::NAN), "cache_hit = NaN: must be a share from 0 to 1"),
            (
                with(|t| t.sequence = (0.9, 0.5)),
                "sequence = (0.9, 0.5): must be two rising shares from 0 to 1",
            ),
            (with(|t| t.regression = 1.0), "regression = 1: must be a factor above 1"),
            (with(|t| t.min_rows = -1), "min_rows = -1: must not be negative"),
        ] {
            assert_eq!(builder.build().unwrap_err().to_string(), expected);
        }
    }
}
