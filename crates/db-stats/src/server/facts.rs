use crate::{Pool, error::Error, normalize};
use std::time::{Duration, Instant};
use tokio_postgres::Row;

/// What a server said of itself and of the database at hand.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServerFacts {
    /// When it was read.
    pub read_at: Instant,
    /// The most connections that it takes.
    pub max_connections: u64,
    /// Client connections to all databases.
    pub connections: u64,
    /// Of this database, without the one that asks: those whose statement runs.
    pub active: u64,
    /// Those that are in a transaction, and run nothing.
    pub idle_in_transaction: u64,
    /// Those that wait for a lock.
    pub waiting: u64,
    /// Statements that have been running for longer than [`slow_after`](super::ServerWatchBuilder::slow_after).
    pub slow: u64,
    /// Sessions of which this user may not see what they do: they are in none of the figures above.
    pub hidden: u64,
    /// For how long the longest one has been running; `None` if none runs.
    pub longest_running: Option<Duration>,
    /// How old the oldest transaction is; `None` if there is none.
    pub oldest_transaction: Option<Duration>,
    /// Of the blocks that were asked for since the reading before, the share that the server had in its memory; since
    /// its counters began at the first reading. `None` if none were asked for.
    pub cache_hit_rate: Option<f64>,
    /// Bytes of the database on disk.
    pub database_size: u64,
    /// Totals since the server's counters began: transactions committed, rolled back, deadlocks, bytes of temporary files.
    pub commits: u64,
    /// See [`commits`](Self::commits).
    pub rollbacks: u64,
    /// See [`commits`](Self::commits).
    pub deadlocks: u64,
    /// See [`commits`](Self::commits).
    pub temp_bytes: u64,
    /// The statements that have been running for longest, the longest first; at most ten.
    pub running: Vec<RunningStatement>,
    blocks_hit: u64,
    blocks_read: u64,
}

/// A statement that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningStatement {
    /// The process of the server, for `pg_cancel_backend`.
    pub pid: i32,
    /// What the session calls itself.
    pub application: String,
    /// For how long.
    pub running: Duration,
    /// What it waits for, as `Lock: transactionid`; empty if for nothing.
    pub waits_for: String,
    /// Its text without constants.
    pub sql: String,
}

const SERVER: &str = "\
    WITH a AS (SELECT *, datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AS here \
      FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid()) \
    SELECT pg_catalog.current_setting('max_connections')::bigint, \
      (SELECT pg_catalog.count(*) + 1 FROM a WHERE datid IS NOT NULL AND backend_type IS NOT DISTINCT FROM 'client backend' \
        OR datid IS NOT NULL AND backend_type IS NULL), \
      (SELECT pg_catalog.count(*) FROM a WHERE here AND state = 'active' AND backend_type = 'client backend'), \
      (SELECT pg_catalog.count(*) FROM a WHERE here AND state LIKE 'idle in transaction%'), \
      (SELECT pg_catalog.count(*) FROM a WHERE here AND wait_event_type = 'Lock'), \
      (SELECT pg_catalog.count(*) FROM a WHERE here AND state = 'active' AND backend_type = 'client backend' \
        AND pg_catalog.clock_timestamp() - query_start > $1::float8 * '1 second'::interval), \
      (SELECT pg_catalog.count(*) FROM a WHERE here AND backend_type IS NULL), \
      (SELECT extract(epoch FROM pg_catalog.max(pg_catalog.clock_timestamp() - query_start))::float8 FROM a \
        WHERE here AND state = 'active' AND backend_type = 'client backend'), \
      (SELECT extract(epoch FROM pg_catalog.max(pg_catalog.clock_timestamp() - xact_start))::float8 FROM a \
        WHERE here AND backend_type = 'client backend'), \
      d.blks_hit, d.blks_read, pg_catalog.pg_database_size(d.datid), \
      d.xact_commit, d.xact_rollback, d.deadlocks, d.temp_bytes \
    FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database()";

const RUNNING: &str = "\
    SELECT pid, application_name, \
      extract(epoch FROM pg_catalog.clock_timestamp() - query_start)::float8, \
      pg_catalog.concat_ws(': ', wait_event_type, wait_event), query \
    FROM pg_catalog.pg_stat_activity \
    WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND state = 'active' \
      AND backend_type = 'client backend' ORDER BY query_start LIMIT 10";

impl ServerFacts {
    pub(super) async fn read(
        pool: &Pool,
        slow_after: Duration,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let mut connection = pool.get().await?;
        let slow = slow_after.as_secs_f64();
        let server = connection.aside(async |client| client.query_one(SERVER, &[&slow]).await).await?;
        let running = connection.aside(async |client| client.query(RUNNING, &[]).await).await?;
        Ok(Self::new(&server, &running, before))
    }

    fn new(row: &Row, running: &[Row], before: Option<&Self>) -> Self {
        // The server counts in signed numbers that are not below zero.
        let count = |column: usize| row.get::<_, i64>(column).unsigned_abs();
        let age = |column: usize| row.get::<_, Option<f64>>(column).map(seconds);
        let (hit, read) = (count(9), count(10));
        Self {
            read_at: Instant::now(),
            max_connections: count(0),
            connections: count(1),
            active: count(2),
            idle_in_transaction: count(3),
            waiting: count(4),
            slow: count(5),
            hidden: count(6),
            longest_running: age(7),
            oldest_transaction: age(8),
            cache_hit_rate: hit_rate(
                (hit, read),
                before.map(|before| (before.blocks_hit, before.blocks_read)),
            ),
            database_size: count(11),
            commits: count(12),
            rollbacks: count(13),
            deadlocks: count(14),
            temp_bytes: count(15),
            running: running.iter().map(RunningStatement::new).collect(),
            blocks_hit: hit,
            blocks_read: read,
        }
    }
}

impl RunningStatement {
    fn new(row: &Row) -> Self {
        Self {
            pid: row.get(0),
            application: row.get(1),
            running: seconds(row.get(2)),
            waits_for: row.get(3),
            sql: normalize(row.get(4)),
        }
    }
}

/// The server's clock may have been put back.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

/// Since the reading before, or since the counters began where they were reset in between.
fn hit_rate((hit, read): (u64, u64), before: Option<(u64, u64)>) -> Option<f64> {
    let since = before.and_then(|(earlier_hit, earlier_read)| {
        Some((hit.checked_sub(earlier_hit)?, read.checked_sub(earlier_read)?))
    });
    let (hit, read) = since.unwrap_or((hit, read));
    let all = hit + read;
    (all > 0).then(|| hit as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::hit_rate;

    #[test]
    fn the_hit_rate_is_that_of_the_last_interval() {
        for (now, before, expected) in [
            ((0, 0), None, None),
            ((90, 10), None, Some(0.9)),
            ((190, 10), Some((90, 10)), Some(1.0)),
            ((90, 10), Some((90, 10)), None),
            ((30, 10), Some((90, 10)), Some(0.75)),
        ] {
            assert_eq!(hit_rate(now, before), expected, "{now:?} after {before:?}");
        }
    }
}
