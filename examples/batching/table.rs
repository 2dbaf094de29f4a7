//! The table of events, in SQLite or PostgreSQL.

use deadpool_postgres::{Manager, Runtime};
use deadpool_sqlite::rusqlite::{self, Connection, params};
use perfect21_test_support::postgres::Postgres;
use std::{any::Any, fmt::Display, process};
use tokio_postgres::NoTls;

pub(crate) struct Event {
    pub(crate) caller: i32,
    pub(crate) body: String,
}

pub(crate) enum Table {
    Sqlite(deadpool_sqlite::Pool),
    Postgres { pool: deadpool_postgres::Pool, name: String, private: bool },
}

/// Makes the table, and what has to live as long as it: a server, a folder.
pub(crate) async fn open(postgres: Option<&Option<String>>) -> Result<(Table, Box<dyn Any>), String> {
    let Some(url) = postgres else {
        let folder = tempfile::tempdir().map_err(text)?;
        let config = deadpool_sqlite::Config::new(folder.path().join("events.sqlite"));
        // SQLite has one writer at a time.
        let pool = config.builder(Runtime::Tokio1).map_err(text)?.max_size(1).build().map_err(text)?;
        let table = Table::Sqlite(pool);
        table
            .sqlite(|connection| {
                connection.pragma_update(None, "journal_mode", "wal")?;
                connection
                    .execute_batch("CREATE TABLE events (id INTEGER PRIMARY KEY, caller INTEGER, body TEXT)")
            })
            .await?;
        return Ok((table, Box::new(folder)));
    };
    let server = if url.is_none() { Some(Postgres::start().map_err(text)?) } else { None };
    let url = url.clone().or_else(|| server.as_ref().map(Postgres::url)).unwrap_or_default();
    let config: tokio_postgres::Config = url.parse().map_err(|error| {
        format!(
            "--postgres: not a PostgreSQL URL ({error}); write postgres://user:password@host:port/database"
        )
    })?;
    let manager = Manager::new(config, NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(20).build().map_err(text)?;
    let (name, private) = (format!("perfect21_batching_{}", process::id()), server.is_some());
    let create = format!("CREATE TABLE {name} (id bigserial PRIMARY KEY, caller integer, body text)");
    pool.get().await.map_err(text)?.batch_execute(&create).await.map_err(text)?;
    Ok((Table::Postgres { pool, name, private }, Box::new(server)))
}

impl Table {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite, a file of its own, WAL, every commit synced",
            Self::Postgres { private: true, .. } => "PostgreSQL, a private server, 20 connections",
            Self::Postgres { .. } => "PostgreSQL (yours), 20 connections",
        }
    }

    /// Inserts rows in one statement or transaction; one output a row.
    pub(crate) async fn insert(&self, events: Vec<Event>) -> Result<Vec<()>, String> {
        let rows = vec![(); events.len()];
        match self {
            Self::Sqlite(_) => self.sqlite(move |connection| insert(connection, &events)).await?,
            Self::Postgres { pool, name, .. } => {
                let client = pool.get().await.map_err(text)?;
                let (callers, bodies): (Vec<_>, Vec<_>) =
                    events.into_iter().map(|event| (event.caller, event.body)).unzip();
                let insert =
                    format!("INSERT INTO {name} (caller, body) SELECT * FROM unnest($1::int[], $2::text[])");
                let statement = client.prepare_cached(&insert).await.map_err(text)?;
                client.execute(&statement, &[&callers, &bodies]).await.map_err(text)?;
            }
        }
        Ok(rows)
    }

    pub(crate) async fn count(&self) -> Result<u64, String> {
        let count: i64 = match self {
            Self::Sqlite(_) => {
                let count = |connection: &mut Connection| {
                    connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0))
                };
                self.sqlite(count).await?
            }
            Self::Postgres { pool, name, .. } => {
                let client = pool.get().await.map_err(text)?;
                let query = format!("SELECT count(*) FROM {name}");
                client.query_one(&query, &[]).await.map_err(text)?.get(0)
            }
        };
        Ok(count.unsigned_abs())
    }

    /// What is in a folder or on a private server goes with that.
    pub(crate) async fn remove(&self) -> Result<(), String> {
        if let Self::Postgres { pool, name, private: false } = self {
            let client = pool.get().await.map_err(text)?;
            client.batch_execute(&format!("DROP TABLE {name}")).await.map_err(text)?;
        }
        Ok(())
    }

    async fn sqlite<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let Self::Sqlite(pool) = self else { return Err("not an SQLite table".to_owned()) };
        let connection = pool.get().await.map_err(text)?;
        connection.interact(work).await.map_err(text)?.map_err(text)
    }
}

fn insert(connection: &mut Connection, events: &[Event]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached("INSERT INTO events (caller, body) VALUES (?1, ?2)")?;
        for event in events {
            insert.execute(params![event.caller, event.body])?;
        }
    }
    transaction.commit()
}

fn text(error: impl Display) -> String {
    error.to_string()
}
