//! What the tests of partitions share.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_core::ManualClock;
use perfect21_db_stats::partition::{Partitions, PartitionsBuilder};
use perfect21_test_support::{postgres::Postgres, wait::DEADLINE};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio_postgres::{Client, NoTls};

pub(crate) async fn connect(server: &Postgres) -> Client {
    connect_to(&server.url()).await
}

pub(crate) async fn connect_to(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A database of its own within the server that the test's process shares.
pub(crate) async fn database(name: &str) -> (Client, String) {
    let server = Postgres::shared().unwrap();
    connect(server).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let url = format!("{}/{name}", server.url().rsplit_once('/').unwrap().0);
    (connect_to(&url).await, url)
}

pub(crate) fn clock(rfc3339: &str) -> ManualClock {
    let clock = ManualClock::new();
    set(&clock, rfc3339);
    clock
}

pub(crate) fn set(clock: &ManualClock, rfc3339: &str) {
    clock.set_wall(SystemTime::from(rfc3339.parse::<jiff::Timestamp>().unwrap()));
}

pub(crate) fn builder(table: &str, clock: &ManualClock) -> PartitionsBuilder {
    Partitions::builder(table).clock(Arc::new(clock.clone())).lock_timeout(Duration::from_millis(200))
}

/// Each partition of `events` with its bounds, as the server has them in UTC, by lower bound.
pub(crate) async fn bounds(client: &Client, table: &str) -> Vec<(String, String)> {
    let sql = format!(
        "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SELECT c.relname, replace(replace(pg_get_expr(c.relpartbound, c.oid), 'FOR VALUES FROM ', ''), ':00:00+00', '')
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = '{table}'::regclass AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT' ORDER BY 2"
    );
    let answer = client.simple_query(&sql).await.unwrap();
    let row = |message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    };
    let rows = answer.into_iter().filter_map(row);
    rows.map(|row| (row.get(0).unwrap().to_owned(), row.get(1).unwrap().to_owned())).collect()
}

pub(crate) async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// What no run may leave: tables that are not attached, constraints of ours, pending detachments, changed settings.
pub(crate) async fn left_behind(client: &Client) -> Vec<String> {
    let sql = "SELECT 'table ' || c.relname FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.objsubid = 0
            WHERE d.classoid = 'pg_class'::regclass AND d.description LIKE 'perfect21%'
        UNION ALL SELECT 'constraint ' || conname FROM pg_constraint WHERE conname LIKE 'perfect21%'
        UNION ALL SELECT 'pending ' || inhrelid::regclass FROM pg_inherits WHERE inhdetachpending
        UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        UNION ALL SELECT name || ' = ' || setting FROM pg_settings
            WHERE name IN ('lock_timeout', 'statement_timeout') AND setting <> '0'";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Polls until it holds, for at most [`DEADLINE`].
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen in {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
