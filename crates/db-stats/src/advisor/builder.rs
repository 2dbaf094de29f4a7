use super::{Advisor, Thresholds};
use crate::Statements;
use perfect21_core::ConfigError;
use std::{collections::HashSet, time::Duration};

const MAX_SILENCED: usize = 10_000;

/// Settings of an [`Advisor`].
#[derive(Debug, Clone)]
#[must_use = "an advisor comes out of .build()"]
pub struct AdvisorBuilder {
    thresholds: Thresholds,
    silenced: HashSet<String>,
    statement_timeout: Duration,
    lock_timeout: Duration,
    index_time: Duration,
    per_check: usize,
    statements: Option<Statements>,
}

impl AdvisorBuilder {
    pub(super) fn new() -> Self {
        Self {
            thresholds: Thresholds::default(),
            silenced: HashSet::new(),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_millis(100),
            index_time: Duration::from_secs(10),
            per_check: 50,
            statements: None,
        }
    }

    /// From where on something is worth saying.
    pub fn thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// Leaves out an advice by its key, or a whole check by its name; at most 10 000 of both.
    pub fn silence(mut self, key: impl Into<String>) -> Self {
        self.silenced.insert(key.into());
        self
    }

    /// The longest that the server works for one statement, 1 ms to 1 h: 5 s.
    pub fn statement_timeout(mut self, limit: Duration) -> Self {
        self.statement_timeout = limit;
        self
    }

    /// The longest that one statement waits for a lock, 1 ms to 1 min: 100 ms. Who waits behind it waits as long.
    pub fn lock_timeout(mut self, limit: Duration) -> Self {
        self.lock_timeout = limit;
        self
    }

    /// The time after which no more indexes are tried, zero to 1 h: 10 s. Zero tries none.
    pub fn index_time(mut self, limit: Duration) -> Self {
        self.index_time = limit;
        self
    }

    /// The most findings of one check, 1 to 1000: 50. The report says how many were left out.
    pub fn per_check(mut self, most: usize) -> Self {
        self.per_check = most;
        self
    }

    /// Says of slow statements also how long one call in a hundred took as seen by this client, which the server does not
    /// count: from sending to the server's answer, network included, in so many of this process's calls. None by default.
    ///
    /// They are a pool's [`statements`](crate::Pool::statements), or those with which the calls of any other client are
    /// [timed](Statements::start). What was counted for another server or database must not be among them. A statement is
    /// known by the [`Fingerprint`](crate::Fingerprint) of its text and of the server's: nothing is added where the client
    /// did not call it, has no place for it, or where its text has `TRUE`, `FALSE` or `NULL` as constants outside of lists,
    /// since the server's text has parameters for these.
    ///
    /// ```no_run
    /// # async fn example(client: tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_db_stats::{Statements, advisor::Advisor};
    ///
    /// const REPORT: &str = "SELECT sum(price) FROM products WHERE category = $1";
    /// let statements = Statements::new(500);
    /// let timer = statements.start(REPORT);
    /// let rows = client.query(REPORT, &[&"oak"]).await?;
    /// timer.end(Ok(rows.len() as u64));
    /// let advisor = Advisor::builder().statements(statements.clone()).build()?;
    /// println!("{}", advisor.run(&client).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn statements(mut self, statements: Statements) -> Self {
        self.statements = Some(statements);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`] if a setting or threshold is out of its range.
    pub fn build(self) -> Result<Advisor, ConfigError> {
        self.thresholds.checked()?;
        let (hour, least) = (Duration::from_secs(3600), Duration::from_millis(1));
        for (name, value, least, most) in [
            ("statement_timeout", self.statement_timeout, least, hour),
            ("lock_timeout", self.lock_timeout, least, Duration::from_secs(60)),
            ("index_time", self.index_time, Duration::ZERO, hour),
        ] {
            if !(least..=most).contains(&value) {
                let rule = format!("must be from {least:?} to {most:?}");
                return Err(ConfigError::new(name, format!("{value:?}"), rule));
            }
        }
        if !(1..=1000).contains(&self.per_check) {
            return Err(ConfigError::new("per_check", self.per_check, "must be from 1 to 1000"));
        }
        if self.silenced.len() > MAX_SILENCED {
            let rule = format!("must be at most {MAX_SILENCED} keys");
            return Err(ConfigError::new("silence", self.silenced.len(), rule));
        }
        Ok(Advisor {
            thresholds: self.thresholds,
            silenced: self.silenced,
            statement_timeout: self.statement_timeout,
            lock_timeout: self.lock_timeout,
            index_time: self.index_time,
            per_check: self.per_check,
            statements: self.statements,
        })
    }
}
