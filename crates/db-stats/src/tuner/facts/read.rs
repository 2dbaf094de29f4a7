//! One look at the server.

use super::{super::Tuner, Fact, Facts, Load, Override, machine::Machine};
use crate::{
    Error,
    session::{Part, Session, Unread},
    sql::{Ident, Literal},
    tuner::{
        plan::KNOWN,
        scope::Scope,
        setting::{Context, Setting},
        value::Value,
    },
};
use perfect21_core::Bytes;
use std::{collections::BTreeMap, time::Duration};
use tokio_postgres::{Client, error::SqlState};

pub(crate) async fn read(tuner: &Tuner, client: &Client) -> Result<Facts, Error> {
    let mut session = Session::begin(client, tuner.statement_timeout, tuner.lock_timeout).await?;
    let facts = look(tuner, &mut session).await?;
    session.end().await?;
    Ok(facts)
}

async fn look(tuner: &Tuner, session: &mut Session<'_>) -> Result<Facts, Error> {
    let mut facts = server(tuner, session).await?;
    let mut unread = Vec::new();
    let files = files(session).await?;
    facts.file_errors = files.as_ref().map(|lines| errors(lines)).unwrap_or_default();
    facts.auto_file = match &files {
        Ok(lines) => Ok(auto(lines)),
        Err(unread) => Err(unread.why.clone()),
    };
    let lines = keep(files, &mut unread).unwrap_or_default();
    facts.settings = keep(settings(session, &lines).await?, &mut unread).unwrap_or_default();
    facts.overrides = keep(overrides(session).await?, &mut unread).unwrap_or_default();
    facts.load = load(session, facts.version, &mut unread).await?;
    facts.unread = unread;
    Ok(facts)
}

/// What could be read; the rest is said.
fn keep<T>(part: Part<T>, unread: &mut Vec<String>) -> Option<T> {
    part.map_err(|why: Unread| unread.push(format!("{}: {}", why.part, why.why))).ok()
}

async fn server(tuner: &Tuner, session: &mut Session<'_>) -> Result<Facts, Error> {
    let sql = "SELECT current_setting('server_version_num')::int4, current_database()::text, current_user::text,
            coalesce(inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1', true), pg_backend_pid(),
            (SELECT setting FROM pg_settings WHERE name = 'data_directory') /* perfect21 tuner */
            FROM (SELECT 1) AS one";
    let read = session.part("server", sql, |f| {
        let (version, database, role) = (f.next()?, f.next()?, f.next()?);
        let machine = Machine::look(f.next()?, f.next()?, f.next::<Option<String>>()?.as_deref());
        Ok(Facts {
            version,
            database,
            role,
            is_local: machine.is_local,
            memory: tuner.memory.map_or(machine.memory, Fact::Given),
            cpus: tuner.cpus.map_or(machine.cpus, Fact::Given),
            disk: tuner.disk.map_or(machine.disk, Fact::Given),
            room: tuner.room.map_or(machine.room, Fact::Given),
            ..Facts::default()
        })
    });
    let read = read.await?.map_err(|unread| Error::unreadable(unread.why))?;
    read.into_iter().next().ok_or_else(|| Error::row_count(0))
}

/// A line of the server's files, in the order in which they count.
struct Line {
    in_auto_file: bool,
    name: String,
    value: String,
    error: Option<String>,
    place: String,
}

const FILES: &str = "SELECT coalesce(sourcefile, ''), coalesce(sourceline, 0), lower(coalesce(name, '')),
        coalesce(setting, ''), error /* perfect21 tuner */
        FROM pg_catalog.pg_file_settings ORDER BY seqno";

fn line(file: &str, number: i32, name: String, value: String, error: Option<String>) -> Line {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let place = format!("{base}, line {number}");
    Line { in_auto_file: base == "postgresql.auto.conf", name, value, error, place }
}

async fn files(session: &mut Session<'_>) -> Result<Part<Vec<Line>>, Error> {
    let read = session.part("pg_file_settings", FILES, |f| {
        Ok(line(&f.next::<String>()?, f.next()?, f.next()?, f.next()?, f.next()?))
    });
    read.await
}

/// The last one counts. `None` if these are not rights enough.
fn auto(lines: &[Line]) -> BTreeMap<String, String> {
    let lines = lines.iter().filter(|line| line.in_auto_file && !line.name.is_empty());
    lines.map(|line| (line.name.clone(), line.value.clone())).collect()
}

/// Errors for which the server would leave all of the files alone. One for a single value, or one that waits for a
/// restart, is none of them.
fn errors(lines: &[Line]) -> Vec<String> {
    let of = |line: &Line| {
        let error = line.error.as_deref().filter(|error| *error != "setting could not be applied")?;
        Some(format!("{}: {error}", line.place))
    };
    lines.iter().filter_map(of).take(20).collect()
}

/// What a change needs to know right before and after it.
pub(crate) struct AutoFile {
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) errors: Vec<String>,
    /// Names of which the server would not take the value, or not before a restart.
    pub(crate) refused: Vec<String>,
}

