//! Statistics of tables, made anew where they are old.

use super::Tuner;
use crate::{
    Error,
    outside::refuse_transaction,
    session::{Fields, Session},
    sql::{Ident, Literal},
};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Most tables in one run.
const MAX_TABLES: usize = 10_000;

/// Which tables are analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tables<'a> {
    /// Those with statistics that are due by autovacuum's own rule, or that never had any: at most 10 000.
    Stale,
    /// These, written as in SQL: `orders`, `public."Orders"`.
    Named(&'a [&'a str]),
}

/// What became of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Its statistics are new.
    Done,
    /// The role may not, and which right it lacks. The server would only warn.
    Denied(String),
    /// The server refused: a lock, a time-out.
    Failed(String),
}

/// One table of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Analyzed {
    /// The table, quoted as in SQL.
    pub table: String,
    /// Which one of all it is, from 1 on.
    pub nth: usize,
    /// How many there are.
    pub of: usize,
    /// How long it took.
    pub took: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

struct Table {
    name: String,
    may: bool,
}

const COLUMNS: &str = "SELECT n.nspname::text, c.relname::text,
    pg_has_role(c.relowner, 'USAGE') OR coalesce((SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user), false)
    OR (NOT c.relisshared AND pg_has_role((SELECT d.datdba FROM pg_database d WHERE d.datname = current_database()), 'USAGE'))";

pub(super) async fn analyze(
    tuner: &Tuner,
    client: &Client,
    tables: Tables<'_>,
    mut progress: impl FnMut(&Analyzed),
) -> Result<Vec<Analyzed>, Error> {
    refuse_transaction(client).await?;
    let tables = match tables {
        Tables::Stale => stale(tuner, client).await?,
        Tables::Named(names) => named(tuner, client, names).await?,
    };
    let (of, mut all) = (tables.len(), Vec::new());
    for (nth, table) in tables.into_iter().enumerate() {
        let began = Instant::now();
        let outcome = if table.may {
            one(tuner, client, &table.name).await?
        } else {
            Outcome::Denied(format!("to own {0}, or since PostgreSQL 17 GRANT MAINTAIN ON {0}", table.name))
        };
        let analyzed = Analyzed { table: table.name, nth: nth + 1, of, took: began.elapsed(), outcome };
        progress(&analyzed);
        all.push(analyzed);
    }
    Ok(all)
}

/// One message of several statements is a transaction of its own: its limits are gone with it, however it ends, and a
/// dropped future leaves none open.
async fn one(tuner: &Tuner, client: &Client, table: &str) -> Result<Outcome, Error> {
    let sql = format!(
        "SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; ANALYZE {table}",
        tuner.analyze_timeout.as_millis(),
        tuner.lock_timeout.as_millis()
    );
    match client.batch_execute(&sql).await {
        Ok(()) => Ok(Outcome::Done),
        Err(error) => match error.as_db_error() {
            Some(said) if !client.is_closed() => {
                Ok(Outcome::Failed(format!("{} (SQLSTATE {})", said.message(), said.code().code())))
            }
            _ => Err(Error::statement(error)),
        },
    }
}

/// Since 17 the right can be granted.
fn may(version: i32) -> &'static str {
    if version >= 170_000 { "OR has_table_privilege(c.oid, 'MAINTAIN')" } else { "" }
}

async fn stale(tuner: &Tuner, client: &Client) -> Result<Vec<Table>, Error> {
    let version = version(client).await?;
    let mut session = Session::begin(client, tuner.statement_timeout, tuner.lock_timeout).await?;
    // What a table says of autovacuum wins over the server.
    let option = |name: &str| {
        format!(
            "coalesce((SELECT o.option_value::float8 FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = '{name}'),
                current_setting('{name}')::float8)"
        )
    };
    let sql = format!(
        "{COLUMNS} {} /* perfect21 tuner */ FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_stat_user_tables s ON s.relid = c.oid
         WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND (
            (c.reltuples < 0 AND s.n_live_tup > 0)
            OR s.n_mod_since_analyze > {} + {} * greatest(c.reltuples, 0))
         ORDER BY s.n_mod_since_analyze DESC, c.oid",
        may(version),
        option("autovacuum_analyze_threshold"),
        option("autovacuum_analyze_scale_factor")
    );
    let mut tables =
        session.part("tables", &sql, table).await?.map_err(|unread| Error::unreadable(unread.why))?;
    session.end().await?;
    tables.truncate(MAX_TABLES);
    Ok(tables)
}

async fn version(client: &Client) -> Result<i32, Error> {
    let sql = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4";
    let rows = client.query_typed(sql, &[]).await.map_err(Error::statement)?;
    rows.first().ok_or_else(|| Error::row_count(0))?.try_get(0).map_err(Error::statement)
}

async fn named(tuner: &Tuner, client: &Client, names: &[&str]) -> Result<Vec<Table>, Error> {
    let version = version(client).await?;
    // As the session sees the names; then by number, whatever its path.
    let mut oids: Vec<String> = Vec::new();
    for name in names.iter().take(MAX_TABLES) {
        let sql =
            format!("SELECT pg_catalog.to_regclass({})::pg_catalog.oid::pg_catalog.text", Literal(name));
        let rows = client.query_typed(&sql, &[]).await.map_err(Error::statement)?;
        let oid: Option<String> =
            rows.first().map(|row| row.try_get(0)).transpose().map_err(Error::statement)?.flatten();
        oids.push(oid.ok_or_else(|| Error::no_table(name))?);
    }
    let mut session = Session::begin(client, tuner.statement_timeout, tuner.lock_timeout).await?;
    let sql = format!(
        "{COLUMNS} {} /* perfect21 tuner */ FROM unnest(ARRAY[{}]::oid[]) WITH ORDINALITY AS w(oid, nth)
         JOIN pg_class c ON c.oid = w.oid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY w.nth",
        may(version),
        oids.join(", ")
    );
    let tables =
        session.part("tables", &sql, table).await?.map_err(|unread| Error::unreadable(unread.why))?;
    session.end().await?;
    Ok(tables)
}

fn table(f: &mut Fields<'_>) -> Result<Table, tokio_postgres::Error> {
    let (schema, name): (String, String) = (f.next()?, f.next()?);
    Ok(Table { name: format!("{}.{}", Ident(&schema), Ident(&name)), may: f.next()? })
}
