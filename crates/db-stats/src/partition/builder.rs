use super::{Expired, Interval, Partitions, Retention};
use crate::{TableName, ddl::Retry};
use jiff::tz::TimeZone;
use perfect21_core::{Bytes, Clock, ConfigError, SystemClock};
use std::{sync::Arc, time::Duration};

/// Settings of [`Partitions`]; made by [`Partitions::builder`].
#[derive(Debug)]
#[must_use = "it does nothing until `build()`"]
pub struct PartitionsBuilder {
    table: TableName,
    interval: Interval,
    zone: String,
    premake: u32,
    retention: Option<Retention>,
    expired: Expired,
    lock_timeout: Duration,
    tries: u32,
    wait: Duration,
    batch: u32,
    scan_limit: Bytes,
    clock: Arc<dyn Clock>,
}

impl PartitionsBuilder {
    pub(super) fn new(table: TableName) -> Self {
        Self {
            table,
            interval: Interval::Month,
            zone: "UTC".to_owned(),
            premake: 4,
            retention: None,
            expired: Expired::Detach,
            lock_timeout: Duration::from_secs(1),
            tries: 20,
            wait: Duration::from_secs(60),
            batch: 5000,
            scan_limit: Bytes::mib(16),
            clock: Arc::new(SystemClock),
        }
    }

    /// How long a partition is; default [`Interval::Month`].
    pub fn interval(mut self, interval: Interval) -> Self {
        self.interval = interval;
        self
    }

    /// The IANA name of the zone whose days, weeks and months they are, as `Europe/Berlin`; default `UTC`. It is looked
    /// up in the system's database, and where there is none in a copy within the program. With a key without a zone it
    /// says only what time it is now.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = zone.into();
        self
    }

    /// How many partitions there are ahead of the one of this moment, 0 to 1000; default 4.
    pub fn premake(mut self, premake: u32) -> Self {
        self.premake = premake;
        self
    }

    /// How long partitions are kept; default for ever.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// What happens after that; default [`Expired::Detach`].
    pub fn expired(mut self, expired: Expired) -> Self {
        self.expired = expired;
        self
    }

    /// The longest wait for each lock, 1 ms to 1 h; default 1 s. It is also the longest that others queue behind that
    /// wait: writers of the default partition while one is attached, and everybody, for two or three such locks in a
    /// row, while one is detached beside a default partition. So 50 ms and more [tries](Self::tries) is right for a
    /// table that must not stop, as long as its own statements are about as short: the lock is got only in a pause
    /// between them.
    pub fn lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }

    /// How often a lock is tried for, 1 to 1000, with 50 ms to 5 s between; default 20.
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries;
        self
    }

    /// The longest wait for another maintainer of the same table; default 60 s.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// How many rows of the default partition are moved at a time, 1 to 1 000 000; default 5000. So many can also be
    /// moved under the lock.
    pub fn batch(mut self, rows: u32) -> Self {
        self.batch = rows;
        self
    }

    /// Up to which size the default partition is read under its lock, which takes about 1 ms for 1 MiB; default 16 MiB.
    /// What a larger one costs is told [there](crate::partition#the-default-partition).
    pub fn scan_limit(mut self, limit: Bytes) -> Self {
        self.scan_limit = limit;
        self
    }

    /// Where it reads the time; default the machine's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A setting that is out of its bounds, or a zone that is not known.
    pub fn build(self) -> Result<Partitions, ConfigError> {
        if let Some(problem) = self.table.problem() {
            return Err(ConfigError::new("table", &self.table, problem));
        }
        let zone = TimeZone::get(&self.zone).map_err(|_| {
            ConfigError::new("zone", &self.zone, "must be the name of a time zone, as Europe/Berlin")
        })?;
        if self.premake > 1000 {
            return Err(ConfigError::new("premake", self.premake, "must be at most 1000"));
        }
        if let Some(retention) = self.retention
            && !(1..=100_000).contains(&retention.count())
        {
            return Err(ConfigError::new("retention", retention.count(), "must be from 1 to 100000"));
        }
        if !(Duration::from_millis(1)..=Duration::from_hours(1)).contains(&self.lock_timeout) {
            let value = format!("{:?}", self.lock_timeout);
            return Err(ConfigError::new("lock_timeout", value, "must be from 1 ms to 1 h"));
        }
        if !(1..=1000).contains(&self.tries) {
            return Err(ConfigError::new("tries", self.tries, "must be from 1 to 1000"));
        }
        if !(1..=1_000_000).contains(&self.batch) {
            return Err(ConfigError::new("batch", self.batch, "must be from 1 to 1000000"));
        }
        Ok(Partitions {
            table: self.table,
            interval: self.interval,
            zone,
            premake: self.premake,
            retention: self.retention,
            expired: self.expired,
            retry: Retry { lock_timeout: self.lock_timeout, tries: self.tries },
            wait: self.wait,
            batch: self.batch,
            scan_limit: self.scan_limit,
            clock: self.clock,
        })
    }
}