/// `postgresql.auto.conf` as it is now.
pub(crate) async fn auto_file(client: &Client) -> Result<AutoFile, Error> {
    let rows = client.query_typed(FILES, &[]).await.map_err(|error| {
        if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            let doing = "to read what ALTER SYSTEM wrote so far, so that it can be taken back";
            return Error::denied(doing, super::super::apply::grant_files("role"));
        }
        Error::statement(error)
    })?;
    let mut lines = Vec::new();
    for row in rows.iter().take(50_000) {
        let get = |at| row.try_get::<_, String>(at);
        let read = || {
            Ok::<_, tokio_postgres::Error>(line(&get(0)?, row.try_get(1)?, get(2)?, get(3)?, row.try_get(4)?))
        };
        lines.push(read().map_err(Error::statement)?);
    }
    let refused = lines.iter().filter(|line| line.in_auto_file && line.error.is_some());
    Ok(AutoFile {
        values: auto(&lines),
        errors: errors(&lines),
        refused: refused.map(|line| line.name.clone()).collect(),
    })
}

async fn settings(
    session: &mut Session<'_>,
    lines: &[Line],
) -> Result<Part<BTreeMap<String, Setting>>, Error> {
    let names: Vec<String> = KNOWN.iter().map(|name| Literal(name).to_string()).collect();
    let sql = format!(
        "SELECT name, setting, unit, vartype, context, source, min_val, max_val, coalesce(enumvals, '{{}}'),
            coalesce(boot_val, ''), coalesce(reset_val, ''), pending_restart /* perfect21 tuner */
         FROM pg_settings WHERE name IN ({})",
        names.join(", ")
    );
    let read = session.part("pg_settings", &sql, |f| {
        let (name, mut value): (String, String) = (f.next()?, f.next()?);
        let (unit, vartype): (Option<String>, String) = (f.next()?, f.next()?);
        let (context, source): (String, String) = (f.next()?, f.next()?);
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let (min, max, choices) = (number(f.next()?), number(f.next()?), f.next()?);
        let (boot, reset, pending_restart): (String, String, bool) = (f.next()?, f.next()?, f.next()?);
        // Those are of the client's session only, this module's own settings among them.
        if ["session", "client", "user", "database", "database user", "global"].contains(&source.as_str()) {
            let line = lines.iter().rfind(|line| line.name == name && line.error.is_none());
            value = match line {
                Some(line) => line.value.clone(),
                None if lines.is_empty() => reset,
                None => boot,
            };
        }
        let value = Value::parse(&value, unit.as_deref(), &vartype);
        let context = Context::of(&context);
        Ok((name, Setting { value, unit, vartype, context, source, min, max, choices, pending_restart }))
    });
    Ok(read.await?.map(|all| all.into_iter().collect()))
}

async fn overrides(session: &mut Session<'_>) -> Result<Part<Vec<Override>>, Error> {
    let sql = "SELECT r.rolname::text, d.datname::text, c.entry /* perfect21 tuner */
        FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c(entry)
        LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
        ORDER BY d.datname NULLS FIRST, r.rolname NULLS FIRST";
    let read = session.part("pg_db_role_setting", sql, |f| {
        let (role, database): (Option<String>, Option<String>) = (f.next()?, f.next()?);
        let entry: String = f.next()?;
        let (setting, value) = entry.split_once('=').unwrap_or((&entry, ""));
        let scope = match (role, database) {
            (None, None) => Scope::Server,
            (Some(role), None) => Scope::Role(role),
            (None, Some(database)) => Scope::Database(database),
            (Some(role), Some(database)) => Scope::RoleInDatabase { role, database },
        };
        Ok(Override { scope, setting: setting.to_lowercase(), value: value.to_owned() })
    });
    Ok(read.await?.map(|all| all.into_iter().filter(|o| KNOWN.contains(&o.setting.as_str())).collect()))
}

