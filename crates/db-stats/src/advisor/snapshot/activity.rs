use super::{Part, Session};
use crate::Error;

/// A session of the server, also one that sends the log.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Backend {
    pub(in super::super) pid: i32,
    pub(in super::super) is_client: bool,
    pub(in super::super) is_sender: bool,
    pub(in super::super) role: String,
    pub(in super::super) application: String,
    pub(in super::super) state: Option<String>,
    /// Seconds.
    pub(in super::super) transaction_age: Option<f64>,
    /// Seconds since its state changed.
    pub(in super::super) state_age: Option<f64>,
    /// Transactions since the oldest that it still sees.
    pub(in super::super) xmin_age: Option<i64>,
    pub(in super::super) query: String,
    pub(in super::super) blocked_by: Vec<i32>,
}

pub(super) async fn backends(session: &mut Session<'_>) -> Result<Part<Vec<Backend>>, Error> {
    let sql = "SELECT a.pid, a.backend_type = 'client backend', coalesce(a.backend_type = 'walsender', false),
                coalesce(a.usename::text, ''),
                coalesce(a.application_name, ''), a.state, extract(epoch FROM clock_timestamp() - a.xact_start)::float8,
                extract(epoch FROM clock_timestamp() - a.state_change)::float8, age(a.backend_xmin)::int8,
                coalesce(left(a.query, 4096), ''),
                CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{}' END /* perfect21 advisor */
         FROM pg_stat_activity a WHERE a.pid <> pg_backend_pid()
           AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'walsender') ORDER BY a.pid";
    let read = session.part("sessions", sql, |f| {
        Ok(Backend {
            pid: f.next()?,
            is_client: f.next::<Option<bool>>()?.unwrap_or(true),
            is_sender: f.next()?,
            role: f.next()?,
            application: f.next()?,
            state: f.next()?,
            transaction_age: f.next()?,
            state_age: f.next()?,
            xmin_age: f.next()?,
            query: f.next()?,
            blocked_by: f.next()?,
        })
    });
    read.await
}

/// A prepared transaction, which nobody ended yet.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Prepared {
    pub(in super::super) gid: String,
    pub(in super::super) database: String,
    pub(in super::super) role: String,
    /// Seconds.
    pub(in super::super) age: f64,
    pub(in super::super) xid_age: i64,
}

pub(super) async fn prepared(session: &mut Session<'_>) -> Result<Part<Vec<Prepared>>, Error> {
    let sql =
        "SELECT gid, database::text, owner::text, extract(epoch FROM clock_timestamp() - prepared)::float8,
                age(transaction)::int8 /* perfect21 advisor */ FROM pg_prepared_xacts ORDER BY prepared";
    let read = session.part("prepared transactions", sql, |f| {
        Ok(Prepared {
            gid: f.next()?,
            database: f.next()?,
            role: f.next()?,
            age: f.next()?,
            xid_age: f.next()?,
        })
    });
    read.await
}

/// A place in the log, or an age of rows, that is kept for somebody.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Slot {
    pub(in super::super) name: String,
    pub(in super::super) is_active: bool,
    pub(in super::super) kind: String,
    pub(in super::super) plugin: Option<String>,
    /// Bytes of the log that are kept.
    pub(in super::super) bytes: Option<i64>,
    pub(in super::super) xmin_age: Option<i64>,
    pub(in super::super) state: Option<String>,
}

pub(super) async fn slots(session: &mut Session<'_>) -> Result<Part<Vec<Slot>>, Error> {
    let sql = "SELECT slot_name::text, active, slot_type, plugin::text,
                pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                                restart_lsn)::int8,
                greatest(age(xmin), age(catalog_xmin))::int8, wal_status /* perfect21 advisor */
         FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name";
    let read = session.part("replication slots", sql, |f| {
        Ok(Slot {
            name: f.next()?,
            is_active: f.next()?,
            kind: f.next()?,
            plugin: f.next()?,
            bytes: f.next()?,
            xmin_age: f.next()?,
            state: f.next()?,
        })
    });
    read.await
}

/// What this database counted.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Database {
    pub(in super::super) hits: i64,
    pub(in super::super) reads: i64,
    pub(in super::super) temp_files: i64,
    pub(in super::super) temp_bytes: i64,
    /// Seconds since the counters began, at least.
    pub(in super::super) age: f64,
}

pub(super) async fn database(session: &mut Session<'_>) -> Result<Part<Vec<Database>>, Error> {
    let sql = "SELECT blks_hit, blks_read, temp_files, temp_bytes,
                extract(epoch FROM now() - coalesce(stats_reset, pg_postmaster_start_time()))::float8
                /* perfect21 advisor */ FROM pg_stat_database WHERE datname = current_database()";
    let read = session.part("database", sql, |f| {
        Ok(Database {
            hits: f.next()?,
            reads: f.next()?,
            temp_files: f.next()?,
            temp_bytes: f.next()?,
            age: f.next()?,
        })
    });
    read.await
}

/// How far a database is from the end of the transaction numbers.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct DatabaseAge {
    pub(in super::super) name: String,
    pub(in super::super) frozen_age: i64,
    pub(in super::super) multixact_age: i64,
}

pub(super) async fn ages(session: &mut Session<'_>) -> Result<Part<Vec<DatabaseAge>>, Error> {
    let sql =
        "SELECT datname::text, age(datfrozenxid)::int8, mxid_age(datminmxid)::int8 /* perfect21 advisor */
               FROM pg_database ORDER BY datname";
    let read = session.part("ages of databases", sql, |f| {
        Ok(DatabaseAge { name: f.next()?, frozen_age: f.next()?, multixact_age: f.next()? })
    });
    read.await
}

pub(super) async fn checkpoints(
    session: &mut Session<'_>,
    version: i32,
) -> Result<Part<Vec<(i64, i64)>>, Error> {
    let sql = if version >= 170_000 {
        "SELECT num_timed, num_requested /* perfect21 advisor */ FROM pg_stat_checkpointer"
    } else {
        "SELECT checkpoints_timed, checkpoints_req /* perfect21 advisor */ FROM pg_stat_bgwriter"
    };
    session.part("checkpoints", sql, |f| Ok((f.next()?, f.next()?))).await
}