async fn load(session: &mut Session<'_>, version: i32, unread: &mut Vec<String>) -> Result<Load, Error> {
    let mut load = Load::default();
    let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    let bytes = |number: Option<i64>| count(number).map(Bytes::new);
    let sql = "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
            sum(xact_commit + xact_rollback)::int8, sum(blks_hit)::int8, sum(blks_read)::int8,
            sum(temp_files)::int8, sum(temp_bytes)::int8 /* perfect21 tuner */ FROM pg_stat_database";
    let part = session.part("pg_stat_database", sql, |f| {
        Ok([f.next()?, f.next()?, f.next()?, f.next()?, f.next()?, f.next()?])
    });
    if let Some([sessions, transactions, hit, read, files, temp]) = keep(part.await?, unread).and_then(first)
    {
        load.sessions = count(sessions);
        load.transactions = count(transactions);
        (load.blocks_hit, load.blocks_read) = (count(hit), count(read));
        (load.temp_files, load.temp_bytes) = (count(files), bytes(temp));
    }
    let sql = "SELECT sum(pg_database_size(oid))::int8 /* perfect21 tuner */ FROM pg_database
        WHERE datallowconn AND (has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE'))";
    let part = session.part("pg_database_size", sql, |f| f.next::<Option<i64>>());
    load.databases = bytes(keep(part.await?, unread).and_then(first).flatten());
    let sql = if version >= 170_000 {
        "SELECT num_timed, num_requested /* perfect21 tuner */ FROM pg_stat_checkpointer"
    } else {
        "SELECT checkpoints_timed, checkpoints_req /* perfect21 tuner */ FROM pg_stat_bgwriter"
    };
    let part = session.part("checkpoints", sql, |f| Ok((f.next()?, f.next()?)));
    if let Some((timed, requested)) = keep(part.await?, unread).and_then(first) {
        (load.checkpoints_timed, load.checkpoints_requested) = (count(timed), count(requested));
    }
    let sql = "SELECT wal_bytes::int8, extract(epoch FROM now() - stats_reset)::float8 /* perfect21 tuner */
        FROM pg_stat_wal";
    let part = session.part("pg_stat_wal", sql, |f| Ok((f.next()?, f.next::<Option<f64>>()?)));
    if let Some((wal, time)) = keep(part.await?, unread).and_then(first) {
        load.wal = bytes(wal);
        load.wal_time = time.and_then(|time| Duration::try_from_secs_f64(time).ok());
    }
    statements(session, &mut load, unread).await?;
    Ok(load)
}

/// Of `pg_stat_statements`, where this database has it. It says zero to a role that may not see others' statements.
async fn statements(
    session: &mut Session<'_>,
    load: &mut Load,
    unread: &mut Vec<String>,
) -> Result<(), Error> {
    let sql = "SELECT n.nspname::text /* perfect21 tuner */ FROM pg_extension x
        JOIN pg_namespace n ON n.oid = x.extnamespace WHERE x.extname = 'pg_stat_statements'
        AND current_setting('pg_stat_statements.max', true) IS NOT NULL";
    let part = session.part("extensions", sql, |f| f.next::<String>());
    let Some(schema) = keep(part.await?, unread).and_then(first) else { return Ok(()) };
    let sql = format!(
        "SELECT count(*), max(temp_blks_written / calls * current_setting('block_size')::int8)::int8
         /* perfect21 tuner */ FROM {}.pg_stat_statements WHERE calls > 0 AND temp_blks_written > 0",
        Ident(&schema)
    );
    let part = session.part("pg_stat_statements", &sql, |f| Ok((f.next::<i64>()?, f.next::<Option<i64>>()?)));
    if let Some((spilling, largest)) = keep(part.await?, unread).and_then(first) {
        load.spilling_statements = u64::try_from(spilling).ok();
        load.largest_spill = largest.and_then(|bytes| u64::try_from(bytes).ok()).map(Bytes::new);
    }
    Ok(())
}

fn first<T>(rows: Vec<T>) -> Option<T> {
    rows.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_the_file_that_alter_system_writes_counts() {
        let of = |file: &str, name: &str, value: &str, error: Option<&str>| {
            line(file, 3, name.into(), value.into(), error.map(Into::into))
        };
        let lines = [
            of("/d/postgresql.conf", "work_mem", "1MB", None),
            of("/d/postgresql.auto.conf", "work_mem", "2MB", None),
            of("/d/postgresql.auto.conf", "work_mem", "3MB", None),
            of("/d/postgresql.auto.conf", "jit", "off", Some("setting could not be applied")),
            of("/d/my.postgresql.auto.conf", "jit", "on", None),
            of("/d/postgresql.conf", "", "", Some("syntax error")),
        ];
        let expected = [("jit", "off"), ("work_mem", "3MB")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(auto(&lines), BTreeMap::from(expected));
        assert_eq!(errors(&lines), ["postgresql.conf, line 3: syntax error"]);
    }
}
